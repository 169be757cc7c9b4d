"""Which texts use some heads, or a circuit: how much more is lost on a text once they are masked.

Influence of a text = (L_masked - L) / L, with L the mean cross-entropy of its tokens, each given those before it.
Positive: the text depends on what is masked. Source: AttentionInfluence (Hua et al. 2025, arXiv 2505.07293), where
the attention of retrieval heads becomes uniform; second-hand accounts swap the sign. Here any heads can be masked by
any edit, and a circuit by putting mean values into all of its edges.

A text is a prompt as `circuits.data.texts` makes it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from circuits.ablations import Ablation
from circuits.arrays import Bools, Floats
from circuits.data.prompts import PromptSet
from circuits.data.texts import tokens_of_text
from circuits.edits import Edits
from circuits.edits.runs import each_edited
from circuits.intervals import Estimate, Interval, ratio_t_interval, wilson_interval
from circuits.metrics import METRICS

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.effects.paired_runs import Pair
    from circuits.model.batches import Batch
    from circuits.model.forward import Forward
    from circuits.model.load import Model

# Losses of neighbors are alike, as a copied span is: blocks of so many tokens count as one observation.
BLOCK = 8
_NO_LOSS = 1e-9
_ANY_METRIC = "answer-log-probability"


def edited_losses(model: Model, texts: PromptSet, variants: Sequence[Edits]) -> list[Floats]:
    """Of each text, the loss [1 + variant, token] in nats of every token but the first, the plain model first.

    ValueError before anything runs where a variant cannot be done, or a text is too long. Cost: a forward pass, and for
    each variant the layers from its first edited one on; of the logits, a few tokens are held at a time.

    >>> from circuits import load_model
    >>> from circuits.data.texts import Text, texts_as_prompts
    >>> from circuits.edits import Uniform
    >>> from circuits.evaluation.influence import edited_losses, influence
    >>> model = load_model("reference")
    >>> said = "Mary and John were near the store , Mary and John were near the store"
    >>> texts = texts_as_prompts([Text("twice", "all", said)], model.tokenizer)
    >>> (losses,) = edited_losses(model, texts, [{"a1.h0": Uniform(), "a1.h1": Uniform()}])
    >>> losses.shape, influence(losses[0], losses[1]).value > 0
    ((2, 14), True)
    """
    model.check_prompts(texts)
    losses = _empty(texts, 1 + len(variants))

    def work(batch: Batch, plain: Tensor, run: Callable[[int], Tensor]) -> None:
        for number in range(1 + len(variants)):
            final = plain if number == 0 else run(number - 1)
            _put(losses, number, batch, token_losses(model.forward, batch, final))

    each_edited(model, texts, variants, work)
    return losses


def circuit_losses(model: Model, texts: PromptSet, circuits: Bools, *, ablation: Ablation) -> list[Floats]:
    """Of each text, the loss [1 + circuit, token] in nats with all edges of a circuit ablated, the plain model first.

    circuits  [circuit, edge] in wiring order
    ablation  what is put into the edges; it needs no corrupt prompts, as texts have none

    Every other edge carries what its source is now. ValueError before anything runs where the model cannot be run edge
    by edge, or a text is too long. Cost per circuit: about a forward pass; memory of one [text, writer, token,
    d_model].
    """
    import torch

    from circuits.effects.circuit_runs import metric_with_edges
    from circuits.effects.paired_runs import each_pair

    model.require("edges", "influence")
    model.check_prompts(texts)
    forward, losses = model.forward, _empty(texts, 1 + len(circuits))

    def work(pair: Pair) -> None:
        clean = forward.at_rows(pair.clean.residual[-1], pair.batch.read_positions, pair.clean.start)
        _put(losses, 0, pair.batch, token_losses(forward, pair.batch, clean))
        for number, circuit in enumerate(circuits, 1):
            finals: list[Tensor] = []
            kept = torch.from_numpy(~circuit).unsqueeze(0).to(forward.device)
            metric_with_edges(model, pair._replace(readout=_Keep(finals)), kept)  # pyright: ignore[reportArgumentType]
            _put(losses, number, pair.batch, token_losses(forward, pair.batch, finals[0]))

    at_once = forward.prompts_with_writers_at_once(texts.n_positions)
    with torch.no_grad():
        each_pair(model, texts, METRICS[_ANY_METRIC], ablation, work, at_once=at_once)
    return losses


def influence(plain: Floats, masked: Floats) -> Estimate:
    """(L_masked - L) / L of a text, from its losses [token], with a t interval over blocks of `BLOCK` tokens.

    The interval says how far other tokens of such a text would move it; unbounded for a text of one block, and where L
    may be 0. ValueError where L is 0: no share of nothing can be lost.
    """
    if plain.mean() <= _NO_LOSS:
        raise ValueError("the loss is 0 before anything is masked, so that no share of it can be lost.")
    value = float(masked.mean() / plain.mean() - 1)
    starts = np.arange(0, len(plain), BLOCK)
    of_blocks = [np.add.reduceat(each.astype(np.float64), starts) for each in (masked - plain, plain)]
    ends = ratio_t_interval(of_blocks[0], of_blocks[1]).item() if len(starts) > 1 else Interval(-math.inf, math.inf)
    return Estimate(value, ends)


def group_auroc(inside: Floats, outside: Floats) -> Estimate:
    """How well influence tells the texts of a group [text] from others [other text]: the area under the ROC curve.

    0.5 is no better than chance, 1 means that every text of the group is above every other one; ties count half. The
    interval is Wilson's with as many observations as the smaller side has: no area A varies by more than A (1 - A)
    over that number (Birnbaum and Klose 1957), so that it is on the safe side, and has a width at 0 and 1.

    >>> import numpy as np
    >>> from circuits.evaluation.influence import group_auroc
    >>> group_auroc(np.array([3.0, 1.0]), np.array([2.0, 0.0])).value
    0.75
    """
    above = (inside[:, None] > outside) + 0.5 * (inside[:, None] == outside)
    value, n = float(above.mean()), min(above.shape)
    return Estimate(value, wilson_interval(value * n, n))


def token_losses(forward: Forward, batch: Batch, final: Tensor) -> list[Floats]:
    """Of each text of a batch, the loss [token] of every token but the first, in nats.

    final  [text, read, d_model] the final stream at `batch.read_positions`
    """
    import torch
    from torch.nn.functional import cross_entropy

    size = max(1, forward.numbers_at_once // forward.weight_u.shape[0])
    found = []
    for own, prompt in zip(final, batch.by_sequence, strict=True):
        said = torch.tensor(tokens_of_text(prompt)[1:], device=final.device)
        logits = (forward.logits(part) for part in own[: len(said)].split(size))
        parts = [
            cross_entropy(of_part, of, reduction="none") for of_part, of in zip(logits, said.split(size), strict=True)
        ]
        found.append(torch.cat(parts).double().cpu().numpy())
    return found


class _Keep:
    """In place of the readout of a metric: keeps the final stream, and reads nothing."""

    def __init__(self, finals: list[Tensor]) -> None:
        self._finals = finals

    def __call__(self, final: Tensor) -> Tensor:
        self._finals.append(final)
        return final


def _empty(texts: PromptSet, n_variants: int) -> list[Floats]:
    return [np.zeros((n_variants, len(tokens_of_text(prompt)) - 1)) for prompt in texts]


def _put(losses: list[Floats], variant: int, batch: Batch, of_batch: list[Floats]) -> None:
    for index, own in zip(batch.prompt_indices, of_batch, strict=True):
        losses[index][variant] = own
