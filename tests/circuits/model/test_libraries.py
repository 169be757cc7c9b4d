"""The libraries of models are imported while nobody looks for garbage."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

import pytest

from circuits.model import libraries, load


@pytest.fixture
def searches() -> Iterator[list[str]]:
    """Grows by one with each search for garbage."""
    seen: list[str] = []

    def note(when: str, about: dict[str, int]) -> None:
        seen.append(when)

    gc.callbacks.append(note)
    yield seen
    gc.callbacks.remove(note)


def test_nobody_looks_for_garbage_meanwhile(searches: list[str]):
    [[] for _ in range(100_000)]
    assert searches
    searches.clear()
    with libraries._nobody_looking_for_garbage():
        [[] for _ in range(100_000)]
    assert not searches


@pytest.mark.parametrize("is_looked_for", [True, False])
def test_afterwards_it_is_looked_for_as_before_also_where_an_import_fails(
    is_looked_for: bool, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "transformer_lens.model_bridge.sources._bridge_builder", None)
    was = gc.isenabled()
    (gc.enable if is_looked_for else gc.disable)()
    try:
        with pytest.raises(ImportError):
            libraries.import_libraries()
        assert gc.isenabled() == is_looked_for
    finally:
        (gc.enable if was else gc.disable)()


def test_they_are_imported_before_a_model_is_opened(monkeypatch: pytest.MonkeyPatch):
    told: list[str] = []
    opened = load.load_huggingface
    monkeypatch.setattr(load, "import_libraries", lambda: told.append("libraries"))
    monkeypatch.setattr(load, "load_huggingface", lambda *given: (told.append("model"), opened(*given))[1])
    load.load_model("reference")
    assert told == ["libraries", "model"]
