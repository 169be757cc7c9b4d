"""Jobs that run circuits: what they weigh, and what is said of them before they begin."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from circuits.data.prompts import PromptSet
from circuits.model import room
from circuits.model.lengths import RECORDING, TOKENS_PER_PASS, Extent, tokens_run
from circuits.model.room import PROMPTS_AT_ONCE
from circuits.model.sources import find_model
from pipelines.costs.circuit_runs import Batch, Circuits, passes
from pipelines.costs.shape import Shape
from pipelines.costs.shape_of import shape_of_files
from pipelines.engine.job import Job
from pipelines.engine.result_file import Result
from pipelines.engine.store import Store
from pipelines.runs.codec import prompts_from

# Where nothing is known of the prompts: how much of them comes after the first difference.
_UNKNOWN = 0.5
# Free bytes of a machine that has room for batches of any size that are run.
_PLENTY = 2**40


class Lengths(NamedTuple):
    """Prompts by their tokens.

    n_tokens  [prompt] of each
    n_run     [prompt] of each, from the first on in which clean and corrupt differ
    """

    n_tokens: Sequence[int]
    n_run: Sequence[int]

    @property
    def mean(self) -> float:
        return float(np.mean(self.n_tokens))

    @property
    def mean_run(self) -> float:
        """Tokens that are run of a prompt, on average, with those that are filled up."""
        return _tokens_run(self.n_tokens, self.n_run) / len(self.n_tokens)


def lengths_from(prompts: Result) -> Lengths:
    """The lengths of the prompts that a job made."""
    return lengths_among(prompts_from(prompts))


def lengths_among(prompts: PromptSet) -> Lengths:
    """The lengths of prompts."""
    every = prompts.prompts
    # Answers of several tokens are run behind their prompt.
    n_tokens = [prompt.n_positions for prompt in every]
    starts = (min(prompt.first_difference, prompt.answer_position) for prompt in every)
    return Lengths(n_tokens, [n - start for n, start in zip(n_tokens, starts, strict=True)])


class Runner(NamedTuple):
    """A model and the prompts that circuits are run on, as far as they are known.

    shape    None where the model's files do not say it
    lengths  of all prompts; None where they are not made yet
    numbers  how many may be held at once (`circuits.model.room`)
    """

    shape: Shape | None
    lengths: Lengths | None
    numbers: int = room.numbers_on_cpu(_PLENTY)

    @classmethod
    def of(cls, prompts: Job, model: str, store: Store) -> Runner:
        """Those that a job makes, on the model at a location."""
        lengths = lengths_from(store.read(prompts.key)) if store.has(prompts.key) else None
        return cls(shape_of_files(find_model(model)), lengths, room.numbers_on_cpu(room.free_memory()))

    @classmethod
    def of_files(cls, model: str) -> Runner:
        """The model at a location, before there are prompts."""
        return cls(shape_of_files(find_model(model)), None)

    @property
    def n_prompts(self) -> int:
        """How many prompts there are; 0 where they are not made yet."""
        return 0 if self.lengths is None else len(self.lengths.n_tokens)

    def weight_of_each(self, first: int, stop: int, circuits: Sequence[Circuits]) -> float:
        """`weight` of circuits that are run one after the other, beside the same recorded runs."""
        recorded = self.weight(first, stop, ())
        return recorded + sum(self.weight(first, stop, (alone,)) - recorded for alone in circuits)

    def weight(self, first: int, stop: int, circuits: Sequence[Circuits], *, n_recorded: int = 1) -> float:
        """Forward passes of one prompt that circuits take on prompts first .. stop-1.

        n_recorded  how often the clean and the ablated run are made beside
        """
        if self.lengths is None:
            return (stop - first) * (n_recorded * RECORDING + _UNKNOWN * passes(self.shape, circuits))
        lengths, runs = self.lengths.n_tokens[first:stop], self.lengths.n_run[first:stop]
        n_tokens, n_run = sum(lengths), _tokens_run(lengths, runs)
        of_circuits = passes(self.shape, circuits, Batch(n_run, self.numbers))
        return (n_recorded * RECORDING * (n_tokens + TOKENS_PER_PASS) + n_run * of_circuits) / self.lengths.mean


def _tokens_run(n_tokens: Sequence[int], n_run: Sequence[int]) -> int:
    """Tokens that are run of prompts."""
    extents = (Extent(length, length - run) for length, run in zip(n_tokens, n_run, strict=True))
    return tokens_run(tuple(extents), PROMPTS_AT_ONCE)


class Planned(NamedTuple):
    """Jobs that run the same circuits on different slices of some prompts, and how many circuits these are."""

    jobs: Sequence[Job]
    n_circuits: int


def how_many(store: Store, stages: Iterable[Planned]) -> int:
    """How many circuits are still to be run."""
    return sum(of.n_circuits for of in stages if any(not store.has(job.key) for job in of.jobs))


def outlook(n_circuits: int) -> str:
    """What is said of so many circuits before they are run; nothing of none."""
    return f"about {n_circuits:,} circuits are run" if n_circuits else ""
