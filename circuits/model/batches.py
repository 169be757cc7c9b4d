"""Prompt sets as tensors: batches of one length, cut where clean and corrupt begin to differ."""

from __future__ import annotations

import logging
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from circuits.cached import cached_property
from circuits.data.image_processor import Pixels
from circuits.data.images import Picture
from circuits.data.prompts import Prompt, PromptSet
from circuits.model.forward import Forward
from circuits.model.lengths import Extent, cheapest_groups
from circuits.model.room import PROMPTS_AT_ONCE
from circuits.model.steps import Steps
from circuits.numbers import count_text

_LOG = logging.getLogger(__name__)

# Smaller groups with the same first difference join their neighbors: each batch has a fixed cost.
_WORTH_A_BATCH = 4
# What plain RuntimeErrors say: torch's on the CPU, and those of CUDA and its libraries, which allocate by themselves.
_NO_MEMORY = ("can't allocate memory", "CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED")


@dataclass(frozen=True)
class Batch:
    """Prompts on the model's device, run as sequences of one length.

    Most prompts are one sequence. Where answers have several tokens, a prompt is run once for each of its continuations
    (`Prompt.continuations`): these sequences are neighbors, and begin with the same prompt. Shorter sequences are
    filled up at the end, where nothing that is read can see it.

    prompt_indices    the prompts' indices in the prompt set
    owners            [sequence] the number of its prompt in the batch, ascending
    continuations     [sequence] what follows the prompt in it: of an answer of several tokens, all but the last
    clean, corrupt    [sequence, position] token ids
    start             first position at which any pair differs; 0 where later positions can influence earlier ones
    answer_positions  [sequence] where the answer is predicted; of several tokens, the first
    """

    prompts: tuple[Prompt, ...]
    prompt_indices: tuple[int, ...]
    owners: tuple[int, ...]
    continuations: tuple[tuple[int, ...], ...]
    clean: Tensor
    corrupt: Tensor
    start: int
    answer_positions: Tensor

    def __len__(self) -> int:
        return len(self.prompts)

    @property
    def n_sequences(self) -> int:
        return len(self.owners)

    @property
    def n_positions(self) -> int:
        return self.clean.shape[1]

    @property
    def has_long_answers(self) -> bool:
        """Whether an answer of several tokens is read."""
        return any(self.continuations)

    @property
    def by_sequence(self) -> list[Prompt]:
        """[sequence] its prompt."""
        return [self.prompts[owner] for owner in self.owners]

    @cached_property
    def read_positions(self) -> Tensor:
        """[sequence, read] where the tokens of answers are predicted, one after the other; the last is repeated where
        other sequences have more."""
        n_read = 1 + max(map(len, self.continuations))
        steps = [[min(step, len(one)) for step in range(n_read)] for one in self.continuations]
        return self.answer_positions.unsqueeze(1) + torch.tensor(steps, device=self.answer_positions.device)

    @cached_property
    def of_prompts(self) -> Tensor:
        """[sequence, position] whether a token is the prompt's, neither its answer's nor filled up."""
        return self._up_to([len(prompt) for prompt in self.by_sequence])

    @cached_property
    def of_sequences(self) -> Tensor:
        """[sequence, position] whether a token is the prompt's or its answer's, not filled up."""
        return self._up_to(
            [len(prompt) + len(one) for prompt, one in zip(self.by_sequence, self.continuations, strict=True)]
        )

    def _up_to(self, lengths: Sequence[int]) -> Tensor:
        device = self.clean.device
        return torch.arange(self.n_positions, device=device) < torch.tensor(lengths, device=device).unsqueeze(1)

    @cached_property
    def _owners(self) -> Tensor:
        return torch.tensor(self.owners, device=self.clean.device)

    def of_each_prompt(self, values: Tensor) -> Tensor:
        """Values [sequence, ...] added up to [prompt, ...]."""
        if self.n_sequences == len(self):
            return values
        # Not `index_add_`, which on a GPU adds in any order.
        return values.new_zeros(len(self), *values.shape[1:]).index_put_((self._owners,), values, accumulate=True)

    @property
    def first_sequences(self) -> list[int]:
        """[prompt] the first of its sequences."""
        return [self.owners.index(number) for number in range(len(self))]

    def clean_pixels(self, forward: Forward) -> Pixels | None:
        """What the vision tower reads of the clean prompts' images; None for text alone."""
        return _pixels([prompt.image for prompt in self.by_sequence], forward)

    def corrupt_pixels(self, forward: Forward) -> Pixels | None:
        """The same of the corrupt prompts."""
        return _pixels([prompt.corrupt_image or prompt.image for prompt in self.by_sequence], forward)

    def part(self, chosen: slice) -> Batch:
        """Some of its prompts."""
        numbers = range(len(self))[chosen]
        kept = [row for row, owner in enumerate(self.owners) if owner in numbers]
        rows = slice(kept[0], kept[-1] + 1) if kept else slice(0, 0)
        return replace(
            self,
            prompts=self.prompts[chosen],
            prompt_indices=self.prompt_indices[chosen],
            owners=tuple(owner - numbers.start for owner in self.owners[rows]),
            continuations=self.continuations[rows],
            clean=self.clean[rows],
            corrupt=self.corrupt[rows],
            answer_positions=self.answer_positions[rows],
        )

    def alone(self, number: int) -> Batch:
        """One of its sequences by itself, without what it is filled up with."""
        owner, rows = self.owners[number], slice(number, number + 1)
        length = len(self.prompts[owner]) + len(self.continuations[number])
        return replace(
            self,
            prompts=(self.prompts[owner],),
            prompt_indices=(self.prompt_indices[owner],),
            owners=(0,),
            continuations=self.continuations[rows],
            clean=self.clean[rows, :length],
            corrupt=self.corrupt[rows, :length],
            answer_positions=self.answer_positions[rows],
        )

    def positions_of(self, role: str) -> Tensor:
        """[sequence, position] whether the position has the role."""
        mask = torch.zeros(self.clean.shape, dtype=torch.bool)
        for number, prompt in enumerate(self.by_sequence):
            mask[number, list(prompt.roles.get(role, ()))] = True
        return mask.to(self.clean.device)


