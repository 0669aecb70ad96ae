"""What a failure looks like to the user of a command: one line for each thing to fix."""

from tomllib import TOMLDecodeError

from pydantic import ValidationError
from pydantic_settings import SettingsError

from deploy.errors import PortTakenError, SetupError
from deploy.settings.model import Settings, variable

#: What `lines` explains; anything else is a defect of ours and shows its traceback.
EXPLAINED = (SetupError, ValidationError, SettingsError, TOMLDecodeError, ExceptionGroup)


def lines(error: Exception) -> list[str] | None:
    """The lines for the user, or None where the error is not one that a user can fix."""
    if isinstance(error, SetupError):
        return str(error).splitlines()
    if isinstance(error, ValidationError) and error.title == Settings.__name__:
        return [_setting(".".join(map(str, each["loc"])), each["msg"]) for each in error.errors(include_input=False)]
    if isinstance(error, SettingsError):
        return [f"settings: {error}; lists and tables in variables are written as JSON"]
    if isinstance(error, TOMLDecodeError):
        return [f"the settings file (OPECOM_SETTINGS, or opecom.toml) is not TOML: {error}"]
    if isinstance(error, ExceptionGroup):
        found = [lines(each) for each in error.exceptions]
        return next((each for each in found if each is not None), None)
    return None


def naming_the_setting(error: PortTakenError, settings: Settings) -> SetupError:
    """The same failure with the setting that chooses the port, where one does."""
    names = {
        settings.ingest.port: "ingest.port",
        settings.api.port: "api.port",
        settings.shop.port: "shop.port",
        settings.worker.metrics_port: "worker.metrics_port",
        settings.storage.metrics_port: "storage.metrics_port",
        settings.webhooks.metrics_port: "webhooks.metrics_port",
        settings.learning.metrics_port: "learning.metrics_port",
        settings.services.kafka_port: "services.kafka_port",
        settings.services.mariadb_port: "services.mariadb_port",
    }
    name = names.get(error.port)
    if name is None:
        return error
    return SetupError(f"{error}; set {variable(name)}, or `{name}` in opecom.toml, to a free port")


def _setting(name: str, message: str) -> str:
    return f"setting {name} ({variable(name)}): {message[:1].lower()}{message[1:]}"
