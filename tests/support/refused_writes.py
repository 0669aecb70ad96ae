"""A disk that refuses every write of this process, as one that is gone."""

import contextlib
import resource
from collections.abc import Iterator


@contextlib.contextmanager
def refused_writes() -> Iterator[None]:
    """A file size limit of 0: writes fail by EFBIG, as Python has SIGXFSZ ignored."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
