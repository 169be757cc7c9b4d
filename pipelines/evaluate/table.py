"""The judge's rows as a table for people and as CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from circuits.evaluation.hypotheses import HYPOTHESES
from circuits.solved import kept_of_drawn
from pipelines.evaluate.report import Evaluation
from pipelines.reporting.tables import DASH, Column, brackets, print_line, print_reasons, print_table, value_at
from pipelines.reporting.tables import number as number_at

# An empty cell is a number that was not measured. Shares are of the gap clean - corrupt.
COLUMNS = (
    *map(Column, ("run", "task", "model", "method", "metric", "ablation", "n_prompts")),
    Column("n_drawn", "solved.drawn"),
    *map(Column, ("clean", "corrupt", "n_edges", "of_edges", "n_components", "circuit_of")),
    Column("faithfulness", interval="faithfulness_interval"),
    Column("distance", "distance.value", interval="distance.interval"),
    Column("distance_share", "distance.share"),
    Column("cpr", "cpr.value", interval="cpr.interval"),
    Column("cmd", "cmd.value", interval="cmd.interval"),
    Column("completeness_sampled", "completeness.sampled.value", interval="completeness.sampled.interval"),
    Column("completeness_sampled_share", "completeness.sampled.share"),
    Column("completeness_greedy", "completeness.greedy.value", interval="completeness.greedy.interval"),
    Column("completeness_greedy_share", "completeness.greedy.share"),
    Column("minimality", "minimality.smallest.value", interval="minimality.smallest.interval"),
    Column("minimality_share", "minimality.smallest.share"),
    Column("minimality_component", "minimality.smallest.component"),
    Column("left_out"),
    Column("random_circuits", "random.n"),
    Column("random_faithfulness", "random.faithfulness.value", interval="random.faithfulness.interval"),
    Column("random_p", "random.p_value"),
    *(Column(f"{name}_p", f"hypotheses.{name}.p_value") for name in HYPOTHESES),
    Column("superfluous", cell=lambda row: " ".join(value_at(row, "hypotheses.minimality.superfluous") or ())),
    Column("stability"),
    *(
        Column(f"auroc_{part}{suffix}", f"auroc.{part}.by_{by}")
        for part in ("edges", "nodes", "heads")
        for suffix, by in (("", "mean"), ("_by_prompt", "prompt"))
    ),
    Column("auroc_heads_of_trials", "auroc.heads.trials.mean"),
    Column("auroc_heads_of_trials_sd", "auroc.heads.trials.sd"),
    *(Column(f"heads_{name}", f"auroc.match.{name}") for name in ("precision", "recall", "f1", "best_f1")),
    *map(Column, ("forward_equivalents", "seconds", "peak_memory_mb")),
)


def print_evaluation(evaluation: Evaluation) -> None:
    """A row per run in each of two tables, and below them why numbers are missing."""
    has_truth = evaluation.truth is not None
    titles = ("how good the circuits are, and what their scores cost", "how complete, minimal, rare and stable")
    for title, columns in zip(titles, ("quality", "checks"), strict=True):
        cells = [_cells(row, has_truth=has_truth)[columns] for row in evaluation.rows]
        print_table(title, list(cells[0]), [list(row.values()) for row in cells])
    print_line(
        "In brackets: 95 % intervals over prompts; t, but bootstrap for CMD, completeness (incomplete) and least use. "
        "In parentheses: shares of the gap clean - corrupt."
    )
    if any(_is_least(row) for row in evaluation.rows):
        print_line(
            "p <= : no random circuit does as well, and so few of them can give no smaller p: draw more (--random N)."
        )
    _print_hypotheses(evaluation.rows)
    for row in evaluation.rows:
        if row["solved"] is not None:
            print_line(f"prompts of {row['run']}: {kept_of_drawn(row['solved'])}")
    for row in evaluation.rows:
        if row["left_out"] is not None:
            print_line(f"left out of {row['run']}: {row['left_out']}.")
    print_reasons(evaluation.rows, lambda row: row["run"], without=None if has_truth else "auroc")


def _is_least(row: Mapping[str, Any]) -> bool:
    """Whether no random circuit does as well as a run's, so that its p is the least that their number allows."""
    random = row["random"]
    return random is not None and random["p_value"] is not None and random["p_value"] * (random["n"] + 1) < 1.5


