"""One network for each feature contract, of one kind and with drawn weights: what contract 2 costs more.

Both are ensembles as `opecom train` makes them, 4 networks of 128 steps over 16 bins of each number. Contract 2 has the
signals beside the seventeen features, and a unit that says that one is unknown. Its hidden layer takes a projection of
all these units: over the units themselves a row would take three times as long as one of contract 1.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from scoring.contracts import SESSION, UCI, Contract
from scoring.features import NAMES
from scoring.signals import DEVICE_CLASSES, LAST_PAGE_TYPES, RATES, SIGNALS

MEMBERS, WIDTH, BINS = 4, 128, 16
#: Columns of the projection that the hidden layer of contract 2 takes.
RANK = 64
#: The greatest value of the bins.
GREATEST = 1e4
SEED = 1
#: The words of each contract with as many codes, one being the first; the rest are numbers. Of the seventeen they are
#: those that the live track knows.
_WORDS: Mapping[str, int] = {
    "Month": 12,
    "VisitorType": 3,
    "Weekend": 1,
    **dict.fromkeys(("OperatingSystems", "Browser", "Region", "TrafficType"), 0),
    "last_page_type": len(LAST_PAGE_TYPES),
    "device_class": len(DEVICE_CLASSES),
}
#: What may be unknown.
_MAY_BE_UNKNOWN = (*NAMES[RATES], *SIGNALS)


def graph_of_contract(made_for: Contract, rank: int | None = None) -> bytes:
    """The graph's file; rank: the columns of the projection, None for none. Raises ImportError without onnx."""
    from scoring.training.graph import build, flag_of, stair, units_of
    from scoring.training.heads import EnsembleHead

    drawn = np.random.default_rng(SEED)
    units: list[tuple[str, float, float]] = []
    bin_width = np.log1p(GREATEST) / BINS
    for name in made_for.names:
        if name in _WORDS:
            codes = range(1, _WORDS[name] + 1)
            units += stair(name, codes, drawn.normal(size=(len(codes), 1)))[0]
        else:
            units += [(name, 1 / bin_width, -float(place)) for place in range(BINS)]
    if made_for is SESSION:
        units += map(flag_of, _MAY_BE_UNKNOWN)
    columns = MEMBERS * WIDTH
    out = np.zeros((columns, MEMBERS))
    for member in range(MEMBERS):
        own = slice(member * WIDTH, (member + 1) * WIDTH)
        out[own, member] = drawn.normal(0, 0.1, WIDTH)
    head = EnsembleHead(
        drawn.normal(0, 0.1, (rank or len(units), columns)),
        drawn.normal(0, 0.1, columns),
        out,
        np.full(MEMBERS, -1.0),
        None if rank is None else drawn.normal(0, 0.1, (len(units), rank)),
    )
    return build(units_of(units, made_for), head, np.ones(len(made_for.names)))


def contract_rows(rows: NDArray[np.float32], made_for: Contract) -> NDArray[np.float32]:
    """Rows of the contract: float32[n, 17] with drawn signals behind, every fourth of which is unknown."""
    if made_for is UCI:
        return rows
    drawn = np.random.default_rng(SEED)
    signals = drawn.gamma(0.5, 6, (len(rows), len(SIGNALS))).round()
    for name, codes in (("last_page_type", LAST_PAGE_TYPES), ("device_class", DEVICE_CLASSES)):
        signals[:, SIGNALS.index(name)] = drawn.integers(1, len(codes) + 1, len(rows))
    signals[drawn.random(signals.shape) < 0.25] = np.nan
    return np.hstack([rows, signals.astype(np.float32)])
