"""Prompt sets as tensors: batches of equal length, cut where clean and corrupt begin to differ."""

from __future__ import annotations

import copy
import logging
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from circuits.forward import Forward, Run, Site
from circuits.interventions import Ablation
from circuits.metrics import Metric
from circuits.pictures import Picture
from circuits.prompts import Prompt, PromptSet
from circuits.vision import Pixels

if TYPE_CHECKING:
    from circuits.models import Model

_LOG = logging.getLogger(__name__)

_PROMPTS_AT_ONCE = 64
# Smaller groups with the same first difference join their neighbors: a batch costs something by itself.
_WORTH_A_BATCH = 4


class Targets(NamedTuple):
    """The answers of a batch, as weights over `tokens` or, where a metric reads everything, over the vocabulary.

    tokens              [prompt, token] what to read, padded by repetition; None for the whole vocabulary
    answer_means        [prompt, token] 1/number of answers at the answers, 0 elsewhere; likewise wrong_answer_means
    is_answer           [prompt, token]; likewise is_wrong_answer
    """

    tokens: Tensor | None
    answer_means: Tensor
    wrong_answer_means: Tensor

    @property
    def is_answer(self) -> Tensor:
        return self.answer_means > 0

    @property
    def is_wrong_answer(self) -> Tensor:
        return self.wrong_answer_means > 0


@dataclass(frozen=True)
class Batch:
    """Prompts of one length on the model's device.

    numbers          their places in the prompt set
    clean, corrupt   [prompt, position] token ids
    start            first position at which any pair differs; 0 where later positions can influence earlier ones
    rows             [prompt] answer positions
    """

    prompts: tuple[Prompt, ...]
    prompt_indices: tuple[int, ...]
    clean: Tensor
    corrupt: Tensor
    start: int
    answer_positions: Tensor

    def __len__(self) -> int:
        return len(self.prompts)

    @property
    def n_positions(self) -> int:
        return self.clean.shape[1]

    def clean_pixels(self, forward: Forward) -> Pixels | None:
        """What the vision tower reads of the clean prompts' images; None for text alone."""
        return _pixels([prompt.image for prompt in self.prompts], forward)

    def corrupt_pixels(self, forward: Forward) -> Pixels | None:
        """The same of the corrupt prompts."""
        return _pixels([prompt.corrupt_image or prompt.image for prompt in self.prompts], forward)

    def part(self, chosen: slice) -> Batch:
        """Some of its prompts."""
        return replace(
            self,
            prompts=self.prompts[chosen],
            numbers=self.prompt_indices[chosen],
            clean=self.clean[chosen],
            corrupt=self.corrupt[chosen],
            rows=self.answer_positions[chosen],
        )

    def positions_of(self, role: str) -> Tensor:
        """[prompt, position] whether the position has the role."""
        found = torch.zeros(self.clean.shape, dtype=torch.bool)
        for number, prompt in enumerate(self.prompts):
            found[number, list(prompt.roles.get(role, ()))] = True
        return found.to(self.clean.device)


def batches(
    prompts: PromptSet, forward: Forward, *, at_once: int = _PROMPTS_AT_ONCE, shares_prefix: bool = True
) -> Iterator[Batch]:
    """The prompts in batches of equal length, at most `at_once` prompts each.

    In a causal model, prompts whose pairs share a long prefix come together, because nothing before the first
    difference changes in any patched run.

    shares_prefix  False: positions before the first difference change too, as they do in most ablations
    """
    shares_prefix = shares_prefix and forward.is_causal
    alike: dict[tuple[int, bool], list[int]] = defaultdict(list)
    for number, prompt in enumerate(prompts):
        alike[len(prompt), prompt.image is None].append(number)
    for numbers in alike.values():
        for group in _by_start(numbers, prompts.prompts) if shares_prefix else [numbers]:
            for first in range(0, len(group), at_once):
                chosen = group[first : first + at_once]
                yield _batch(chosen, [prompts.prompts[n] for n in chosen], forward, shares_prefix=shares_prefix)


def _pixels(images: Sequence[Picture | None], forward: Forward) -> Pixels | None:
    shown = [image for image in images if image is not None]
    if not shown:
        return None
    assert forward.vision is not None, "Model.check_prompts refuses images where the model reads none"
    return forward.vision.pixels(shown)


def _by_start(numbers: Sequence[int], prompts: Sequence[Prompt]) -> list[list[int]]:
    by_start: dict[int, list[int]] = defaultdict(list)
    for number in numbers:
        by_start[prompts[number].first_difference].append(number)
    groups: list[list[int]] = []
    for start in sorted(by_start, reverse=True):
        if groups and len(groups[-1]) < _WORTH_A_BATCH:
            groups[-1] += by_start[start]
        else:
            groups.append(list(by_start[start]))
    if len(groups) > 1 and len(groups[-1]) < _WORTH_A_BATCH:
        last = groups.pop()
        groups[-1] += last
    return groups


def _batch(numbers: Sequence[int], chosen: Sequence[Prompt], forward: Forward, *, shares_prefix: bool) -> Batch:
    start = min(min(prompt.first_difference, prompt.answer_position) for prompt in chosen) if shares_prefix else 0
    as_tensor = {"dtype": torch.long, "device": forward.device}
    return Batch(
        prompts=tuple(chosen),
        prompt_indices=tuple(numbers),
        clean=torch.tensor([prompt.clean for prompt in chosen], **as_tensor),
        corrupt=torch.tensor([prompt.corrupt for prompt in chosen], **as_tensor),
        start=start,
        answer_positions=torch.tensor([prompt.answer_position for prompt in chosen], **as_tensor),
    )


