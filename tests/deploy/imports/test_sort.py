"""The merge sort on disk, with so little memory that it needs many files."""

import random
from pathlib import Path

import pytest

from deploy.imports.sort import ExternalSort


@pytest.mark.parametrize(("memory", "fan_in"), [(10_000_000, 64), (1_000, 64), (300, 3)])
def test_records_come_in_order(tmp_path: Path, memory: int, fan_in: int) -> None:
    chance = random.Random(1)
    records = [chance.randbytes(chance.randrange(1, 40)) for _ in range(2_000)]
    sort = ExternalSort(tmp_path, memory, fan_in)
    for record in records:
        sort.add(record)
    assert list(sort.records()) == sorted(records)
    assert list(tmp_path.iterdir()) == []