def _random_p(row: Mapping[str, Any]) -> str:
    shown = number_at(row, "random.p_value", ".2g")
    return f"<= {shown}" if _is_least(row) else shown


def _print_hypotheses(rows: Sequence[Mapping[str, Any]]) -> None:
    """A line per run and test, where tests were asked for, and below them the null hypotheses."""
    tested = [(row["run"], name, test) for row in rows for name, test in (row["hypotheses"] or {}).items()]
    if not tested:
        return
    cells = [[run, name, number_at(test, "p_value", ".2g"), _says(test)] for run, name, test in tested]
    print_table("hypothesis tests: what p below .05 gives up", ("run", "test", "p", "so"), cells, folds=True)
    for name, null in {name: test["null"] for _, name, test in tested}.items():
        print_line(f"{name}: null hypothesis: {null}")


def _says(test: Mapping[str, Any]) -> str:
    """What the outcome means; of minimality, of how many parts."""
    if test.get("n_tested") is None:
        return test["says"]
    return f"{test['says']} ({len(test['superfluous'])} of {test['n_tested']} tested, of {test['n_parts']} parts)"


def _cells(row: Mapping[str, Any], *, has_truth: bool) -> dict[str, dict[str, str]]:
    """Column -> text, for each of the tables."""

    def number(path: str, spec: str = "z.3f") -> str:
        return number_at(row, path, spec)

    def interval(of: str, path: str) -> str:
        return "" if value_at(row, of) is None else f"\n{brackets(value_at(row, path), 'z.3f')}"

    def judged(path: str) -> str:
        share, value = value_at(row, f"{path}.share"), f"{path}.value"
        return number(value) + ("" if share is None else f" ({share:.0%})") + interval(value, f"{path}.interval")

    least = value_at(row, "minimality.smallest.component")
    quality = {
        "run": row["run"],
        "edges": f"{row['n_edges']:,}\nof {row['of_edges']:,}",
        "faithfulness": number("faithfulness") + interval("faithfulness", "faithfulness_interval"),
        "|F(M)-F(C)|": judged("distance"),
        "CPR": number("cpr.value") + interval("cpr.value", "cpr.interval"),
        "CMD": number("cmd.value") + interval("cmd.value", "cmd.interval"),
    }
    checks = {
        "run": row["run"],
        "incomplete,\nsampled": judged("completeness.sampled"),
        "incomplete,\ngreedy": judged("completeness.greedy"),
        "least use of\na component": judged("minimality.smallest") + (f"\n{least}" if least else ""),
        "random,\nfaithfulness": number("random.faithfulness.value")
        + interval("random.faithfulness.value", "random.faithfulness.interval"),
        "random,\np": _random_p(row),
        "stability": number("stability", ".2f"),
    }
    if has_truth:
        for part in ("edges", "nodes", "heads"):
            of_prompt = number(f"auroc.{part}.by_prompt")
            quality[f"AUROC {part},\nmean / largest"] = number(f"auroc.{part}.by_mean") + (
                "" if of_prompt == DASH else f"\n{of_prompt}"
            )
        trials = number("auroc.heads.trials.mean")
        quality["AUROC heads,\none trial"] = trials + (
            "" if trials == DASH else f"\n+- {number('auroc.heads.trials.sd')}"
        )
        checks["heads: precision,\nrecall"] = f"{number('auroc.match.precision')}\n{number('auroc.match.recall')}"
        checks["heads: F1,\nbest F1"] = f"{number('auroc.match.f1')}\n{number('auroc.match.best_f1')}"
    cost = {
        "forward\nequivalents": number("forward_equivalents", ".1f"),
        "s": number("seconds", ".2f"),
        "peak MB": number("peak_memory_mb", ".0f"),
    }
    return {"quality": quality | cost, "checks": checks}
