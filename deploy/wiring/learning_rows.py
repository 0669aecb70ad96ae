"""Where `opecom learn` takes its rows from: the databases, or the running system, which alone may read them then."""

import contextlib
import http.client
from collections.abc import AsyncIterator, Iterator
from urllib.parse import unquote, urlencode

from deploy.errors import SetupError
from deploy.processes.data_folder import running
from deploy.settings.model import Settings
from deploy.terminal.query_client import ApiGoneError, QueryApi, away, refusal_of, through_restarts
from deploy.wiring.keys import admin_key
from deploy.wiring.storage import databases
from ingest.outage import reason_of
from scoring.learning.rows import LearningRows
from storage.learning.source import MODELS_HEADER, RowSelection, RowSource, SelectedRows, decoded_parts
from storage.learning.timeline import TimelineRows

#: Seconds that one slice may take, and bytes that are taken at a time.
PATIENCE, PART = 300, 8_000_000


@contextlib.asynccontextmanager
async def row_source(settings: Settings) -> AsyncIterator[RowSource]:
    """Raises SetupError where the databases do not open."""
    if settings.profile == "embedded" and running(settings.data_dir) is not None:
        yield ServedRows(QueryApi.of(settings), admin_key(settings))
    else:
        async with databases(settings) as opened:
            yield TimelineRows(opened.client, opened.engine)


class ServedRows:
    """The timeline as the query API reads it."""

    def __init__(self, api: QueryApi, key: str) -> None:
        self._api = api
        self._key = key

    def read(self, selection: RowSelection) -> SelectedRows:
        """See RowSource; raises AwayError where no API answers or its answer breaks off, SetupError for a refusal.

        The whole answer is taken at once: where it breaks off as the API starts again, all of it is asked for again.
        """
        return through_restarts(self._api, lambda: self._read(selection))

    def _read(self, selection: RowSelection) -> SelectedRows:
        parts = self._parts(selection)
        versions = next(parts).decode()
        # An answer that has no model has no rows.
        blocks = list(self._blocks(parts))
        return SelectedRows([unquote(each) for each in versions.split(",") if each], iter(blocks))

    def _blocks(self, parts: Iterator[bytes]) -> Iterator[LearningRows]:
        try:
            yield from decoded_parts(parts)
        except ValueError as error:
            raise ApiGoneError(f"the query API at {self._api.url} broke off: {error}; learn again", True) from error

    def _parts(self, selection: RowSelection) -> Iterator[bytes]:
        """The names of the models, and then the rows."""
        query = urlencode({**selection._asdict(), "bots": int(selection.bots), "imports": int(selection.imports)})
        connection = http.client.HTTPConnection(self._api.address.host, self._api.address.port, timeout=PATIENCE)
        try:
            connection.request("GET", f"/learning/rows?{query}", headers={"X-OPECOM-Key": self._key})
            answer = connection.getresponse()
            if answer.status != 200:
                raise SetupError(refusal_of(self._api, answer.status, answer.read()))
            yield answer.headers.get(MODELS_HEADER, "").encode()
            while part := answer.read(PART):
                yield part
        except (OSError, http.client.HTTPException) as error:
            raise away(
                f"the query API at {self._api.url} does not give the rows ({reason_of(error)}): see `opecom doctor`",
                error,
            ) from error
        finally:
            connection.close()
