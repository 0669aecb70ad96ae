"""What a replay is asked for, and the plan that it makes of that for each partition. Both are kept by the journal."""

import re
import unicodedata
from pathlib import PurePath
from typing import Annotated, Literal

from msgspec import Meta, Struct

from ingest.events import base_site
from storage.interventions.answers import InterventionRequest
from stream.fold.mark import Mark
from stream.interventions.changes import faulty
from stream.replay import NEVER, Window

SourceName = Literal["kafka", "clickhouse"]
TargetName = Literal["databases", "topic", "file", "features", "shadow", "check", "trial", "nothing"]
#: Bytes of a file's name: file systems take 255, and parts add to it.
LONGEST_FILE = 200
_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")


class ReplaySelection(Struct, frozen=True, forbid_unknown_fields=True):
    """`since` and `until` are ms UTC by received_at; `model` empty: the models that the log put in force.

    `target` names the topic or the file; `features` is a file, too: a training set. `nothing` is a dry run. `shadow`
    compares `model`, a candidate, with the version `against`; empty: with those that the log put in force. `check`
    compares the stored features of `sample` sessions (0: of all), chosen by a hash with `seed`, with those of the log.
    `trial` says what `intervention` would have fired.
    """

    since: Annotated[int, Meta(ge=0, le=NEVER)] = 0
    until: Annotated[int, Meta(ge=0, le=NEVER)] = NEVER
    site: Annotated[str, Meta(max_length=97)] = ""
    model: Annotated[str, Meta(max_length=64)] = ""
    source: SourceName = "kafka"
    into: TargetName = "databases"
    target: Annotated[str, Meta(max_length=4_096)] = ""
    include_late: bool = False
    diff: bool = False
    #: Of a training set: also sessions of programs.
    bots: bool = False
    against: Annotated[str, Meta(max_length=64)] = ""
    sample: Annotated[int, Meta(ge=0)] = 0
    seed: Annotated[int, Meta(ge=0)] = 0
    intervention: InterventionRequest | None = None

    @property
    def folds_sites(self) -> bool:
        """Whether only what the site needs of the log is folded, up to the sessions that are closed at the cut."""
        return self.into in ("features", "shadow", "check", "trial")

    @property
    def window(self) -> Window:
        return Window(self.since, self.until, self.site)

    @property
    def reads_databases(self) -> bool:
        """Whether what is published is compared with what is stored."""
        return self.into in ("databases", "check") or (self.into == "nothing" and self.diff)

    @property
    def fault(self) -> str:
        """Why it can never run, in one line; empty where it can. Asked before anything of it is kept."""
        for name in ("site", "model", "against", "target"):
            if not _is_plain(getattr(self, name)):
                return f"{name}: it has characters that cannot be printed; write it without them"
        if self.into == "shadow" and not self.model:
            return "model: name the candidate, a version of the registry"
        return self._fault_of_trial if self.into == "trial" else self._fault_of_target

    @property
    def _fault_of_target(self) -> str:
        if self.into == "topic" and (not _TOPIC.fullmatch(self.target) or self.target in (".", "..")):
            return "target: name a topic with 1 to 249 of the letters a-z, A-Z, 0-9, '.', '_' and '-'"
        if self.into in ("file", "features"):
            file = PurePath(self.target).name
            if file in ("", ".."):
                return "target: name a file, such as scores.jsonl"
            if len(file.encode()) > LONGEST_FILE:
                return f"target: a file's name has at most {LONGEST_FILE} bytes"
        return ""

    @property
    def _fault_of_trial(self) -> str:
        if self.intervention is None:
            return "intervention: say which is tried"
        if self.site != self.intervention.site:
            return f"site: an intervention is tried on its own site, {self.intervention.site}"
        return faulty(self.intervention.running(0))

    def may_meet(self, other: "ReplaySelection") -> bool:
        """Whether both may be about the same sessions."""
        return not self.site or not other.site or base_site(self.site) == base_site(other.site)

    def covers(self, other: "ReplaySelection") -> bool:
        """Whether the sites of the other are among the sites of this one."""
        return not self.site or (bool(other.site) and base_site(self.site) == base_site(other.site))


def _is_plain(text: str) -> bool:
    """Whether the text has neither control characters nor half pairs, which neither files nor databases take."""
    return not any(unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Zl", "Zp") for letter in text)


class PartitionPlan(Struct, frozen=True):
    """How one partition is replayed; made once, so that a resumed replay does the same.

    Folding begins at `begin`. It ends at `cut`, or earlier where no session of the window is open after `last`. `tail`
    is where folding begins to find the sessions that are open at the cut.
    """

    partition: int
    begin: Mark
    last: int
    cut: int
    tail: Mark
    #: ClickHouse lacks records of the log that are replayed: they are stored again, too.
    store_log: bool = False

    @property
    def records(self) -> int:
        """Records to fold; 0 where the partition is empty."""
        return max(0, self.last + 1 - self.begin.next)
