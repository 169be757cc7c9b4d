"""What the circuits of runs have in common, pair by pair, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

from circuits.intervals import holm
from circuits.model.steps import steps
from graphs import compare as compare_graphs
from graphs.comparison.common_parts import in_common_parts
from graphs.comparison.curve import FRACTIONS
from graphs.comparison.nulls.registry import SAMPLES
from graphs.comparison.redrawn import Amounts, Redrawn, n_prompts_of, redraw
from pipelines.discover.run import DiscoverRun
from pipelines.runs.run import Run

if TYPE_CHECKING:
    from graphs import Comparison

Row = dict[str, Any]
Comparisons = Mapping[tuple[int, int], "Comparison"]
# Of several runs there are many pairs, and each run's prompts are drawn again fewer times.
_OF_TWO, _OF_MANY = Amounts(resamples=1000, splits=50), Amounts(resamples=200, splits=20)


def comparisons_of(runs: Sequence[Run], *, across_models: bool) -> dict[tuple[int, int], Comparison]:
    """Pair of runs, by number -> their circuits compared.

    Where the circuits of several runs are given, the nulls that have to be drawn are left out.
    """
    redrawn, found, pairs = dict[int, Redrawn | None](), {}, list(combinations(range(len(runs)), 2))
    amounts, half_size = _amounts(runs)
    # To draw a run's circuit again takes about as long as to compare two.
    for todo in steps([*range(len(runs)), *pairs]):
        if isinstance(todo, int):
            redrawn[todo] = _redrawn(runs[todo], amounts, half_size)
            continue
        a, b = todo
        others = [run for number, run in enumerate(runs) if number not in (a, b)]
        found[a, b] = _compared(runs[a], runs[b], others, (redrawn[a], redrawn[b]), across_models=across_models)
    return found


def overlap_rows(labels: Sequence[str], comparisons: Comparisons) -> list[Row]:
    """A row per pair, with what every null says at every level (`chances`), in which every p has its one place.

    p is corrected for all pairs (Holm), those aside of which a null cannot tell; the row's own is that of the null that
    leads, of edges, or of heads where circuits were chosen by components.
    """
    rows = [_row(labels, pair, comparison) for pair, comparison in comparisons.items()]
    entries: dict[tuple[str, str, str], list[Row]] = {}
    for row in rows:
        for level, overlap in row["levels"].items():
            for chance in overlap["chances"]:
                chance["leads"] = (chance["null"], chance["measure"]) == (leading(overlap), "iou")
                entries.setdefault((level, chance["null"], chance["measure"]), []).append(chance)
    for alike in entries.values():
        told = [each["p_value"] if each["can_tell"] else None for each in alike]
        for chance, corrected in zip(alike, holm(told), strict=True):
            chance["p_value_corrected"] = corrected
    for row in rows:
        chance = _of_chosen(row)
        row["p_value_corrected"] = None if chance is None else chance["p_value_corrected"]
    return rows


def leading(level: Mapping[str, Any]) -> str:
    """The null that leads: of edges, the one that keeps their ports too."""
    names = [chance["null"] for chance in level["chances"]]
    return "within ports" if "within ports" in names else "within layer"


def chance_of(level: Mapping[str, Any], null: str, measure: str = "iou") -> Mapping[str, Any] | None:
    """What a null says at a level; None where it was not asked."""
    chances: Sequence[Mapping[str, Any]] = level["chances"]
    return next((each for each in chances if (each["null"], each["measure"]) == (null, measure)), None)


def _of_chosen(row: Row) -> Mapping[str, Any] | None:
    """What the null that leads says of edges; of heads, where circuits were chosen by components."""
    of_edges, of_heads = (
        chance_of(row["levels"][level], leading(row["levels"][level])) for level in ("edges", "heads")
    )
    return of_heads if of_edges is None or of_edges["p_value"] is None else of_edges


def part_rows(labels: Sequence[str], comparisons: Comparisons) -> list[Row]:
    """A row for each part of either circuit, of every pair at every level."""
    return [
        {"a": labels[a], "b": labels[b], "level": level, **vars(part)}
        for (a, b), comparison in comparisons.items()
        for level, overlap in comparison.reuse.levels.items()
        for part in overlap.parts
    ]


def level_rows(rows: Sequence[Row]) -> list[Row]:
    """A row for each pair at each level."""
    pairs = ({"a": row["a"], "b": row["b"], "levels": row["levels"]} for row in rows)
    return [
        {"a": row["a"], "b": row["b"], "level": level, **overlap}
        for row in pairs
        for level, overlap in row["levels"].items()
    ]


def groups_across(a: Run, b: Run) -> dict[str, int]:
    """Head -> number of its group, for heads that code together on the prompts of both runs; empty without codes.

    Heads of one group show positive-only codes on the same prompts of both tasks (`circuits.head_codes.grouping`).
    """
    coded = [run.codes if isinstance(run, DiscoverRun) else None for run in (a, b)]
    models = {run.scores.provenance.model_fingerprint for run in (a, b)}
    if None in coded or len(models) > 1:
        return {}
    from circuits.head_codes.grouping import named_groups

    return named_groups([(run.codes, run.is_positive) for run in coded if run is not None], a.circuit.wiring.n_heads)


def _row(labels: Sequence[str], pair: tuple[int, int], comparison: Comparison) -> Row:
    a, b = pair
    scored = {"a": comparison.a.scored_by, "b": comparison.b.scored_by}
    return {"a": labels[a], "b": labels[b], **comparison.reuse.summary(), "scored_by": scored}


def _amounts(runs: Sequence[Run]) -> tuple[Amounts, int] | tuple[None, None]:
    """How often the prompts of runs are drawn again, in halves of one size; None where layers are compared."""
    if len({run.circuit.wiring.joins_heads for run in runs}) > 1:
        return None, None
    half_size = min(n_prompts_of(run.circuit, run.scores, run.node_scores) for run in runs) // 2
    return _OF_TWO if len(runs) == 2 else _OF_MANY, half_size


def _redrawn(run: Run, amounts: Amounts | None, half_size: int | None) -> Redrawn | None:
    """The circuits of a run on other draws of its prompts."""
    if amounts is None:
        return None
    of_run = (run.circuit, run.scores, run.node_scores)
    return redraw(*of_run, amounts=amounts, half_size=half_size, fractions=FRACTIONS)


def _compared(
    first: Run,
    second: Run,
    others: Sequence[Run],
    redrawn: tuple[Redrawn | None, Redrawn | None],
    *,
    across_models: bool,
) -> Comparison:
    """Two circuits in one graph, and what they share."""
    samples = 0 if others else SAMPLES
    circuits = [run.circuit for run in (first, second, *others)]
    a, b, *rest = in_common_parts(circuits)
    if [a, b, *rest] != circuits:  # scores are of heads, or of layers
        return compare_graphs(a, b, others=rest, samples=samples, across_models=across_models)
    groups = groups_across(first, second)
    return compare_graphs(
        first.circuit.with_groups(groups),
        second.circuit.with_groups(groups),
        scores=(first.scores, second.scores),
        node_scores=(first.node_scores, second.node_scores),
        others=rest,
        redrawn=redrawn,
        samples=samples,
        across_models=across_models,
    )
