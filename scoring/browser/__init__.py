"""A registered model for the browser: its graph as a small program, its weights as a file, both checked before use."""
