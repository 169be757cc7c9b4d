"""A short probe of the real model: how fast it runs, with and without gradients, on some of the real prompts."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from circuits.data.prompts import PromptSet
from pipelines.costs.shape import Shape
from pipelines.costs.work import Work, plain_pass

if TYPE_CHECKING:
    from circuits.model.load import Model

# Prompts that are run, and the seconds after which a run is not repeated.
_PROMPTS, _ENOUGH_S = 8, 0.5


class Speed(NamedTuple):
    """Floating point operations per second of runs without gradients and with them, and what was run to know."""

    of_sweeps: float
    of_gradients: float
    n_prompts: int
    n_tokens: int
    seconds: float

    def seconds_for(self, work: Work) -> float:
        """What some work takes one job after the other; two operations for a multiply-add."""
        return 2 * (work.sweeps / self.of_sweeps + work.gradients / self.of_gradients)


def probe(model: Model, prompts: PromptSet, shape: Shape) -> Speed:
    """Run the model on the first prompts, once to begin with, then timed: forward, and forward and backward."""
    import torch

    from circuits.ablations import Corrupt
    from circuits.effects.gradients import gradients
    from circuits.effects.paired_runs import record_pair
    from circuits.metrics import METRICS
    from circuits.model.batches import batches

    began = time.perf_counter()
    # Jobs have one thread each.
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        batch = next(batches(prompts[:_PROMPTS], model.forward, shares_prefix=False))
        forward_s = _timed(lambda: model.forward.record(batch.clean, batch.clean_pixels(model.forward)))
        pair = record_pair(model.forward, batch, METRICS["logit-difference"], Corrupt())
        with_gradients_s = _timed(lambda: gradients(model.forward, pair, pair.clean.residual[0]))
    finally:
        torch.set_num_threads(n_threads)
    operations = 2 * len(batch) * plain_pass(shape, batch.n_positions)
    seconds = time.perf_counter() - began
    return Speed(operations / forward_s, 2 * operations / with_gradients_s, len(batch), batch.n_positions, seconds)


def _timed(run: Callable[[], object]) -> float:
    """Seconds that it takes, at best of two where it is short; the first time, which sets things up, does not count
    where there is another."""
    seconds = _seconds(run)
    return seconds if seconds > 2 * _ENOUGH_S else min(_seconds(run) for _ in range(2))


def _seconds(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
