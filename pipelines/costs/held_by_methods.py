"""What a method holds at its worst moment: where it goes through phases, the largest of them counts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from circuits.kinds import KINDS
from circuits.model import room
from circuits.scores import ALL_POSITIONS
from pipelines.costs.asked import Asked, Peak, all_scores, n_in_layer, stacked, stacking
from pipelines.costs.memory import (
    WIDTHS,
    edge_scores,
    gradient_run,
    gradients_of_readers,
    outputs_of_writers,
    recorded_runs,
    values_for_edges,
)
from pipelines.costs.paths_run import as_paths, is_patched_everywhere
from pipelines.costs.shape import Shape

# Copies of all writers' outputs at once, where methods hold and change them.
_OF_CHANGES = 2
# Copies of a layer's gradients at readers while they are carried back.
_OF_READERS = 3
# Of a search's circuits, copies of what each port of a layer reads: its sums over known and over later writers, both
# together, with the ablated stream, and normed; counted in a run.
_OF_PORTS = 4.5
# Of a direct effect, copies of the final stream of the variants that are stacked: what changes, changed, and normed.
_OF_FINALS = 4
# What the backward pass through a circuit keeps of a layer: each reader's stream as it is read, summed up and normed;
# the sums of MLP and heads over all writers before them.
_OF_STREAMS, _OF_SUMS = 3, 2


def recorded(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Both runs, and the logits of the whole vocabulary that accuracy is read from."""
    batch = asked.recorded
    logits = 3 * batch * asked.shape.n_vocabulary * WIDTHS["float32"]
    return Peak(batch, recorded_runs(asked.shape, asked.tokens_of(batch), asked.dtype) + logits)


