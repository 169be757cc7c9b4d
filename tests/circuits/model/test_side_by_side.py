"""Parts of a computation come out once each, whoever computes them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np
import pytest
import torch

from circuits.arrays import Floats
from circuits.effects.paired_runs import Pair
from circuits.evaluation import faithfulness
from circuits.evaluation.criteria import CircuitRunner
from circuits.evaluation.faithfulness import recorded_pairs
from circuits.metrics import METRICS
from circuits.model.forward import Forward
from circuits.model.load import model_from_module
from circuits.model.multiply_adds import count, counted
from circuits.model.side_by_side import lend, side_by_side
from circuits.model.steps import Steps, watched_by
from tests.conftest import random_module, random_prompts

T = TypeVar("T")
Lent = Callable[[Callable[[], T]], T]


@pytest.fixture(params=[1, 2, 3])
def lent(request: pytest.FixtureRequest) -> Iterator[Lent]:
    """Calls a function in a pool of some threads that are lent."""
    pool = ThreadPoolExecutor(request.param, initializer=lambda: lend(pool, request.param))
    yield lambda work: pool.submit(work).result(timeout=30)
    pool.shutdown()


def test_every_item_is_worked_on_once_and_counted(lent: Lent):
    seen: list[int] = []

    def work(item: int) -> bool:
        seen.append(item)
        count(item)
        return True

    def counting() -> int:
        with counted() as all_of_it:
            assert side_by_side(work, range(20))
        return all_of_it.multiply_adds

    assert lent(counting) == sum(range(20))
    assert sorted(seen) == list(range(20))


def test_idle_threads_help():
    pool = ThreadPoolExecutor(2, initializer=lambda: lend(pool, 2))
    both_here = threading.Barrier(2, timeout=30)

    def work(item: int) -> bool:
        both_here.wait()
        return True

    with pool:
        assert pool.submit(side_by_side, work, range(2)).result(timeout=60)


def test_a_thread_that_has_other_work_is_not_waited_for():
    pool = ThreadPoolExecutor(2, initializer=lambda: lend(pool, 2))
    is_over = threading.Event()
    with pool:
        other = pool.submit(is_over.wait, 60)
        assert pool.submit(side_by_side, lambda item: True, range(5)).result(timeout=30)
        assert not other.done()
        is_over.set()


def test_nothing_begins_after_an_error_or_a_no(lent: Lent):
    begun: list[int] = []

    def work(item: int) -> bool:
        begun.append(item)
        if item == 3:
            raise ValueError("the fourth one")
        return item != 50

    with pytest.raises(ValueError, match="the fourth one"):
        lent(lambda: side_by_side(work, range(40)))
    assert len(begun) < 40
    begun.clear()
    assert not lent(lambda: side_by_side(work, range(50, 90)))
    assert len(begun) < 40


def test_steps_of_parts_are_not_told_out_of_order(lent: Lent):
    told: list[float] = []

    class Watch:
        def reached(self, share: float) -> None:
            told.append(share)

        def find(self, name: str) -> None:
            return None

        def keep(self, name: str, values: Callable[[], object]) -> None:
            pass

    def work(item: int) -> bool:
        inner = Steps(1)
        inner.enter(1, item)
        inner.leave(1)
        return True

    def watched() -> None:
        with watched_by(Watch()):
            side_by_side(work, range(10))

    lent(watched)
    assert told == []


def test_circuits_have_the_same_values_to_the_last_bit(lent: Lent, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(faithfulness, "_INTERMEDIATES_AT_ONCE", 0)
    model = model_from_module(random_module("gpt2"), name="tiny")
    prompts, rng = random_prompts(24), np.random.default_rng(0)
    circuits = rng.random((3, model.wiring.n_edges)) < 0.7
    metric = METRICS["logit-difference"]

    def values() -> Floats:
        return CircuitRunner(model, prompts, metric).values(circuits)

    assert np.array_equal(lent(values), values())


def test_recorded_runs_come_in_order_and_to_the_last_bit(lent: Lent):
    model = model_from_module(random_module("gpt2"), name="tiny")
    prompts, metric = random_prompts(200), METRICS["logit-difference"]

    def recorded() -> list[Pair]:
        pairs = recorded_pairs(model, prompts, metric=metric)
        assert pairs is not None
        return pairs

    here, there = recorded(), lent(recorded)
    assert len(here) > 2
    assert [pair.batch.prompt_indices for pair in here] == [pair.batch.prompt_indices for pair in there]
    for one, other in zip(here, there, strict=True):
        assert torch.equal(one.clean.residual[-1], other.clean.residual[-1])
        assert torch.equal(one.ablated.residual[-1], other.ablated.residual[-1])


def test_recorded_runs_that_do_not_fit_are_made_one_after_the_other(lent: Lent, monkeypatch: pytest.MonkeyPatch):
    model = model_from_module(random_module("gpt2"), name="tiny")
    prompts, metric = random_prompts(20), METRICS["logit-difference"]
    circuits = np.random.default_rng(0).random((3, model.wiring.n_edges)) < 0.7
    record = Forward.record

    def values() -> Floats:
        return CircuitRunner(model, prompts, metric).values(circuits)

    def limited(self: Forward, ids: torch.Tensor, pixels: Any = None, **settings: Any) -> Any:
        if len(ids) > 4:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return record(self, ids, pixels, **settings)

    expected = values()
    monkeypatch.setattr(Forward, "record", limited)
    np.testing.assert_allclose(lent(values), expected, atol=1e-5 * np.abs(expected).max())
