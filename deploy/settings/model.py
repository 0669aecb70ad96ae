"""Every setting of the system, typed and documented; the only module that reads the environment.

Sources, the first that has a value wins: environment variables `OPECOM_GROUP__NAME`, then the file `opecom.toml` (or
the one that OPECOM_SETTINGS names). `opecom settings` prints what is in force. docs/settings.md is made from here.
"""

import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import msgspec
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PrivateAttr,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, TomlConfigSettingsSource

from deploy.errors import SetupError
from ingest.events import LIVE_CLOCK, Site, base_site
from scoring.site_profile import EXPECTED_CONVERSION

#: Variables that begin like settings but are not: the file's name, and those of the tests.
_NO_SETTINGS = ("OPECOM_SETTINGS", "OPECOM_TEST_")
PageKind = Literal["Administrative", "Informational", "ProductRelated"]


class Group(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class KafkaSettings(Group):
    bootstrap: str = Field("127.0.0.1:9092", description="Kafka brokers, host:port, comma-separated.")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How to connect to Kafka."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="SASL mechanism, where security_protocol asks for SASL."
    )
    username: str = Field("", description="SASL user.")
    password: SecretStr = Field(SecretStr(""), description="SASL password.")
    ca_file: Path | None = Field(None, description="CA certificates for SSL; none: those of the system.")
    idempotent: bool = Field(True, description="Idempotent producers; off on the embedded broker, which lacks them.")
    partitions: int = Field(4, ge=1, description="Partitions of `events` and `scored-sessions`; cannot change later.")
    replication: int = Field(1, ge=1, description="Replicas of each partition; 3 in production.")
    min_insync: int = Field(1, ge=1, description="Replicas that must have a record before it is acknowledged.")
    events_topic: str = Field("events", description="Topic of accepted events and controls: the only truth.")
    scored_topic: str = Field("scored-sessions", description="Topic of scored sessions, one record per update.")
    pages_topic: str = Field("page-stats", description="Topic of page statistics.")
    erasures_topic: str = Field("erasures", description="Topic of erased visitors, kept for ever.")
    experiments_topic: str = Field("experiments", description="Topic of experiments and hold-outs, kept for ever.")
    dead_topic: str = Field("events-dead", description="Topic of dead letters.")
    snapshots_topic: str = Field(
        "session-snapshots",
        description="Topic of snapshots of open sessions, by which recovery is short; empty: none, as on the embedded "
        "broker.",
    )
    events_retention_hours: int = Field(24 * 30, ge=24, description="How long `events` is kept, in hours.")
    scored_retention_hours: int = Field(24 * 7, ge=1, description="How long `scored-sessions` is kept, in hours.")
    request_timeout_ms: int = Field(10_000, ge=1_000, description="How long one request to Kafka may take.")
    outage_seconds: float = Field(
        60,
        ge=1,
        description="How long Kafka may be away before worker, writer and webhooks end (70) for their supervisor to "
        "start them again.",
    )
    fetch_wait_ms: int = Field(100, ge=1, description="How long a fetch may wait for data; 20 on the embedded broker.")
    idle_fetch_wait_ms: int = Field(
        0,
        ge=0,
        description="The same after 5 s without data, 0: no other; 200 on the embedded broker, which wakes no fetch.",
    )
    embedded_broker: Literal["memory", "kafka"] = Field(
        "memory",
        description="Broker of the embedded profile. memory: one of its own, filled again at each start; kafka: Apache "
        "Kafka in the data folder, by Java 17 and Maven.",
    )
    broker_megabytes: int = Field(
        256,
        ge=0,
        description="Memory at which the embedded broker, which lets nothing go, makes room for a new one, in MB; 0: "
        "never. Ingest goes on meanwhile; scores, imports and commands wait some seconds.",
    )
    log_folder: Path | None = Field(
        None,
        description="Folder with what fills the log of a broker in memory again; `opecom up` sets it for the embedded "
        "one.",
    )
    #: Whether this process is a command beside an embedded system, and no part of it.
    _is_beside: bool = PrivateAttr(False)

    @property
    def is_beside(self) -> bool:
        """Whether the broker is that of a system beside which a command runs: it may be replaced meanwhile."""
        return self._is_beside

    def beside(self, bootstrap: str, log_folder: Path) -> "KafkaSettings":
        """The same for a command beside an embedded system, whose broker is here and has its log filled from there."""
        found = {"bootstrap": bootstrap, "log_folder": log_folder}
        # What that broker cannot do (deploy/local/broker.py).
        made = self.model_copy(update={**found, "idempotent": False, "snapshots_topic": ""})
        made._is_beside = True
        return made