def targets(batch: Batch, metric: Metric, forward: Forward) -> Targets:
    """What the metric reads for each prompt of the batch."""
    device = forward.device
    if metric.reads_vocabulary:
        width, columns = forward.weight_u.shape[0], None
        places = [(list(prompt.answers), list(prompt.wrong_answers)) for prompt in batch.prompts]
    else:
        read = [tuple(dict.fromkeys(prompt.answers + prompt.wrong_answers)) for prompt in batch.prompts]
        width = max(map(len, read))
        columns = torch.tensor([tokens + tokens[-1:] * (width - len(tokens)) for tokens in read], device=device)
        places = [
            ([tokens.index(t) for t in prompt.answers], [tokens.index(t) for t in prompt.wrong_answers])
            for prompt, tokens in zip(batch.prompts, read, strict=True)
        ]
    means = torch.zeros(2, len(batch), width)
    for number, sides in enumerate(places):
        for side, tokens in enumerate(sides):
            for token in tokens:
                means[side, number, token] += 1 / len(tokens)
    means = means.to(device)
    return Targets(columns, means[0], means[1])


class Readout:
    """Reads the metric from final residual streams: what every method calls at the end of a run."""

    def __init__(self, forward: Forward, batch: Batch, metric: Metric, clean_final: Tensor) -> None:
        """clean_final [prompt, d_model]: the clean run's final stream at the answers; some metrics compare with it."""
        self._forward = forward
        self._metric = metric
        self._targets = targets(batch, metric, forward)
        self._clean_logits = None
        if metric.needs_clean_logits:
            self._clean_logits = forward.logits(clean_final, self._targets.tokens).detach()

    def through(self, forward: Forward) -> Readout:
        """The same readout by a forward pass with other gradients."""
        found = copy.copy(self)
        found._forward = forward
        return found

    def __call__(self, final: Tensor) -> Tensor:
        """The metric [variant, prompt] of final streams [variant x prompt, d_model] (variant 1 for a plain run)."""
        n_prompts = len(self._targets.answer_means)
        logits = self._forward.logits(final.unflatten(0, (-1, n_prompts)), self._targets.tokens)
        return self._metric.values(logits, self._targets, self._clean_logits)


class Pair(NamedTuple):
    """The clean and the ablated run of a batch, both from `batch.start` on, and the metric's readout.

    corrupt         what an ablated part gives: with the ablation `corrupt`, the run on the corrupt prompts
    ablated_is_run  whether that is a run of the model
    """

    batch: Batch
    clean: Run
    ablated: Run
    readout: Readout
    ablated_is_run: bool

    def metric_of(self, forward: Forward, run: Run) -> Tensor:
        """[prompt] the metric of a recorded run."""
        return self.readout(forward.at_rows(run.residual[-1], self.batch.answer_positions, run.start))[0]


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
        corrupt = ablation.ablated(forward, batch, whole)
        corrupt = corrupt if needs is None else corrupt.only(needs)
        clean_final = forward.at_rows(clean.residual[-1], batch.answer_positions, batch.start)
        readout = Readout(forward, batch, metric, clean_final)
        return Pair(batch, clean, corrupt, readout, ablation.is_run)


def each_pair(
    model: Model,
    prompts: PromptSet,
    metric: Metric,
    ablation: Ablation,
    work: Callable[[Pair], None],
    *,
    at_once: int = _PROMPTS_AT_ONCE,
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

    each_batch(prompts, forward, record, at_once=at_once, shares_prefix=ablation.shares_prefix)


def each_batch(
    prompts: PromptSet,
    forward: Forward,
    work: Callable[[Batch], None],
    *,
    at_once: int = _PROMPTS_AT_ONCE,
    shares_prefix: bool = True,
) -> None:
    """Call `work` with every batch of the prompts; one that does not fit into memory is halved, with a warning."""
    at_once = max(1, min(at_once, forward.batch_size(max(map(len, prompts)))))
    todo = deque(batches(prompts, forward, at_once=at_once, shares_prefix=shares_prefix))
    while todo:
        batch = todo.popleft()
        if not _fits(lambda batch=batch: work(batch)):
            todo.extendleft(reversed(_halves(batch, forward)))


def _fits(work: Callable[[], None]) -> bool:
    """Whether there was memory for the work."""
    try:
        work()
    except (torch.OutOfMemoryError, RuntimeError, MemoryError) as error:
        # On the CPU torch raises a plain RuntimeError.
        if isinstance(error, (torch.OutOfMemoryError, MemoryError)) or "can't allocate memory" in str(error):
            return False
        raise
    return True


def _halves(batch: Batch, forward: Forward) -> list[Batch]:
    """The batch in two, to be run with half as much stacked at once; a ValueError where neither can be smaller."""
    can_shrink = forward.shrink()
    if len(batch) == 1 and not can_shrink:
        raise ValueError(
            f"out of memory on {forward.device} with a single prompt of {batch.n_positions} tokens and nothing "
            "stacked. Use a shorter prompt, dtype bfloat16, or a machine with more memory."
        )
    _LOG.warning(
        "out of memory on %s with %d prompts of %d tokens: going on with half of them, and half as much at once.",
        forward.device,
        len(batch),
        batch.n_positions,
    )
    if forward.device.type == "cuda":
        torch.cuda.empty_cache()
    middle = (len(batch) + 1) // 2
    return [batch.part(half) for half in (slice(0, middle), slice(middle, None)) if batch.prompt_indices[half]]
