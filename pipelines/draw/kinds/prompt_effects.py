"""How the effects of parts differ from prompt to prompt: of the strongest of a circuit, or of those named."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from circuits.arrays import Floats
from circuits.components import Edge
from circuits.intervals import Interval
from circuits.lookup import unknown
from circuits.numbers import count_text
from graphs.figures.fit import Drawing, in_its_room
from graphs.figures.prompt_effects import PromptEffectRows, PromptEffects, draw_prompt_effects
from pipelines.discover.run import DiscoverRun
from pipelines.draw.kinds.base import FigureKind
from pipelines.draw.kinds.registry import FIGURES
from pipelines.draw.subjects import circuit_runs

_MOST = 12


def read(subjects: Sequence[str], store: Path) -> Drawing:
    """A row for each edge named, or for the strongest of the circuit."""
    (run,) = circuit_runs(subjects[:1], store)
    scores, chosen = run.scores, [_edge(run, name) for name in subjects[1:]]
    if scores.n_prompts > 1 and scores.measured.any() and not np.ptp(scores.per_prompt, axis=0).any():
        raise ValueError(
            f"run {run.name}: {scores.provenance.method} gives one score for all prompts, which do not differ."
        )
    left_out = 0
    if not chosen:
        kept = [int(number) for number in scores.ranking() if run.circuit.edge_mask[number]]
        chosen, left_out = kept[:_MOST], len(kept) - _MOST
    if not chosen:
        raise ValueError(f"run {run.name} has no scored edge in its circuit. Name edges, such as 'input->m0'.")
    ends = scores.interval() if scores.trials is None else None
    rows = [PromptEffects(str(scores.wiring.edges[n]), _effects(run, n), _ends(ends, n)) for n in chosen]
    origin = scores.provenance
    notes = (f"The {_MOST} strongest of the {_MOST + left_out} edges of the circuit.",) if left_out > 0 else ()
    shown = PromptEffectRows(
        tuple(rows),
        f"effect ({origin.metric.replace('-', ' ')})",
        "Effects of edges by prompt",
        f"{run.circuit.label}, {origin.model}, {origin.method}, {count_text(scores.n_prompts, 'prompt')}",
        notes,
    )
    return in_its_room(draw_prompt_effects, shown)


def _edge(run: DiscoverRun, name: str) -> int:
    """The number of an edge. ValueError where the model has none of this name, or it was not measured."""
    wiring = run.scores.wiring
    try:
        number = wiring.edge_index(Edge.parse(name))
    except (KeyError, ValueError):
        raise ValueError(unknown(name, list(map(str, wiring.edges)), f"edge in the model of {run.name}")) from None
    if not run.scores.measured[number]:
        raise ValueError(f"edge {name} was not measured by {run.scores.provenance.method} in run {run.name}.")
    return number


def _effects(run: DiscoverRun, number: int) -> Floats:
    return run.scores.per_prompt[:, number].astype(np.float64)


def _ends(interval: Interval[Floats] | None, number: int) -> tuple[float, float] | None:
    found = None if interval is None else interval.item(number).as_json()
    return None if found is None else (found[0], found[1])


PROMPT_EFFECTS = FIGURES.register(
    FigureKind("prompt-effects", "effects of edges, prompt by prompt", "RUN [EDGE...]", 1, None, read)
)