class PathRule(Group):
    prefix: str = Field(description="Start of the path, such as /products.")
    type: PageKind = Field(description="The page type of paths that start so.")


#: A path with at least one `*`.
PathPatternText = Annotated[str, Field(pattern=r"^/[^*\s]*\*[^\s]*$", max_length=200)]

CurrencyCode = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
BandLimit = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]


class SiteSettings(Group):
    timezone: str = Field("UTC", description="IANA time zone: month, weekend and the daily 04:00 cut are local.")
    holidays: str = Field("", description="Country code for the `holidays` library, such as DE or US; empty: none.")
    special_days: tuple[str, ...] = Field((), description="The site's own special days, MM-DD.")
    path_rules: tuple[PathRule, ...] = Field((), description="Page types by path, where the page does not say its own.")
    path_patterns: tuple[PathPatternText, ...] = Field(
        (),
        max_length=100,
        description="Paths that are one page to the page statistics, such as `/order/*` or `/search/*`; `*` stands for "
        "any text.",
    )
    origins: tuple[str, ...] = Field((), description="Origins whose pages may send events; empty: none but loopback.")
    write_keys: tuple[str, ...] = Field((), description="Public keys that may write events of this site.")
    import_keys: tuple[SecretStr, ...] = Field(
        (), description="Secret keys of scope import: give received_at and context, verified purchases."
    )
    purchase_secrets: tuple[SecretStr, ...] = Field(
        (), description="Secrets with which the site's own server signs purchases, which then count: whsec_ and base64."
    )
    keyless_loopback: bool | Literal["embedded"] = Field(
        False,
        description="Takes writes without a key from this machine; embedded: on that profile only, as of the shipped "
        "site `default`.",
    )
    allowed_query: tuple[str, ...] = Field(
        ("utm_source", "utm_medium", "utm_campaign"), description="URL query parameters that are kept."
    )
    own_domains: tuple[str, ...] = Field(
        (),
        description="More domains of the site, shop.example with all beneath: visitors from there came from no other "
        "site. The domains of `origins` need not stand here.",
    )
    ignored_referrers: tuple[str, ...] = Field(
        (),
        description="Hosts that visitors pass on their way and that sent nobody (payment, sign-in), each with all "
        "beneath, beside those of docs/sites-and-keys.md.",
    )
    intent_in_browser: bool | Literal["embedded", "band"] = Field(
        False,
        description="Shows a page the live intent of its own session; band: without reasons, features and counts; "
        "embedded: on that profile only, as of the shipped site `default`.",
    )
    expected_conversion: float = Field(
        EXPECTED_CONVERSION,
        gt=0,
        lt=1,
        allow_inf_nan=False,
        description="The share of sessions that end in a purchase, 0.03 for three of a hundred: a model of another "
        "shop is corrected to it.",
    )
    bands: Literal["share"] | tuple[BandLimit, BandLimit] = Field(
        "share",
        description="share: of the sessions with as many events the top tenth is high, the next fifth building; or two "
        "probabilities, from which on a session is building and high.",
    )
    count_unverified_purchases: bool = Field(False, description="Counts purchases that browsers report as revenue.")
    currency: CurrencyCode | Literal[""] = Field(
        "",
        description="The currency in which statistics add up amounts, such as EUR, and of amounts that name none; "
        "empty: amounts of different currencies are never added up.",
    )
    rates: dict[CurrencyCode, Annotated[float, Field(gt=0, allow_inf_nan=False)]] = Field(
        {}, description="What one unit of other currencies is worth in `currency`, such as JPY = 0.0062."
    )
    retention_days: int | None = Field(
        None,
        ge=2,
        le=36_500,
        description="Days that rows which name a visitor or a session are kept, after the session's last event, today "
        "included; none: for ever. `opecom retention show` says what that removes.",
    )
    aggregates_days: int | None = Field(
        None,
        ge=31,
        le=36_500,
        description="Days that counts of pages, which name nobody, are kept; none: while page statistics use them.",
    )

    @model_validator(mode="after")
    def _bands_rise(self) -> Self:
        if self.bands != "share" and self.bands[0] > self.bands[1]:
            raise ValueError(f"bands are {self.bands[0]} and {self.bands[1]}: give the lower end of building first")
        return self

    @model_validator(mode="after")
    def _rates_have_a_currency(self) -> Self:
        if self.rates and not self.currency:
            raise ValueError("rates say what other currencies are worth in `currency`: set that, too")
        if self.rates.get(self.currency, 1.0) != 1.0:
            raise ValueError(f"rates.{self.currency}: that is the site's own currency, take it out")
        return self


