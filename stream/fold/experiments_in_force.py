"""Which experiments and interventions a partition has in force, and what that comes to for each of its sessions."""

from collections.abc import Iterable, Sequence

from stream.experiments.enrolment import NOT_ENROLLED, Enrolment, SitePlan
from stream.experiments.history import Experiments
from stream.fold.session import Enrolled, Session


class ExperimentsInForce:
    """The state of one partition.

    What a session has follows from its set of events, the version at which it opened and the version in force: its
    visitor is that of its earliest event, so the arm of each record can be found again from the record alone.
    """

    __slots__ = ("_in_force", "_known", "_plans", "_uses_interventions", "_uses_silence", "left_out", "version")

    def __init__(self, known: Experiments, version: int = 0, left_out: Iterable[str] = ()) -> None:
        self._known = known
        self.version = version
        #: Running experiments that no session is in: a model of theirs cannot score here.
        self.left_out = frozenset(left_out)
        #: By site and the version at which a session opened.
        self._plans: dict[tuple[str, int], SitePlan] = {}
        #: Another one after each change: sessions keep what they have of experiments with it.
        self._in_force = object()
        #: None: yet to be found.
        self._uses_interventions: bool | None = None
        self._uses_silence: bool | None = None

    def apply(self, version: int, is_refused: bool = False) -> None:
        """Put a version in force; where it is refused, without the model experiments that began with it."""
        version += self._known.ahead
        if version <= self.version:
            return
        begun = self._known.begun(self.version, version) if is_refused else {}
        self.version = version
        self._forget_plans()
        self._uses_interventions = self._uses_silence = None
        if self.left_out or begun:
            self.left_out = (self.left_out | begun.keys()) & self._known.models(version).keys()

    def leave_out(self, name: str) -> None:
        """Let no session be in this experiment, until it is stopped."""
        self.left_out |= {name}
        self._forget_plans()

    def models(self) -> dict[str, set[str]]:
        """The versions of models that experiments in force name, by experiment."""
        known = self._known.models(self.version)
        return {name: models for name, models in known.items() if name not in self.left_out}

    def begun(self, before: int, version: int) -> dict[str, set[str]]:
        """The versions of models that experiments name which begin between two versions, by experiment."""
        return self._known.begun(before, version)

    @property
    def uses_interventions(self) -> bool:
        """Whether an intervention is in force."""
        if self._uses_interventions is None:
            self._uses_interventions = any(each.status == "running" for each in self._known.interventions(self.version))
        return self._uses_interventions

    @property
    def uses_silence(self) -> bool:
        """Whether a condition of an intervention in force asks how long nothing came."""
        if self._uses_silence is None:
            self._uses_silence = self._known.uses_silence(self.version)
        return self._uses_silence

    def silences(self, session: Session) -> Sequence[int]:
        """After how many ms without an event a condition is looked at for the session, the shortest first."""
        return self._plan_of(session).silences if session.experiments_version else ()

    def has_interventions(self, session: Session) -> bool:
        """Whether interventions may fire in the session, or may have fired in it."""
        kept = session.enrolled
        if kept is not None and kept.in_force is self._in_force:
            return kept.had_interventions
        return bool(session.experiments_version) and self._plan_of(session).had_interventions

    def enrolment(self, session: Session) -> Enrolment:
        """What the session has of experiments, by what is in force."""
        if not session.experiments_version:
            return NOT_ENROLLED
        kept = session.enrolled
        if (
            kept is not None
            and kept.in_force is self._in_force
            and kept.session_context is session.session_context
            and kept.day is session.day
            and kept.visitor_id == session.visitor_id
        ):
            return kept.enrolment
        plan = self._plan_of(session)
        if plan.is_empty:
            return NOT_ENROLLED
        visitor_id, session_id = session.visitor_id, session.session_id
        enrolment = plan.enrol(visitor_id, session_id, session)
        session.enrolled = Enrolled(
            self._in_force, plan.had_interventions, visitor_id, session.session_context, session.day, enrolment
        )
        return enrolment

    def _forget_plans(self) -> None:
        self._plans.clear()
        self._in_force = object()

    def _plan_of(self, session: Session) -> SitePlan:
        opened = session.experiments_version
        return self._plans.get((session.site, opened)) or self._plan(session.site, opened)

    def _plan(self, site: str, opened: int) -> SitePlan:
        plan = self._plans[site, opened] = self._known.plan(site, opened, self.version, self.left_out)
        return plan
