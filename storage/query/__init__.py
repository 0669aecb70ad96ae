"""Reading scored sessions from both databases."""
