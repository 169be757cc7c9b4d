"""What circuits have in common, as tables for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from circuits.quantities import QUANTITIES
from graphs.comparison.level import level_in_words
from graphs.comparison.membership import BELONGS
from graphs.comparison.nulls import NULLS
from pipelines.compare.columns import P_CORRECTED, SAMPLES, P
from pipelines.compare.overlap_rows import chance_of, leading
from pipelines.compare.report import StoredComparison
from pipelines.reporting.p_values import is_least, p_shown
from pipelines.reporting.tables import (
    DASH,
    Column,
    brackets,
    floor_notes,
    measured,
    print_columns,
    print_line,
    print_table,
)

Row = Mapping[str, Any]
_MOST_NAMES = 12
_P_OF_ORDERS = measured("p_value", draws=SAMPLES._replace(what="random orders"))
_MEASURES = ("weighted_jaccard", "cosine", "spearman", "sign_agreement", "rank_biased_overlap")
_WITHIN = "IoU within A, B"
_BELONGS = {"shared": "shared", "only_a": "only in A", "only_b": "only in B", "undecided": "undecided"}


def print_overlaps(summary: Row) -> None:
    """A row per pair of runs."""
    columns = (
        Column("a"),
        Column("b"),
        Column("shared heads", "n_shared_heads"),
        Column("IoU of heads", "heads_iou", ".2f"),
        Column("shared edges", "n_shared_edges", ","),
        Column("IoU of edges", cell=lambda row: _with_ends(row["levels"]["edges"], "iou", "interval")),
        Column(_WITHIN, cell=lambda row: _within(row["levels"]["edges"])),
        Column("reuse index", cell=lambda row: _index(row["levels"]["edges"])),
        Column("cosine of edges", "levels.edges.measures.cosine", "z.2f"),
        Column(QUANTITIES["p_value_corrected"].heading, cell=lambda row: p_shown(row["p_value_corrected"])),
        Column(
            QUANTITIES["p_generic"].heading,
            cell=lambda row: _p(chance_of(row["levels"]["edges"], "generic"), "p_value_corrected"),
        ),
    )
    rows = summary["overlaps"]
    print_columns("overlap", columns, rows)
    generic = [chance_of(row["levels"]["edges"], "generic") for row in rows]
    said = ["p of sharing as many edges by chance (of heads, where these were chosen), corrected for all pairs (Holm)"]
    if any(row["p_value_corrected"] is None for row in rows):
        said[0] += "; - where even the largest overlap that such circuits could have would be no surprise by chance"
    if any(chance is not None for chance in generic):
        said.append("Generic: where every edge is as likely as in the circuits of the other runs")
    print_line(f"{'. '.join([*said, 'Other levels, measures and nulls: overlap.csv, chance.csv'])}.")
    for note in floor_notes([P_CORRECTED], [chance for chance in generic if chance is not None]):
        print_line(note)
    _print_terms(summary["overlaps"][0])


def print_overlap(stored: StoredComparison) -> None:
    """What two circuits have in common at every level."""
    summary = stored.summary
    is_by_layer = stored.comparison.a.wiring.joins_heads
    shown = {
        level_in_words(name, joins_heads=is_by_layer): level
        for name, level in summary["levels"].items()
        if not (name == "edges" and is_by_layer)
    }
    _print_counts(shown, f"overlap of {summary['a']} and {summary['b']}")
    if tested := {name: leading(level) for name, level in shown.items() if chance_of(level, leading(level))}:
        of_edges = [f"of {name}, {null}" for name, null in tested.items() if null != "within layer"]
        nulls = "; ".join([*(["within layer"] if len(of_edges) < len(tested) else []), *of_edges])
        print_line(
            f"IoU by chance and p are those of the null {nulls}: rows of the table of all nulls, and of chance.csv."
        )
    if untold := [name for name, level in shown.items() if not _can_tell(level)]:
        print_line(
            f"p says nothing of {', nor of '.join(untold)}: even the largest overlap that such circuits could have "
            "would be no surprise by chance. What they do on each other's task tells more."
        )
    _print_terms(summary)
    _print_nulls(shown)
    _print_scores(shown)
    what = "attention of the layers" if is_by_layer else "heads"
    print_line(f"shared {what}: {', '.join(summary['shared_heads']) or 'none'}")
    _print_parts(summary)
    if "head_groups" in summary:
        groups = "; ".join(", ".join(group) for group in summary["head_groups"])
        print_line(f"heads that code together on the prompts of both: {groups}")


def _print_counts(levels: Mapping[str, Row], title: str) -> None:
    cells = [
        [
            name,
            *(f"{level[key]:,}" for key in ("n_a", "n_b", "n_shared")),
            _with_ends(level, "iou", "interval"),
            *(_number(level["measures"][name]) for name in ("of_a", "of_b")),
            _number((chance_of(level, leading(level)) or {}).get("expected")),
            _within(level),
            _index(level),
            _p(chance_of(level, leading(level)), "p_value") if _can_tell(level) else DASH,
        ]
        for name, level in levels.items()
    ]
    named = ("n_a", "n_b", "n_shared", "iou", "of_a", "of_b", "expected_iou")
    headings = ("", *(QUANTITIES[name].heading for name in named), _WITHIN, "reuse index", "p")
    print_table(title, headings, cells)


def _print_terms(row: Row) -> None:
    """What the intervals and the ceiling are, where there are any."""
    index = row["levels"]["edges"]["reuse_index"] or row["levels"]["heads"]["reuse_index"]
    if row["resamples"]:
        print_line(f"IoU in brackets: 95 % of {row['resamples']:,} resamples of the prompts, circuits chosen anew.")
    for text in row["fewer_resamples"]:
        print_line(f"Only {text}.")
    if index is not None:
        print_line(
            f"{_WITHIN}: how much a circuit shares with one of the same task, as circuits differ with the prompts that "
            f"chose them. The prompts that chose are split in two, {index['n_splits']} times, and a circuit is chosen "
            f"from each half; {index['n_prompts']} prompts each, half of those of the run with the fewest, so that all "
            "are of equally many. Reuse index: 0 where such circuits of both tasks share what chance gives, 1 where "
            "they share as much as those of one task; [-] where those of one task hardly share more than chance gives."
        )


def _print_nulls(levels: Mapping[str, Row]) -> None:
    """What every null says about intersection over union."""
    nulls = dict.fromkeys(
        chance["null"] for level in levels.values() for chance in level["chances"] if chance["measure"] == "iou"
    )
    if not nulls:
        return
    cells = [
        [name, *(_expected(chance_of(level, name)) for level in levels.values()), NULLS[name].summary] for name in nulls
    ]
    print_table("IoU by chance, and p", ("null", *levels, "what stays as it is"), cells, folds=True)
    shown = [chance_of(level, name) for level in levels.values() for name in nulls]
    for note in floor_notes([P], [chance for chance in shown if chance is not None and chance["can_tell"]]):
        print_line(note)


def _print_scores(levels: Mapping[str, Row]) -> None:
    """How alike the scores are, beside what scores in random order within layers give."""
    scored = {name: level for name, level in levels.items() if level["scores_are"] is not None}
    if not scored:
        return
    cells, chances = [], []
    for name, level in scored.items():
        shown = []
        for measure in _MEASURES:
            chance = chance_of(level, "permuted scores", measure)
            chances += [] if chance is None else [chance]
            beside = "" if chance is None else f" ({chance['expected']:z.2f}, p {_p(chance, 'p_value')})"
            shown.append(f"{_number(level['measures'].get(measure))}{beside}")
        cells.append([name, *shown])
    title = "likeness of signed scores (in brackets: in random order within layers, and p)"
    print_table(title, ("", *(QUANTITIES[measure].heading for measure in _MEASURES)), cells)
    for note in floor_notes([_P_OF_ORDERS], chances):
        print_line(note)
    for name, level in scored.items():
        print_line(f"scores of {name}: {scores_in_words(level['scores_are'])}")


def scores_in_words(sides: Sequence[str]) -> str:
    """What the scores of both sides are whose likeness is shown; where they are not of one kind, why it may be."""
    a, b = sides
    return a if a == b else f"{a}; {b}: these measures need no common scale"


def _print_parts(summary: Row) -> None:
    """Which heads belong to which circuit, as far as the prompts decide it."""
    if not summary["resamples"]:
        return
    for to in BELONGS:
        names = [part["name"] for part in summary["head_parts"] if part["belongs"] == to]
        listed = ", ".join(names[:_MOST_NAMES]) + (", ..." if len(names) > _MOST_NAMES else "")
        counts = {level: summary["levels"][level]["belongs"][to] for level in ("nodes", "edges")}
        n_mlps = counts["nodes"] - len(names)
        further = f"{_counted(n_mlps, 'MLPs')}, {_counted(counts['edges'], 'edges')}"
        print_line(f"  {_BELONGS[to]}: {_counted(len(names), 'heads')}{f' ({listed})' if names else ''}, {further}")
    print_line(
        "Shared, or only in one: so in 95 % of resamples of both tasks' prompts; else undecided. All parts: parts.csv."
    )


def _counted(n: int, parts: str) -> str:
    return f"{n:,} {parts.removesuffix('s') if n == 1 else parts}"


def _can_tell(level: Row) -> bool:
    chance = chance_of(level, leading(level))
    return chance is None or chance["can_tell"]


def _expected(chance: Row | None) -> str:
    if chance is None:
        return DASH
    p = _p(chance, "p_value") if chance["can_tell"] else "too few to tell"
    return f"{_number(chance['expected'])}, {p}"


def _within(level: Row) -> str:
    index = level["reuse_index"]
    return DASH if index is None else f"{index['within_a']:.2f}, {index['within_b']:.2f}"


def _index(level: Row) -> str:
    index = level["reuse_index"]
    return DASH if index is None else _with_ends(index, "value", "interval")


def _with_ends(row: Row, value: str, ends: str) -> str:
    if row[value] is None:
        return DASH
    has_ends = ends == "interval" and (row[ends] is not None or "within_a" in row)
    return f"{row[value]:z.2f}" + (f" {brackets(row[ends], '.2f')}" if has_ends else "")


def _number(value: float | None) -> str:
    return DASH if value is None else f"{value:z.2f}"


def _p(chance: Row | None, key: str) -> str:
    return DASH if chance is None else p_shown(chance[key], is_bound=is_least(chance["p_value"], chance["n_samples"]))
