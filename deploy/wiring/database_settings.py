"""Which setting says where a database is, and what keeps its own in the data folder; needs no client of either."""

from pathlib import Path

from deploy.settings.model import Settings


def relational_setting(settings: Settings) -> str:
    """The setting that says where the relational database is: what to look at when it is away."""
    return "storage.url" if settings.storage.url.get_secret_value() else f"data_dir ({settings.data_dir})"


def analytics_setting(settings: Settings) -> str:
    """The setting that says where ClickHouse is; chDB is in the data folder."""
    return "storage.clickhouse_host" if settings.storage.clickhouse_host else f"data_dir ({settings.data_dir})"


def own_folder(settings: Settings) -> Path | None:
    """The data folder, where a database of this process is in it."""
    servers = settings.storage.url.get_secret_value() and settings.storage.clickhouse_host
    return None if servers else settings.data_dir


def log_folder(settings: Settings) -> Path | None:
    """The data folder, where the embedded broker keeps the log in it."""
    return settings.data_dir if settings.profile == "embedded" else None
