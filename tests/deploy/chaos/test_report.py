"""The table and the figures of a run."""

import json

from deploy.chaos.check import Findings
from deploy.chaos.installation import PartCounts, UnexpectedEnd
from deploy.chaos.page import page
from deploy.chaos.report import PlantedResult, document, figures, passed, percentile, rows
from deploy.chaos.run import ChaosRun, InjectedFault

FAULTS = [
    InjectedFault("kill", 100.0, 0.1, 4.0),
    InjectedFault("kill", 110.0, 0.1, 8.0),
    InjectedFault("stop", 120.0, 9.0, None, note="worker-1 <b>"),
]
CAUGHT = [PlantedResult("de-duplication off", True, "doubled", 20.0)]


def a_run(findings: Findings | None = None, unexpected: list[UnexpectedEnd] | None = None) -> ChaosRun:
    parts = PartCounts(unexpected=unexpected or [])
    parts.killed.update({"worker": 2, "kafka": 1})
    clean = Findings({}, {}, [], [], [])
    return ChaosRun(
        findings=findings or clean,
        faults=FAULTS,
        accepted=1_000,
        records=1_100,
        resent=3,
        seconds=60.0,
        began=90.0,
        parts=parts,
    )


def test_percentiles_are_by_the_nearest_rank() -> None:
    assert percentile([4.0, 8.0], 0.5) == 4.0
    assert percentile([4.0, 8.0], 0.99) == 8.0
    assert percentile(list(range(1, 101)), 0.99) == 99


def test_a_row_for_each_kind() -> None:
    kill, stop = rows(FAULTS, {"kill": 1})
    assert (kill.kind, kill.injected, kill.lost, kill.p50, kill.p99, kill.worst) == ("kill", 2, 1, 4.0, 8.0, 8.0)
    assert (stop.injected, stop.lost, stop.p50) == (1, 0, None)


def test_the_json_has_the_figures_of_a_benchmark() -> None:
    made = json.loads(document(a_run(), CAUGHT, {"kafka": "4.3.0"}, {"cores": 2}))
    assert made["bench"] == "chaos"
    assert made["versions"] == {"kafka": "4.3.0"}
    assert [(row["kind"], row["injected"], row["worst"]) for row in made["faults"]] == [
        ("kill", 2, 8.0),
        ("stop", 1, None),
    ]
    wanted = {"accepted": 1_000, "lost": 0, "doubled": 0, "faults": 3, "kinds": 2, "kills": 3}
    wanted |= {"planted": 1, "caught": 1, "recovery_p99_s": 8.0}
    assert wanted.items() <= made["figures"].items()


def test_a_loss_a_doubling_an_end_and_an_uncaught_bug_fail_the_run() -> None:
    assert passed(a_run(), CAUGHT)
    assert not passed(a_run(Findings({"a": "not in the log"}, {}, [], [], [])), [])
    assert not passed(a_run(Findings({}, {"a": "in 2 sessions"}, [], [], [])), [])
    assert not passed(a_run(unexpected=[UnexpectedEnd("worker-1", 2, "opecom: no")]), [])
    assert not passed(a_run(), [PlantedResult("older version wins", False, "nothing", 9.0)])
    assert figures(a_run(), [])["caught"] == 0


def test_the_page_stands_alone_and_escapes_what_it_shows() -> None:
    shown = page(a_run(), CAUGHT, {"kafka": "4.3.0"}, {"cores": 2}, 1)
    assert "worker-1 &lt;b&gt;" in shown
    assert "<script" not in shown
    assert "http://" not in shown.replace("http://www.w3.org", "")
