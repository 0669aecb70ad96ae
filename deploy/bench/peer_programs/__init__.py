"""Other ways to build this, as programs of their own in `.venv-peers`; they import nothing that needs our settings."""
