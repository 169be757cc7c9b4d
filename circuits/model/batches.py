"""Prompt sets as tensors: batches of equal length, cut where clean and corrupt begin to differ."""

from __future__ import annotations

import logging
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from circuits.data.image_processor import Pixels
from circuits.data.images import Picture
from circuits.data.prompts import Prompt, PromptSet
from circuits.model.forward import Forward

if TYPE_CHECKING:
    pass

_LOG = logging.getLogger(__name__)

PROMPTS_AT_ONCE = 64
# Smaller groups with the same first difference join their neighbors: each batch has a fixed cost.
_WORTH_A_BATCH = 4


@dataclass(frozen=True)
class Batch:
    """Prompts of one length on the model's device.

    prompt_indices    their indices in the prompt set
    clean, corrupt    [prompt, position] token ids
    start             first position at which any pair differs; 0 where later positions can influence earlier ones
    answer_positions  [prompt] where the answer is predicted
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
            prompt_indices=self.prompt_indices[chosen],
            clean=self.clean[chosen],
            corrupt=self.corrupt[chosen],
            answer_positions=self.answer_positions[chosen],
        )

    def positions_of(self, role: str) -> Tensor:
        """[prompt, position] whether the position has the role."""
        mask = torch.zeros(self.clean.shape, dtype=torch.bool)
        for number, prompt in enumerate(self.prompts):
            mask[number, list(prompt.roles.get(role, ()))] = True
        return mask.to(self.clean.device)


def batches(
    prompts: PromptSet, forward: Forward, *, at_once: int = PROMPTS_AT_ONCE, shares_prefix: bool = True
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
    for prompt_indices in alike.values():
        for group in _by_start(prompt_indices, prompts.prompts) if shares_prefix else [prompt_indices]:
            for first in range(0, len(group), at_once):
                chosen = group[first : first + at_once]
                yield _batch(chosen, [prompts.prompts[n] for n in chosen], forward, shares_prefix=shares_prefix)


def _pixels(images: Sequence[Picture | None], forward: Forward) -> Pixels | None:
    shown = [image for image in images if image is not None]
    if not shown:
        return None
    assert forward.vision is not None, "Model.check_prompts refuses images where the model reads none"
    return forward.vision.pixels(shown)


def _by_start(prompt_indices: Sequence[int], prompts: Sequence[Prompt]) -> list[list[int]]:
    by_start: dict[int, list[int]] = defaultdict(list)
    for number in prompt_indices:
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


def _batch(prompt_indices: Sequence[int], chosen: Sequence[Prompt], forward: Forward, *, shares_prefix: bool) -> Batch:
    start = min(min(prompt.first_difference, prompt.answer_position) for prompt in chosen) if shares_prefix else 0
    as_tensor = {"dtype": torch.long, "device": forward.device}
    return Batch(
        prompts=tuple(chosen),
        prompt_indices=tuple(prompt_indices),
        clean=torch.tensor([prompt.clean for prompt in chosen], **as_tensor),
        corrupt=torch.tensor([prompt.corrupt for prompt in chosen], **as_tensor),
        start=start,
        answer_positions=torch.tensor([prompt.answer_position for prompt in chosen], **as_tensor),
    )


def each_batch(
    prompts: PromptSet,
    forward: Forward,
    work: Callable[[Batch], None],
    *,
    at_once: int = PROMPTS_AT_ONCE,
    shares_prefix: bool = True,
) -> None:
    """Call `work` with every batch of the prompts; one that does not fit into memory is halved, with a warning."""
    at_once = max(1, min(at_once, forward.batch_size(max(map(len, prompts)))))
    todo = deque(batches(prompts, forward, at_once=at_once, shares_prefix=shares_prefix))
    while todo:
        batch = todo.popleft()
        if not fits(lambda batch=batch: work(batch)):
            todo.extendleft(reversed(_halves(batch, forward)))


def fits(work: Callable[[], None]) -> bool:
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
