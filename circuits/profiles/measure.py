"""Measure several profiles at once: one clean run of the prompts, read layer by layer as it passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from circuits.arrays import Bools
from circuits.data.answers import tokens_of
from circuits.data.prompts import PromptSet
from circuits.model.batches import Batch, each_batch
from circuits.model.layers import Places as Positions
from circuits.model.written import WrittenTap
from circuits.profiles.base import (
    STEPS,
    AnswerProfile,
    AnswerSeen,
    ContinuedProfile,
    LayerSeen,
    Places,
    Profile,
    continued,
)
from circuits.profiles.own_runs import OwnRunsProfile
from circuits.profiles.streams import StreamProfile
from circuits.scores import ComponentScores, Provenance
from circuits.versions import versions

if TYPE_CHECKING:
    from circuits.model.forward import Forward, Site, Tap
    from circuits.model.load import Model

NO_METRIC = "none"  # is read, and nothing is ablated


def places_of(model: Model, prompts: PromptSet, profiles: Sequence[Profile]) -> Places:
    """What the second axis of each profile is. ValueError where prompts, or the model, lack what one reads; no model is
    run."""
    model.check_prompts(prompts)
    for profile in profiles:
        profile.check(prompts)
        profile.check_model(model)
    return {profile: profile.places(prompts) for profile in profiles}


def measure_profiles(
    model: Model, prompts: PromptSet, profiles: Sequence[Profile], *, places: Places | None = None
) -> list[ComponentScores]:
    """Each profile of every head [prompt, place, head], on the clean prompts.

    places  `places_of` a larger set that these prompts are part of; by default that of these

    Raises a ValueError before the model runs where prompts lack what a profile reads. Cost: one forward pass, and the
    attention once more where a profile reads layers; a pass more, of prompts with their answers, where one reads these.
    Memory: the pattern of one layer for a few prompts at a time, no more than other work takes.
    """
    places = places_of(model, prompts, profiles) if places is None else places
    forward, wiring = model.forward, model.wiring
    components = {own: own.components(wiring) for own in profiles}
    shapes = {own: (len(prompts), len(places[own]), len(components[own])) for own in profiles}
    values = {own: np.zeros(shape, dtype=np.float32) for own, shape in shapes.items()}
    measured = {own: np.ones(shape, dtype=np.bool_) for own, shape in shapes.items()}
    of_answers = [own for own in profiles if isinstance(own, AnswerProfile)]
    of_continued = [own for own in profiles if isinstance(own, ContinuedProfile)]
    of_streams = [own for own in profiles if isinstance(own, StreamProfile)]
    of_own_runs = [own for own in profiles if isinstance(own, OwnRunsProfile)]
    of_layers = [own for own in profiles if own not in (*of_answers, *of_continued, *of_streams, *of_own_runs)]

    def read(seen: LayerSeen, read_by: Sequence[Profile]) -> None:
        rows = np.asarray(seen.batch.prompt_indices)
        heads = np.arange(seen.number * wiring.n_heads, (seen.number + 1) * wiring.n_heads)
        for profile in read_by:
            found = profile.read(seen)
            at = np.ix_(rows, np.arange(len(places[profile])), heads)
            values[profile][at] = found.values.float().cpu().numpy()
            if found.measured is not None:
                measured[profile][at] = found.measured.cpu().numpy()[..., None]

    def measure(batch: Batch) -> None:
        pixels, rows = batch.clean_pixels(forward), batch.answer_positions.unsqueeze(1)
        embedded, writers = forward.embed(batch.clean, pixels), WrittenTap(forward, rows, reads_rows=False)
        layers = layer_tap(forward, batch, places, partial(read, read_by=of_layers)) if of_layers else _unseen
        kept: dict[StreamProfile, list[Tensor]] = {profile: [] for profile in of_streams}

        def tap(number: int, site: Site, value: Tensor) -> Tensor:
            if site == "residual":
                keep(value)
            return writers(number, site, layers(number, site, value))

        def keep(stream: Tensor) -> None:
            for profile, states in kept.items():
                states.append(profile.keep(stream))

        final = forward.run(embedded, n_positions=batch.n_positions, tap=tap)
        seen = AnswerSeen(model, batch, writers.written(embedded), forward.at_rows(final, batch.answer_positions, 0))
        for profile in of_answers:
            values[profile][list(batch.prompt_indices)] = profile.read_answer(seen).float().cpu().numpy()
        keep(final)
        for profile, states in kept.items():
            found = profile.read_states(torch.stack(states, dim=1))
            values[profile][list(batch.prompt_indices)] = found.values.float().cpu().numpy()
            if found.measured is not None:
                measured[profile][list(batch.prompt_indices)] = found.measured.cpu().numpy()

    def measure_continued(batch: Batch) -> None:
        embedded = forward.embed(batch.clean, batch.clean_pixels(forward))
        tap = layer_tap(forward, batch, places, partial(read, read_by=of_continued))
        final = forward.run(embedded, n_positions=batch.n_positions, tap=tap)
        is_said = _says_its_answers(forward, batch, final)
        for profile in of_continued:
            measured[profile][list(batch.prompt_indices)] &= is_said[:, None, None]

    with torch.no_grad():
        if of_layers or of_answers or of_streams:
            each_batch(prompts, forward, measure, shares_prefix=False)
        if of_continued:
            each_batch(continued(prompts), forward, measure_continued, shares_prefix=False)
    for profile in of_own_runs:
        values[profile][:] = profile.measure(model, prompts, places[profile]).float().cpu().numpy()
    return [
        ComponentScores(
            wiring,
            components[own],
            places[own],
            np.where(measured[own], values[own], 0),
            measured[own],
            _provenance(model, prompts, own),
        )
        for own in profiles
    ]


def _says_its_answers(forward: Forward, batch: Batch, final: Tensor) -> Bools:
    """[prompt] whether every token of an answer is the most likely one where it is said."""
    is_said = np.ones(len(batch), dtype=np.bool_)
    for number, prompt in enumerate(batch.prompts):
        steps = prompt.roles[STEPS]
        said = [*prompt.clean[steps[0] + 1 :], *tokens_of(prompt.answers[0])]
        best = forward.logits(final[number, list(steps)]).argmax(dim=-1)
        is_said[number] = best.tolist() == said
    return is_said


def _unseen(_layer: int, _site: Site, value: Tensor) -> Tensor:
    return value


def layer_tap(forward: Forward, batch: Batch, places: Places, read: Callable[[LayerSeen], None]) -> Tap:
    """A tap of a clean run of a batch; `read` is called with every layer, for a few prompts at a time."""
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

    return tap


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
