"""The folder of one run: its settings, circuit, scores and summary, complete in itself so that it can be moved or sent.

run.json          format, command, settings, keys of its jobs, and a hash of each file below (written last)
config.yaml       the settings, for `circuits discover --config`, or `circuits trace --config`
graph.json        the circuit (`graphs.export`); of a causal trace, the layers that matter
scores.npz        all edge scores per prompt; node_scores.npz those of components, for component methods
codes.npz         codes of all heads per trial and prompt, for head coding
trace.npz         of a causal trace: scores of all components at all positions, and the metric clean and corrupt
summary.json      what `circuits discover --json` prints
about.json        where all of this came from, and the command that makes it (`pipelines.runs.origin`)
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import ValidationError

from circuits.cached import cached_property
from circuits.files import is_file, is_file_name, is_folder, path_from, portable, read_bytes, real_path
from circuits.lookup import meant_instead, nearest, unknown
from circuits.mib_file import is_mib_file
from circuits.model.phases import phase
from circuits.strict_json import parse_strictly
from circuits.visible_text import value_text
from pipelines.engine.job import Job
from pipelines.engine.result_file import DamagedError, Result, decode, encode
from pipelines.engine.store import Store
from pipelines.runs.about_file import command_beside
from pipelines.runs.begun import continued_by
from pipelines.runs.failure import failure_in
from pipelines.runs.record import RECORD, again, command_of, damaged, name_of, read_record, read_recorded
from pipelines.runs.settings import RENAMED, NamedRunConfig, RunConfig
from pipelines.runs.settings_file import validation_message
from pipelines.runs.shell_text import AND, shell_word

if TYPE_CHECKING:
    from circuits.data.prompts import PromptSet
    from circuits.data.readable import ReadablePrompts
    from circuits.scores import ComponentScores, EdgeScores, Scores
    from graphs import CircuitGraph
    from graphs.prompt_use import PromptUse

SCORES = "scores.npz"
GIVEN = "prompts"
"""The folder of a store with the files of prompts that were given as objects (`pipelines.runs.tasks_given`)."""
NODE_SCORES = "node_scores.npz"


class Run:
    """A finished run, read from its folder.

    Subclasses stand in `run.py` of the command that leaves such runs, and read what that command adds.

    name, folder  what it is called, which is the name of its folder, and where it is
    command       what made it: `discover` or `trace`
    config        the settings it was made with
    summary       accuracy, metric, circuit and faithfulness with their intervals, as plain values
    circuit       the circuit; `scores` and `node_scores` what it was chosen from (read when first used)
    prompts       what the run used, as text

    >>> from pipelines import discover
    >>> run = discover("ioi", prompts=8, edges=40)
    >>> run
    <Run ioi-eap-ig-...: 40 of 479 edges, weakest 0.38..., faithfulness ...>
    >>> run.prompts[0].clean
    'Because David and Martin were leaving the bridge , David returned the sandwich to'
    >>> run.scores.to_frame().nlargest(1, "score")["edge"].item()
    'm3->logits'
    >>> run.circuit.to_networkx().number_of_edges()
    40
    >>> run.command, run.summary["n_prompts"], run.scores.n_prompts, run.node_scores, 0 < run.faithfulness < 1
    ('discover', 8, 8, None, True)
    """

    command: ClassVar[str]
    config_type: ClassVar[type[RunConfig]] = RunConfig

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._record: Mapping[str, Any] = read_record(folder)
        self.name = name_of(folder)
        if not self._record["files"]:
            if (error := failure_in(folder)) is not None:
                raise ValueError(f"run {self.name} failed: {error} Try again: {continued_by(folder, self._record)}")
            raise ValueError(f"run {self.name} is not finished. Continue it: {continued_by(folder, self._record)}")
        recorded: dict[str, Any] = self._record["config"]
        try:
            self.config = self.config_type(**{RENAMED.get(key) or key: value for key, value in recorded.items()})
        except ValidationError as error:
            raise DamagedError(f"{damaged(folder / RECORD)} Its settings: {validation_message(error)}") from None

    def was_made_by(self, job: Job) -> bool:
        """Whether this job made the run's circuit: it is not where the model, the prompts or this package changed."""
        return any(made["key"] == job.key for made in self._record["jobs"])

    @cached_property
    def summary(self) -> dict[str, Any]:
        """What `circuits discover --json`, or `circuits trace --json`, prints: its main numbers as plain values."""
        data, path = self._bytes("summary.json"), self.folder / "summary.json"
        try:
            found = parse_strictly(data)
        except ValueError as error:
            raise DamagedError(f"{path}: {error}. Make the run anew: {self._again}") from None
        if not isinstance(found, dict):
            raise DamagedError(f"{path} holds no summary of a run. Make the run anew: {self._again}")
        # Earlier versions wrote the name of the file there.
        return found if self._called is None else found | {"task": self._called}

    @cached_property
    def circuit(self) -> CircuitGraph:
        """The circuit: what was chosen, with its scores and how faithful it is."""
        graph = read_circuit(self._bytes("graph.json"), str(self.folder / "graph.json"))
        called = self._called
        # A file of pairs that were given as objects is called after a hash.
        own = {"task": called} if called is not None and is_of_pairs(self.config.task) else {}
        return replace(
            graph,
            called=called,
            provenance=graph.provenance and replace(graph.provenance, **own),
            node_provenance=graph.node_provenance and replace(graph.node_provenance, **own),
            prompts=prompt_use(self.summary, self.config),
            metrics=dict(graph.metrics) | around_circuit(self.summary),
        )

    @cached_property
    def scores(self) -> EdgeScores:
        """Scores of all edges, per prompt, in the circuit or not."""
        return self._scores(SCORES)

    @cached_property
    def prompts(self) -> ReadablePrompts:
        """The prompts that the run used, as text: tokens, roles and answers.

        Their text is read with the model's tokenizer. Where the model is not here any more, or has none, tokens are
        shown by their ids, and `prompts.has_text` is False.
        """
        from circuits.data.readable import ReadablePrompts
        from circuits.model.tokenizers import tokenizer_of

        try:
            tokenizer = tokenizer_of(self.config.model)
        except ValueError:
            tokenizer = None
        return ReadablePrompts(self._prompt_set(SCORES), tokenizer)

    @cached_property
    def node_scores(self) -> ComponentScores | None:
        """Scores of components, where the method gives them."""
        if NODE_SCORES in self._record["files"]:
            return self._scores(NODE_SCORES)
        return None

    @property
    def _called(self) -> str | None:
        """What its prompts are called in place of their task, by its settings: whatever version wrote its files."""
        return self.config.called if isinstance(self.config, NamedRunConfig) else None

    @property
    def _again(self) -> str:
        return again(self.folder, self._record)

    @property
    def faithfulness(self) -> float | None:
        """Share of the behavior that the circuit alone keeps: 1 is all of it. None where that was not measured."""
        return self.summary.get("faithfulness")

    def __repr__(self) -> str:
        return f"<Run {self.name}: {self.circuit.description}>"

    def _repr_html_(self) -> str:
        from circuits.html_text import html_block, html_note

        return html_block(f"run {self.name}", html_note(f"in {portable(self.folder)}"), self.circuit._repr_html_())

    def _scores(self, name: str) -> Any:
        from pipelines.runs.codec import scores_from

        return scores_from([self._result(name)], self._prompt_set(name))

    def _prompt_set(self, name: str) -> PromptSet:
        """The prompts that the scores in a file are of."""
        from pipelines.runs.codec import prompts_from

        return prompts_from(Result(self._result(name).meta["prompt_set"]))

    def require_whole(self) -> None:
        """Raise a ValueError where the summary, the circuit or the scores cannot be read: before anything is computed
        that would be reported with them."""
        assert self.summary is not None
        assert self.circuit is not None
        assert self.scores is not None

    def _result(self, name: str) -> Result:
        try:
            return decode(self._bytes(name), key=f"{self._record['name']}/{name}", where=str(self.folder / name))
        except DamagedError as error:
            raise DamagedError(f"{error} Restore it from the store: {self._again}") from None

    def _bytes(self, name: str) -> bytes:
        data, self._record = read_recorded(self.folder, self._record, name)
        return data


