"""What `circuits status` says of the runs of a store, read from their records: no model, no scores."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from circuits.model.phases import phase
from circuits.strict_json import parse_strictly
from pipelines.engine.heartbeat import Running, running_in
from pipelines.engine.store import Store
from pipelines.runs.begun import BEGUN, continued_by
from pipelines.runs.failure import FAILURE, failure_in
from pipelines.runs.options import setting_words
from pipelines.runs.record import RECORD, command_of, name_of, read_record, read_recorded
from pipelines.runs.run import run_folders
from pipelines.runs.settings import DEFAULT_PROMPTS, RunConfig
from pipelines.runs.stages import PROMPTS, SOLVED_PROMPTS

SUMMARY = "summary.json"
_MAKING_PROMPTS = (PROMPTS.name, SOLVED_PROMPTS.name)
# Said elsewhere, or of how it is computed and not of what.
_NOT_ASKED = {
    "name",
    "task",
    "model",
    "method",
    "prompts",
    "edges",
    "threshold",
    "nodes",
    "tolerance",
    "prompts_per_job",
}


def states_in(folder: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The runs of the store at `folder`, and the commands that compute something else there now."""
    with phase(f"reading the runs in {folder}"):
        states, running = States(folder), running_in(folder)
        runs = [with_progress(states.of(of_run), running) for of_run in run_folders(folder)]
    return runs, others_of(running, runs)


class States:
    """The states of a store's runs; what was read before is read again only where its files have changed."""

    def __init__(self, folder: Path) -> None:
        self._store = Store(folder)
        self._runs: dict[Path, tuple[Hashable, _Read]] = {}
        self._kept: dict[str, tuple[Hashable, bool]] = {}
        self._n_prompts: dict[str, int] = {}

    def of(self, folder: Path) -> dict[str, Any]:
        """A run: what was asked, how far it is, of a finished one how faithful its circuit is, and of one that failed
        the error.

        One that cannot be read has its `problem` in place of these.
        """
        at = tuple(_signature(folder / name) for name in (RECORD, SUMMARY, FAILURE, BEGUN))
        if folder not in self._runs or self._runs[folder][0] != at:
            try:
                self._runs[folder] = at, _read(folder)
            except (OSError, ValueError, TypeError) as error:
                self._runs[folder] = at, _Read(_damaged(folder, error))
        _, (state, jobs, prompts, words) = self._runs[folder]
        if "problem" in state:
            return dict(state)
        try:
            missing = [label for key, label in jobs.items() if not self._has(key)]
            asked_for = words(self._n_prompts_of(prompts))
        except ValueError as error:
            return _damaged(folder, error)
        done = {"jobs_done": len(jobs) - len(missing), "jobs": len(jobs), "missing": missing}
        return state | {"asked": asked_for} | done

    def _n_prompts_of(self, key: str | None) -> int | None:
        """How many prompts a job made; None where its result is not kept."""
        if key is None or not self._has(key):
            return None
        if key not in self._n_prompts:
            self._n_prompts[key] = len(self._store.read(key).meta["prompts"])
        return self._n_prompts[key]

    def _has(self, key: str) -> bool:
        at = _signature(self._store.path(key))
        if at is None:
            return False
        if key not in self._kept or self._kept[key][0] != at:
            self._kept[key] = at, self._store.has(key)
        return self._kept[key][1]


def with_progress(state: Mapping[str, Any], running: Sequence[Running]) -> dict[str, Any]:
    """The state of a run, with the command that computes it now; None where none does."""
    if "problem" in state:
        return dict(state)
    command = next((command for command in running if command.owner == _owner(state["run"])), None)
    return {**state, "running": None if command is None else _progress(command)}