class IngestSettings(Group):
    host: str = Field("127.0.0.1", description="Address the ingest API listens on.")
    port: int = Field(8001, ge=1, le=65535, description="Port of the ingest API.")
    max_body_bytes: int = Field(256 * 1024, ge=1024, description="Largest body as sent.")
    max_decompressed_bytes: int = Field(2 * 1024 * 1024, ge=1024, description="Largest body after gzip.")
    max_pending_body_bytes: int = Field(
        64 * 1024 * 1024,
        ge=2**20,
        description="Bytes of all bodies that are on their way to one process; beyond, the oldest are answered 503.",
    )
    max_batch_events: int = Field(500, ge=1, description="Most events in one batch.")
    key_rate_per_second: float = Field(2_000, gt=0, description="Events per second and key, bursts of ten seconds.")
    address_rate_per_second: float = Field(200, gt=0, description="Events per second and client address.")
    key_sessions_per_second: float = Field(
        500, gt=0, description="New sessions per second and key, bursts of ten seconds."
    )
    address_sessions_per_second: float = Field(
        10, gt=0, description="New sessions per second and client address, bursts of a minute."
    )
    max_open_sessions: int = Field(
        200_000, ge=1, description="Most open sessions that one ingest process lets in with write keys."
    )
    max_connections_per_address: int = Field(
        1_024,
        ge=1,
        description="Most connections at once of an address or an IPv6 /64, of a /48 sixteen times as many; of "
        "`trusted_proxies` any number.",
    )
    trusted_proxies: tuple[str, ...] = Field((), description="Addresses whose X-Forwarded-For is believed.")
    api_url: str = Field(
        "", description="Where the query API is, which answers /admin; empty: at api.host and api.port."
    )
    pass_admin: bool = Field(
        True, description="Passes /admin on to the query API; off: those paths are answered on its own port alone."
    )
    max_passed: int = Field(
        1_000,
        ge=1,
        description="Most requests at once that the query API answers through this one, and as many streams.",
    )
    max_streams_per_address: int = Field(
        100, ge=1, description="Most streams of live intents at once for pages of one client address."
    )
    region_header: str = Field("", description="Header with the visitor's country code, set by your proxy or CDN.")
    max_in_flight: int = Field(
        20_000, ge=1, description="Events that may wait for Kafka, or for the disk with `spool`; beyond: 503."
    )
    spool: bool = Field(
        False,
        description="Accepts events once they are on the disk of the data folder, and sends them to Kafka from there; "
        "`opecom up` turns it on in the embedded profile.",
    )
    spool_bytes: int = Field(
        2**30, ge=2**26, description="Largest size of the spool of one ingest process, in bytes; beyond: 503."
    )
    public_url: str = Field(
        "",
        pattern=r"^(https?://[^/?#\s]+)?$",
        description="Address of the ingest API for browsers, https://events.shop.example; empty: host and port.",
    )
    script_path: str = Field(
        "/static/tracker.js",
        pattern=r"^(/[A-Za-z0-9_-]+)+\.js$",
        description="Where the tracker is served; its module, types and pinned names stand beside it.",
    )
    prefix: str = Field(
        "",
        pattern=r"^(/[A-Za-z0-9_-]+)*$",
        description="All paths are answered beneath this one too: /shop takes /shop/v1/batch. The tag names it.",
    )
    publish_timeout_ms: int = Field(8_000, ge=100, description="How long an event may wait for Kafka before 503.")


