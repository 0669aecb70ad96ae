"""History from files: read in any order, checked, sorted by time on disk, sent through the ingest API."""