def is_of_pairs(task: str) -> bool:
    """Whether a task is prompts that were given as objects, whose file is called after a hash."""
    path = Path(task)
    return path.parent.name == GIVEN and re.search(r"-[0-9a-f]{8}\.jsonl$", path.name) is not None


def names_of(runs: Sequence[Run]) -> list[str]:
    """What runs are called beside each other: by their names, but where runs of several stores have the same name by
    the last folders of their paths, as many as tell them apart."""
    folders: dict[str, set[Path]] = {}
    for run in runs:
        folders.setdefault(run.name, set()).add(real_path(run.folder))
    return [run.name if len(folders[run.name]) == 1 else _told_apart(run, folders[run.name]) for run in runs]


def _told_apart(run: Run, folders: Iterable[Path]) -> str:
    """The end of the path of a run's folder, which no other of these has."""
    own = real_path(run.folder)
    others = [folder.parts for folder in folders if folder != own]
    n = next(n for n in range(1, len(own.parts) + 1) if all(other[-n:] != own.parts[-n:] for other in others))
    return Path(*own.parts[-n:]).as_posix()


def prompt_use(summary: Mapping[str, Any], config: RunConfig) -> PromptUse | None:
    """Which prompts a run's circuit rests on, by its summary; None where that does not say."""
    from graphs.prompt_use import PromptUse
    from pipelines.runs.prompt_sources import corruption_of

    n, choosing = summary.get("n_prompts"), summary.get("n_choosing")
    if not isinstance(n, int):
        return None
    # A file of pairs that were given as objects is called after a hash.
    file = {} if is_of_pairs(config.task) else summary.get("prompt_file") or {}
    if not isinstance(choosing, int):  # of a trace, whose layers are not judged
        return PromptUse(n, n, 0, is_held_out=False, corruption=corruption_of(config), **file)
    is_held_out = summary.get("judged_on") == "held-out"
    judging = n - choosing if is_held_out else choosing
    return PromptUse(n, choosing, judging, is_held_out, corruption_of(config), **file)