class WorkerSettings(Group):
    group: str = Field("op-ecom-worker", description="Kafka consumer group of the workers.")
    session_timeout_ms: int = Field(8_000, ge=6_000, description="After how long a killed worker is noticed.")
    round_records: int = Field(4_000, ge=1, description="Most records in one round.")
    watchdog_seconds: float = Field(60, gt=0, description="Ends the process when there is lag and no progress so long.")
    metrics_host: str = Field("127.0.0.1", description="Address of the worker's /metrics; 0.0.0.0 in a container.")
    metrics_port: int = Field(8002, ge=0, le=65535, description="Port of the worker's /metrics; 0: none.")


class ScoringSettings(Group):
    registry: str = Field("", description="Folder of model versions, or its URL; empty: `models` in the data folder.")
    model: str = Field(
        "",
        description="Version that predicts, and scores until the log names another; empty: the registry's current.",
    )
    #: The registry where none is named; Settings say which, as they know the data folder.
    _own: Path | None = PrivateAttr(None)

    @property
    def own_registry(self) -> Path | None:
        """The folder that is the registry where `registry` is empty; None where there is no data folder."""
        return self._own


class StorageSettings(Group):
    url: SecretStr = Field(SecretStr(""), description="SQLAlchemy URL of MariaDB; empty: SQLite in the data folder.")
    clickhouse_host: str = Field("", description="ClickHouse host; empty: chDB in the data folder.")
    clickhouse_port: int = Field(8123, ge=1, le=65535, description="ClickHouse HTTP port.")
    clickhouse_user: str = Field("default", description="ClickHouse user.")
    clickhouse_password: SecretStr = Field(SecretStr(""), description="ClickHouse password.")
    clickhouse_database: str = Field("opecom", description="ClickHouse database.")
    group: str = Field("op-ecom-writer", description="Kafka consumer group of the writers.")
    gather_ms: int = Field(200, ge=1, le=800, description="How long the writer gathers before it writes.")
    pages_refresh_seconds: int | None = Field(
        None,
        ge=0,
        description="Seconds between two refreshes of the page statistics by the writer; none: 60 on the embedded "
        "profile, else 3600; 0: never.",
    )
    pages_most_moved: float = Field(
        0.3,
        gt=0,
        le=1,
        description="How far refreshes may move the bounce or exit rate of a page with 100 sessions within a day; its "
        "value may fall by twice that part. What moves further is held until `opecom pages release`; 1: nothing is.",
    )
    drift_alarms_per_month: float = Field(
        1.0,
        ge=0,
        le=30,
        description="How many alarms a month the daily check for drift may raise of a site where nothing happens; 0: "
        "it does not run.",
    )
    max_block: int = Field(10_000, ge=1, description="Most records in one block of writes.")
    metrics_host: str = Field("127.0.0.1", description="Address of the writer's /metrics; 0.0.0.0 in a container.")
    metrics_port: int = Field(8003, ge=0, le=65535, description="Port of the writer's /metrics; 0: none.")


