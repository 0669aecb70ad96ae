"""Drift of a site, from the timeline in ClickHouse: samples of days, and the report of a window."""
