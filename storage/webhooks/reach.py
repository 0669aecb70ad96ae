"""Whether a webhook's URL leads where a webhook may go, looked at when it is made."""

from storage.webhooks.addresses import Resolve, check_url, permitted


async def require_reachable(url: str, allow_private: bool, resolve: Resolve) -> str:
    """Raises ForbiddenError for what no attempt would reach; a notice where the host does not resolve here, for it may
    do so where webhooks are sent."""
    host, port = check_url(url, allow_private)
    try:
        found = await resolve(host, port)
    except OSError:
        return f"{host} does not resolve on this machine"
    permitted(found, allow_private)
    return ""
