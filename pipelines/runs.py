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
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pipelines.config import RunConfig, as_yaml, with_absolute_paths
from pipelines.plan import Jobs, Plan, all_jobs
from pipelines.results import DamagedError, Result, decode, encode, require_known_version
from pipelines.store import Store, write_atomically, write_json
from pipelines.trace_plan import TraceConfig, TraceJobs

if TYPE_CHECKING:
    from circuits.recovery import Trace
    from circuits.scores import ComponentScores, EdgeScores, Scores
    from graphs import CircuitGraph
    from pipelines.coding import StoredCodes

FORMAT = "circuit-workbench-run"
VERSION = 1
_LOG = logging.getLogger(__name__)
SCORES = "scores.npz"
NODE_SCORES = "node_scores.npz"
CODES = "codes.npz"
TRACE_SCORES = "trace.npz"
DISCOVER, TRACE = "discover", "trace"


class Run:
    """A finished run, read from its folder.

    name, folder  what it is called and where it is
    command       what made it: `discover` or `trace`
    config        the settings it was made with
    summary       accuracy, metric, circuit and faithfulness with their intervals, as plain values
    graph         the circuit; `scores` and `node_scores` what it was chosen from (read when first used)
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._record = _read_record(folder)
        self.command = _command(self._record)
        if not self._record["files"]:
            raise ValueError(f"run {folder.name} is not finished. Continue it: {self._again}")
        self.name: str = self._record["name"]
        self.config = (TraceConfig if self.command == TRACE else RunConfig)(**self._record["config"])

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

    @cached_property
    def codes(self) -> StoredCodes | None:
        """Codes of all heads on positives and negatives, where the method is one of head coding."""
        if CODES not in self._record["files"]:
            return None
        from pipelines.coding import codes_from

        return codes_from([self._result(CODES)])

    @cached_property
    def trace(self) -> Trace | None:
        """What restoring brings back, where the run is a causal trace."""
        if TRACE_SCORES not in self._record["files"]:
            return None
        from pipelines.assemble import prompts_from
        from pipelines.tracing import trace_from

        result = self._result(TRACE_SCORES)
        return trace_from([result], prompts_from(Result(result.meta["prompt_set"])))

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
        from pipelines.assemble import prompts_from, scores_from

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


def read_circuit(data: bytes, source: str) -> CircuitGraph:
    """The circuit in the bytes of a JSON file; `source` names it in errors."""
    from graphs import CircuitGraph
    from graphs.export.json import JsonExport

    graph = JsonExport().from_bytes(data, source=source)
    if not isinstance(graph, CircuitGraph):
        raise ValueError(f"{source} holds a comparison, not one circuit.")
    return graph


class AnyPlan(Protocol):
    """The plan of a run, of whichever command."""

    @property
    def config(self) -> RunConfig: ...
    @property
    def run_name(self) -> str: ...
    @property
    def jobs(self) -> Jobs | TraceJobs: ...


def begin_run(store: Store, plan: AnyPlan) -> Path:
    """Make the folder of a run, so that an interrupted run is listed and can continue. Returns its settings file."""
    folder = store.folder / plan.run_name
    if not is_begun(store, plan):
        write_atomically(folder / "config.yaml", as_yaml(with_absolute_paths(plan.config)).encode())
        write_json(folder / "run.json", _record(plan, files={}))
    return folder / "config.yaml"


def finish_run(store: Store, plan: Plan, summary: Mapping[str, Any]) -> Run:
    """Write a run's circuit, scores and summary from the results of its jobs, all of which must be kept."""
    jobs = plan.jobs
    files = {
        "config.yaml": as_yaml(with_absolute_paths(plan.config)).encode(),
        "graph.json": store.read(jobs.graph.key).meta["graph"].encode(),
        "summary.json": (json.dumps(summary, indent=2, allow_nan=False) + "\n").encode(),
        SCORES: _joined_scores(store, plan, SCORES),
    }
    if jobs.measure_nodes:
        files[NODE_SCORES] = _joined_scores(store, plan, NODE_SCORES)
    if jobs.coding:
        files[CODES] = _joined_codes(store, plan)
    return keep_run(store, plan, files)


