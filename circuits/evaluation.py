"""How well a circuit explains the behaviour: its metric with everything outside it corrupted.

Faithfulness f(C) = (m(C) - m(corrupt)) / (m(clean) - m(corrupt)), of means over prompts: 1 for the whole model, 0 for
the empty circuit. CPR and CMD are areas of the curve of f over budgets (MIB benchmark, circuit-localisation track).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from circuits.metrics import Metric
from circuits.prompts import PromptSet
from circuits.scores import Bools, EdgeScores, Floats

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.batches import Pair
    from circuits.forward import Forward
    from circuits.models import Model

BUDGETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Fractions of all edges at which MIB measures faithfulness."""

# Numbers held at once by the largest intermediate, [circuit, prompt, writer, position, d_model]: 256 MB in float32.
_NUMBERS_AT_ONCE = 64_000_000
# A gap this small, relative to the metric's size, is rounding: no share of it can be explained.
_SMALLEST_GAP = 1e-6


@dataclass(frozen=True)
class Baseline:
    """The metric without any intervention.

    clean, corrupt  [prompt]
    is_correct      [prompt] whether the most likely of all tokens at the answer position is an answer; None where the
                    model predicts a single number
    """

    clean: Floats
    corrupt: Floats
    is_correct: Bools | None

    @property
    def accuracy(self) -> float | None:
        return None if self.is_correct is None else float(self.is_correct.mean())

    @property
    def gap(self) -> float:
        """Mean clean minus mean corrupt metric: what there is to explain."""
        return float(self.clean.mean() - self.corrupt.mean())


class Faithfulness(NamedTuple):
    """Share of the gap between corrupt and clean that a circuit keeps, with its 95 % interval over prompts.

    All are None where the gap is zero: then there is nothing to explain.
    """

    mean: float | None
    low: float | None
    high: float | None


def measure_baseline(model: Model, prompts: PromptSet, *, metric: Metric) -> Baseline:
    """Metric of the clean and corrupt prompts, and accuracy on the clean ones. Two forward passes."""
    import torch

    from circuits.batches import batches, record_pair

    metric.check(prompts)
    model.check_prompts(prompts)
    clean, corrupt = np.zeros(len(prompts)), np.zeros(len(prompts))
    is_correct = np.zeros(len(prompts), dtype=np.bool_)
    forward = model.forward
    for batch in batches(prompts, forward):
        pair = record_pair(forward, batch, metric)
        rows = np.asarray(batch.numbers)
        with torch.no_grad():
            clean[rows] = pair.metric_of(forward, pair.clean).cpu().numpy()
            corrupt[rows] = pair.metric_of(forward, pair.corrupt).cpu().numpy()
            final = forward.at_rows(pair.clean.residual[-1], batch.rows, batch.start)
            predicted = forward.logits(final).argmax(-1).tolist()
        is_correct[rows] = [token in prompt.answers for token, prompt in zip(predicted, batch.prompts, strict=True)]
    return Baseline(clean, corrupt, is_correct if model.n_outputs > 1 else None)


