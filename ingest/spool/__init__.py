"""The spool: accepted records on this machine's disk, until the log has them for good."""
