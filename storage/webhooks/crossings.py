"""Which updates are crossings into another band, or fire an intervention, and which webhooks want them. Pure.

Every session begins in `low`: a first update in another band is a crossing, one in `low` is not. Nor is a closing:
nobody can act on it any more. Nor is an update of a program's session: nobody is there. What a hold-out or an arm of
an experiment holds back is a crossing as any other.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, get_args

from msgspec import Struct

from scoring.manifest import Band
from storage.write.sink import REPLAY_NUMBER_MASK
from stream.scored import OFFSET_SHIFT, FiredIntervention, Identity, ScoredSession, band_after, identity_of

#: What a webhook may want: crossings into a band, or into a higher (up) or lower (down) one; or interventions, which
#: go to nobody who does not name them.
Wanted = Literal["low", "building", "high", "up", "down", "interventions"]
WANTED: tuple[Wanted, ...] = get_args(Wanted)
BANDS: tuple[Band, ...] = get_args(Band)


class Webhook(Struct, frozen=True, kw_only=True):
    """`wanted`: none is every crossing. `since`, `bands_since` and `old_secret_until` in ms UTC, see
    storage/webhooks/tables.py."""

    id: str
    site: str
    url: str
    wanted: tuple[Wanted, ...]
    secret: str
    allow_private: bool
    created_at: int
    since: int
    bands_since: int
    disabled: str = ""
    old_secret: str = ""
    old_secret_until: int = 0

    def secrets_at(self, now: int) -> tuple[str, ...]:
        """With what a message is signed at this moment (ms UTC), the newest first."""
        return (self.secret, self.old_secret) if self.old_secret and now < self.old_secret_until else (self.secret,)

    def wants(self, before: Band, after: Band) -> bool:
        up = BANDS.index(after) > BANDS.index(before)
        return not self.wanted or after in self.wanted or ("up" if up else "down") in self.wanted


class Crossing(Struct, frozen=True):
    """An update that left the band `before`, for one webhook."""

    webhook: Webhook
    before: Band
    update: ScoredSession

    @property
    def entered(self) -> Band:
        return band_after(self.before, self.update)

    @property
    def held_by(self) -> str:
        """What holds it back, for people: the hold-out, or experiments with their arms; "" where nothing does."""
        if self.update.holdout:
            return "held back: its visitor is held out"
        arms = [f"arm {each.arm} of {each.experiment}" for each in self.update.experiments if not each.acts]
        return f"held back: {', '.join(arms)}" if arms else ""


class Firing(Struct, frozen=True):
    """An update that fired an intervention, and the webhooks of its site that want to know."""

    webhooks: tuple[Webhook, ...]
    intervention: FiredIntervention
    update: ScoredSession


class FoundCrossings(Struct):
    """What the updates of a partition come to: crossings, firings, the bands to keep (None: of a closed session, to
    forget), and the greatest offset of an event whose update was seen."""

    crossings: list[Crossing]
    firings: list[Firing]
    bands: dict[Identity, Band | None]
    reported: int


def fold(
    updates: Iterable[ScoredSession],
    reported: int,
    known: Mapping[Identity, Band],
    webhooks: Mapping[str, Sequence[Webhook]],
) -> FoundCrossings:
    """The updates of one partition in their order, after what was `reported` and `known` so far; `webhooks` by site.

    A worker that was killed tells updates again: what lies before `reported` was seen. Backfills tell nothing new.
    """
    folded = FoundCrossings([], [], {}, reported)
    for update in updates:
        offset, hooks = update.version >> OFFSET_SHIFT, webhooks.get(update.site)
        if update.version & REPLAY_NUMBER_MASK or offset < folded.reported or not (hooks or update.interventions):
            continue
        folded.reported = offset
        wanting = tuple([hook for hook in hooks or () if "interventions" in hook.wanted])
        folded.firings += [Firing(wanting, each, update) for each in update.interventions if each.offset == offset]
        if hooks:
            _take(update, hooks, folded, known)
    return folded


def by_site(webhooks: Iterable[Webhook]) -> dict[str, list[Webhook]]:
    """Those in use, by their site."""
    found: dict[str, list[Webhook]] = {}
    for webhook in webhooks:
        if not webhook.disabled:
            found.setdefault(webhook.site, []).append(webhook)
    return found


def _take(
    update: ScoredSession, hooks: Sequence[Webhook], folded: FoundCrossings, known: Mapping[Identity, Band]
) -> None:
    identity = identity_of(update)
    if update.status == "closed":
        folded.bands[identity] = None
        return
    if update.bot:
        # Nothing is noted of it: if an earlier event shows that a person came, the session begins in `low` then.
        return
    before = folded.bands.get(identity) or known.get(identity)
    if before is None:
        if update.opened_at < min(hook.bands_since for hook in hooks):
            # It may have been in this band before anybody looked.
            folded.bands[identity] = update.band
            return
        before = "low"
    entered = band_after(before, update)
    if entered == before:
        return
    folded.bands[identity] = entered
    folded.crossings += [
        Crossing(hook, before, update)
        for hook in hooks
        if update.updated_at >= hook.since and hook.wants(before, entered)
    ]