class ApiSettings(Group):
    host: str = Field("127.0.0.1", description="Address the query and prediction API listens on.")
    port: int = Field(8000, ge=1, le=65535, description="Port of the query and prediction API.")
    read_keys: tuple[SecretStr, ...] = Field(
        (), description="Keys of scope read, beside those of `opecom keys`, for all sites."
    )
    admin_keys: tuple[SecretStr, ...] = Field(
        (), description="Keys of scope admin, which may everything, for all sites."
    )
    token_secret: SecretStr = Field(
        SecretStr(""),
        description="Signs stream tokens; ingest makes those of sessions with it. Empty: made new at each `opecom up`.",
    )
    token_seconds: int = Field(
        300, ge=1, le=86_400, description="How long a stream token holds, in seconds; a session's stream ends with it."
    )
    max_streams: int = Field(32, ge=1, description="Most streams of scores at once; each has a Kafka consumer.")
    max_session_streams: int = Field(
        1_000, ge=1, description="Most browsers at once that follow their own session; all share one Kafka consumer."
    )
    max_connections_per_address: int = Field(
        4_096,
        ge=1,
        description="Most connections at once of an address or an IPv6 /64, of a /48 sixteen times as many; of this "
        "machine and of `ingest.trusted_proxies` any number. An ingest API elsewhere holds up to twice "
        "`ingest.max_passed`.",
    )
    origins: tuple[str, ...] = Field((), description="Origins whose pages may read with a key or a token (CORS).")
    ingest_url: str = Field(
        "",
        description="Where the ingest API is, by which dead letters go again; empty: at ingest.host and ingest.port.",
    )


class ShopSettings(Group):
    host: str = Field("127.0.0.1", description="Address the demonstration shop listens on.")
    port: int = Field(5173, ge=0, le=65535, description="Port of the demonstration shop; 0: it does not run.")
    site: str = Field("", description="Site that the shop's visits are of; empty: `default`, or your first.")


class ConsoleSettings(Group):
    host: str = Field("127.0.0.1", description="Address the console listens on; the query API's process serves it.")
    port: int = Field(3000, ge=0, le=65535, description="Port of the console; 0: it is not served.")


class WebhooksSettings(Group):
    group: str = Field("op-ecom-webhooks", description="Kafka consumer group of the webhooks.")
    timeout_seconds: float = Field(10, gt=0, le=60, description="How long one attempt to deliver may take.")
    retry_seconds: tuple[NonNegativeFloat, ...] = Field(
        (5, 30, 120, 600, 1800, 7200, 21_600, 43_200),
        description="Pauses before each next attempt, a fifth shorter or longer by chance; after the last it is dead.",
    )
    concurrency: int = Field(8, ge=1, le=100, description="Attempts under way at once, for each webhook.")
    log_days: float = Field(30, gt=0, description="How long what was delivered or given up stays in the log, in days.")
    metrics_host: str = Field("127.0.0.1", description="Address of the webhooks' /metrics; 0.0.0.0 in a container.")
    metrics_port: int = Field(8004, ge=0, le=65535, description="Port of the webhooks' /metrics; 0: none.")


class GateLimits(Group):
    least_buyers: int = Field(30, ge=1, description="Purchases that the days new to a candidate must have.")
    least_days: float = Field(1.0, ge=0, description="Days after those that it was fitted on.")
    most_ece: float = Field(
        0.02, gt=0, lt=1, description="Greatest expected calibration error over all updates, less what chance gives."
    )
    least_share: float = Field(0.05, ge=0, lt=1, description="A subgroup counts from this share of the sessions on.")
    worse: float = Field(
        0.01, ge=0, description="A subgroup is clearly worse from this part of the log-loss in force on."
    )
    not_worse: float = Field(
        0.005, ge=0, description="A simpler candidate may be worse by this part of the log-loss in force at most."
    )
    simpler: float = Field(
        0.8, gt=0, le=1, description="A candidate is simpler that takes at most this part of the time of a row."
    )