def around_circuit(summary: Mapping[str, Any]) -> dict[str, float]:
    """What a reader of a circuit must know beside it, by its run's summary: how well the model does the task, and how
    many sizes were tried where the size was searched."""
    found: dict[str, float] = {}
    if summary.get("accuracy") is not None and summary.get("solved") is None and summary.get("chance") is not None:
        low, high = summary["accuracy_interval"]
        found |= {"model_accuracy": summary["accuracy"], "model_accuracy_low": low, "model_accuracy_high": high}
        found["chance"] = summary["chance"]
    if "choice" in summary and "minimal" not in summary:
        choice = summary["choice"]
        chosen = (entry for entry in choice["choices"] if entry["ranking"] == choice["ranking"])
        tried = sum(len(search["tried"]) for entry in chosen for search in entry["searches"])
        found |= {"sizes_tried": tried} if tried else {}
    return found


def read_circuit(data: bytes, source: str) -> CircuitGraph:
    """The circuit in the bytes of a JSON file; `source` names it in errors."""
    from graphs import CircuitGraph
    from graphs.export.json import JsonExport

    graph = JsonExport().from_bytes(data, source=source)
    if not isinstance(graph, CircuitGraph):
        raise ValueError(f"{source} holds a comparison, not one circuit.")
    return graph


def store_folder(out: Any) -> Path:
    """The folder of a store, as a function was given it. ValueError for what is no path."""
    return path_from(out, "the store `out`")


def path_of(reference: Any, what: str) -> Path:
    """A path that was given, of a run its folder. ValueError for something else; `what` says what it should be of."""
    if isinstance(reference, Run):
        return reference.folder
    if not isinstance(reference, str | PathLike):
        raise ValueError(f"{what} is given by its path or its name; found {value_text(reference)}.")
    return Path(reference)


