"""What a log of the embedded profile begins with: who was forgotten before, and the sites' own models."""

import asyncio
from pathlib import Path

from deploy.errors import AwayError
from deploy.log.controls import LogError, keep_erasures
from deploy.log.site_models import restore_site_models
from deploy.settings.model import Settings


async def begin_log(settings: Settings, folder: Path) -> None:
    """Write it to a log whose topics are there and of which nothing is folded yet; raises SetupError and AwayError."""
    # Here, as only a start needs a database's library, and this process stays.
    from deploy.local.erased_before import erased_before

    digests = await asyncio.to_thread(erased_before, settings, folder)
    try:
        await keep_erasures(settings.kafka, digests)
    except LogError as error:
        raise AwayError(str(error)) from error
    await restore_site_models(settings)
