"""What `--minimal` found, as plain values for the summary, as facts for the table, and as warnings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from circuits.arrays import Floats
from circuits.evaluation.bounds import BOUNDS, NoMinimalCircuitError
from circuits.evaluation.faithfulness import Baseline
from circuits.numbers import count_text
from graphs import CircuitGraph
from pipelines.engine.result_file import Result

# Other circuits of the same size that are listed, and the edges of one that are shown.
_LISTED, _SHOWN = 10, 4


def minimal_facts(result: Result, graph: CircuitGraph, values: Floats, baseline: Baseline) -> dict[str, Any]:
    """The smallest circuit with its certificate, and how far it is from the whole model where it is judged.

    values, baseline  [prompt] of the judging prompts
    """
    found = result.meta["selected"]["selection"]
    bound = BOUNDS[found["rule"]](found["tolerance"])
    try:
        judged_distance = float(bound.distances(values, baseline))
    except NoMinimalCircuitError:
        judged_distance = None
    return {
        "rule": bound.name,
        "tolerance": bound.tolerance,
        "bound": bound.in_words,
        "unit": result.meta["unit"],
        "n_edges": graph.n_edges,
        "began_with": {"what": found["began_with"], "n_edges": found["n_start"]},
        "runs": {"spent": found["n_runs"], "for_others": found["n_other_runs"], "at_most": sum(result.meta["at_most"])},
        "certificate": _certificate(result, graph),
        "others": _others(result, graph),
        "judged_distance": judged_distance,
    }


def _certificate(result: Result, graph: CircuitGraph) -> dict[str, Any]:
    """Whether no single edge can go, and for each edge what its absence changes; None where it was not tried."""
    arrays = result.arrays
    columns = [arrays[name].tolist() for name in ("changes", "distances", "n_gone", "is_tried")]
    edges = [
        {
            "edge": item.name,
            "change": change if is_tried else None,
            "distance": distance if is_tried else None,
            "n_gone": n_gone,
        }
        for item, change, distance, n_gone, is_tried in zip(graph.edges, *columns, strict=True)
    ]
    holds = result.meta["selected"]["selection"]["certified"]
    n_tried = int(np.count_nonzero(arrays["is_tried"]))
    return {"holds": holds, "distance": result.meta["distance"], "n_tried": n_tried, "edges": edges}


def _others(result: Result, graph: CircuitGraph) -> dict[str, Any]:
    """Other circuits of the same size: how many, and in which edges the first of them differ."""
    names, own = graph.wiring.edges, set(np.flatnonzero(graph.edge_mask).tolist())

    def differing(numbers: set[int]) -> list[str]:
        return [str(names[number]) for number in sorted(numbers)]

    others = [set(row.tolist()) for row in result.arrays["others"]]
    listed = [{"has": differing(other - own), "lacks": differing(own - other)} for other in others[:_LISTED]]
    tried = {name: result.meta["selected"]["selection"][name] for name in ("n_forbidden", "n_given_up")}
    return {"n": len(others), **tried, "of_edges": len(own), "first": listed}


def minimal_rows(minimal: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The same for people: a name and a value per line."""
    certificate, runs = minimal["certificate"], minimal["runs"]
    tried = f"{certificate['n_tried']} of {minimal['n_edges']} tried alone"
    verdict = "no single edge can go" if certificate["holds"] else "not certified"
    yield "minimal", f"{verdict} ({tried}); {minimal['bound']} where it was sought"
    yield "circuit runs", f"{runs['spent']:,} to find and certify it, {runs['for_others']:,} to look for others"
    yield "others as small", _of_others(minimal["others"])


def _of_others(others: Mapping[str, Any]) -> str:
    in_part = f", {others['n_given_up']} of them in part" if others["n_given_up"] else ""
    tried = f"{others['n_forbidden']} of {count_text(others['of_edges'], 'edge')} forbidden in turn{in_part}"
    if not others["n"]:
        return f"none found ({tried})"
    first = others["first"][0]
    has, lacks = (_some(first[name]) for name in ("has", "lacks"))
    return f"{others['n']} found ({tried}), such as with {has} in place of {lacks}"


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def of_minimal(minimal: Mapping[str, Any]) -> list[str]:
    """Warnings where the circuit is not certified, or moves some judging prompt beyond its bound."""
    warnings, certificate, judged = [], minimal["certificate"], minimal["judged_distance"]
    if not certificate["holds"]:
        warnings.append(
            f"the circuit may not be minimal: the search ended after {minimal['runs']['spent']:,} circuit runs, with "
            f"{certificate['n_tried']} of {count_text(minimal['n_edges'], 'edge')} tried alone. Allow more "
            f"(--minimal-runs)."
        )
    # Of means, the warning of an unfaithful circuit says the same.
    if minimal["rule"] != "mean" and judged is not None and judged > minimal["tolerance"]:
        warnings.append(
            f"the minimal circuit is outside its bound on the prompts that judge it: one of them moves by {judged:.2f} "
            f"of the mean effect, and {minimal['bound']} where it was sought. Use more prompts (--prompts)."
        )
    return warnings
