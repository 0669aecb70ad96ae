"""The keys of digests of forgotten visitors, as the settings have them."""

from deploy.settings.model import Settings
from stream.fold.erasure_keys import ErasureKeys


def erasure_keys(settings: Settings) -> ErasureKeys:
    return ErasureKeys([key.get_secret_value().encode() for key in settings.erasures.keys])
