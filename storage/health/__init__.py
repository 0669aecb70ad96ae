"""How the parts are and how far behind they are, over HTTP."""
