"""The root of what may fail in stream."""


class StreamError(Exception):
    """Any failure of stream; deploy/errors.py draws the whole tree."""
