"""A candidate in the shadow of the model in force: the log folded once, and each update scored by both.

The fold asks no model anything, so the candidate's probabilities are those that it would have given live. Live traffic
is not touched, nothing is published, and no row is stored.
"""

from collections.abc import Sequence
from functools import partial

from ingest.events import base_site
from scoring.model import Model
from scoring.row_times import BATCH
from scoring.shadow.compare import by_event, by_subgroup, calibration
from scoring.shadow.latency import latencies
from scoring.shadow.report import ALL, ShadowReport
from scoring.shadow.rows import ShadowRow, ShadowRows
from storage.database.threads import in_thread
from storage.replay.account import Account
from storage.replay.context import ProgressListener, ReplayContext
from storage.replay.order_holders import OrderHolders
from storage.replay.request import PartitionPlan, ReplaySelection
from storage.replay.site_fold import SiteFold
from stream.fold.update import UnscoredUpdate
from stream.scored import Identity, SessionUpdate, VerifiedOrder, identity_of
from stream.step import probabilities


class Shadow:
    """Compares one candidate; raises FoldError, SourceError and ReplayError.

    Left out: sessions of programs (unless `bots`), runs of imports (unless the request names the run), sessions that
    opened in the days that the candidate was fitted on, sessions that are open at the cut, and what follows a session's
    first purchase.
    """

    def __init__(self, world: ReplayContext, request: ReplaySelection) -> None:
        self._world = world
        self._request = request
        self._candidate = world.models(request.model)
        fitted_on = self._candidate.manifest.fitted_on
        self._fitted_until = None if fitted_on is None else fitted_on.until
        self._rows = ShadowRows()
        #: Rows of the sessions that are open, and the orders of those that closed with some.
        self._waiting: dict[Identity, list[ShadowRow]] = {}
        self._holders = OrderHolders()
        self._orders: dict[Identity, tuple[VerifiedOrder, ...]] = {}
        self._groups: dict[tuple[str, ...], tuple[str, ...]] = {}
        #: The first updates, on which the graphs are timed; and the version in force for the last one.
        self._timed: list[SessionUpdate] = []
        self._version = ""

    async def make(self, plans: Sequence[PartitionPlan], watcher: ProgressListener) -> Account:
        """The account with the report as its `shadow`."""
        account, site = Account(), SiteFold(self._world, self._request, self._take)
        for plan in plans:
            await site.fold(plan, account, watcher)
        account.shadow = await in_thread(partial(self._report, account.left_open))
        account.updates = account.shadow.updates
        return account

    def _take(self, partition: int, updates: Sequence[UnscoredUpdate]) -> int:
        closed = sum(update.record.event.id is None for update in updates)
        wanted = [update for update in updates if self._is_of_site(update.record)]
        rest = [each for each in wanted if each.record.event.id is not None and self._is_new(each.record)]
        live = probabilities(rest, self._in_force)
        candidate = probabilities(rest, lambda _: self._candidate)
        pairs = iter(zip(live, candidate, strict=True))
        for update in wanted:
            session = update.record
            if session.event.id is None:
                self._close(session)
                continue
            if not self._is_new(session):
                continue
            (_, before, version), (_, after, _) = next(pairs)
            row = ShadowRow(session.counts.events, before, after, self._subgroups(session), session.revenue, version)
            self._waiting.setdefault(identity_of(session), []).append(row)
        if rest:
            self._timed += [update.record for update in rest[: BATCH - len(self._timed)]]
            self._version = rest[-1].model
        return closed

    def _close(self, session: SessionUpdate) -> None:
        identity = identity_of(session)
        rows = self._waiting.pop(identity, [])
        if session.bot and not self._request.bots:
            return
        if session.orders:
            self._holders.add(identity, session.orders)
            if rows:
                self._orders[identity] = session.orders
        self._rows.add(identity, session.revenue, rows)

    def _is_of_site(self, session: SessionUpdate) -> bool:
        return session.site in (base_site(session.site), self._request.site)

    def _is_new(self, session: SessionUpdate) -> bool:
        """Whether the candidate was not fitted on it."""
        return self._fitted_until is None or session.opened_at >= self._fitted_until

    def _in_force(self, version: str) -> Model:
        return self._world.models(self._request.against or version)

    def _subgroups(self, session: SessionUpdate) -> tuple[str, ...]:
        signals = session.signals
        groups: tuple[str, ...] = (
            f"device {(signals and signals.device_class) or 'unknown'}",
            f"visitor {session.features.VisitorType}",
            f"traffic {session.origin.traffic_type or 'unknown'}",
            # A quantity that is unknown is something, as in scoring/prior.py.
            "with cart" if signals is not None and signals.cart_quantity != 0 else "without cart",
        )
        if not self._request.site:
            groups += (f"site {session.site}",)
        return self._groups.setdefault(groups, groups)

    def _report(self, left_open: int) -> ShadowReport:
        for identity, orders in self._orders.items():
            if not self._holders.counted(identity, orders):
                self._rows.take_back(identity)
        columns = self._rows.columns()
        figures = by_event(columns)
        first, last = self._rows.span or (0, 0)
        versions, manifest = self._rows.versions, self._candidate.manifest
        return ShadowReport(
            candidate=manifest.version,
            sha256=manifest.sha256,
            live={version: count / versions.total() for version, count in sorted(versions.items())},
            site=self._request.site,
            since=first,
            until=last,
            fitted_until=self._fitted_until,
            sessions=figures[ALL].sessions,
            buyers=figures[ALL].buyers,
            updates=len(columns.event),
            left_open=left_open,
            kept=self._rows.kept,
            by_event=figures,
            subgroups=by_subgroup(columns),
            calibration=calibration(columns),
            movers=self._rows.movers(),
            latency=latencies({"live": self._in_force(self._version), "candidate": self._candidate}, self._timed),
        )
