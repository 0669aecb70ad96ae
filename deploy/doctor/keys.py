"""Keys, sites and calendars: what the parts would refuse at their start, said before it."""

import secrets
from collections.abc import Callable

from pydantic import SecretStr

from deploy.doctor.finding import Finding
from deploy.errors import SetupError
from deploy.settings.access_file import place, read, sites_of
from deploy.settings.model import SIMULATED_SITES, Settings, SiteSettings, variable
from deploy.wiring import access, ingest
from deploy.wiring.calendars import calendars
from ingest.publish import ListPublisher


def keys(settings: Settings) -> list[Finding]:
    """Faults as the parts' own wiring tells them, and warnings for what starts and does not do what is meant."""
    if line := _refused(lambda known: read(place(known)), settings):
        # The others would only say the same.
        return [Finding("keys and sites", "fault", line)]
    faults = [line for check in (_access, _ingest, calendars) if (line := _refused(check, settings))]
    if faults:
        return [Finding("keys and sites", "fault", line) for line in faults]
    sites, warnings = sites_of(settings), _of_the_file(settings)
    if settings.profile == "embedded":
        line = f"sites {', '.join(sites)}; this machine reads without a key"
        return [Finding("keys and sites", "warning", each) for each in warnings] or [
            Finding("keys and sites", "ok", line)
        ]
    silent = [
        name
        for name, site in sites.items()
        if not (site.write_keys or site.import_keys or site.keyless_loopback is True)
    ]
    if len(silent) == len(sites):
        name = next((each for each in silent if each not in SIMULATED_SITES), "default")
        warnings.append(f"no site has a key: `opecom sites add {name} --origin https://...`, or nobody can send events")
    if not settings.api.token_secret.get_secret_value():
        warnings.append(
            f"stream tokens end with the process that issued them, and pages get none of their session: set "
            f"{variable('api.token_secret')}, the same for ingest and every query API"
        )
    if warnings:
        return [Finding("keys and sites", "warning", line) for line in warnings]
    return [Finding("keys and sites", "ok", f"sites {', '.join(sites)}; keys are set")]


def _of_the_file(settings: Settings) -> list[str]:
    """What is not as it is meant; only a file in the data folder has a mode that we gave it."""
    path = place(settings)
    if settings.access_file is not None and not path.exists():
        return [f"{path}, which access_file names, is not there: `opecom sites add` makes it"]
    if settings.access_file is None and path.exists() and path.stat().st_mode & 0o077:
        return [f"{path} can be read by others of this machine, and holds secrets: chmod 600 {path}"]
    return []


def _access(settings: Settings) -> None:
    # The query API makes the machine's own key and keeps it; the doctor makes nothing.
    access.access(settings, own_key=False)


def _ingest(settings: Settings) -> None:
    sites = sites_of(settings)
    if settings.profile == "embedded":
        # The ingest API makes import keys here and keeps them; the doctor makes nothing.
        sites = {name: site if site.import_keys else _with_key(site) for name, site in sites.items()}
    ingest.app(settings.model_copy(update={"sites": sites}), ListPublisher())


def _with_key(site: SiteSettings) -> SiteSettings:
    return site.model_copy(update={"import_keys": (SecretStr(secrets.token_hex(16)),)})


def _refused(check: Callable[[Settings], object], settings: Settings) -> str:
    try:
        check(settings)
    except SetupError as error:
        return str(error)
    return ""
