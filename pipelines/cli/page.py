"""`circuits export --to html`: the page of a run, of a comparison, of several runs, or of a file with a circuit."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from circuits.files import is_file
from circuits.strict_json import parse_strictly
from circuits.visible_text import visible
from pipelines.cli.stored import SUMMARY, called, stored_at
from pipelines.runs.about_file import command_beside, sealed_bytes
from pipelines.runs.origin import command_that_made
from pipelines.runs.run import Run, names_of, open_run, path_of
from pipelines.runs.shell_text import AND

if TYPE_CHECKING:
    from graphs.export.page.data import Subject
    from graphs.export.page.extras import CircuitExtras, PageExtras
    from graphs.figures.layered.settings import DrawingSettings


def page(reference: Run | str | Path, out: Path, settings: DrawingSettings, *, readings: Sequence[Path] = ()) -> bytes:
    """The page of what a reference stands for.

    settings  what it shows at first
    readings  folders of `circuits roles`, `attention` and `profile` on a run's prompts: what they found is shown too

    ValueError where the library that draws cannot be fetched, and for readings of another run.
    """
    from graphs.export.page.data import require_settings

    require_settings(settings)
    if (folder := _of_many(path_of(reference, "what is exported"), out)) is not None:
        require_no_readings(readings)
        graphs, extras = _several(_runs_in(folder, out), folder.name, settings, out)
        return _written(graphs, replace(extras, command=command_beside(folder / SUMMARY) or extras.command))
    from graphs.export.page.extras import PageExtras
    from pipelines.page.extras import extras_of
    from pipelines.page.readings import folders_of_roles, require_folders, with_readings

    stored = stored_at(reference, out)
    if stored.run is not None:
        require_folders(stored.run, readings)
        graph, own = with_readings(stored.run, extras_of(stored.run), readings)
        extras = PageExtras(
            [own],
            reference=stored.reference,
            command=stored.command,
            settings=settings,
            roles_in=folders_of_roles(stored.run, readings),
        )
        return _written(graph, extras)
    require_no_readings(readings)
    circuits = [] if stored.folder is None else _extras_beside(stored.folder, out)
    return _written(stored.subject, PageExtras(circuits, stored.reference, stored.command, settings))


def _extras_beside(folder: Path, out: Path) -> list[CircuitExtras]:
    """What the runs of a comparison know of their circuits; nothing where they are not there any more."""
    from pipelines.page.extras import extras_of

    try:
        return [extras_of(run) for run in _runs_in(folder, out).values()]
    except (OSError, ValueError):
        return []


def page_beside(references: Sequence[str | Path], out: Path, settings: DrawingSettings) -> bytes:
    """One page of the circuits of several runs of one model."""
    from graphs.export.page.data import require_settings

    require_settings(settings)
    runs = [open_run(path_of(reference, "what is exported"), out=out) for reference in references]
    return _written(*_several(dict(zip(names_of(runs), runs, strict=True)), None, settings, out))


def _several(
    runs: dict[str, Run], reference: str | None, settings: DrawingSettings, out: Path
) -> tuple[Subject, PageExtras]:
    from graphs.circuit_graph import require_comparable
    from graphs.export.page.extras import PageExtras
    from pipelines.page.extras import extras_of

    graphs = [run.circuit for run in runs.values()]
    for graph in graphs[1:]:
        require_comparable(graphs[0], graph, across_models=True)
    tasks = [graph.label for graph in graphs]
    labels = tasks if len(set(tasks)) == len(tasks) else list(runs)
    circuits = [extras_of(run, label) for run, label in zip(runs.values(), labels, strict=True)]
    commands = dict.fromkeys(command_that_made(run) for run in runs.values())
    beside = [called(run.folder, out) for run in runs.values()]
    return graphs, PageExtras(circuits, reference, AND.join(commands), settings, beside)


def _written(subject: Subject, extras: PageExtras) -> bytes:
    from graphs.export.page.file import page_bytes
    from pipelines.page.library import fetch_library

    fetch_library(note=_note)
    return page_bytes(subject, extras)


def _of_many(given: Path, out: Path) -> Path | None:
    """The folder of a comparison of three runs or more."""
    folders = (given, out / given)
    is_many = (is_file(one / "union.json") and not is_file(one / "comparison.json") for one in folders)
    return next((one for one, many in zip(folders, is_many, strict=True) if many and is_file(one / SUMMARY)), None)


def _runs_in(folder: Path, out: Path) -> dict[str, Run]:
    """The runs that a comparison is of, by their labels. ValueError where one is not there any more."""
    summary = parse_strictly(sealed_bytes(folder / SUMMARY))
    places = summary.get("run_folders", {}) if isinstance(summary, dict) else {}
    found = {}
    for label, name in summary["runs"].items():
        beside = folder / places.get(label, "")
        found[label] = open_run(beside if is_file(beside / "run.json") else name, out=out)
    return found


def require_no_readings(readings: Sequence[Path]) -> None:
    """Raise a ValueError where there are folders to read beside what is not one run."""
    if readings:
        raise ValueError(f"--with {readings[0]} is read beside one run, and this is not one. Leave it out.")


def _note(line: str) -> None:
    sys.stderr.write(f"{visible(line)}\n")
