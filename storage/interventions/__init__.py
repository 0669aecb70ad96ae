"""Interventions of sites: their drafts, changes and routes, and what became of those that fired."""
