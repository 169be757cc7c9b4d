"""Measure several profiles at once: one clean run of the prompts, read layer by layer as it passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from circuits.components import Component
from circuits.data.prompts import PromptSet
from circuits.model.batches import Batch, each_batch
from circuits.model.layers import Places as Positions
from circuits.profiles.base import LayerSeen, Places, Profile
from circuits.scores import ComponentScores, Provenance
from circuits.versions import versions

if TYPE_CHECKING:
    from circuits.model.forward import Forward, Site
    from circuits.model.load import Model

NO_METRIC = "none"  # is read, and nothing is ablated


def places_of(model: Model, prompts: PromptSet, profiles: Sequence[Profile]) -> Places:
    """What the second axis of each profile is. ValueError where prompts lack what one reads; no model is run."""
    model.check_prompts(prompts)
    for profile in profiles:
        profile.check(prompts)
    return {profile: profile.places(prompts) for profile in profiles}


def measure_profiles(
    model: Model, prompts: PromptSet, profiles: Sequence[Profile], *, places: Places | None = None
) -> list[ComponentScores]:
    """Each profile of every head [prompt, place, head], on the clean prompts.

    places  `places_of` a larger set that these prompts are part of; by default that of these

    Raises a ValueError before the model runs where prompts lack what a profile reads. Cost: one forward pass, and the
    attention once more. Memory: the pattern of one layer for a few prompts at a time, no more than other work takes.
    """
    places = places_of(model, prompts, profiles) if places is None else places
    forward, wiring = model.forward, model.wiring
    n_heads = forward.n_layers * wiring.n_heads
    values = {own: np.zeros((len(prompts), len(places[own]), n_heads), dtype=np.float32) for own in profiles}
    measured = {own: np.ones(array.shape, dtype=np.bool_) for own, array in values.items()}

    def read(seen: LayerSeen) -> None:
        rows = np.asarray(seen.batch.prompt_indices)
        heads = np.arange(seen.number * wiring.n_heads, (seen.number + 1) * wiring.n_heads)
        for profile in profiles:
            found = profile.read(seen)
            at = np.ix_(rows, np.arange(len(places[profile])), heads)
            values[profile][at] = found.values.float().cpu().numpy()
            if found.measured is not None:
                measured[profile][at] = found.measured.cpu().numpy()[..., None]

    with torch.no_grad():
        each_batch(prompts, forward, lambda batch: _run(forward, batch, places, read), shares_prefix=False)
    components = tuple(Component("head", *divmod(number, wiring.n_heads)) for number in range(n_heads))
    return [
        ComponentScores(
            wiring,
            components,
            places[own],
            np.where(measured[own], values[own], 0),
            measured[own],
            _provenance(model, prompts, own),
        )
        for own in profiles
    ]


def _run(forward: Forward, batch: Batch, places: Places, read: Callable[[LayerSeen], None]) -> None:
    """One clean run of a batch; `read` is called with every layer, for a few prompts at a time."""
    contexts = forward.context(batch.n_positions)
    at_hand: dict[Site, Tensor] = {}

    def tap(number: int, site: Site, value: Tensor) -> Tensor:
        at_hand[site] = value
        if site == "z":
            for part in _parts(forward, batch, number):
                query, key, of_value, residual = (at_hand[name][part] for name in ("query", "key", "value", "residual"))
                bias = Positions(0).bias_rows(contexts[number].bias, len(query))
                pattern = forward.layers[number].pattern(query, key, bias).float()
                visible = (bias > torch.finfo(bias.dtype).min / 2)[:, 0].expand(len(query), -1, -1)
                of_layer = {"pattern": pattern, "visible": visible, "value": of_value, "z": value[part]}
                read(LayerSeen(forward, batch.part(part), number, places, residual=residual, **of_layer))
        return value

    forward.run(forward.embed(batch.clean, batch.clean_pixels(forward)), n_positions=batch.n_positions, tap=tap)


def _parts(forward: Forward, batch: Batch, number: int) -> Iterator[slice]:
    """Slices of a batch's prompts whose patterns in a layer may be held at once."""
    per_prompt = forward.layers[number].n_heads * batch.n_positions**2
    size = max(1, forward.numbers_at_once // per_prompt)
    return (slice(first, first + size) for first in range(0, len(batch), size))


def _provenance(model: Model, prompts: PromptSet, profile: Profile) -> Provenance:
    return Provenance(
        method=profile.name,
        settings=dict(profile.settings),
        metric=NO_METRIC,
        model=model.name,
        model_fingerprint=model.fingerprint,
        task=prompts.task,
        prompts_fingerprint=prompts.fingerprint,
        dtype=model.dtype,
        ablation=NO_METRIC,
        versions=versions(),
        scores_are="observed",
        solved=prompts.solved,
    )