class LearningSettings(Group):
    promotion: Literal["auto", "propose", "off"] = Field(
        "propose",
        description="auto: the learner puts in force what passes the gate, and rolls back what turns out worse; "
        "propose: it says so and leaves it to you; off: the learner does not run.",
    )
    every_hours: float = Field(24, ge=1, description="Hours between two runs of the learner for a site.")
    days: int = Field(60, ge=1, le=3_650, description="Days whose sessions it learns from.")
    recent_days: int = Field(
        5,
        ge=0,
        description="Newest days that it learns from as well, after all days, unless those made a proposal; 0: none.",
    )
    matured_hours: float = Field(
        24, ge=1, description="Hours after its opening from which a session counts: orders may come late."
    )
    watch_days: float = Field(14, gt=0, description="Days in which a promoted version is compared with the one before.")
    memory_mb: int = Field(4_096, ge=256, description="Memory that the process which learns may take, in MB; Linux.")
    gate: GateLimits = GateLimits()
    metrics_host: str = Field("127.0.0.1", description="Address of the learner's /metrics; 0.0.0.0 in a container.")
    metrics_port: int = Field(8005, ge=0, le=65535, description="Port of the learner's /metrics; 0: none.")


class LogSettings(Group):
    format: Literal["text", "json"] = Field(
        "text",
        description="Of the log lines of `opecom run` on stderr: text for people, or json, an object a line with time, "
        "level, part, event and ids.",
    )


class ErasureSettings(Group):
    keys: tuple[Annotated[SecretStr, Field(min_length=32)], ...] = Field(
        (),
        description="Secret keys, of 32 characters or more, by which digests of forgotten visitors are made, the same "
        "for all parts. The first makes new ones, the others know what they made. None: whoever has a digest can try "
        "who it is.",
    )


class ServicesSettings(Group):
    kafka_port: int = Field(9092, ge=1, le=65535, description="Loopback port of Kafka under `opecom services up`.")
    mariadb_port: int = Field(3307, ge=1, le=65535, description="Loopback port of MariaDB under `opecom services up`.")
    folder: Path | None = Field(None, description="Data of `opecom services`; none: `services` in the data folder.")
    cache_dir: Path | None = Field(
        None, description="Downloads from Maven; none: `op-ecom` in the user's cache folder."
    )


_SHIPPED_SITES: dict[str, dict[str, Any]] = {
    "default": {"keyless_loopback": "embedded", "intent_in_browser": "embedded"},
    "uci": {"special_days": ("02-14", "05-09")},
    "clicks": {},
    "generated": {},
}
#: The shipped sites whose runs `opecom simulate` sends.
SIMULATED_SITES = ("uci", "clicks", "generated")


