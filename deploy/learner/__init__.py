"""The learner's process that works and ends: what it asks of the rest of the system, site by site."""
