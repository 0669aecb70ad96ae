"""How many files a process may open, and so how many connections it can hold."""

import contextlib
import resource

#: Most connections, where the machine sets a process no lower limit.
MOST_CONNECTIONS = 32_768


def raise_file_limit() -> int:
    """Let this process open as many files as the machine allows it, as far as its connections can use them: many
    systems begin with 1,024, which a few slow clients would use up. Returns the limit that holds.
    """
    files, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    useful = -(-MOST_CONNECTIONS * 4 // 3)
    wanted = useful if hard == resource.RLIM_INFINITY else min(useful, hard)
    if files != resource.RLIM_INFINITY and files < wanted:
        # Some systems allow less than they say.
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def most_connections() -> int:
    """Three quarters of the files that this process may open: beyond, a 503 instead of connections nobody accepts."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST_CONNECTIONS if files == resource.RLIM_INFINITY else min(MOST_CONNECTIONS, max(files * 3 // 4, 1))
