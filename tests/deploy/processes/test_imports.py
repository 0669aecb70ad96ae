"""The garbage collector while libraries are imported."""

import gc

import pytest

from deploy.processes.imports import collector_paused


def test_it_rests_meanwhile_and_then_leaves_out_what_is_there() -> None:
    before = gc.get_freeze_count()
    with collector_paused():
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() > before


def test_a_module_that_cannot_be_imported_does_not_stop_it_for_good() -> None:
    with pytest.raises(ImportError), collector_paused():
        raise ImportError
    assert gc.isenabled()
