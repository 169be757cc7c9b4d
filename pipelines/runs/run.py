"""The folder of one run: its settings, circuit, scores and summary, complete in itself so that it can be moved or sent.

run.json          format, command, settings, keys of its jobs, and a hash of each file below (written last)
config.yaml       the settings, for `circuits discover --config`, or `circuits trace --config`
graph.json        the circuit (`graphs.export`); of a causal trace, the layers that matter
scores.npz        all edge scores per prompt; node_scores.npz those of components, for component methods
codes.npz         codes of all heads per trial and prompt, for head coding
trace.npz         of a causal trace: scores of all components at all positions, and the metric clean and corrupt
summary.json      what `circuits discover --json` prints
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from pipelines.engine.execute import compute_missing
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job
from pipelines.engine.result_file import DamagedError, Result, decode, encode, require_known_version
from pipelines.engine.store import Store, write_atomically, write_json
from pipelines.runs.settings import RENAMED, RunConfig
from pipelines.runs.settings_file import as_yaml, with_absolute_paths

if TYPE_CHECKING:
    from circuits.scores import ComponentScores, EdgeScores, Scores
    from graphs import CircuitGraph

FORMAT = "circuit-workbench-run"
VERSION = 1
_LOG = logging.getLogger(__name__)
SCORES = "scores.npz"
NODE_SCORES = "node_scores.npz"
DISCOVER = "discover"  # what made the runs whose record names no command


class Run:
    """A finished run, read from its folder.

    Subclasses stand in `run.py` of the command that leaves such runs, and read what that command adds.

    name, folder  what it is called and where it is
    command       what made it: `discover` or `trace`
    config        the settings it was made with
    summary       accuracy, metric, circuit and faithfulness with their intervals, as plain values
    graph         the circuit; `scores` and `node_scores` what it was chosen from (read when first used)
    """

    command: ClassVar[str]
    config_type: ClassVar[type[RunConfig]] = RunConfig

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._record = _read_record(folder)
        if not self._record["files"]:
            raise ValueError(f"run {folder.name} is not finished. Continue it: {self._again}")
        self.name: str = self._record["name"]
        recorded: dict[str, Any] = self._record["config"]
        self.config = self.config_type(**{RENAMED.get(key) or key: value for key, value in recorded.items()})

    @cached_property
    def summary(self) -> dict[str, Any]:
        return json.loads(self._bytes("summary.json"))

    @cached_property
    def graph(self) -> CircuitGraph:
        return read_circuit(self._bytes("graph.json"), str(self.folder / "graph.json"))

    @cached_property
    def scores(self) -> EdgeScores:
        return self._scores(SCORES)

    @cached_property
    def node_scores(self) -> ComponentScores | None:
        """Scores of components, where the method gives them or components were chosen by the sums of their edges."""
        if NODE_SCORES in self._record["files"]:
            return self._scores(NODE_SCORES)
        return self.scores.node_scores() if self.config.nodes is not None else None

    @property
    def _again(self) -> str:
        return f"circuits {self.command} --config {self.folder / 'config.yaml'} --out {self.folder.parent}"

    @property
    def faithfulness(self) -> float | None:
        """Share of the behavior that the circuit alone keeps: 1 is all of it. None where that was not measured."""
        return self.summary.get("faithfulness")

    def __repr__(self) -> str:
        return f"<Run {self.name}: {self.graph.description}>"

    def _scores(self, name: str) -> Any:
        from pipelines.runs.codec import prompts_from, scores_from

        result = self._result(name)
        return scores_from([result], prompts_from(Result(result.meta["prompt_set"])))

    def _result(self, name: str) -> Result:
        return decode(self._bytes(name), key=f"{self.name}/{name}", where=str(self.folder / name))

    def _bytes(self, name: str) -> bytes:
        path = self.folder / name
        again = f"Restore it from the store: {self._again}"
        try:
            data = path.read_bytes()
        except OSError as error:
            raise ValueError(f"cannot read {path}: {error.strerror or error}. {again}") from None
        if hashlib.sha256(data).hexdigest() != self._record["files"].get(name):
            raise ValueError(f"{path} is damaged: its content does not match its hash. {again}")
        return data


AnyRun = TypeVar("AnyRun", bound=Run)


@dataclass(frozen=True)
class Computed(Generic[AnyRun]):
    """A run, and what this call spent on it."""

    run: AnyRun
    n_jobs: int
    n_computed: int
    seconds: float

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return self.run.folder


def read_circuit(data: bytes, source: str) -> CircuitGraph:
    """The circuit in the bytes of a JSON file; `source` names it in errors."""
    from graphs import CircuitGraph
    from graphs.export.json import JsonExport

    graph = JsonExport().from_bytes(data, source=source)
    if not isinstance(graph, CircuitGraph):
        raise ValueError(f"{source} holds a comparison, not one circuit.")
    return graph


class RunJobs(Protocol):
    """The jobs of a run, of whichever command."""

    @property
    def check(self) -> Job: ...
    @property
    def all(self) -> tuple[Job, ...]: ...


class AnyPlan(Protocol):
    """The plan of a run, of whichever command."""

    @property
    def config(self) -> RunConfig: ...
    @property
    def command(self) -> str: ...
    @property
    def run_name(self) -> str: ...
    @property
    def jobs(self) -> RunJobs: ...


def begin_run(store: Store, plan: AnyPlan) -> Path:
    """Make the folder of a run, so that an interrupted run is listed and can continue. Returns its settings file."""
    folder = store.folder / plan.run_name
    if not is_begun(store, plan):
        write_atomically(folder / "config.yaml", as_yaml(with_absolute_paths(plan.config)).encode())
        write_json(folder / "run.json", _record(plan, files={}))
    return folder / "config.yaml"


def keep_run(store: Store, plan: AnyPlan, files: Mapping[str, bytes]) -> Path:
    """Write the files of a finished run, and its record last. Returns its folder."""
    folder = store.folder / plan.run_name
    for name, data in files.items():
        write_atomically(folder / name, data)
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    write_json(folder / "run.json", _record(plan, files=hashes))
    return folder


def find_run(reference: str | Path, store_folder: Path) -> Path:
    """The folder of a run, given as a path or as a name within the store."""
    given = Path(reference)
    for folder in (given, store_folder / given):
        if (folder / "run.json").is_file():
            return folder
    names = [folder.name for folder in run_folders(store_folder)]
    if not names:
        raise ValueError(f"no run {str(reference)!r}: {store_folder} holds no runs, and it is not the folder of a run.")
    from circuits.lookup import unknown

    raise ValueError(unknown(str(reference), names, f"run in {store_folder}"))


def run_folders(store_folder: Path) -> list[Path]:
    """Folders of all runs of a store, finished or not, by name."""
    return sorted(path.parent for path in store_folder.glob("*/run.json"))


def store_of(run: Run, out: Path) -> Store:
    """The store that a run is in; the one at `out` where the run was moved out of its store."""
    beside = run.folder.absolute().parent
    return Store(beside if (beside / "store.json").is_file() else out)


def run_state(folder: Path) -> dict[str, Any]:
    """What `circuits status` says about a run: its settings, and how many of its jobs are done."""
    try:
        record = _read_record(folder)
    except ValueError as error:
        return {"run": folder.name, "is_finished": False, "problem": str(error)}
    store = Store(folder.parent)
    missing = [job["label"] for job in record["jobs"] if not store.has(job["key"])]
    return {
        "run": record["name"],
        "task": _short(record["config"]["task"]),
        "model": _short(record["config"]["model"]),
        "method": record["config"]["method"],
        "command": _command(record),
        "is_finished": bool(record["files"]),
        "jobs_done": len(record["jobs"]) - len(missing),
        "jobs": len(record["jobs"]),
        "missing": missing,
    }


def _short(name: str) -> str:
    """A name, or the last part of an absolute path."""
    return Path(name).name if Path(name).is_absolute() else name


def _command(record: Mapping[str, Any]) -> str:
    return record.get("command", DISCOVER)


def _record(plan: AnyPlan, *, files: Mapping[str, str]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "command": plan.command,
        "name": plan.run_name,
        "config": with_absolute_paths(plan.config).model_dump(mode="json"),
        "jobs": [{"stage": job.stage.name, "label": job.label, "key": job.key} for job in plan.jobs.all],
        "files": dict(files),
    }


def scores_file(scores: Scores, prompts: Result, *, key: str, **arrays: Any) -> bytes:
    """Scores of all prompts in one file, with the prompts they belong to and further arrays."""
    from pipelines.runs.codec import scores_result

    result = scores_result(scores, prompt_set=dict(prompts.meta))
    return encode(Result(result.meta, {**result.arrays, **arrays}), key=key, stage="scores")


def _read_record(folder: Path) -> dict[str, Any]:
    path = folder / "run.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        require_known_version(record if isinstance(record, dict) else {}, FORMAT, VERSION, where=str(path))
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}.") from None
    except (DamagedError, UnicodeDecodeError, json.JSONDecodeError):
        raise DamagedError(f"{path} is damaged. The same command rewrites it and recomputes nothing.") from None
    return record


def is_begun(store: Store, plan: AnyPlan) -> bool:
    """Whether the run has a sound record. Raises for one of a newer version, which must not be overwritten."""
    folder = store.folder / plan.run_name
    if not (folder / "run.json").exists():
        return False
    try:
        _read_record(folder)
    except DamagedError as error:
        _LOG.warning("%s", error)
        return False
    return True


def open_run(reference: str | Path, *, out: str | Path = "runs") -> Run:
    """A finished run, by the path of its folder or by its name in the store `out`.

    >>> from pipelines import discover, open_run
    >>> name = discover("ioi", prompts=8, edges=40).name
    >>> open_run(name).config.prompts
    8
    """
    folder = find_run(reference, Path(out))
    return _kind_of_run(_command(_read_record(folder)), folder)(folder)


def _kind_of_run(command: str, folder: Path) -> type[Run]:
    """The subclass of `Run` for the runs of a command, which stands in the `run.py` of that command's folder."""
    try:
        module = import_module(f"pipelines.{command}.run")
    except ModuleNotFoundError:
        raise ValueError(
            f"run {folder.name} was made by the command {command!r}, which is not installed here."
        ) from None
    return next(kind for kind in vars(module).values() if isinstance(kind, type) and kind.__module__ == module.__name__)


def compute_run(plan: AnyPlan, store: Store, execution: Execution, *, shows_progress: bool) -> int:
    """Compute the jobs of a run that a prepared store lacks. Returns how many there were.

    The run's folder is created only after the check has passed: input that is refused leaves no run behind.
    """
    check = plan.jobs.check
    if is_begun(store, plan) or store.has(check.key):
        begin_run(store, plan)

    def on_done(job: Job) -> None:
        if job.key == check.key:
            begin_run(store, plan)

    command = f"circuits {plan.command}"
    return compute_missing(
        plan.jobs.all,
        store,
        execution,
        resume=lambda: f"{command} --config {begin_run(store, plan)} --out {execution.out}",
        shows_progress=shows_progress,
        on_done=on_done,
    )
