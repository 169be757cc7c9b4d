"""Fast runs of batches of prompts under edits: from the first layer that is edited on, read where answers are.

What comes before the first edited layer is taken from a recorded clean run, and `all` rows are those of the prompt and
of its answers of several tokens. The numbers are those of `edited` on the whole model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from circuits.data.prompts import PromptSet
from circuits.edits.check import ByLayer, Edits, checked
from circuits.edits.head_rows import Met, edited_heads
from circuits.edits.places import Placed
from circuits.model.batches import Batch, each_batch
from circuits.model.forward import Forward, Run, Site, Tap
from circuits.model.layers import Places

if TYPE_CHECKING:
    from circuits.model.load import Model


SeePattern = Callable[[int, int, Tensor], None]
"""Gets a layer, a head and its edited pattern [sequence, query, key]."""


def met_by(forward: Forward, batch: Batch, number: int, held: Mapping[Site, Tensor]) -> Met:
    """What the heads of a layer meet in a run of a batch from position 0 that is read at `batch.read_positions`.

    held  what the run had at the layer's sites
    """
    rows = batch.read_positions if number == forward.n_layers - 1 else None
    every = torch.arange(batch.n_positions, device=forward.device).expand(batch.n_sequences, -1)
    bias = Places(0, rows).bias_rows(forward.context(batch.n_positions)[number].bias, batch.n_sequences)
    places = [Placed(prompt.roles) for prompt in batch.by_sequence]
    queries = every if rows is None else rows
    return Met(held["query"], held["key"], held["value"], bias, queries, every, places, held["residual"])


def edit_tap(
    forward: Forward, batch: Batch, edits: ByLayer, then: Tap | None = None, see_pattern: SeePattern | None = None
) -> Tap:
    """A tap for runs of a batch from position 0 that are read at `batch.read_positions`.

    then         sees every value after it was edited
    see_pattern  sees every pattern that was edited
    """
    met: dict[Site, Tensor] = {}

    def tap(number: int, site: Site, value: Tensor) -> Tensor:
        if number in edits and site in ("residual", "query", "key", "value"):
            met[site] = value
        if number in edits and site == "z":
            own = met_by(forward, batch, number, met)
            made = edited_heads(forward.layers[number], own, value, edits[number])
            value = made.z
            if see_pattern is not None:
                for head, pattern in made.patterns.items():
                    see_pattern(number, head, pattern)
        return value if then is None else then(number, site, value)

    return tap


def edited_final(forward: Forward, batch: Batch, clean: Run, edits: ByLayer) -> Tensor:
    """The final stream [sequence, read, d_model] where answers are read, under edits.

    clean  the clean run of the batch, from position 0 on; without edits its own final stream is read
    """
    if not edits:
        return forward.at_rows(clean.residual[-1], batch.read_positions, 0)
    first = min(edits)
    return forward.run(
        clean.residual[first],
        n_positions=batch.n_positions,
        first_layer=first,
        rows=batch.read_positions,
        tap=edit_tap(forward, batch, edits),
    )


def each_edited(
    model: Model,
    prompts: PromptSet,
    variants: Sequence[Edits],
    work: Callable[[Batch, Tensor, Callable[[int], Tensor]], None],
) -> None:
    """Call `work` with every batch, its plain final stream, and what gives the final stream of a variant by its number.

    ValueError before anything runs for whatever `checked` refuses. Cost: one forward pass, and for every variant the
    layers from its first edited one on. Where memory is short, `work` may be called again with prompts it had begun.
    """
    by_layer = [checked(model, edits, prompts) for edits in variants]
    forward = model.forward

    def measure(batch: Batch) -> None:
        with torch.no_grad():
            clean = forward.record(batch.clean, batch.clean_pixels(forward)).only({"residual"})
            plain = edited_final(forward, batch, clean, {})
            work(batch, plain, lambda number: edited_final(forward, batch, clean, by_layer[number]))

    each_batch(prompts, forward, measure, shares_prefix=False, with_answers=True)
