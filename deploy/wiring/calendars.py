"""Builds the sites' calendars from the settings."""

from deploy.errors import SetupError
from deploy.settings import Settings
from stream.calendar import Calendar, Calendars


def calendars(settings: Settings) -> Calendars:
    """One calendar a site; raises SetupError with the setting to mend."""
    made = {}
    for name, site in settings.sites.items():
        try:
            made[name] = Calendar(site.timezone, site.holidays, site.special_days)
        except (KeyError, NotImplementedError, ValueError) as error:
            raise SetupError(f"sites.{name}: timezone, holidays or special_days is not known: {error}") from error
    return Calendars(made)
