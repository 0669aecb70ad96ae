"""`make fuzz`: the decoders below HTTP, each in a process of its own, and how often each ran.

Events and marks are fuzzed by atheris, bodies by our mutator, as a body goes through an event loop, which atheris slows
a hundredfold.

    python -m tests.fuzz.run_decoders [--runs 5000000] [event|mark|body]

A decoder that raises what it must not ends with 1, and the input that did it is printed or kept in the current folder.
"""

import argparse
import random
import re
import subprocess
import sys
import tempfile
from pathlib import Path

#: The share of the runs that each decoder gets: a body goes through an event loop, which takes longer.
SHARES = {"event": 0.4, "mark": 0.4, "body": 0.2}
_DONE = re.compile(r"Done (\d+) runs|^stat::number_of_executed_units:\s+(\d+)", re.MULTILINE)


def fuzz(name: str, runs: int, folder: Path) -> None:
    """Fuzz one decoder in this process, which libFuzzer ends."""
    import atheris

    # Only what is ours is looked into: the event loop's own branches would drown it.
    with atheris.instrument_imports(include=["ingest", "stream"]):
        from tests.fuzz.decoders import DECODERS
    for number, seed in enumerate(DECODERS[name].seeds):
        (folder / f"seed-{number}").write_bytes(seed)
    options = [f"-runs={runs}", "-max_len=8192", "-seed=5", "-print_final_stats=1", "-verbosity=0"]
    atheris.Setup([sys.argv[0], *options, str(folder)], DECODERS[name].run)
    atheris.Fuzz()


def fuzz_by_mutation(name: str, runs: int) -> None:
    """Run one decoder on mutations of its seeds; raises what it must not raise, with the input as a note."""
    from tests.fuzz.decoders import DECODERS, mutated

    decoder, dice = DECODERS[name], random.Random(5)
    for number in range(runs):
        data = mutated(decoder.seeds, dice)
        try:
            decoder.run(data)
        except Exception as error:
            error.add_note(f"run {number}: {data!r}")
            raise
    print(f"Done {runs} runs")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("decoder", nargs="?", choices=[*SHARES])
    parser.add_argument("--runs", type=int, default=5_000_000)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child and given.decoder == "body":
        fuzz_by_mutation(given.decoder, given.runs)
        return 0
    if given.child:
        with tempfile.TemporaryDirectory() as folder:
            fuzz(given.decoder, given.runs, Path(folder))
        return 0
    total = uncaught = 0
    for name in [given.decoder] if given.decoder else SHARES:
        runs = given.runs if given.decoder else round(given.runs * SHARES[name])
        command = [sys.executable, "-m", "tests.fuzz.run_decoders", "--child", "--runs", str(runs), name]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        output = done.stdout + done.stderr
        counts = [int(first or second) for first, second in _DONE.findall(output)]
        ran = max(counts, default=0)
        total, uncaught = total + ran, uncaught + (done.returncode != 0)
        print(f"{name}: {ran:,} runs, {'uncaught' if done.returncode else 'nothing uncaught'}", flush=True)
        if done.returncode:
            print(output[-3_000:])
    print(f"{total:,} runs, {uncaught} uncaught")
    return 1 if uncaught else 0


if __name__ == "__main__":
    sys.exit(main())
