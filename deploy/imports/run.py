"""One import from its files to the log: sorted, sent, ended."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec
from aiokafka.errors import KafkaError
from msgspec import Struct

from deploy.errors import AwayError, SetupError
from deploy.imports.account import ImportAccount
from deploy.imports.deliver import DailyPages, RequestLimits, deliver
from deploy.imports.errors import ImportFileError
from deploy.imports.pages import ImportedPages
from deploy.imports.prepare import EventPreparation
from deploy.imports.spool import EventReader, sort_into, source_files
from deploy.imports.workspace import Workspace, ended_at, fingerprint, opened
from deploy.log import controls
from deploy.log.broker_life import in_one_life
from deploy.log.client_options import kafka_clients
from deploy.processes.probes import ProbeAddress, is_ready
from deploy.settings.access_file import sites_of
from deploy.settings.model import Settings
from deploy.simulate.send import http_sender
from deploy.wiring.calendars import calendars
from deploy.wiring.followed_erasures import PATIENCE
from deploy.wiring.keys import import_key
from deploy.wiring.pages import money, path_patterns
from deploy.wiring.site_access import site_access
from ingest.admission.keys import Grant
from ingest.collect import SenderContext
from ingest.events import Site, base_site
from stream.fold.clock import IDLE
from stream.kafka.pages_topic import PagesReader
from stream.kafka.topic_follower import TopicMissingError


class ImportOptions(Struct, frozen=True):
    """How an import goes. `reading` is all that says how files are read, as part of what names the import.

    page_statistics: whether they are made by the clock of the import; None: where the site has none in force.
    """

    folder: Path
    reading: tuple[str, ...] = ()
    rate: float = 0
    again: bool = False
    keep_open: bool = False
    page_statistics: bool | None = None


class ImportListener(Protocol):
    """Hears how an import goes."""

    def is_read(self, rows: int, part: float) -> None:
        """So many rows are read, which is this part of the files."""

    def resumed(self, sent: int, events: int) -> None:
        """So many of the events were sent earlier; the rest is sent now."""

    def accepted(self, events: int) -> None:
        """So many more events were accepted."""


class ImportResult(Struct, frozen=True):
    """What an import came to. `sent_now`: events sent by this call; `ended_at` in ms UTC, None: kept open."""

    site: str
    account: ImportAccount
    sent_now: int
    was_done: bool
    ended_at: int | None
    rejects: Path


async def import_history(
    settings: Settings,
    site: str,
    paths: Sequence[Path],
    reader: EventReader,
    options: ImportOptions,
    listener: ImportListener,
) -> ImportResult:
    """Bring the history of the files into the log; raises SetupError.

    1 what the import is called, by site and content · 2 events sorted on disk · 3 sent, each partition in order · 4 a
    tick 40 minutes after the last one, which closes what is open · 5 the import is done. Whenever the process dies,
    the same command goes on with the step that it was at; what is sent again counts once.
    """
    _require_site(settings, site)
    name = fingerprint(site, paths, (*options.reading, str(settings.kafka.partitions)))
    with opened(options.folder, site, name, paths) as workspace:
        state = workspace.state
        try:
            if state.is_done and not options.again:
                return _result(workspace, 0, was_done=True)
            if not state.is_sorted:
                _sort(settings, workspace, paths, reader, ended_at(options.folder, site, name), listener)
            _require_not_passed(workspace, options)
            sent_before = state.events_sent
            listener.resumed(sent_before, state.account.events)
            await _send(settings, workspace, options, listener)
            if state.account.last_at is not None:
                state.ended_at = await _end(settings, state.site, state.account.last_at, options)
            was_done, state.is_done, state.is_kept_open = state.is_done, True, options.keep_open
            state.is_sorted = False
            sent_now = state.events_sent - sent_before
            workspace.save()
            workspace.clear()
        except OSError as error:
            raise ImportFileError(
                f"cannot write to {workspace.folder}: {error.strerror or error}; make room, or name one with --temp"
            ) from None
        return _result(workspace, sent_now, was_done)


def _require_site(settings: Settings, site: str) -> None:
    """Raises SetupError for a site that is not known, or a run that no batch may name."""
    sender_context(settings, site)
    try:
        msgspec.convert(site, Site)
    except msgspec.ValidationError:
        raise SetupError(
            f"--site {site}: the name of a run has 1 to 32 of a-z, 0-9, _, . and -, such as {base_site(site)}~2025"
        ) from None


def preparation(settings: Settings, site: str) -> EventPreparation:
    """What makes records of the site's events, by the site's own rules; raises SetupError for an unknown site."""
    return EventPreparation(
        site, settings.kafka.partitions, sender_context(settings, site), settings.ingest.max_body_bytes
    )


def sender_context(settings: Settings, site: str) -> SenderContext:
    """The sender of an import of this site as the ingest API sees it; raises SetupError for an unknown site."""
    base, known = base_site(site), sites_of(settings)
    if base not in known:
        raise SetupError(f"--site {site}: the sites are {', '.join(known)}; `opecom sites add {base}` adds one")
    access = site_access(base, known[base], settings.profile == "embedded")
    return SenderContext(Grant(access, "import", ""), 0)


def _sort(
    settings: Settings,
    workspace: Workspace,
    paths: Sequence[Path],
    reader: EventReader,
    passed_before: int | None,
    listener: ImportListener,
) -> None:
    files = source_files(paths)
    size = sum(file.size for file in files) or 1
    sort_into(
        workspace,
        files,
        reader,
        preparation(settings, workspace.state.site),
        passed_before,
        lambda rows, read: listener.is_read(rows, read / size),
    )


def _require_not_passed(workspace: Workspace, options: ImportOptions) -> None:
    account, site = workspace.state.account, workspace.state.site
    if workspace.state.is_abandoned and not options.again:
        raise ImportFileError(
            f"the import of {site} stood still for more than an hour, so the worker ended it, and what is of the next "
            f"24 hours of history would count as sent before: begin again in a run of its own, --site "
            f"{base_site(site)}~NAME, or go on all the same with --again"
        )
    if account.passed and not options.again and not workspace.state.events_sent:
        workspace.state.is_sorted = False
        workspace.save()
        workspace.clear()
        raise ImportFileError(
            f"{account.passed:,} of {account.events:,} events are from before the end of an earlier import of {site} "
            f"and would count as sent before: bring them into a run of their own, --site {base_site(site)}~NAME, or "
            "send what is new with --again"
        )


async def _send(settings: Settings, workspace: Workspace, options: ImportOptions, listener: ImportListener) -> None:
    address = ProbeAddress.reached(settings.ingest.host, settings.ingest.port)
    if not is_ready(address):
        raise AwayError(
            f"the ingest API at {address.url} is not ready: start the system with `opecom up`, or see ingest.port; "
            "then give the same command again"
        )
    site = base_site(workspace.state.site)
    limits = RequestLimits(settings.ingest.max_batch_events, settings.ingest.max_body_bytes, options.rate)
    pages = await _daily_pages(settings, workspace, options)
    async with http_sender(address.url, site, import_key(settings, site), settings.kafka.partitions) as sender:
        await deliver(workspace, sender, limits, listener.accepted, pages)


async def _daily_pages(settings: Settings, workspace: Workspace, options: ImportOptions) -> DailyPages | None:
    """What makes page statistics by the clock of the import; None where there are to be none."""
    state = workspace.state
    if options.again:
        return None
    if state.has_pages is None:
        state.has_pages = options.page_statistics
    if state.has_pages is None:
        state.has_pages = not await _has_statistics(settings, state.site)
    if not state.has_pages:
        return None
    base = base_site(state.site)
    given = path_patterns(settings).get(base)
    counted = ImportedPages(
        state.site,
        settings.kafka.partitions,
        sender_context(settings, state.site),
        calendars(settings),
        given,
        money(settings).get(base),
    )
    return DailyPages(counted, partial(controls.put_pages, settings.kafka))


async def _has_statistics(settings: Settings, site: str) -> bool:
    async def look() -> bool:
        reader = PagesReader(kafka_clients(settings.kafka), settings.kafka.pages_topic, PATIENCE)
        await reader.caught_up()
        return bool(reader.statistics.rows(reader.statistics.version, site))

    try:
        return await in_one_life(settings.kafka, look)
    except (KafkaError, TopicMissingError) as error:
        raise AwayError(
            f"Kafka at {settings.kafka.bootstrap} (kafka.bootstrap) does not give page statistics: {error}"
        ) from None


async def _end(settings: Settings, site: str, last_at: int, options: ImportOptions) -> int:
    """The time to which the site's clock is moved; where the import is kept open, that of its last event."""
    if options.keep_open:
        return last_at
    await controls.tick(settings.kafka, site, last_at + IDLE)
    return last_at + IDLE


def _result(workspace: Workspace, sent_now: int, was_done: bool) -> ImportResult:
    state = workspace.state
    return ImportResult(state.site, state.account, sent_now, was_done, state.ended_at, workspace.rejects)
