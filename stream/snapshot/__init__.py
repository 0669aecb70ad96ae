"""Snapshots of open sessions: a cache of what a fold of the log gives, so that recovery costs what is open."""
