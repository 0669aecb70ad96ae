"""Learns a model for a site: rows of the timeline, the present model, a candidate in the registry, a report."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from deploy.errors import SetupError
from deploy.processes.audit_file import audited
from deploy.settings.access_file import sites_of
from deploy.settings.model import Settings
from deploy.wiring.learning_rows import row_source
from deploy.wiring.models import writable_registry
from ingest.events import base_site
from scoring import registry
from scoring.errors import ScoringError
from scoring.folder import Place, place
from scoring.learning.candidate import RegisteredCandidate, register_candidate
from scoring.learning.choose import Family, LearnedModel, learn
from scoring.learning.recalibrated import BaseModel
from scoring.learning.report import LearningWindow
from scoring.learning.rows import LearningRows, joined
from scoring.promotions import site_models
from storage.database.errors import DatabaseUnavailableError
from storage.learning.source import RowSelection


@dataclass(frozen=True)
class LearningRequest:
    """What to learn from, and how; `until` in ms UTC, 0: now; out: a registry, "": that of the settings."""

    site: str
    days: int
    until: int
    family: Family | Literal["auto"]
    cost_limit: float
    bots: bool
    imports: bool
    out: str
    report: Path | None


@dataclass(frozen=True)
class LearningResult:
    """What was learned, and where it is; `versions`: the models whose scores were stored then."""

    learned: LearnedModel
    candidate: RegisteredCandidate
    report: Path
    versions: list[str]


async def learn_site(
    settings: Settings, request: LearningRequest, report_line: Callable[[str], None]
) -> LearningResult:
    """Raises SetupError with one line where nothing can be learned."""
    until = _until(request)
    window = LearningWindow(
        request.site, max(until - request.days * 86_400_000, 0), until, request.bots, request.imports
    )
    selection = RowSelection(window.site, window.since, window.until, window.bots, window.imports)
    try:
        out = place(request.out) if request.out else writable_registry(settings.scoring)
        base = _present(settings, out, request.site)
        with audited(settings, "learn", request.site, f"{request.days} days"):
            async with row_source(settings) as source:
                versions, blocks = source.read(selection)
                rows = joined(blocks)
            _check_known(settings, request.site, rows)
            report_line(f"{len(rows):,} rows of {rows.sessions():,} sessions, {rows.purchases():,} bought")
            learned = learn(rows, base, request.family, request.cost_limit, report_line)
            day = datetime.fromtimestamp((until - 1) / 1000, UTC).date().isoformat()
            candidate = register_candidate(learned, window, rows.sha256(), day, out)
            report = request.report or settings.data_dir / "learning" / f"{candidate.manifest.version}.html"
            _write(report, candidate.report)
    except (ScoringError, DatabaseUnavailableError) as error:
        raise SetupError(str(error)) from error
    return LearningResult(learned, candidate, report, versions)


def _write(report: Path, text: str) -> None:
    try:
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(text)
    except OSError as error:
        # A disk that is full names no file.
        raise SetupError(f"cannot write {report}: {error.strerror}: name another place with --report") from error


def _until(request: LearningRequest) -> int:
    now = int(time.time() * 1000)
    if request.until > now:
        raise SetupError("--until is in the future: sessions that are yet to come teach nothing; leave it out for now")
    return request.until or now


def _present(settings: Settings, out: Place, site: str) -> BaseModel:
    """The model in force, which is recalibrated: the site's own, else the common one; raises RegistryError."""
    version = site_models(out).get(base_site(site)) or settings.scoring.model or registry.current(out)
    manifest = registry.manifest(out, version)
    shop = manifest.training_shop
    return BaseModel(manifest, registry.graph_of(out, version), shop is not None and shop.site != base_site(site))


def _check_known(settings: Settings, site: str, rows: LearningRows) -> None:
    known = sites_of(settings)
    if not len(rows) and base_site(site) not in known:
        listed = ", ".join(sorted(known)) or "none yet"
        raise SetupError(f"there is no site {site}: sites are {listed} (`opecom sites list`)")
