"""The root of what may fail in storage."""


class StorageError(Exception):
    """Any failure of storage; deploy/errors.py draws the whole tree."""
