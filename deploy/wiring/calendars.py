"""Builds the sites' calendars from the settings and the file of sites and keys."""

from deploy.errors import SetupError
from deploy.settings.access_file import AccessFile, Reloading, place, read, sites_of
from deploy.settings.model import Settings
from stream.fold.calendar import Calendar, Calendars


def calendars(settings: Settings) -> Calendars:
    """One calendar a site; raises SetupError with the setting to fix.

    A site that is added later is known by its first event; a calendar that is changed holds from the next start.
    """
    # Looked at for every event of an unknown site: ingest may have learnt of it a moment ago.
    later = Reloading(settings, lambda file: made(settings, file), look=0.0)
    return Calendars(made(settings, read(place(settings))), find=lambda site: later().get(site))


def made(settings: Settings, file: AccessFile) -> dict[str, Calendar]:
    """The calendars by site; raises SetupError."""
    built = {}
    for name, site in sites_of(settings, file).items():
        try:
            built[name] = Calendar(site.timezone, site.holidays, site.special_days)
        except (KeyError, NotImplementedError, ValueError) as error:
            raise SetupError(f"sites.{name}: timezone, holidays or special_days is not known: {error}") from error
    return built
