"""What a reference stands for: a run, a comparison, or a file with one circuit."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from circuits.files import is_file, portable, real_path
from circuits.mib_file import is_mib_file
from pipelines.compare.names import COMPARISON
from pipelines.engine.seal import ABOUT
from pipelines.runs.about_file import command_beside, sealed_bytes
from pipelines.runs.origin import command_that_made
from pipelines.runs.run import open_run, path_of, read_circuit

if TYPE_CHECKING:
    from circuits.scores import Scores
    from graphs import CircuitGraph, Comparison
    from graphs.figures.layered.shown import Measured
    from pipelines.runs.run import Run

SUMMARY = "summary.json"


class Stored(NamedTuple):
    """What is exported.

    reference  what commands call it
    scores     all that was measured, of a run
    command    what makes it again; None where that is not known
    measured   how faithful its parts are, where that is known
    run        the run that it is the circuit of; None of a comparison and of a file
    folder     of a comparison
    """

    subject: CircuitGraph | Comparison
    reference: str
    scores: Sequence[Scores] = ()
    command: str | None = None
    measured: Measured | None = None
    run: Run | None = None
    folder: Path | None = None


def stored_at(reference: Run | str | Path, out: Path) -> Stored:
    """What a reference stands for, as in `export`. ValueError where it stands for nothing that can be exported."""
    from graphs.export import mib_graph

    given = path_of(reference, "what is exported")
    if (path := _comparison_file(given, out)) is not None:
        return Stored(read_comparison(path), called(path.parent, out), command=command_beside(path), folder=path.parent)
    if (path := _circuit_file(given, out)) is not None:
        data = sealed_bytes(path)
        if not is_mib_file(data):
            return Stored(read_circuit(data, str(path)), portable(given), command=command_beside(path))
        graph, scores = mib_graph(data, source=str(path))
        return Stored(graph, portable(given), [scores])
    _refuse_many(given, out)
    run = open_run(given, out=out)
    scores = [scored for scored in (run.scores, run.node_scores) if scored is not None]
    return Stored(run.circuit, called(run.folder, out), scores, command_that_made(run), _measured(run), run)


def called(folder: Path, out: Path) -> str:
    """What commands call a folder: by its name in the store, or else by its path."""
    return folder.name if real_path(out / folder.name) == real_path(folder) else portable(folder)


def _measured(run: Run) -> Measured | None:
    """How faithful parts of a run's circuit are, where its search has tried them."""
    from pipelines.discover.measured_parts import part_faithfulness
    from pipelines.discover.run import DiscoverRun

    return partial(part_faithfulness, run) if isinstance(run, DiscoverRun) else None


def read_comparison(path: Path) -> Comparison:
    """The comparison in a JSON file."""
    from graphs import Comparison
    from graphs.export.json import JsonExport

    content = JsonExport().read(path)
    if not isinstance(content, Comparison):
        raise ValueError(f"{path} holds one circuit, not a comparison.")
    sealed_bytes(path)
    return content


def _refuse_many(given: Path, out: Path) -> None:
    """ValueError for the folder of a comparison without comparison.json, as that of three runs or more."""
    for folder in (given, out / given):
        if is_file(folder / "union.json"):
            circuits = [path.name for path in sorted(folder.glob("*.json")) if path.name not in (SUMMARY, ABOUT)]
            raise ValueError(
                f"{folder} holds no {COMPARISON}: only comparisons of two runs have one. Compare two of its runs, or "
                f"give one of its circuits: {', '.join(str(folder / name) for name in circuits)}."
            )


def _circuit_file(given: Path, out: Path) -> Path | None:
    return next((path for path in (given, out / given) if path.suffix == ".json" and is_file(path)), None)


def _comparison_file(given: Path, out: Path) -> Path | None:
    for path in (given, given / COMPARISON, out / given / COMPARISON):
        if path.name == COMPARISON and is_file(path):
            return path
    return None
