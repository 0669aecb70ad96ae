"""The root of what may fail in scoring."""


class ScoringError(Exception):
    """Any failure of scoring; deploy/errors.py draws the whole tree."""
