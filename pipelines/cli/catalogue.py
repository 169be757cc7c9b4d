"""Tables for people: what the commands print without `--json`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from circuits.lookup import lookup
from circuits.registry import OWN
from pipelines.reporting.tables import console, print_line, print_rows

if TYPE_CHECKING:
    from circuits.ablations import Ablation


def print_offered(title: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """A table of what can be chosen, which says where each comes from, unless all of it is of this package."""
    is_own = all(row["from"] == OWN for row in rows)
    print_rows(title, [{key: value for key, value in row.items() if key != "from" or not is_own} for row in rows])
    if is_own:
        print_line(f"All {title} come with {OWN}.")


def task_rows() -> list[dict[str, Any]]:
    """One row per task."""
    from circuits.tasks import IMAGE_TASKS, TASKS

    return [
        {"task": name, "what": task.summary, "corruptions": dict(task.corruptions), "from": tasks.origin(name)}
        for tasks in (TASKS, IMAGE_TASKS)
        for name, task in sorted(tasks.items())
    ]


def method_rows(*names: str) -> list[dict[str, Any]]:
    """One row per method, of all or of those named, with its settings and their defaults."""
    from circuits.methods import METHODS
    from pipelines.runs.method_settings import checked_settings

    chosen = {name: lookup(METHODS, name, "method") for name in names or sorted(METHODS)}
    return [
        {
            "method": name,
            "scores": method.result,
            "what": method.summary,
            "settings": checked_settings(name, {}),
            "from": METHODS.origin(name),
        }
        for name, method in chosen.items()
    ]


def print_method(name: str) -> None:
    """One method: its settings with their defaults, and its documentation."""
    from circuits.methods import METHODS, Method

    print_rows("method", method_rows(name))
    method = METHODS[name]
    for part in (method, *(base for base in method.__mro__[1:] if issubclass(base, Method) and base is not Method)):
        if "__doc__" in vars(part):
            console().print(f"{inspect.getdoc(part)}\n", soft_wrap=True)
    module = sys.modules[method.__module__].__doc__
    console().print(inspect.cleandoc(module or ""), soft_wrap=True)


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
    """One row per bundled model; a missing or damaged one says so."""
    from circuits.model.sources import BUNDLED, find_model, source_fingerprint

    rows = []
    for name, folder in sorted(BUNDLED.items()):
        row: dict[str, Any] = {"model": name, "folder": str(folder)}
        try:
            source = find_model(name)
            size_mb = sum(file.stat().st_size for file in source.weight_files) / 1e6
            row |= {"format": source.format, "size_mb": round(size_mb, 1), "fingerprint": source_fingerprint(source)}
        except ValueError as error:
            row["problem"] = str(error)
        rows.append(row)
    return rows
