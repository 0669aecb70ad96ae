"""The journal of erasures over a change of keys: nobody is lost, and who it was is forgotten under every key."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from storage.admin.forget import Deleted, Visitor
from storage.admin.journal import ErasureJournal
from storage.database.engine import engine_of
from storage.database.migrate import migrate, relational_run, steps
from stream.fold.erasure_keys import NO_KEY, ErasureKeys

OLD, NEW = b"the key of last year, 32 bytes or more", b"the key of this year, 32 bytes or more"
PLAIN, KEYED, ROTATED = ErasureKeys(), ErasureKeys([OLD]), ErasureKeys([NEW, OLD])
ANN, BEN = Visitor("shop", "ann"), Visitor("shop", "ben")


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    made = engine_of(f"sqlite:///{tmp_path / 'opecom.sqlite'}")
    migrate("sqlite", relational_run(made))
    return made


def test_who_was_forgotten_before_a_change_of_keys_is_found(engine: Engine) -> None:
    for keys, visitor in ((PLAIN, ANN), (KEYED, BEN)):
        journal = ErasureJournal(engine, keys)
        journal.end(journal.begin(visitor), Deleted(sessions=2))
    after = ErasureJournal(engine, ROTATED)
    for visitor in (ANN, BEN):
        entry = after.entry(visitor)
        assert entry is not None
        assert (entry.state, entry.deleted.sessions) == ("done", 2)
    assert after.digests() == [
        (PLAIN.visitor_digest("shop", "ann"), NO_KEY), (KEYED.visitor_digest("shop", "ben"), KEYED.newest)
    ]  # fmt: skip


def test_an_erasure_that_was_under_way_ends_under_both_keys(engine: Engine) -> None:
    ErasureJournal(engine, KEYED).begin(ANN)
    after = ErasureJournal(engine, ROTATED)
    assert after.unfinished() == [ANN]
    digest = after.begin(ANN)
    assert digest == ROTATED.visitor_digest("shop", "ann")
    after.share(digest, [("shop", "s1")])
    after.end(digest, Deleted())
    assert after.unfinished() == []
    assert {digest for digest, _ in after.digests()} == {
        KEYED.visitor_digest("shop", "ann"), digest, ROTATED.session_digest("shop", "s1")
    }  # fmt: skip
    with engine.connect() as connection:
        assert "ann" not in repr(connection.execute(text("SELECT * FROM erasures")).all())


def test_the_digests_of_an_older_database_are_read_before_it_has_the_column(tmp_path: Path) -> None:
    engine = engine_of(f"sqlite:///{tmp_path / 'opecom.sqlite'}")
    run = relational_run(engine)
    for step in steps("sqlite"):
        if step.name == "erasure_keys":
            break
        for statement in step.statements:
            run(statement)
    digest = PLAIN.visitor_digest("shop", "ann")
    run(
        "INSERT INTO erasures (digest, site, visitor_id, state, asked_at, shared, deleted) "  # noqa: S608
        f"VALUES ('{digest}', 'shop', '', 'done', 5, '[]', '{{}}')"
    )
    assert ErasureJournal(engine, ROTATED).digests() == [(digest, NO_KEY)]