def _default_sites() -> dict[str, SiteSettings]:
    return {name: SiteSettings(**fields) for name, fields in _SHIPPED_SITES.items()}


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_prefix="OPECOM_",
        env_nested_delimiter="__",
        frozen=True,
        extra="forbid",
        nested_model_default_partial_update=True,
    )

    profile: Literal["embedded", "services"] = Field(
        "embedded", description="embedded: all on this machine, in one folder; services: Kafka, MariaDB, ClickHouse."
    )
    data_dir: Path = Field(Path(".opecom"), description="Folder of everything that the embedded profile keeps.")
    access_file: Path | None = Field(
        None, description="File of `opecom sites` and `opecom keys`; none: `access.toml` in the data folder."
    )
    kafka: KafkaSettings = KafkaSettings()
    ingest: IngestSettings = IngestSettings()
    worker: WorkerSettings = WorkerSettings()
    scoring: ScoringSettings = Field(ScoringSettings(), validate_default=True)
    storage: StorageSettings = StorageSettings()
    api: ApiSettings = ApiSettings()
    console: ConsoleSettings = ConsoleSettings()
    shop: ShopSettings = ShopSettings()
    webhooks: WebhooksSettings = WebhooksSettings()
    learning: LearningSettings = LearningSettings()
    log: LogSettings = LogSettings()
    erasures: ErasureSettings = ErasureSettings()
    services: ServicesSettings = ServicesSettings()
    sites: dict[str, SiteSettings] = Field(
        default_factory=_default_sites,
        description="Sites by name. Shipped: `uci`, `clicks` and `generated`, for simulations, and `default`, until "
        "you name one.",
    )

    @field_validator("scoring")
    @classmethod
    def _with_own_registry(cls, given: ScoringSettings, info: ValidationInfo) -> ScoringSettings:
        """The same with the registry of this data folder, which the group alone does not know."""
        made = given.model_copy()
        if "data_dir" in info.data:
            made._own = info.data["data_dir"] / "models"
        return made

    @field_validator("sites", mode="before")
    @classmethod
    def _with_shipped_sites(cls, given: Any) -> Any:
        """What is given of a shipped site changes it and leaves the rest of it: a key for `uci` is only a key."""
        if not isinstance(given, dict):
            return given
        own = given.keys() - _SHIPPED_SITES.keys()
        shipped = {name: fields for name, fields in _SHIPPED_SITES.items() if name != "default" or not own}
        changed = {
            name: _SHIPPED_SITES.get(name, {}) | fields if isinstance(fields, dict) else fields
            for name, fields in given.items()
        }
        return shipped | changed

    @field_validator("sites")
    @classmethod
    def _with_possible_names(cls, given: dict[str, SiteSettings]) -> dict[str, SiteSettings]:
        return possible_names(given)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        file = Path(os.environ.get("OPECOM_SETTINGS", "opecom.toml"))
        return init_settings, env_settings, TomlConfigSettingsSource(settings_cls, toml_file=file)


def possible_names(sites: dict[str, SiteSettings]) -> dict[str, SiteSettings]:
    """The same; raises PydanticCustomError for a name that no site can have."""
    for name in sites:
        if name == LIVE_CLOCK or not _is_site(name):
            raise PydanticCustomError(
                "site_name",
                "{name} cannot be the name of a site: up to 64 of a-z 0-9 _ . -, beginning with a letter or digit, "
                "and not {clock}, which is the name of a clock",
                {"name": repr(name), "clock": LIVE_CLOCK},
            )
    return sites


def _is_site(name: str) -> bool:
    try:
        msgspec.convert(name, Site)
    except msgspec.ValidationError:
        return False
    return base_site(name) == name


def variable(name: str) -> str:
    """The environment variable of a setting: OPECOM_INGEST__PORT for `ingest.port`."""
    return "OPECOM_" + name.upper().replace(".", "__")


def user_cache() -> Path:
    """The folder in which downloads are kept for all projects of this user."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "op-ecom"


def load() -> Settings:
    """The settings in force.

    Raises pydantic.ValidationError, whose lines name the setting and what it takes, and SetupError for a variable that
    is no setting (a misspelt one would be ignored in silence) or a file that is not there.
    """
    file = os.environ.get("OPECOM_SETTINGS")
    if file and not Path(file).exists():
        raise SetupError(f"OPECOM_SETTINGS names {file}, which does not exist")
    known = {f"OPECOM_{name.upper()}" for name in Settings.model_fields}
    for name in os.environ:
        group = name.upper().partition("__")[0]
        if group.startswith("OPECOM_") and group not in known and not group.startswith(_NO_SETTINGS):
            raise SetupError(f"{name} is no setting: `opecom settings --markdown` lists their variables")
    return Settings()
