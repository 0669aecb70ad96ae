"""Runs the consumer of docs/subscribe.md, as a reader would: copied out of the document, with the broker's address."""

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from deploy.settings.model import KafkaSettings

DOCUMENT = Path(__file__).parents[2] / "docs" / "subscribe.md"


def consumer() -> str:
    """The document's Python block."""
    (code,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    return str(code)


@contextlib.contextmanager
def running_consumer(kafka: KafkaSettings, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """The document's consumer on this broker and topic, with its output as text."""
    code = consumer()
    for said, meant in {
        '"scored-sessions"': f'"{kafka.scored_topic}"',
        '"127.0.0.1:9092"': f'"{kafka.bootstrap}"',
        '"my-offers"': f'"offers-{kafka.scored_topic}"',
    }.items():
        assert code.count(said) == 1
        code = code.replace(said, meant)
    program = folder / "consumer.py"
    program.write_text(code)
    with subprocess.Popen([sys.executable, "-I", program], cwd=folder, stdout=subprocess.PIPE, text=True) as child:
        try:
            yield child
        finally:
            child.terminate()
