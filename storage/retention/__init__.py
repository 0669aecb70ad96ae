"""Retention: what names a visitor or a session, and what was counted from it, kept for so many days of each site."""
