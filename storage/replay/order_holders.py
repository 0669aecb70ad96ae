"""Which session had each order first: where several sessions of a site have one, it counts in that one alone. Pure."""

from collections.abc import Sequence

from stream.scored import Identity, VerifiedOrder

_Had = tuple[int, int, str]


class OrderHolders:
    """Takes all sessions with orders, then says which orders of one of them count."""

    def __init__(self) -> None:
        #: By site and order.
        self._first: dict[tuple[str, str], _Had] = {}

    def add(self, identity: Identity, orders: Sequence[VerifiedOrder]) -> None:
        for order in orders:
            had, place = _had(identity, order), (identity[0], order.id)
            self._first[place] = min(had, self._first.get(place, had))

    def counted(self, identity: Identity, orders: Sequence[VerifiedOrder]) -> list[VerifiedOrder]:
        """Those of the session's orders that count in it, once all sessions were added."""
        return [each for each in orders if self._first[identity[0], each.id] == _had(identity, each)]


def _had(identity: Identity, order: VerifiedOrder) -> _Had:
    _, session_id, opened_at = identity
    return order.at, opened_at, session_id