def batches(
    prompts: PromptSet,
    forward: Forward,
    *,
    at_once: int = PROMPTS_AT_ONCE,
    shares_prefix: bool = True,
    with_answers: bool = False,
) -> Iterator[Batch]:
    """The prompts in batches, at most `at_once` sequences each, or the sequences of one prompt.

    In a causal model, prompts whose pairs share a long prefix come together, because nothing before the first
    difference changes in any patched run.

    shares_prefix  False: positions before the first difference change too, as they do in most ablations
    with_answers   True: as methods run them. Prompts go on with their answers of several tokens, and those of similar
                   lengths come together: what is no prompt's token is told by the batch's masks. False: prompts of one
                   length and nothing else
    """
    shares_prefix = shares_prefix and forward.is_causal
    every = prompts.prompts
    for group in _groups(every, forward, at_once, shares_prefix=shares_prefix, with_answers=with_answers):
        for chosen in _chunks(group, every, at_once, with_answers=with_answers):
            of_batch = [every[n] for n in chosen]
            yield _batch(chosen, of_batch, forward, shares_prefix=shares_prefix, with_answers=with_answers)


def _groups(
    prompts: Sequence[Prompt], forward: Forward, at_once: int, *, shares_prefix: bool, with_answers: bool
) -> Iterator[list[int]]:
    """The numbers of prompts that come together; those with images only with others of their length, as their processor
    stacks them."""
    alike: dict[tuple[int, bool], list[int]] = defaultdict(list)
    for number, prompt in enumerate(prompts):
        alike[prompt.n_positions if with_answers else len(prompt), prompt.image is None].append(number)
    limit = forward.same_rotations_up_to if with_answers and forward.is_causal else 0
    filled_up = [key for key in alike if key[1] and key[0] <= limit]
    if len(filled_up) > 1:
        numbers = [number for key in filled_up for number in alike.pop(key)]
        yield from _of_like_extent(numbers, prompts, at_once, shares_prefix=shares_prefix)
    for numbers in alike.values():
        yield from _by_start(numbers, prompts) if shares_prefix else [numbers]


def _of_like_extent(
    numbers: Sequence[int], prompts: Sequence[Prompt], at_once: int, *, shares_prefix: bool
) -> Iterator[list[int]]:
    """Prompts of different lengths in groups, shorter ones first in each."""
    by_extent: dict[Extent, list[int]] = defaultdict(list)
    for number in numbers:
        prompt = prompts[number]
        start = min(prompt.first_difference, prompt.answer_position) if shares_prefix else 0
        by_extent[Extent(prompt.n_positions, start)].append(number)
    sizes = {extent: sum(len(prompts[n].continuations) for n in own) for extent, own in by_extent.items()}
    for group in cheapest_groups(sizes, at_once):
        members = [number for extent in group for number in by_extent[extent]]
        yield sorted(members, key=lambda number: (prompts[number].n_positions, number))


