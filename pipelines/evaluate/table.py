"""The judge's rows as a table for people and as CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from circuits.evaluation.hypotheses import HYPOTHESES
from circuits.quantities import QUANTITIES
from circuits.solved import kept_of_drawn
from pipelines.evaluate.report import Evaluation
from pipelines.reporting.p_values import Draws, p_text
from pipelines.reporting.tables import (
    DASH,
    Column,
    floor_notes,
    measured,
    print_line,
    print_reasons,
    print_table,
    value_and_ends,
    value_at,
)
from pipelines.reporting.tables import number as number_at

INTERVALS = "95 % intervals over prompts; t, but bootstrap for CMD, incompleteness and minimality"
BOOTSTRAPPED: Mapping[str, str] = {
    "cmd": "CMD",
    "incompleteness_sampled": "incompleteness",
    "incompleteness_greedy": "incompleteness",
    "minimality": "minimality",
}
"""The columns whose intervals are a bootstrap's, with what notes call them; those of the others are Student's t."""
_RANDOM = Draws("random.n", "random circuits", "--random")
RANDOM_P = measured("random_p", "random.p_value", draws=_RANDOM)
PERMUTATIONS = Draws("permutations", "permutations of the prompts", None)

# An empty cell is a number that was not measured. Shares are of the gap clean - corrupt.
COLUMNS = (
    *map(Column, ("run", "task", "model", "method", "metric", "ablation", "judged_on")),
    measured("n_prompts"),
    Column("n_drawn", "solved.drawn"),
    *map(measured, ("clean", "corrupt")),
    *map(measured, ("n_edges", "of_edges")),
    *map(Column, ("n_components", "circuit_of")),
    measured("faithfulness", interval="faithfulness_interval"),
    measured("distance", "distance.value", interval="distance.interval"),
    Column("distance_share", "distance.share"),
    measured("cpr", "cpr.value", interval="cpr.interval"),
    measured("cmd", "cmd.value", interval="cmd.interval"),
    *(
        column
        for sets in ("sampled", "greedy")
        for column in (
            measured(f"incompleteness_{sets}", f"completeness.{sets}.value", interval=f"completeness.{sets}.interval"),
            Column(f"incompleteness_{sets}_share", f"completeness.{sets}.share"),
        )
    ),
    measured("minimality", "minimality.smallest.value", interval="minimality.smallest.interval"),
    Column("minimality_share", "minimality.smallest.share"),
    Column("minimality_component", "minimality.smallest.component"),
    Column("left_out"),
    measured("random_circuits", "random.n"),
    measured("random_faithfulness", "random.faithfulness.value", interval="random.faithfulness.interval"),
    RANDOM_P,
    *(Column(f"{name}_p", f"hypotheses.{name}.p_value") for name in HYPOTHESES),
    Column("superfluous", cell=lambda row: " ".join(value_at(row, "hypotheses.minimality.superfluous") or ())),
    measured("stability"),
    *(
        measured(f"auroc_{part}{suffix}", f"auroc.{part}.by_{by}")
        for part in ("edges", "nodes", "heads")
        for suffix, by in (("", "mean"), ("_by_prompt", "prompt"))
    ),
    measured("auroc_heads_of_trials", "auroc.heads.trials.mean"),
    Column("auroc_heads_of_trials_sd", "auroc.heads.trials.sd"),
    *(measured(f"heads_{name}", f"auroc.match.{name}") for name in ("precision", "recall", "f1", "best_f1")),
    *map(measured, ("forward_equivalents", "seconds", "peak_memory_mb")),
)


# What is said below each of the tables: what its numbers are.
_EXPLAINED: Mapping[str, Sequence[str]] = {
    "quality": ("faithfulness", "distance", "cpr", "cmd"),
    "checks": ("incompleteness_sampled", "incompleteness_greedy", "minimality", "random_p", "stability"),
}


def print_evaluation(evaluation: Evaluation) -> None:
    """A row per run in each of two tables, and below them why numbers are missing."""
    has_truth = evaluation.truth is not None
    titles = ("how good the circuits are, and what their scores cost", "how complete, minimal, rare and stable")
    for title, (columns, explained) in zip(titles, _EXPLAINED.items(), strict=True):
        cells = [_cells(row, has_truth=has_truth)[columns] for row in evaluation.rows]
        print_table(title, list(cells[0]), [list(row.values()) for row in cells])
        for quantity in (QUANTITIES[name] for name in explained):
            print_line(f"{quantity.heading}: {quantity.says}")
    print_line(f"In brackets: {INTERVALS}. In parentheses: shares of the gap clean - corrupt.")
    for note in floor_notes([RANDOM_P], evaluation.rows):
        print_line(note)
    _print_hypotheses(evaluation.rows)
    for row in evaluation.rows:
        if row["solved"] is not None:
            print_line(f"prompts of {row['run']}: {kept_of_drawn(row['solved'])}")
    for row in evaluation.rows:
        if row["left_out"] is not None:
            print_line(f"left out of {row['run']}: {row['left_out']}.")
    print_reasons(evaluation.rows, lambda row: row["run"], without=None if has_truth else "auroc")


def _print_hypotheses(rows: Sequence[Mapping[str, Any]]) -> None:
    """A line per run and test, where tests were asked for, and below them the null hypotheses."""
    tested = [(row["run"], name, test) for row in rows for name, test in (row["hypotheses"] or {}).items()]
    if not tested:
        return
    cells = [[run, name, p_text(test["p_value"], test.get("permutations")), says(test)] for run, name, test in tested]
    print_table("hypothesis tests: what p below .05 gives up", ("run", "test", "p", "so"), cells, folds=True)
    for note in floor_notes([measured("p_value", draws=PERMUTATIONS)], [test for *_, test in tested]):
        print_line(note)
    for name, null in {name: test["null"] for _, name, test in tested}.items():
        print_line(f"{name}: null hypothesis: {null}")


def says(test: Mapping[str, Any]) -> str:
    """What the outcome means; of minimality, of how many parts."""
    if test.get("n_tested") is None:
        return test["says"]
    return f"{test['says']} ({len(test['superfluous'])} of {test['n_tested']} tested, of {test['n_parts']} parts)"


def _cells(row: Mapping[str, Any], *, has_truth: bool) -> dict[str, dict[str, str]]:
    """Column -> text, for each of the tables."""

    def number(path: str, spec: str = ".3f") -> str:
        return number_at(row, path, spec)

    def with_ends(path: str, interval: str, share: float | None = None) -> str:
        value = value_at(row, path)
        if value is None:
            return DASH
        shown, ends = value_and_ends(value, value_at(row, interval), ".3f")
        return shown + ("" if share is None else f" ({share:z.0%})") + f"\n{ends}"

    def judged(path: str) -> str:
        return with_ends(f"{path}.value", f"{path}.interval", value_at(row, f"{path}.share"))

    def named(name: str, text: str) -> dict[str, str]:
        return {QUANTITIES[name].heading.replace(", ", ",\n"): text}

    def estimate(name: str, path: str) -> dict[str, str]:
        return named(name, with_ends(f"{path}.value", f"{path}.interval"))

    least = value_at(row, "minimality.smallest.component")
    quality = {
        "run": row["run"],
        "method": row["method"],
        "edges": f"{row['n_edges']:,}\nof {row['of_edges']:,}",
        **named("faithfulness", with_ends("faithfulness", "faithfulness_interval")),
        **named("distance", judged("distance")),
        **estimate("cpr", "cpr"),
        **estimate("cmd", "cmd"),
    }
    checks = {
        "run": row["run"],
        **named("incompleteness_sampled", judged("completeness.sampled")),
        **named("incompleteness_greedy", judged("completeness.greedy")),
        **named("minimality", judged("minimality.smallest") + (f"\nwithout {least}" if least else "")),
        **estimate("random_faithfulness", "random.faithfulness"),
        **named("random_p", RANDOM_P.text(row)),
        **named("stability", number("stability", ".2f")),
    }
    if has_truth:
        for part in ("edges", "nodes", "heads"):
            of_prompt = number(f"auroc.{part}.by_prompt")
            quality[f"{QUANTITIES[f'auroc_{part}'].heading}\n(by largest)"] = number(f"auroc.{part}.by_mean") + (
                "" if of_prompt == DASH else f"\n({of_prompt})"
            )
        trials = number("auroc.heads.trials.mean")
        spread = "" if trials == DASH else f"\n+- {number('auroc.heads.trials.sd')}"
        quality |= named("auroc_heads_of_trials", trials + spread)
        for name in ("precision", "recall", "f1", "best_f1"):
            checks |= named(f"heads_{name}", number(f"auroc.match.{name}"))
    cost = {
        f"{QUANTITIES[name].heading},\n{QUANTITIES[name].unit}": number(name, QUANTITIES[name].format)
        for name in ("forward_equivalents", "seconds", "peak_memory_mb")
    }
    return {"quality": quality | cost, "checks": checks}
