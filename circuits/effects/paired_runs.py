"""The clean and the ablated run of every batch of prompts, and the metric read from final residual streams."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch import Tensor

from circuits.ablations import Ablation
from circuits.data.prompts import PromptSet
from circuits.metrics import Metric, Targets
from circuits.model.answers import LongAnswers, answered_in
from circuits.model.batches import Batch, each_batch, every_batch, fits
from circuits.model.forward import Forward, Run, Site
from circuits.model.room import PROMPTS_AT_ONCE
from circuits.model.side_by_side import is_helped, side_by_side

if TYPE_CHECKING:
    from circuits.model.load import Model


def targets(batch: Batch, metric: Metric, forward: Forward) -> Targets:
    """What the metric reads for each prompt of the batch; all answers are single tokens."""
    device = forward.device
    if metric.reads_vocabulary:
        width, columns = forward.weight_u.shape[0], None
        indices: list[tuple[list[Any], list[Any]]] = [
            (list(prompt.answers), list(prompt.wrong_answers)) for prompt in batch.prompts
        ]
    else:
        read: list[tuple[Any, ...]] = [
            tuple(dict.fromkeys(prompt.answers + prompt.wrong_answers)) for prompt in batch.prompts
        ]
        width = max(map(len, read))
        columns = torch.tensor([tokens + tokens[-1:] * (width - len(tokens)) for tokens in read], device=device)
        indices = [
            ([tokens.index(t) for t in prompt.answers], [tokens.index(t) for t in prompt.wrong_answers])
            for prompt, tokens in zip(batch.prompts, read, strict=True)
        ]
    means = torch.zeros(2, len(batch), width)
    for number, sides in enumerate(indices):
        for side, tokens in enumerate(sides):
            for token in tokens:
                means[side, number, token] += 1 / len(tokens)
    means = means.to(device)
    return Targets(columns, means[0], means[1])


class Readout:
    """Reads the metric from final residual streams: what every method calls at the end of a run."""

    def __init__(self, forward: Forward, batch: Batch, metric: Metric, clean_final: Tensor) -> None:
        """clean_final [sequence, read, d_model]: the clean run's final stream where answers are read; some metrics
        compare with it."""
        self._forward = forward
        self._metric = metric
        self._n_sequences = batch.n_sequences
        self._clean_logits = None
        self._read: Targets | LongAnswers | Batch
        if metric.judges_answers:
            self._read = batch
            return
        if batch.has_long_answers:
            self._read = LongAnswers.of(batch)
            return
        self._read = targets(batch, metric, forward)
        if metric.needs_clean_logits:
            self._clean_logits = forward.logits(clean_final[:, 0], self._read.tokens).detach()

    def through(self, forward: Forward) -> Readout:
        """The same readout by a forward pass with other gradients."""
        readout = copy.copy(self)
        readout._forward = forward
        return readout

    def __call__(self, final: Tensor) -> Tensor:
        """The metric [variant, prompt] of final streams [variant x sequence, read, d_model], variant 1 for a plain run.

        All sequences of a prompt are read together: its metric is that of the same change in each of them.
        """
        final = final.unflatten(0, (-1, self._n_sequences))
        if isinstance(self._read, Batch):
            judged = [answered_in(self._forward, self._read, variant).is_correct for variant in final]
            return torch.stack(judged).to(final)
        if isinstance(self._read, LongAnswers):
            return self._metric.values_of_long(*self._read.totals(self._forward.logits(final)))
        logits = self._forward.logits(final.squeeze(2), self._read.tokens)
        return self._metric.values(logits, self._read, self._clean_logits)


class Pair(NamedTuple):
    """The clean and the ablated run of a batch, both from `batch.start` on, and the metric's readout.

    ablated         what ablated components give: with the ablation `corrupt`, the run on the corrupt prompts
    ablated_is_run  whether that is a run of the model
    """

    batch: Batch
    clean: Run
    ablated: Run
    readout: Readout
    ablated_is_run: bool

    def metric_of(self, forward: Forward, run: Run) -> Tensor:
        """[prompt] the metric of a recorded run."""
        return self.readout(forward.at_rows(run.residual[-1], self.batch.read_positions, run.start))[0]


def record_pair(
    forward: Forward, batch: Batch, metric: Metric, ablation: Ablation, *, needs: Collection[Site] | None = None
) -> Pair:
    """Run the clean prompts, and what ablated parts give. Corrupt prompts reuse the prefix that both share.

    needs  which values of the runs to keep; by default all
    """
    with torch.no_grad():
        whole = forward.record(batch.clean, batch.clean_pixels(forward))
        if needs is not None:
            whole = whole.only({*needs, *(("key", "value") if batch.start else ())})
        clean = whole.from_position(batch.start)
        ablated = ablation.ablated(forward, batch, whole)
        ablated = ablated if needs is None else ablated.only(needs)
        clean_final = forward.at_rows(clean.residual[-1], batch.read_positions, batch.start)
        readout = Readout(forward, batch, metric, clean_final)
        return Pair(batch, clean, ablated, readout, ablation.is_run)


def each_pair(
    model: Model,
    prompts: PromptSet,
    metric: Metric,
    ablation: Ablation,
    work: Callable[[Pair], None],
    *,
    at_once: int = PROMPTS_AT_ONCE,
    needs: Collection[Site] | None = None,
) -> None:
    """Call `work` with every batch of the prompts, run once clean and once ablated.

    needs  which values of the runs to keep; by default all

    Where a batch does not fit into memory, it is halved, and so is what the model stacks at once, with a warning:
    `work` may be called again with prompts that it had begun.
    """
    forward, ablation = model.forward, ablation.fitted(model, prompts)

    def record(batch: Batch) -> None:
        work(record_pair(forward, batch, metric, ablation, needs=needs))

    each_batch(prompts, forward, record, at_once=at_once, shares_prefix=ablation.shares_prefix, with_answers=True)


def every_pair(model: Model, prompts: PromptSet, metric: Metric, ablation: Ablation, *, at_once: int) -> list[Pair]:
    """Every batch of the prompts, run once clean and once ablated: side by side where threads were lent, in order.

    Where a batch does not fit into memory, they are made one after the other, as by `each_pair`.
    """
    forward, ablation = model.forward, ablation.fitted(model, prompts)
    todo = every_batch(prompts, forward, at_once=at_once, shares_prefix=ablation.shares_prefix, with_answers=True)
    recorded: dict[int, Pair] = {}

    def record(number: int) -> bool:
        def work() -> None:
            recorded[number] = record_pair(forward, todo[number], metric, ablation)

        return fits(work)

    if is_helped() and side_by_side(record, range(len(todo))):
        return [recorded[number] for number in range(len(todo))]
    pairs: list[Pair] = []
    each_pair(model, prompts, metric, ablation, pairs.append, at_once=at_once)
    return pairs
