"""What figures are drawn from, read: runs, a comparison, and the JSON that commands leave."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from circuits.files import is_file
from circuits.numbers import count_text
from graphs.figures.fit import Drawing
from pipelines.discover.run import DiscoverRun, require_circuit
from pipelines.engine.execution import Execution
from pipelines.reporting.report import Format
from pipelines.reporting.stored import read_report as read_stored
from pipelines.reuse.panels import panel_of
from pipelines.reuse.plan import ReusePlan, plan
from pipelines.reuse.settings import ReuseSettings
from pipelines.runs.run import Run, names_of, open_run


def circuit_runs(subjects: Sequence[str], store: Path) -> list[DiscoverRun]:
    """Runs of `circuits discover`, each given once."""
    return [require_circuit(open_run(subject, out=store)) for subject in dict.fromkeys(subjects)]


def labels_of(runs: Sequence[Run]) -> list[str]:
    """What runs are called in a figure: the shortest of task, method, both, and their name that tells them apart."""
    methods = [str(run.circuit.method) for run in runs]
    tasks = [run.circuit.label for run in runs]
    both = [f"{task}, {method}" for task, method in zip(tasks, methods, strict=True)]
    sized = [f"{label}, {count_text(run.circuit.n_edges, 'edge')}" for label, run in zip(both, runs, strict=True)]
    for labels in (tasks, methods, both, sized):
        if len(set(labels)) == len(runs):
            return labels
    return names_of(runs)


def in_common(runs: Sequence[Run]) -> str:
    """Task, model, method and metric of runs, each where it is the same in all."""
    facts = [
        (run.circuit.label, run.scores.provenance.model, str(run.circuit.method), run.scores.provenance.metric)
        for run in runs
    ]
    return ", ".join(dict.fromkeys(values[0] for values in zip(*facts, strict=True) if len(set(values)) == 1))


def comparison(subjects: Sequence[str], store: Path) -> ReusePlan:
    """A comparison, by its folder or by its runs."""
    return plan(ReuseSettings(runs=tuple(subjects)), Execution(out=store))


def panel(name: str, subjects: Sequence[str], store: Path) -> Drawing:
    """A panel of the page of reuse. ValueError with the reason where it has none."""
    found = panel_of(comparison(subjects, store), name)
    return required(found.draw if found.draw is not None else str(found.reason), subjects)


def required(found: Drawing | str, subjects: Sequence[str]) -> Drawing:
    """The figure. ValueError with the reason where there is none."""
    if isinstance(found, str):
        raise ValueError(f"{', '.join(subjects)}: {found}.")
    return found


def holds(subject: str, store: Path, file: str) -> bool:
    """Whether a subject is the folder of such a file, or the file itself."""
    return any(path.name == file and is_file(path) for path in _places(subject, store, file))


def read_report(subject: str, store: Path, file: str, of: Format, *, again: str) -> tuple[Path, Mapping[str, Any]]:
    """The JSON of a report, and where it is: given by its folder or as the file itself.

    again  the command that makes one
    """
    path = next((path for path in _places(subject, store, file) if is_file(path)), None)
    if path is None:
        raise ValueError(f"{subject} holds no {file}. Give the folder that {again} left, or make one.")
    return path, read_stored(path, of, again=again)


@contextmanager
def damage_named(path: Path | str, again: str) -> Iterator[None]:
    """What lacks the shape of a report is said of its file, with the command that makes it anew."""
    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged: it lacks {error}. Make it anew: {again}") from None


def _places(subject: str, store: Path, file: str) -> Iterator[Path]:
    for folder in (Path(subject), store / subject):
        yield folder / file
        if folder.suffix == ".json":
            yield folder