def keep_run(store: Store, plan: AnyPlan, files: Mapping[str, bytes]) -> Run:
    """Write the files of a finished run, and its record last."""
    folder = store.folder / plan.run_name
    for name, data in files.items():
        write_atomically(folder / name, data)
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    write_json(folder / "run.json", _record(plan, files=hashes))
    return Run(folder)


def find_run(reference: str | Path, store_folder: Path) -> Path:
    """The folder of a run, given as a path or as a name within the store."""
    given = Path(reference)
    for folder in (given, store_folder / given):
        if (folder / "run.json").is_file():
            return folder
    names = [folder.name for folder in run_folders(store_folder)]
    if not names:
        raise ValueError(f"no run {str(reference)!r}: {store_folder} holds no runs, and it is not the folder of a run.")
    from circuits.naming import unknown

    raise ValueError(unknown(str(reference), names, f"run in {store_folder}"))


def run_folders(store_folder: Path) -> list[Path]:
    """Folders of all runs of a store, finished or not, by name."""
    return sorted(path.parent for path in store_folder.glob("*/run.json"))


def store_of(run: Run, out: Path) -> Store:
    """The store that a run is in; the one at `out` where the run was moved out of its store."""
    beside = run.folder.absolute().parent
    return Store(beside if (beside / "store.json").is_file() else out)


def jobs_of(run: Run, **changes: Any) -> Jobs:
    """The jobs that made a run. ValueError where they would no longer give the same run.

    changes  settings to change that add jobs to the same run, such as `curve`
    """
    if run.command != DISCOVER:
        raise ValueError(
            f"run {run.name} is a causal trace, which has no circuit whose faithfulness could be judged. Give runs of "
            "circuits discover (with --method causal-tracing, for one)."
        )
    jobs = all_jobs(run.config.model_copy(update=changes))
    if not run.name.endswith(jobs.graph.key[:8]):
        raise ValueError(
            f"run {run.name} is out of date: its model, its prompts or this package have changed since. Run it again: "
            f"circuits discover --config {run.folder / 'config.yaml'} --out {run.folder.parent}"
        )
    return jobs


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


def command_of(config: RunConfig) -> str:
    """The command that runs these settings."""
    return TRACE if isinstance(config, TraceConfig) else DISCOVER


def _record(plan: AnyPlan, *, files: Mapping[str, str]) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "version": VERSION,
        "command": command_of(plan.config),
        "name": plan.run_name,
        "config": with_absolute_paths(plan.config).model_dump(mode="json"),
        "jobs": [{"stage": job.stage, "label": job.label, "key": job.key} for job in plan.jobs.all],
        "files": dict(files),
    }


def _joined_scores(store: Store, plan: Plan, name: str) -> bytes:
    """All slices of one method's scores in one file, with the prompts they belong to."""
    from pipelines.assemble import prompts_from, scores_from

    jobs = plan.jobs.measure_edges if name == SCORES else plan.jobs.measure_nodes
    prompts = store.read(plan.jobs.prompts.key)
    labels = {key: plan.jobs.graph.settings[key] for key in ("task", "seed")}
    scores = scores_from([store.read(job.key) for job in jobs], prompts_from(prompts), **labels)
    return scores_file(scores, prompts, key=f"{plan.run_name}/{name}")


def scores_file(scores: Scores, prompts: Result, *, key: str, **arrays: Any) -> bytes:
    """Scores of all prompts in one file, with the prompts they belong to and further arrays."""
    from pipelines.assemble import scores_result

    result = scores_result(scores, prompt_set=dict(prompts.meta))
    return encode(Result(result.meta, {**result.arrays, **arrays}), key=key, stage="scores")


def _joined_codes(store: Store, plan: Plan) -> bytes:
    """The codes of all trials in one file."""
    from pipelines.coding import codes_from

    codes = codes_from([store.read(job.key) for job in plan.jobs.coding if job.stage == "codes"])
    arrays = {name: array for name, array in codes._asdict().items() if array is not None}
    return encode(Result({}, arrays), key=f"{plan.run_name}/{CODES}", stage="codes")


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
