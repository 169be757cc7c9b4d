"""What other commands have read off the heads of a run: roles with their evidence, attention on a prompt, profiles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from circuits.files import is_file, no_option, portable, real_path
from circuits.lookup import meant_instead, nearest
from graphs.circuit_graph import CircuitGraph
from graphs.export.page.extras import CircuitExtras, Pattern, Reading
from graphs.roles.label import Evidence, RoleLabel
from pipelines.attention.report import AttentionReport
from pipelines.profile.report import ProfileReport
from pipelines.reporting.stored import read_report
from pipelines.roles.report import RolesReport
from pipelines.runs.about_file import command_beside
from pipelines.runs.first_jobs import task_name
from pipelines.runs.run import Run
from pipelines.runs.shell_text import AND

Content = Mapping[str, Any]
_Shown = tuple[CircuitGraph, CircuitExtras]
_ROLES = "roles.json"


def with_readings(run: Run, extras: CircuitExtras, folders: Sequence[Path]) -> _Shown:
    """The run's circuit and what is shown beside it, with what folders of other commands hold.

    ValueError for a folder that holds none of this, and for what was read of another model, task or run.
    """
    graph = run.circuit
    for folder in folders:
        graph, extras = _with_folder(run, graph, extras, folder)
    return graph, extras


def with_roles(run: Run, folders: Sequence[Path]) -> tuple[CircuitGraph, str | None]:
    """The run's circuit with the roles that folders of `circuits roles` hold, and the commands that make these; None
    where the folders do not say.

    ValueError for a folder of anything else, and for roles of another run.
    """
    require_folders(run, folders)
    files = [_roles_file(run, folder) for folder in folders]
    for folder, file in zip(folders, files, strict=True):
        if file is None:
            raise ValueError(
                f"{folder} holds no {_ROLES}: of what is read off heads, only roles belong to this format. Give the "
                "folder that circuits roles left; a page, --to html, shows the others."
            )
    graph, _ = with_readings(run, CircuitExtras(), folders)
    commands = dict.fromkeys(command for file in files if file is not None and (command := command_beside(file)))
    return graph, AND.join(commands) or None


def folders_of_roles(run: Run, folders: Sequence[Path]) -> list[str]:
    """What commands call those of the folders that hold roles: by the name alone where one lies beside the run."""
    files = [file for folder in folders if (file := _roles_file(run, folder)) is not None]
    places = [file.parent for file in files]
    return [
        no_option(place.name) if real_path(place.parent) == real_path(run.folder.parent) else portable(place)
        for place in places
    ]


def _roles_file(run: Run, folder: Path) -> Path | None:
    return next((file for file in _places(run, folder, _ROLES) if is_file(file)), None)


def _places(run: Run, folder: Path, name: str) -> tuple[Path, Path]:
    """Where a file of a folder may lie: the folder is here, or beside the run."""
    return folder / name, run.folder.parent / folder / name


def require_folders(run: Run, folders: Sequence[Path]) -> None:
    """Raise a ValueError where one of the folders is neither here nor beside the run, before anything is read."""
    store = run.folder.parent
    for folder in folders:
        if not any(path.is_dir() for path in (folder, store / folder)):
            near = nearest(folder.name, (path.name for path in store.iterdir() if path.is_dir()), likeness=0.75)
            raise ValueError(
                f"there is no folder {folder}, here or in {portable(store)}. Give one that circuits roles, attention "
                f"or profile left.{meant_instead([] if near is None else [near])}"
            )


def _with_folder(run: Run, graph: CircuitGraph, extras: CircuitExtras, folder: Path) -> _Shown:
    for name, (report, add) in _KINDS.items():
        for path in _places(run, folder, name):
            if is_file(path):
                content = read_report(path, report.format, again=f"circuits {path.stem}")
                _require_same(run, content, path)
                try:
                    return add(graph, extras, content)
                except (KeyError, TypeError, IndexError) as error:
                    raise ValueError(f"{path} is damaged: it lacks {error}. Make it anew.") from None
    raise ValueError(
        f"{folder} holds none of {', '.join(_KINDS)}. Give the folder that circuits roles, attention or profile left."
    )


def _require_same(run: Run, content: Content, path: Path) -> None:
    asked = {"run": run.name, "model": run.summary["model"]}
    if "run" not in content:
        # What circuits roles reads off a run goes by the run, what is read of prompts by these.
        asked["task"] = task_name(run.config)
    for what, expected in asked.items():
        # Earlier versions kept the folder of a model.
        if expected not in ((said := str(content.get(what, expected))), Path(said).name):
            raise ValueError(f"{path} is of {what} {said}, and {run.name} of {expected}: give one of the same.")


def _with_roles(graph: CircuitGraph, extras: CircuitExtras, content: Content) -> _Shown:
    rows = content["heads"]
    labels = {
        row["head"]: tuple(
            RoleLabel(label["role"], tuple(Evidence(**one) for one in label["evidence"])) for label in row["labels"]
        )
        for row in rows
    }
    read = {
        row["head"]: tuple(
            _reading(name, value, content["n_prompts"]) for name, value in row["readings"].items() if value is not None
        )
        for row in rows
    }
    unmeasured = {**extras.unmeasured, "roles": ""}
    return graph.with_labels(labels), replace(_with(extras, read), unmeasured=unmeasured)


def _with_profiles(graph: CircuitGraph, extras: CircuitExtras, content: Content) -> _Shown:
    read: dict[str, tuple[Reading, ...]] = {}
    for row in content["heads"]:
        name = row["profile"] if row["place"] == "all" else f"{row['profile']} at {row['place']}"
        read[row["head"]] = (*read.get(row["head"], ()), _reading(name, row, content["n_prompts"]))
    return graph, _with(extras, read)


def _with_attention(graph: CircuitGraph, extras: CircuitExtras, content: Content) -> _Shown:
    # Earlier versions kept the attention on one prompt.
    shown = [content, *content.get("more_prompts", [])]
    patterns = dict(extras.patterns)
    for number, head in enumerate(content["heads"]):
        known = {pattern.prompt: pattern for pattern in (*patterns.get(head, ()), *_patterns(shown, content, number))}
        patterns[head] = tuple(known.values())
    return graph, replace(extras, patterns=patterns)


def _patterns(shown: Sequence[Content], content: Content, number: int) -> Iterator[Pattern]:
    """What one of the heads gives from the row, on every prompt that is kept."""
    for one in shown:
        row = one["token_roles"][content["row"]][-1]
        weights = one["weights"][number][row]
        # Most models read no later token, and have no weights for any.
        read = weights if any(weights[row + 1 :]) else weights[: row + 1]
        yield Pattern(tuple(one["tokens"]), tuple(read), row, one["prompt"])


def _reading(name: str, value: Content, n_prompts: int) -> Reading:
    low, high = value["interval"] or (None, None)
    return Reading(name, value["mean"], low, high, n_prompts)


def _with(extras: CircuitExtras, read: Mapping[str, tuple[Reading, ...]]) -> CircuitExtras:
    heads = {*extras.readings, *read}
    return replace(extras, readings={head: (*extras.readings.get(head, ()), *read.get(head, ())) for head in heads})


_Add = Callable[[CircuitGraph, CircuitExtras, Content], _Shown]
_KINDS: Mapping[str, tuple[Any, _Add]] = {
    _ROLES: (RolesReport, _with_roles),
    "profiles.json": (ProfileReport, _with_profiles),
    "attention.json": (AttentionReport, _with_attention),
}