def circuit_values(model: Model, prompts: PromptSet, circuits: Bools, *, metric: Metric) -> Floats:
    """The metric [circuit, prompt] when only a circuit's edges carry clean values and all others corrupt ones.

    circuits  [circuit, edge] in wiring order

    Every reader gets the corrupt residual stream plus, along the circuit's edges, how far each source is now from its
    corrupt value. Circuits are stacked on the batch axis over one clean and one corrupt pass; cost per circuit about
    one forward pass, and memory of one [prompt, writer, position, d_model] tensor.
    """
    from circuits.batches import batches, record_pair

    model.require("edges", "faithfulness")
    metric.check(prompts)
    model.check_prompts(prompts)
    circuits = np.atleast_2d(circuits)
    if circuits.shape[1] != model.wiring.n_edges:
        raise ValueError(
            f"a circuit is given over {circuits.shape[1]} edges; {model.name!r} has {model.wiring.n_edges}."
        )
    per_prompt = len(model.wiring.writers) * max(map(len, prompts)) * model.forward.weight_u.shape[1]
    values = np.zeros((len(circuits), len(prompts)))
    for batch in batches(prompts, model.forward, at_once=max(1, min(64, _NUMBERS_AT_ONCE // per_prompt))):
        pair = record_pair(model.forward, batch, metric)
        size = max(1, _NUMBERS_AT_ONCE // (per_prompt * len(batch)))
        for first in range(0, len(circuits), size):
            chosen = circuits[first : first + size]
            found = _stacked_circuits(model, pair, chosen).cpu().numpy()
            values[first : first + size, np.asarray(batch.numbers)] = found
    return values


def component_circuit_values(model: Model, prompts: PromptSet, circuits: Bools, *, metric: Metric) -> Floats:
    """The metric [circuit, prompt] when only a circuit's components keep their outputs, all others giving corrupt ones.

    circuits  [circuit, writer] in the order of `wiring.writers`; without `input`, the corrupt prompt is embedded

    Components see all of the stream, so edges play no part, and models that refuse edges are evaluated too. Cost per
    circuit: one forward pass from the first difference on.
    """
    from circuits.batches import batches, record_pair

    metric.check(prompts)
    model.check_prompts(prompts)
    circuits = np.atleast_2d(circuits)
    if circuits.shape[1] != len(model.wiring.writers):
        raise ValueError(
            f"a circuit is given over {circuits.shape[1]} components; {model.name!r} has {len(model.wiring.writers)}."
        )
    values = np.zeros((len(circuits), len(prompts)))
    for batch in batches(prompts, model.forward):
        pair = record_pair(model.forward, batch, metric)
        for part in model.forward.chunks(len(circuits), len(batch), batch.n_positions - batch.start):
            found = _stacked_component_circuits(model, pair, circuits[part])
            values[part, np.asarray(batch.numbers)] = found.cpu().numpy()
    return values


def _stacked_component_circuits(model: Model, pair: Pair, circuits: Bools) -> Tensor:
    """[circuit, prompt] the metric of each component circuit on one batch."""
    import torch

    from circuits.forward import Earlier, Site
    from circuits.layers import tiled

    forward, wiring, corrupt = model.forward, model.wiring, pair.corrupt
    keeps = torch.from_numpy(circuits).to(forward.device).repeat_interleave(len(pair.batch), dim=0)

    def kept_or_corrupt(layer: int, site: Site, value: Tensor) -> Tensor:
        first = 1 + layer * wiring.writers_per_layer
        if site == "z":
            keep = keeps[:, None, first : first + wiring.n_heads, None]
            return torch.where(keep, value, tiled(corrupt.z[layer], len(value)))
        if site == "mlp":
            keep = keeps[:, None, first + wiring.n_heads, None]
            return torch.where(keep, value, tiled(corrupt.mlp[layer], len(value)))
        return value

    with torch.no_grad():
        clean, other = (tiled(run.residual[0], len(keeps)) for run in (pair.clean, corrupt))
        final = forward.run(
            torch.where(keeps[:, :1, None], clean, other),
            n_positions=pair.batch.n_positions,
            start=corrupt.start,
            earlier=Earlier(corrupt.key, corrupt.value),
            tap=kept_or_corrupt,
        )
        return pair.readout(forward.at_rows(final, pair.batch.rows, corrupt.start))


def _stacked_circuits(model: Model, pair: Pair, circuits: Bools) -> Tensor:
    """[circuit, prompt] the metric of each circuit on one batch."""
    import torch

    forward, wiring, corrupt = model.forward, model.wiring, pair.corrupt
    offsets = wiring.edge_offsets
    edges = torch.from_numpy(circuits).to(forward.device)

    def sources(first_reader: int, n_readers: int) -> Tensor:
        """[circuit, reader, writer] which writers each of some consecutive readers of the same layer sees."""
        flat = edges[:, offsets[first_reader] : offsets[first_reader + n_readers]]
        return flat.unflatten(1, (n_readers, -1))

    with torch.no_grad():
        shifts = _Shifts(forward, pair, len(circuits), len(wiring.writers))
        shifts.append((pair.clean.residual[0] - corrupt.residual[0]).expand(len(circuits), -1, -1, -1).unsqueeze(2))
        for number, layer in enumerate(forward.layers):
            first = number * wiring.readers_per_layer
            n_ports = layer.n_heads + 2 * layer.n_kv_heads
            if layer.mlp is not None and layer.is_parallel:
                mlp_sources = sources(first + n_ports, 1)
                heads = _head_shifts(forward, number, pair, shifts, sources(first, n_ports))
                mlp = _mlp_shift(forward, number, pair, shifts, mlp_sources)
                shifts.append(heads)
                shifts.append(mlp)
                continue
            shifts.append(_head_shifts(forward, number, pair, shifts, sources(first, n_ports)))
            if layer.mlp is not None:
                shifts.append(_mlp_shift(forward, number, pair, shifts, sources(first + n_ports, 1)))
        final = corrupt.residual[-1] + shifts.seen_by(sources(len(wiring.readers) - 1, 1))[:, :, 0]
        return pair.readout(forward.at_rows(final.flatten(0, 1), pair.batch.rows, corrupt.start))


class _Shifts:
    """How far writers are from their corrupt values [circuit, prompt, writer, position, d_model], as they run."""

    def __init__(self, forward: Forward, pair: Pair, n_circuits: int, n_writers: int) -> None:
        n_prompts, n_positions, d_model = pair.corrupt.residual[0].shape
        self._values = forward.weight_u.new_zeros(n_circuits, n_prompts, n_writers, n_positions, d_model)
        self._n_filled = 0

    def append(self, shifts: Tensor) -> None:
        """Add the next writers [circuit, prompt, writer, position, d_model]."""
        stop = self._n_filled + shifts.shape[2]
        self._values[:, :, self._n_filled : stop] = shifts
        self._n_filled = stop

    def seen_by(self, sources: Tensor) -> Tensor:
        """Sum of the shifts along each reader's edges [circuit, prompt, reader, position, d_model].

        sources  [circuit, reader, writer] for the first writers
        """
        n_sources = sources.shape[2]
        seen = self._values[:, :, :n_sources].flatten(3)
        return (sources.to(seen.dtype).unsqueeze(1) @ seen).unflatten(3, self._values.shape[3:])


def _head_shifts(forward: Forward, number: int, pair: Pair, shifts: _Shifts, sources: Tensor) -> Tensor:
    """Shifts [circuit, prompt, head, position, d_model] of a layer's heads, each port reading its own edges."""
    import torch

    from circuits.forward import Earlier
    from circuits.layers import QKV, Places

    layer, corrupt = forward.layers[number], pair.corrupt
    inputs = layer.normed(corrupt.residual[number].unsqueeze(1) + shifts.seen_by(sources))
    sizes = (layer.n_heads, layer.n_kv_heads, layer.n_kv_heads)
    projected = [
        torch.einsum("cbrpd,red->cbpre", values, weight).flatten(0, 1)
        for values, weight in zip(inputs.split(sizes, dim=2), layer.reader_weights(), strict=True)
    ]
    biases = layer.reader_biases()
    if biases is not None:
        projected = [values + bias for values, bias in zip(projected, biases, strict=True)]
    z = forward.heads_from(
        number,
        QKV(*projected),
        forward.context(pair.batch.n_positions)[number],
        Places(corrupt.start),
        earlier=Earlier(corrupt.key, corrupt.value),
    )
    change = z.unflatten(0, (len(sources), -1)) - corrupt.z[number]
    return torch.einsum("cbphe,hed->cbhpd", change, layer.head_weights_o)


def _mlp_shift(forward: Forward, number: int, pair: Pair, shifts: _Shifts, sources: Tensor) -> Tensor:
    """Shift [circuit, prompt, 1, position, d_model] of a layer's MLP."""
    layer, corrupt = forward.layers[number], pair.corrupt
    inputs = forward.mlp_in(corrupt, number) + shifts.seen_by(sources)[:, :, 0]
    return (layer.mlp_out(inputs) - corrupt.mlp[number]).unsqueeze(2)


def faithfulness(
    values: Floats, baseline: Baseline, *, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Faithfulness:
    """Share of the clean-corrupt gap that a circuit keeps, as a ratio of means, with a bootstrap interval over prompts.

    values  [prompt] the circuit's metric
    """
    size = max(float(np.abs(baseline.clean).mean()), float(np.abs(baseline.corrupt).mean()), 1e-12)
    if abs(baseline.gap) <= _SMALLEST_GAP * size:
        return Faithfulness(None, None, None)
    kept, gap = values - baseline.corrupt, baseline.clean - baseline.corrupt
    draws = np.random.default_rng(seed).integers(len(values), size=(resamples, len(values)))
    gaps = gap[draws].mean(axis=1)
    ratios = kept[draws].mean(axis=1)[np.abs(gaps) > _SMALLEST_GAP * size] / gaps[np.abs(gaps) > _SMALLEST_GAP * size]
    tail = (1 - level) / 2
    low, high = np.quantile(ratios, [tail, 1 - tail])
    return Faithfulness(float(kept.mean() / gap.mean()), float(low), float(high))


def budget_circuits(scores: EdgeScores, *, absolute: bool) -> Bools:
    """[budget, edge] the top int(budget * n_edges) edges for each of `BUDGETS`.

    absolute  rank by |mean score| (for CMD) or by the signed mean (for CPR)

    MIB also prunes edges off any input-output path; they cannot change the metric, so they are left in here.
    """
    n_edges = scores.wiring.n_edges
    ranking = scores.ranking(absolute=absolute)
    circuits = np.zeros((len(BUDGETS), n_edges), dtype=np.bool_)
    for number, budget in enumerate(BUDGETS):
        circuits[number, ranking[: int(budget * n_edges)]] = True
    return circuits


def curve(values: Floats, baseline: Baseline) -> Floats:
    """f at each budget, from values [budget, prompt]."""
    found = [faithfulness(row, baseline, resamples=1).mean for row in values]
    if any(f is None for f in found):
        raise ValueError(
            "the metric is the same on clean and corrupt prompts: there is nothing for a circuit to explain."
        )
    return np.asarray(found, dtype=np.float64)


def cpr(values: Floats, baseline: Baseline) -> float:
    """Circuit performance ratio: area under f over budgets, for circuits ranked by signed score; higher is better."""
    return float(np.trapezoid(curve(values, baseline), BUDGETS))


def cmd(values: Floats, baseline: Baseline) -> float:
    """Circuit-model distance: area under |1 - f| over the budgets, of circuits ranked by |score|. 0 is best."""
    return float(np.trapezoid(np.abs(1 - curve(values, baseline)), BUDGETS))
