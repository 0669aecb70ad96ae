"""Builds each part of the system from the settings; nothing else does."""
