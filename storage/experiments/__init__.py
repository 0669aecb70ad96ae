"""Experiments over HTTP: drafts in the database, and what changes them by records of the log."""
