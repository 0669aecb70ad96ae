"""How many connections an address may hold to the ports that visitors and shops reach."""

from deploy.errors import SetupError
from deploy.http.connections import ConnectionLimits
from deploy.settings.model import Settings
from ingest.addresses import TrustedProxies, is_loopback


def proxies_of(settings: Settings) -> TrustedProxies:
    """The proxies that are believed; raises SetupError for what is no address."""
    try:
        return TrustedProxies(settings.ingest.trusted_proxies)
    except ValueError as error:
        raise SetupError(f"ingest.trusted_proxies: {error}") from None


def ingest_limits(settings: Settings) -> ConnectionLimits:
    """Those of the ingest API; raises SetupError."""
    return ConnectionLimits(settings.ingest.max_connections_per_address, proxies_of(settings).trusts)


def api_limits(settings: Settings) -> ConnectionLimits:
    """Those of the query and prediction API; raises SetupError.

    This machine holds any number, as an ingest API on it passes on what all visitors ask.
    """
    proxies = proxies_of(settings)
    return ConnectionLimits(
        settings.api.max_connections_per_address, lambda address: is_loopback(address) or proxies.trusts(address)
    )