def _chunks(
    group: Sequence[int], prompts: Sequence[Prompt], at_once: int, *, with_answers: bool
) -> Iterator[Sequence[int]]:
    """Parts of a group, with at most that many sequences or a single prompt."""
    first, n_sequences = 0, 0
    for number, index in enumerate(group):
        n_own = len(prompts[index].continuations) if with_answers else 1
        if number > first and n_sequences + n_own > at_once:
            yield group[first:number]
            first, n_sequences = number, 0
        n_sequences += n_own
    yield group[first:]


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


def _batch(
    prompt_indices: Sequence[int],
    chosen: Sequence[Prompt],
    forward: Forward,
    *,
    shares_prefix: bool,
    with_answers: bool,
) -> Batch:
    start = min(min(prompt.first_difference, prompt.answer_position) for prompt in chosen) if shares_prefix else 0
    rows = [
        (number, one)
        for number, prompt in enumerate(chosen)
        for one in (prompt.continuations if with_answers else ((),))
    ]
    sides = (
        [(prompt.clean if side == 0 else prompt.corrupt) + one for prompt, one in ((chosen[n], one) for n, one in rows)]
        for side in (0, 1)
    )
    as_tensor = {"dtype": torch.long, "device": forward.device}
    clean, corrupt = (torch.tensor(_filled_up(side), **as_tensor) for side in sides)
    return Batch(
        prompts=tuple(chosen),
        prompt_indices=tuple(prompt_indices),
        owners=tuple(number for number, _ in rows),
        continuations=tuple(one for _, one in rows),
        clean=clean,
        corrupt=corrupt,
        start=start,
        answer_positions=torch.tensor([chosen[number].answer_position for number, _ in rows], **as_tensor),
    )


def _filled_up(sequences: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """Sequences of one length; those that are shorter end in copies of the longest one's last token.

    Any token of text would do. It is none that stands for a part of an image: those are in the middle of a prompt.
    """
    longest = max(sequences, key=len)
    return [sequence + longest[-1:] * (len(longest) - len(sequence)) for sequence in sequences]


def every_batch(
    prompts: PromptSet,
    forward: Forward,
    *,
    at_once: int = PROMPTS_AT_ONCE,
    shares_prefix: bool = True,
    with_answers: bool = False,
) -> list[Batch]:
    """The batches of the prompts, of at most so many, and of no more than the model stacks at once."""
    n_positions = max(prompt.n_positions if with_answers else len(prompt) for prompt in prompts)
    at_once = max(1, min(at_once, forward.batch_size(n_positions)))
    return list(batches(prompts, forward, at_once=at_once, shares_prefix=shares_prefix, with_answers=with_answers))


def each_batch(
    prompts: PromptSet,
    forward: Forward,
    work: Callable[[Batch], None],
    *,
    at_once: int = PROMPTS_AT_ONCE,
    shares_prefix: bool = True,
    with_answers: bool = False,
) -> None:
    """Call `work` with every batch of the prompts; one that does not fit into memory is halved, with a warning."""
    todo = deque(every_batch(prompts, forward, at_once=at_once, shares_prefix=shares_prefix, with_answers=with_answers))
    loop = Steps(sum(map(_n_tokens, todo)))
    while todo:
        batch = todo.popleft()
        loop.enter(_n_tokens(batch), f"{batch.prompt_indices[0]}+{len(batch)} by {forward.tokens_at_once}")
        if fits(lambda batch=batch: work(batch)):
            loop.leave(_n_tokens(batch))
        else:
            todo.extendleft(reversed(_halves(batch, forward)))


def _n_tokens(batch: Batch) -> int:
    """How many tokens of a batch are run for every variant."""
    return batch.n_sequences * (batch.n_positions - batch.start)


def fits(work: Callable[[], None]) -> bool:
    """Whether there was memory for the work."""
    try:
        work()
    except (torch.OutOfMemoryError, RuntimeError, MemoryError) as error:
        if isinstance(error, (torch.OutOfMemoryError, MemoryError)) or any(said in str(error) for said in _NO_MEMORY):
            return False
        raise
    return True


def _halves(batch: Batch, forward: Forward) -> list[Batch]:
    """The batch in two, to be run with half as much stacked at once; a ValueError where neither can be smaller."""
    can_shrink = forward.shrink()
    if len(batch) == 1 and not can_shrink:
        runs = f", run {batch.n_sequences} times for its answers," if batch.n_sequences > 1 else ""
        raise ValueError(
            f"out of memory on {forward.device} with a single prompt of "
            f"{count_text(batch.n_positions, 'token')}{runs} and nothing "
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