def find_run(reference: str | Path, store_folder: Path) -> Path:
    """The folder of a run, given as a path or as a name within the store. ValueError where that has no run."""
    given = path_of(reference, "a run")
    for folder in (given, store_folder / given):
        if is_file(folder / RECORD):
            return folder
    if is_file(given) and is_mib_file(read_bytes(given)):
        raise ValueError(
            f"{given} is a circuit of another tool, no run. Make a run of it, which can be judged and compared: "
            f"circuits discover TASK --model MODEL --method circuit-file --set {shell_word(f'file={given}')}"
        )
    for folder in (given, store_folder / given):
        if (left_by := _left_by(folder)) is not None:
            raise ValueError(f"{folder} is no run: it holds what `{left_by}` left. Give a run.")
    if (is_file_name(given) or given.parent != Path()) and not given.is_dir():
        raise ValueError(_no_such_file(given, store_folder))
    names = [folder.name for folder in run_folders(store_folder)]
    if not names:
        raise ValueError(f"no run {str(reference)!r}: {store_folder} holds no runs, and it is not the folder of a run.")
    raise ValueError(unknown(str(reference), names, f"run in {store_folder}"))


def _no_such_file(given: Path, store_folder: Path) -> str:
    """The message for a path that leads nowhere: what its folder has of that kind, here or in the store."""
    for folder in (given.parent, store_folder / given.parent):
        if folder.is_dir():
            there = _like(given, folder)
            kind = f"files that end in {given.suffix}" if is_file_name(given) else "runs"
            has = f"It has {', '.join(there)}." if there else f"It has no {kind}."
            near = nearest(given.name, there, likeness=0.75)
            return f"there is no {given.name} in {folder}. {has}{'' if near is None else meant_instead([near])}"
    return f"there is no {given}, and no folder {given.parent}, here or in {store_folder}."


def _like(given: Path, folder: Path) -> list[str]:
    """What a folder has that may have been meant: files of this ending, or runs."""
    if not is_file_name(given):
        return [run.name for run in run_folders(folder)]
    return sorted(path.name for path in folder.iterdir() if path.suffix.lower() == given.suffix.lower())


def _left_by(folder: Path) -> str | None:
    """The command that left a folder of results, without those that made the runs which it read; None where it does not
    say."""
    command = command_beside(folder) if is_folder(folder) else None
    return None if command is None else command.split(AND)[-1]


def run_folders(store_folder: Path) -> list[Path]:
    """Folders of all runs of a store, finished or not, by name."""
    return sorted(path.parent for path in store_folder.glob("*/run.json"))


def store_of(run: Run, out: Path) -> Store:
    """The store that a run is in; the one at `out` where the run was moved out of its store."""
    beside = run.folder.absolute().parent
    return Store(beside if (beside / "store.json").is_file() else out)


def scores_file(scores: Scores, prompts: Result, *, key: str, **arrays: Any) -> bytes:
    """Scores of all prompts in one file, with the prompts they belong to and further arrays."""
    from pipelines.runs.codec import scores_result

    result = scores_result(scores, prompt_set=dict(prompts.meta))
    return encode(Result(result.meta, {**result.arrays, **arrays}), key=key, stage="scores")


def open_run(reference: str | Path, *, out: str | Path = "runs") -> Run:
    """A finished run, by the path of its folder or by its name in the store `out`.

    >>> from pipelines import discover, open_run
    >>> name = discover("ioi", prompts=8, edges=40).name
    >>> open_run(name).config.prompts
    8
    """
    folder = find_run(reference, store_folder(out))
    with phase(f"reading the run {folder.name}"):
        return _kind_of_run(command_of(read_record(folder)), folder)(folder)


def _kind_of_run(command: str, folder: Path) -> type[Run]:
    """The subclass of `Run` for the runs of a command, which stands in the `run.py` of that command's folder."""
    try:
        module = import_module(f"pipelines.{command}.run")
    except ModuleNotFoundError:
        raise ValueError(
            f"run {folder.name} was made by the command {command!r}, which is not installed here."
        ) from None
    return next(kind for kind in vars(module).values() if isinstance(kind, type) and kind.__module__ == module.__name__)
