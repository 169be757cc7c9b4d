"""Why a head attends: its attention score split exactly over what was written where it queries, and where its keys are.

The score of a query and a key, before the softmax, is a product of two sums. With the scales of all norms on the way
frozen at their values in this run, the query is a sum over the writers before the layer (embedding, heads, MLPs) and
the biases, and so is the key; rotations by position turn every part alike. So the score is a sum over pairs of a writer
on the query side and one on the key side. A cap on scores (Gemma 2) is frozen too, as its factor on this very score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from circuits.arrays import Bools, Floats
from circuits.components import Component
from circuits.data.prompts import PromptSet
from circuits.model.batches import Batch, each_batch
from circuits.profiles.base import require_role, role_mask
from circuits.profiles.split_scores import reader_of, run_of_scores, split_score

if TYPE_CHECKING:
    from circuits.model.load import Model

OTHERS = "others"


@dataclass(frozen=True)
class Score:
    """Which attention score of a head is split: a mean over pairs of tokens, of those that the query can see.

    query  the role whose tokens attend
    key    the role whose tokens are attended to
    minus  a role whose mean score is taken off, so that the rest says why the head prefers `key`; `others` are all
           other tokens that the query can see; None takes nothing off
    """

    query: str
    key: str
    minus: str | None = None

    def __str__(self) -> str:
        return f"{self.query}->{self.key}" + (f" minus {self.minus}" if self.minus else "")

    def check(self, prompts: PromptSet) -> None:
        """Raise a ValueError where no prompt has one of the roles."""
        for role in (self.query, self.key, self.minus):
            if role is not None and role != OTHERS:
                require_role(prompts, role, f"the attention score {self}")


class ScoreParts(NamedTuple):
    """An attention score of one head, split.

    writers   those before the head's layer, in the order of the wiring, then `biases`
    score     [prompt] the score itself, from the run's own queries and keys; 0 where not measured
    measured  [prompt] whether the prompt has such tokens, and the query can see them
    query     [prompt, writer] the part of each writer of the query, over all of the key
    key       [prompt, writer] the part of each writer of the key, over all of the query
    pairs     [writer, writer] sum over prompts of the part of each writer of the query with each of the key
    squares   [writer, writer] sum over prompts of its square
    """

    writers: tuple[Component, ...]
    score: Floats
    measured: Bools
    query: Floats
    key: Floats
    pairs: Floats
    squares: Floats


def check_reads(model: Model, prompts: PromptSet, heads: Sequence[Component], score: Score) -> None:
    """Raise a ValueError where the model does not have a head, its scores cannot be split, or prompts lack a role."""
    score.check(prompts)
    readers = [reader_of(model, head) for head in heads]
    contexts = model.forward.context(max(map(len, prompts)))
    for reader in readers:
        bias = contexts[reader.number].bias
        if bool(((bias > torch.finfo(bias.dtype).min / 2) & (bias != 0)).any()):
            raise ValueError(
                f"{model.name!r} adds a number to the scores of layer {reader.number} that depends on positions alone: "
                "they are no sum of what was written."
            )


def score_parts(model: Model, prompts: PromptSet, heads: Sequence[Component], score: Score) -> list[ScoreParts]:
    """The same score of several heads, split.

    Raises a ValueError before the prompts run where a head or a role is not there, or scores of the model cannot be
    split. Cost: one forward pass, and for each head products as of a few more heads. Memory: parts of all writers
    [prompt, token, writer, d_head] at the tokens of the roles.

    >>> from circuits import TASKS, Component, load_model
    >>> from circuits.profiles.reads import Score, score_parts
    >>> model = load_model("reference")
    >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=4)
    >>> (parts,) = score_parts(model, prompts, [Component.parse("a2.h1")], Score("END", "S2"))
    >>> bool(abs(parts.key.sum(1) - parts.score).max() < 1e-4)
    True
    """
    model.check_prompts(prompts)
    check_reads(model, prompts, heads, score)
    readers, forward, n = [reader_of(model, head) for head in heads], model.forward, len(prompts)
    results = []
    for reader in readers:
        n_writers = len(reader.components)
        sides, sums = np.zeros((2, n, n_writers)), np.zeros((2, n_writers, n_writers))
        results.append(ScoreParts(reader.components, np.zeros(n), np.zeros(n, dtype=np.bool_), *sides, *sums))

    def measure(batch: Batch) -> None:
        contexts = forward.context(batch.n_positions)
        masks = _masks(batch, score)
        queries, keys = _rows(masks[0]), _rows(masks[1] | masks[2])
        with torch.no_grad():
            run = run_of_scores(forward, batch, torch.cat((queries, keys), dim=1), readers)
            split = []
            for reader in readers:
                bias = contexts[reader.number].bias[:, 0]
                weights, measured = _weights(masks, bias > torch.finfo(bias.dtype).min / 2, score)
                at_rows = _at_rows(weights, queries, keys)
                pairs, whole = split_score(run, reader, queries.shape[1], at_rows, contexts[reader.number])
                split.append((pairs.double().cpu().numpy(), whole.cpu().numpy(), measured.cpu().numpy()))
        at = list(batch.prompt_indices)
        for result, (pairs, whole, measured) in zip(results, split, strict=True):
            result.score[at], result.measured[at] = whole, measured
            result.query[at], result.key[at] = pairs.sum(2), pairs.sum(1)
            result.pairs[:] += pairs.sum(0)
            result.squares[:] += np.square(pairs).sum(0)

    at_once = forward.prompts_with_writers_at_once(max(map(len, prompts)))
    each_batch(prompts, forward, measure, at_once=at_once, shares_prefix=False)
    return results


def _masks(batch: Batch, score: Score) -> tuple[Tensor, Tensor, Tensor]:
    """[prompt, position] which tokens query, which are keys, and which keys are taken off."""
    n, device = batch.n_positions, batch.clean.device
    query, key = (role_mask(batch.prompts, role, n, device) for role in (score.query, score.key))
    if score.minus is None:
        return query, key, torch.zeros_like(key)
    return query, key, ~key if score.minus == OTHERS else role_mask(batch.prompts, score.minus, n, device)


def _weights(masks: tuple[Tensor, Tensor, Tensor], visible: Tensor, score: Score) -> tuple[Tensor, Tensor]:
    """[prompt, query, key] what each score counts, and [prompt] whether there is any; otherwise all count 0.

    visible  [prompt or 1, query, key] which keys a query can see
    """
    query, key, minus = masks
    pairs = query[:, :, None] & key[:, None] & visible
    count = pairs.sum((1, 2))
    weights, measured = pairs / count.clamp(min=1)[:, None, None], count > 0
    if score.minus is not None:
        off = query[:, :, None] & minus[:, None] & visible
        count = off.sum((1, 2))
        weights, measured = weights - off / count.clamp(min=1)[:, None, None], measured & (count > 0)
    return weights * measured[:, None, None], measured


def _rows(mask: Tensor) -> Tensor:
    """[prompt, place] the positions of a mask [prompt, position]; prompts with fewer than others have more behind."""
    most = max(1, int(mask.sum(1).max()))
    return torch.argsort((~mask).byte(), dim=1, stable=True)[:, :most]


def _at_rows(weights: Tensor, queries: Tensor, keys: Tensor) -> Tensor:
    """[prompt, query place, key place] of weights [prompt, query, key] at these positions."""
    at = torch.arange(len(weights), device=weights.device)[:, None, None]
    return weights[at, queries[:, :, None], keys[:, None]]
