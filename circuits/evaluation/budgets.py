"""Circuits at the MIB budgets, and the areas under their faithfulness curve (CPR, CMD)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from circuits.arrays import Bools, Floats
from circuits.components import INPUT, Component, Wiring
from circuits.evaluation.faithfulness import Baseline, faithfulness
from circuits.scores import EdgeScores

BUDGETS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Fractions of all edges at which MIB measures faithfulness."""


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
    shares = [faithfulness(row, baseline).mean for row in values]
    if any(f is None for f in shares):
        raise ValueError(
            "the metric is the same on clean and corrupt prompts: there is nothing for a circuit to explain."
        )
    return np.asarray(shares, dtype=np.float64)


def cpr(values: Floats, baseline: Baseline) -> float:
    """Circuit performance ratio: area under f over budgets, for circuits ranked by signed score; higher is better."""
    return float(np.trapezoid(curve(values, baseline), BUDGETS))


def cmd(values: Floats, baseline: Baseline) -> float:
    """Circuit-model distance: area under |1 - f| over the budgets, of circuits ranked by |score|. 0 is best."""
    return float(np.trapezoid(np.abs(1 - curve(values, baseline)), BUDGETS))


def node_budget_circuits(wiring: Wiring, components: Sequence[Component], strength: Floats) -> Bools:
    """[budget, writer] the top int(budget * n) of n scored components for each of `BUDGETS` (MIB at node level).

    components  what was scored, heads and MLPs; `input` is always in, and so is a kind that was not scored at all
    strength    [component] higher comes first; ties in the order given
    """
    kinds = {component.kind for component in components}
    always = np.array([writer == INPUT or writer.kind not in kinds for writer in wiring.writers])
    order = np.array([wiring.writer_index(component) for component in components], dtype=np.int64)
    order = order[np.argsort(-np.asarray(strength), kind="stable")]
    circuits = np.tile(always, (len(BUDGETS), 1))
    for number, budget in enumerate(BUDGETS):
        circuits[number, order[: int(budget * len(order))]] = True
    return circuits
