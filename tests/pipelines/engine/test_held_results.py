"""What many jobs read is read once per process, and again where its file has changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipelines.engine.held_results import HeldResults
from pipelines.engine.result_file import Result
from pipelines.engine.store import Store

KEY, OTHER = "ab" * 16, "cd" * 16


class CountedStore(Store):
    """A store that counts how often it reads a file."""

    n_reads = 0

    def read(self, key: str) -> Result:
        self.n_reads += 1
        return super().read(key)


@pytest.fixture
def store(tmp_path: Path) -> CountedStore:
    prepared = CountedStore(tmp_path)
    prepared.prepare()
    for key in (KEY, OTHER):
        prepared.write(key, "prompts", Result({"of": key}, {"values": np.ones(3)}))
    return prepared


def test_a_result_is_read_from_its_file_once(store: CountedStore):
    held = HeldResults()
    assert [held.read(store, KEY).meta["of"] for _ in range(3)] == [KEY] * 3
    assert store.n_reads == 1


def test_what_one_reader_does_to_an_array_no_other_sees(store: CountedStore):
    held = HeldResults()
    held.read(store, KEY).arrays["values"][:] = 7
    assert held.read(store, KEY).arrays["values"].tolist() == [1, 1, 1]


def test_a_file_that_is_written_again_or_gone_is_not_taken_from_memory(store: CountedStore):
    held = HeldResults()
    held.read(store, KEY)
    store.write(KEY, "prompts", Result({"of": "new"}))
    assert held.read(store, KEY).meta["of"] == "new"
    store.path(KEY).unlink()
    with pytest.raises(ValueError, match="gone or damaged"):
        held.read(store, KEY)


def test_the_results_read_longest_ago_make_room(store: CountedStore):
    held = HeldResults(most_bytes=store.path(KEY).stat().st_size + 1)
    for key in (KEY, OTHER, OTHER, KEY):
        held.read(store, key)
    assert store.n_reads == 3
