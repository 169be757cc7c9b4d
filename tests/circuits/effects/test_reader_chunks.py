"""Edge scores in parts of a layer's readers: however small the parts, they are those of the whole but for rounding."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from circuits.methods import METHODS
from circuits.metrics import METRICS
from circuits.model import room
from circuits.model.load import model_from_module
from circuits.model.room import reader_chunks
from tests.bundled import bundled
from tests.conftest import mostly_slow, random_module, random_prompts

METRIC = METRICS["logit-difference"]
# More numbers than these models have, and down to what forces the smallest parts.
BOUNDS = (2_000, 500, 1)


def parts(n_readers: int, most: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many readers each part has, of ten numbers each."""
    monkeypatch.setitem(room._READER_ELEMENTS, "cpu", most)
    chunks = list(reader_chunks(n_readers, 10, "cpu"))
    assert [n for chunk in chunks for n in range(chunk.start, chunk.stop)] == list(range(n_readers))
    return [chunk.stop - chunk.start for chunk in chunks]


def test_parts_are_even_and_hold_what_they_may(monkeypatch):
    assert parts(36, 1_000_000, monkeypatch) == [36]
    assert parts(36, 360, monkeypatch) == [36]
    assert parts(36, 359, monkeypatch) == [18, 18]
    assert parts(36, 120, monkeypatch) == [12, 12, 12]
    assert parts(15, 70, monkeypatch) == [5, 5, 5]


def test_parts_have_at_least_four_readers_or_all(monkeypatch):
    """Smaller products are slower, and on many processors summed by another kernel, in another order."""
    assert parts(15, 1, monkeypatch) == [5, 5, 5]
    assert parts(12, 1, monkeypatch) == [4, 4, 4]
    assert parts(7, 1, monkeypatch) == [7]
    assert parts(3, 1, monkeypatch) == [3]


OF_EDGES = ("eap", "eap-ig", "eap-ig-activations", "clean-corrupt", "ceap", "relp")
OTHER_FAMILIES = ("neox", "llama", "qwen3")


# Every method on one family, and two on each other one.
@pytest.mark.parametrize(
    ("method", "family"),
    mostly_slow(
        itertools.product(OF_EDGES, ["gpt2", *OTHER_FAMILIES]),
        [
            *((method, "gpt2") for method in OF_EDGES),
            *((method, OTHER_FAMILIES[number % 3]) for number, method in enumerate(OF_EDGES)),
        ],
    ),
)
def test_scores_are_the_same_but_for_rounding(method, family, monkeypatch):
    model, prompts = model_from_module(random_module(family)), random_prompts(6, shared_prefix=2)
    whole = METHODS[method]().score(model, prompts, metric=METRIC).per_prompt
    assert np.count_nonzero(whole) > whole.size / 3
    _assert_same(model, prompts, method, whole, monkeypatch)


def test_scores_are_the_same_where_the_norm_is_not_known(monkeypatch):
    model, prompts = model_from_module(random_module("gpt2")), random_prompts(6, shared_prefix=2)
    for layer in model.forward.layers:
        layer.__dict__["known_norm"] = None
    whole = METHODS["eap-ig"]().score(model, prompts, metric=METRIC).per_prompt
    _assert_same(model, prompts, "eap-ig", whole, monkeypatch)


def test_scores_of_a_trained_model_are_the_same(monkeypatch):
    from circuits.tasks import TASKS

    model = bundled("reference")
    prompts = TASKS["ioi"]().build(model.tokenizer, n=8)
    whole = METHODS["eap-ig"]().score(model, prompts, metric=METRIC).per_prompt
    _assert_same(model, prompts, "eap-ig", whole, monkeypatch)


def _assert_same(model, prompts, method, whole, monkeypatch) -> None:
    """That scores in parts are those of the whole; and that there were parts.

    On some processors even large products of other sizes are summed in another order: of float32 values of which a few
    thousand are summed, 1e-5 of the largest is rounding.
    """
    counted, chunks = [], room.reader_chunks

    def seen(*asked):
        found = list(chunks(*asked))
        counted.append(len(found))
        return iter(found)

    monkeypatch.setattr(room, "reader_chunks", seen)
    for bound in BOUNDS:
        monkeypatch.setitem(room._READER_ELEMENTS, "cpu", bound)
        again = METHODS[method]().score(model, prompts, metric=METRIC).per_prompt
        np.testing.assert_allclose(again, whole, rtol=0, atol=1e-5 * np.abs(whole).max(), err_msg=str(bound))
    assert max(counted) > 1
