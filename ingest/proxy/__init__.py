"""A reverse proxy: what port 8001 forwards to the query API."""