def edges_from_gradients(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Recording the second run; or the run with gradients; or edges as products of these with writers' outputs."""
    n_points = int(settings.get("steps", 1))
    batch = asked.with_gradients(n_points)
    return Peak(batch, _from_gradients(asked, batch, n_points) + all_scores(asked))


def edges_from_activations(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Likewise, with all writers' outputs of the batch held besides, and their changes."""
    n_points = int(settings["steps"])
    batch = asked.with_gradients(n_points)
    tokens = asked.tokens_of(batch)
    held = _OF_CHANGES * outputs_of_writers(asked.shape, tokens)
    return Peak(batch, _from_gradients(asked, batch, n_points) + held + all_scores(asked))


def attribution_of_components(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Both runs, those with gradients, and what heads and MLPs have as gradients with each layer dropped in turn."""
    batch, shape = asked.with_gradients(), asked.shape
    tokens = asked.tokens_of(batch)
    n_ways = shape.n_layers if settings.get("grad_drop", True) and shape.n_layers > 1 else 1
    at_once = min(n_ways, max(1, asked.tokens_with_gradients // tokens))
    run = at_once * gradient_run(shape, tokens, asked.dtype)
    # Those of each part are there beside the whole that they are joined into.
    gradients = 2 * n_ways * values_for_edges(shape, tokens, asked.dtype)
    return Peak(batch, recorded_runs(shape, tokens, asked.dtype) + max(run, gradients))


def patched(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Both runs, and a layer of the variants that are stacked: those of its parts that are patched, of some kinds."""
    return stacking(asked, n_alike(asked.shape, settings["kinds"]))


def direct_effects(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Both runs, and the final streams, where answers are read, of the variants that are stacked."""
    batch, shape = asked.recorded, asked.shape
    n_variants = shape.n_layers * sum(n_in_layer(shape, kind) for kind in settings["kinds"])
    rows = min(n_variants * batch, max(asked.budget.tokens, batch))
    finals = _OF_FINALS * rows * shape.d_model * WIDTHS[asked.dtype]
    return Peak(batch, recorded_runs(shape, asked.tokens_of(batch), asked.dtype) + finals)


def paths(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Both runs, and a layer of what carries on from the heads of one, each of which is a variant. Where they are
    patched at END, only that position is run."""
    return stacking(asked, asked.shape.n_heads, asked.n_tokens if is_patched_everywhere(settings) else 1)


def staged_paths(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Those of path patching into what the last of the stages reads."""
    return paths(asked, as_paths(asked.shape, settings))


def staged_paths_into_others(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Likewise into the inputs that the stage did not ask for: keys and values, which are read at all positions, are
    always among them."""
    return paths(asked, as_paths(asked.shape, settings) | {"at": ALL_POSITIONS})


def exact_edges(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Both runs, all writers' outputs and their changes, and a layer of the variants that are stacked."""
    batch = asked.with_writers
    tokens = asked.tokens_of(batch)
    held = recorded_runs(asked.shape, tokens, asked.dtype) + _OF_CHANGES * outputs_of_writers(asked.shape, tokens)
    # Where edges are named, those into a layer that come from one writer are there at least.
    shape, named = asked.shape, len(settings["edges"])
    n_variants = named + shape.n_heads + 2 * shape.n_kv_heads if named else shape.wiring.n_edges
    return Peak(batch, held + stacked(asked, tokens, n_variants) + all_scores(asked))


def conductance(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Edges from gradients, with what heads and MLPs give at every point held besides, and what they move by."""
    n_points = int(settings["steps"])
    batch = asked.with_gradients(n_points)
    moved = values_for_edges(asked.shape, n_points * asked.tokens_of(batch), asked.dtype)
    return Peak(batch, _from_gradients(asked, batch, n_points) + moved + all_scores(asked))


def dropped_edges(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Both runs of all prompts, the writers' outputs, and those of the circuits that are run side by side, with what a
    layer reads in each: at the layer from which on they hold most."""
    shape, batch = asked.shape, asked.with_writers
    of_writer, n_ports = asked.tokens_of(batch) * shape.d_model, shape.n_heads + 2 * shape.n_kv_heads
    most = 0.0
    for n_layers in range(1, shape.n_layers + 1):
        n_writers = n_layers * (shape.n_heads + 1)
        of_circuit = of_writer * max(n_writers, shape.wiring.readers_per_layer)
        n_circuits = room.circuits_at_once(asked.budget.numbers, of_circuit, asked.budget.device)
        most = max(most, n_circuits * of_writer * (n_writers + 1 + _OF_PORTS * n_ports))
    held = recorded_runs(shape, asked.tokens_of(asked.n_prompts), asked.dtype) + outputs_of_writers(
        shape, asked.tokens_of(batch)
    )
    return Peak(batch, held + most * WIDTHS["float32"] + all_scores(asked))


def learned_mask(asked: Asked, settings: Mapping[str, Any]) -> Peak:
    """Both runs of all prompts, and what the backward pass through a circuit keeps of those of a step; or the estimate
    that it starts from, of five points as `eap-ig` has by default."""
    shape = asked.shape
    batch = min(asked.recorded, int(settings["prompts_per_step"]))
    writers = range(0, shape.n_layers * (shape.n_heads + 1), shape.n_heads + 1)
    sums = _OF_SUMS * sum(1 + before for before in writers) + shape.n_writers
    streams = shape.n_layers * (_OF_STREAMS * shape.wiring.readers_per_layer + shape.n_heads + 1)
    tokens = asked.tokens_of(batch)
    kept = tokens * (sums + streams) * shape.d_model * WIDTHS["float32"] + gradient_run(shape, tokens, asked.dtype)
    learning = recorded_runs(shape, asked.tokens_of(asked.n_prompts), asked.dtype) + kept
    start = edges_from_gradients(asked, {"steps": 5}).n_bytes if settings["start"] is not None else 0.0
    return Peak(batch, max(start, learning) + all_scores(asked))


def _from_gradients(asked: Asked, batch: int, n_points: int) -> float:
    shape, dtype, tokens = asked.shape, asked.dtype, asked.tokens_of(batch)
    kept = values_for_edges(shape, tokens, dtype)
    while_recorded = kept + recorded_runs(shape, tokens, dtype) / 2
    with_gradients = kept + gradient_run(shape, n_points * tokens, dtype)
    scored = kept + gradients_of_readers(shape, n_points * tokens, dtype) + _of_a_layer(asked, batch)
    return max(while_recorded, with_gradients, scored) + batch * edge_scores(shape)


def _of_a_layer(asked: Asked, batch: int) -> float:
    """Outputs of all writers, and gradients at the readers of a layer, for as many prompts as they are held for."""
    shape, device = asked.shape, asked.budget.device
    numbers = shape.n_writers * asked.n_tokens * shape.d_model
    n_prompts = min(batch, room.written_at_once(asked.budget.numbers, batch, numbers, device))
    of_one = n_prompts * asked.n_tokens * shape.d_model
    readers = next(room.reader_chunks(shape.n_heads + 2 * shape.n_kv_heads, of_one, device))
    of_readers = _OF_READERS * (readers.stop - readers.start) * of_one * WIDTHS["float32"]
    return outputs_of_writers(shape, n_prompts * asked.n_tokens) + of_readers


def n_stacks(kinds: Collection[str]) -> int:
    """In how many stacks the parts of a layer, of some kinds, are patched."""
    return len({(KINDS[name].is_state, KINDS[name].is_per_token) for name in kinds})


def n_alike(shape: Shape, kinds: Collection[str]) -> int:
    """Parts of a layer, of some kinds, that are patched in one stack: streams, what changes a position alone, and keys
    and values each have their own."""
    of_reach = [0, 0, 0]
    for name in kinds:
        kind = KINDS[name]
        of_reach[0 if kind.is_state else 1 if kind.is_per_token else 2] += n_in_layer(shape, name)
    return max(1, *of_reach)
