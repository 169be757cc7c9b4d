"""The demonstration: two circuits of a bundled model that share a head, compared, with figures and a short summary.

python -m pipelines.cli.demo [FOLDER]

They are the circuits of the README's example, in the model in which that head is planted.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.cli.phases import say_first
from pipelines.reporting.tables import brackets, with_interval

if TYPE_CHECKING:
    from pipelines.compare.report import StoredComparison
    from pipelines.runs.run import Run

MODEL = "reference-reuse"
# The corruption of each task: those that change which answer is wrong, which is what the two have in common.
TASKS = {"ioi": "flip", "colored-objects": "colors"}
N_PROMPTS = 48
_COLUMNS = (
    "task",
    "prompts",
    "accuracy",
    "logit difference, clean / corrupt",
    "circuit",
    "heads",
    "faithfulness",
    "CPR",
    "CMD",
)


def demonstrate(folder: Path, *, model: str = MODEL, n_prompts: int = N_PROMPTS) -> Path:
    """Discover and compare the circuits of `TASKS`; returns the summary that was written in `folder`."""
    began = time.monotonic()
    _say(f"two circuits of the model {model}, and what they share, in {folder}/")
    from circuits.files import write_atomically
    from pipelines.cli.export import export

    store, runs = folder / "runs", []
    for task, corruption in TASKS.items():
        _say(f"the circuit of {task}")
        runs.append(_discover(task, corruption, model, n_prompts, store))
    for run in runs:
        for kind in ("json", "pdf"):
            _say(f"drawing {run.name}" if kind == "pdf" else f"writing {run.name}")
            write_atomically(folder / f"{run.config.task}.{kind}", export(run.folder, kind))
    _say(f"comparing {' and '.join(run.name for run in runs)}")
    comparison = _compare(runs, folder / "comparison", store)
    write_atomically(folder / "comparison.pdf", (comparison.folder / "comparison.pdf").read_bytes())
    summary = folder / "summary.md"
    write_atomically(summary, _summary(runs, comparison.summary, time.monotonic() - began).encode())
    return summary


def main() -> None:
    """Run the demonstration in the folder given, by default `demo`."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("demo")
    summary = demonstrate(folder)
    sys.stdout.write(f"{summary.read_text(encoding='utf-8')}\nEverything is in {folder}/\n")


def _discover(task: str, corruption: str, model: str, n_prompts: int, store: Path) -> Run:
    from pipelines.command import run_command
    from pipelines.discover.command import COMMAND
    from pipelines.runs.settings_file import settings_from

    of_prompts = {"corruption": corruption, "prompts": n_prompts}
    values = {"task": task, "model": model, "curve": True, "out": store} | of_prompts
    return run_command(COMMAND, *settings_from(values, COMMAND.settings), shows_progress=True).run


def _compare(runs: list[Run], folder: Path, store: Path) -> StoredComparison:
    from pipelines.command import run_command
    from pipelines.compare.command import RUNS
    from pipelines.runs.settings_file import settings_from

    values = {"runs": [str(run.folder) for run in runs], "folder": folder, "out": store}
    return run_command(RUNS, *settings_from(values, RUNS.settings), shows_progress=True)


def _say(text: str) -> None:
    say_first("demo", text)


def _summary(runs: list[Run], comparison: Mapping[str, Any], seconds: float) -> str:
    from pipelines.engine.progress import duration

    first, second = (run.config.task for run in runs)
    lines = [
        f"# Circuits of {first} and {second} in the {runs[0].config.model} model",
        "",
        f"| {' | '.join(_COLUMNS)} |",
        f"| {' | '.join('---' for _ in _COLUMNS)} |",
        *(_row(run.summary) for run in runs),
        "",
        *(f"**{run.config.task}: {warning}**\n" for run in runs for warning in run.summary["warnings"]),
        *_transfer(comparison["transfer"]),
        "",
        f"Shared heads: {', '.join(comparison['shared_heads']) or 'none'}; IoU {comparison['heads_iou']:.2f} of heads, "
        f"{comparison['edges_iou']:.2f} of edges; {_by_chance(comparison)}.",
        "",
        "Half of the prompts choose each circuit, the others judge it: faithfulness, CPR and CMD are theirs. Brackets "
        "are 95 % t intervals over prompts. Files:",
        "",
        *(f"- `{task}.json`, `{task}.pdf`: the circuit of {task}" for task in (first, second)),
        "- `comparison.pdf`, `comparison/`: both circuits in one drawing, transfer beside overlap, and all numbers",
        "- `runs/`: every result, for `circuits status --runs` and `circuits export --runs`",
        "",
        f"Computed in {duration(seconds)}.",
        "",
    ]
    return "\n".join(lines)


def _transfer(transfer: Mapping[str, Any]) -> list[str]:
    """What each circuit keeps of the other task, and the verdict."""
    (pair,) = transfer["pairs"]
    kept = [
        f"the circuit of {row['circuit']} keeps {with_interval(row, 'faithfulness', '.2f')} of {row['task']}"
        for row in ({**row, "faithfulness_interval": row["interval"]} for row in transfer["matrix"])
        if row["circuit"] != row["task"]
    ]
    return [f"Transfer: {'; '.join(kept)}. **{pair['verdict'].capitalize()}**: {pair['rule']}."]


def _by_chance(comparison: Mapping[str, Any]) -> str:
    if not comparison["null_can_tell"]["edges"]:
        return "chance cannot be ruled out, whichever edges between these layers they share"
    return f"sharing as many edges by chance has p = {_number(comparison['edges_p_value'])}"


def _number(value: float | None) -> str:
    return "not defined" if value is None else f"{value:z.2g}"


def _row(summary: Mapping[str, Any]) -> str:
    metric, circuit, curve = summary["metric"], summary["circuit"], summary["curve"]
    ends = brackets(summary["faithfulness_interval"], ".2f")
    cells = [
        summary["task"],
        str(summary["n_prompts"]),
        f"{summary['accuracy']:.1%}",
        f"{metric['clean']:z.2f} / {metric['corrupt']:z.2f}",
        f"{circuit['n_edges']} of {circuit['of_edges']} edges",
        str(circuit["n_heads"]),
        f"{summary['faithfulness']:z.2f} {ends}",
        f"{curve['cpr']:z.2f}",
        f"{curve['cmd']:z.2f}",
    ]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