def others_of(running: Sequence[Running], states: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The commands that compute now, but none of these runs."""
    owners = {_owner(state["run"]) for state in states}
    return [_progress(command) for command in running if command.owner not in owners]


def _owner(run: str) -> str:
    """What the engine says that the jobs of a run are computed for."""
    return f"run {run}"


def _progress(command: Running) -> dict[str, Any]:
    return {"of": command.owner, "share": command.share, "seconds_left": command.left_s}


def _signature(path: Path) -> Hashable:
    """What differs once a file has been replaced; None where there is none."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def _damaged(folder: Path, error: Exception) -> dict[str, Any]:
    return {"run": name_of(folder), "is_finished": False, "problem": str(error)}


class _Read(NamedTuple):
    """What the files of a run say of it.

    jobs     key -> label
    prompts  the key of the job that makes its prompts, of a run that does not say itself how many it has
    words    what was asked, by how many prompts there are, where that is known
    """

    state: dict[str, Any]
    jobs: Mapping[str, str] = {}
    prompts: str | None = None
    words: Callable[[int | None], str] = str


def _read(folder: Path) -> _Read:
    record: Mapping[str, Any] = read_record(folder)
    summary: Mapping[str, Any] = {}
    if SUMMARY in record["files"]:
        data, record = read_recorded(folder, record, SUMMARY)
        summary = _summary(data, folder / SUMMARY)
    config, is_finished = record["config"], bool(record["files"])
    circuit = summary.get("circuit")
    state = {
        "run": name_of(folder),
        "task": _short(config["task"]),
        "model": _short(config["model"]),
        "method": config["method"],
        "command": command_of(record),
        "asked": "",
        "edges": circuit.get("n_edges") if isinstance(circuit, Mapping) else None,
        "faithfulness": summary.get("faithfulness"),
        "faithfulness_interval": summary.get("faithfulness_interval"),
        "date": datetime.fromtimestamp((folder / RECORD).stat().st_mtime).astimezone().isoformat(timespec="seconds"),
        "is_finished": is_finished,
        "error": None if is_finished else failure_in(folder),
        "continue": None if is_finished else continued_by(folder, record),
    }
    defaults, n_prompts = _defaults(command_of(record)), summary.get("n_prompts")
    made = [job["key"] for job in record["jobs"] if job["stage"] in _MAKING_PROMPTS] if n_prompts is None else []

    def words(n_made: int | None) -> str:
        return ", ".join(asked(config, defaults, n_made if n_prompts is None else n_prompts))

    return _Read(state, {job["key"]: job["label"] for job in record["jobs"]}, next(iter(made), None), words)


def asked(config: Mapping[str, Any], defaults: Mapping[str, Any], n_prompts: int | None) -> Iterator[str]:
    """What was asked of a run in words: the circuit's size or rule, the prompts, and what is not at its default.

    defaults   of the settings
    n_prompts  how many there were, where that is known
    """
    yield from _size(config)
    n_asked = config.get("prompts")
    if n_prompts is not None:
        yield _prompts(n_prompts) if n_asked in (None, n_prompts) else f"{_prompts(n_prompts)} of {n_asked} asked for"
    else:
        n_asked = n_asked or (DEFAULT_PROMPTS if RunConfig(task=config["task"]).is_drawn else "all")
        yield _prompts(n_asked)
    for name, value in config.items():
        if name in _NOT_ASKED or value in (None, False, {}, []) or value == defaults.get(name):
            continue
        yield from setting_words(name, value)


def _prompts(n: int | str) -> str:
    return f"{n} prompt{'s' * (n != 1)}"


def _size(config: Mapping[str, Any]) -> Iterator[str]:
    for name, words in (("edges", "{} edges"), ("nodes", "{} components"), ("threshold", "scores from {}")):
        if config.get(name) is not None:
            yield words.format(config[name])
            return
    if isinstance(config.get("tolerance"), float) and not config.get("selection"):
        yield f"faithfulness from {1 - config['tolerance']:.2g}"


def _defaults(command: str) -> dict[str, Any]:
    """The defaults of a command's settings; of one that is not installed here, those that all runs have."""
    kind: type[RunConfig] = RunConfig
    with contextlib.suppress(ModuleNotFoundError):
        module = import_module(f"pipelines.{command}.settings")
        own = (
            entry for entry in vars(module).values() if isinstance(entry, type) and entry.__module__ == module.__name__
        )
        kind = next((entry for entry in own if issubclass(entry, RunConfig)), RunConfig)
    return {name: field.get_default(call_default_factory=True) for name, field in kind.model_fields.items()}  # pyright: ignore[reportCallIssue]


def _summary(data: bytes, path: Path) -> dict[str, Any]:
    """The summary of a finished run; of one without faithfulness, as of traces, how many prompts it had alone.
    ValueError where it is damaged."""
    try:
        found = parse_strictly(data)
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"{path} is damaged: it is no object.")
    faithfulness, ends = found.get("faithfulness"), found.get("faithfulness_interval")
    n_prompts = found.get("n_prompts")
    if n_prompts is not None and (not isinstance(n_prompts, int) or isinstance(n_prompts, bool)):
        raise ValueError(f"{path} is damaged: its number of prompts is none.")
    if faithfulness is None:
        return {} if n_prompts is None else {"n_prompts": n_prompts}
    is_interval = isinstance(ends, list) and len(ends) == 2 and all(isinstance(end, int | float | None) for end in ends)
    if not isinstance(faithfulness, int | float) or not (is_interval or ends is None):
        raise ValueError(f"{path} is damaged: its faithfulness is no number with an interval.")
    return found


def _short(name: str) -> str:
    """A name, or the last part of an absolute path."""
    return Path(name).name if Path(name).is_absolute() else name
