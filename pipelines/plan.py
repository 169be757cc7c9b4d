"""From a RunConfig to the jobs that compute it, without running a model.

A job's key (`pipelines.job`) depends only on what changes its result. So another `--edges` keeps every measurement,
and repeating a command computes nothing.

    prompts --> check ..> reference --> baseline, measure    (..> only orders: the check ends before models run)
    prompts, measure, baseline --> select --> evaluate --> graph
    measure, evaluate and curve are one job per slice of the prompts
    head coding measures in several stages (`pipelines.coding`)
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from circuits.interventions import ABLATIONS, Ablation, NoiseAblation
from circuits.methods import METHODS
from circuits.methods.coding_base import CodingMethod
from circuits.metrics import METRICS
from circuits.naming import lookup, unknown
from circuits.prompt_files import count_prompts, has_negatives
from circuits.question_files import is_question_file
from circuits.sources import find_model, source_fingerprint
from circuits.tasks import IMAGE_TASKS, TASKS
from circuits.tasks.coco_objects import CocoObjects
from pipelines.coding import coding_jobs, without_places
from pipelines.config import DEFAULT_PROMPTS, IMAGE_PATHS, RunConfig, with_absolute_paths
from pipelines.image_sources import coco_source, digest_of_file, digest_of_images, read_questions_in
from pipelines.job import Job, keys_of
from pipelines.method_settings import checked_settings, make_method
from pipelines.store import Store

_TOKENIZER_FILES = (
    *("tokenizer*", "vocab*", "merges.txt", "special_tokens_map.json", "added_tokens.json"),
    "chat_template*",
)
# Scores the edges between the components that a component method has chosen; the second one for a metric whose
# gradient is zero at the clean run.
EDGE_METHOD, FLAT_EDGE_METHOD = "eap", "eap-ig"


class Jobs(NamedTuple):
    """All jobs of a run, by what they are for."""

    prompts: Job
    check: Job
    reference: tuple[Job, ...]
    baseline: Job
    coding: tuple[Job, ...]
    measure_edges: tuple[Job, ...]
    measure_nodes: tuple[Job, ...]
    select: Job
    evaluate: tuple[Job, ...]
    graph: Job
    curve: tuple[Job, ...]

    @property
    def scores(self) -> tuple[Job, ...]:
        """The jobs that hold the scores of the run's method; a component method's extra edge scores are left out."""
        return self.measure_nodes or self.measure_edges

    @property
    def measured(self) -> tuple[Job, ...]:
        """The jobs of the run's method: those that hold its scores, and those that lead to them."""
        return (*self.coding, *self.scores)

    @property
    def all(self) -> tuple[Job, ...]:
        """Every job once; a job comes after those it reads."""
        return tuple(job for entry in self for job in ([entry] if isinstance(entry, Job) else entry))


class Plan(NamedTuple):
    """The jobs of a run, and those of them that are still to do."""

    config: RunConfig
    jobs: Jobs
    todo: tuple[Job, ...]

    @property
    def run_name(self) -> str:
        """Readable, and the same for the same circuit: task, method and part of a key."""
        return f"{_task_name(self.config)}-{self.config.method}-{self.jobs.graph.key[:8]}"


def plan(config: RunConfig, store: Store) -> Plan:
    """The jobs of a run and which of them the store lacks.

    Raises a ValueError for an unknown task, model, method, metric or setting, before anything runs.
    """
    jobs = all_jobs(config)
    return Plan(config, jobs, tuple(job for job in jobs.all if not store.has(job.key)))


class FirstJobs:
    """The jobs that come before a run measures anything: its prompts, the check, and the metric without intervention.

    ran         settings of every job that runs the model on the prompts
    of_prompts  the inputs of these jobs
    locations   where the model is
    """

    def __init__(self, config: RunConfig, methods: Sequence[Mapping[str, Any]], *, position: str | None = None) -> None:
        """What a run of these methods begins with.

        methods   name and settings of every method that will run
        position  a role that the prompts must have
        """
        source, self.n_prompts = _prompt_source(config)
        files = find_model(config.model)
        model = {"model": source_fingerprint(files)}
        ablation = _ablation(config)
        self.ran = model | {"dtype": config.dtype, "metric": config.metric, "ablation": ablation}
        absolute = with_absolute_paths(config)
        self.locations = {"model": absolute.model}
        paths = {"file": absolute.task} if config.prompt_file else {}
        paths |= {name: str(path) for name in IMAGE_PATHS if (path := getattr(absolute, name)) is not None}
        settings = model | {"tokenizer": _tokenizer_hash(files.folder)} | source
        self.prompts = Job("prompts", settings, locations=self.locations | paths)
        self.of_prompts = {"prompts": (self.prompts.key,)}
        checked: dict[str, Any] = {"methods": [without_places(method) for method in methods]}
        checked |= {} if position is None else {"position": position}
        self.check = Job("check", self.ran | checked, self.of_prompts, self.locations)
        self.after = (self.check.key,)
        self.reference: tuple[Job, ...] = ()
        if ABLATIONS[ablation["name"]].needs_reference:
            weight = 1 + self.n_prompts / 16
            self.reference = (Job("reference", self.ran, self.of_prompts, self.locations, self.after, weight),)
            self.of_prompts = self.of_prompts | {
                "reference": keys_of(self.reference)
            }  # earlier jobs hold the same dict
        self.baseline = Job(
            "baseline", self.ran, self.of_prompts, self.locations, self.after, weight=1 + self.n_prompts / 8
        )
        self._prompts_per_job = config.prompts_per_job

    def slices(self, *, is_split: bool = True) -> list[tuple[int, int]]:
        """The prompts as slices, (start, stop); a single one where they may not be split."""
        size = self._prompts_per_job if is_split else self.n_prompts
        return [(start, min(start + size, self.n_prompts)) for start in range(0, self.n_prompts, size)]

    def sliced(
        self, stage: str, settings: dict[str, Any], inputs: dict[str, Any], cost: float, *, is_split: bool = True
    ) -> tuple[Job, ...]:
        """One job per slice of the prompts; `cost` per prompt."""
        return tuple(self.sliced_job(stage, settings, inputs, cost, part) for part in self.slices(is_split=is_split))

    def sliced_job(
        self, stage: str, settings: dict[str, Any], inputs: dict[str, Any], cost: float, part: tuple[int, int]
    ) -> Job:
        """A job on one slice of the prompts; `cost` per prompt."""
        chosen, weight = self.ran | settings | {"slice": list(part)}, cost * (part[1] - part[0])
        return Job(stage, chosen, self.of_prompts | inputs, self.locations, self.after, weight=weight)


def all_jobs(config: RunConfig) -> Jobs:
    """All jobs of a run, done or not."""
    methods, selection = _methods(config), _selection(config)
    ground = FirstJobs(config, methods)
    coding: tuple[Job, ...] = ()
    of_graph: dict[str, tuple[str, ...]] = {}
    measured = []
    for method in methods:
        made = make_method(method["name"], method["settings"])
        if not isinstance(made, CodingMethod):
            measured.append(ground.sliced("measure", {"method": method}, {}, 2, is_split=made.per_prompt))
            continue
        loaded = {name: ground.ran[name] for name in ("model", "dtype")}
        of_codes = coding_jobs(method, model=loaded, prompts=ground.prompts, check=ground.check, slices=ground.slices())
        coding = of_codes.all
        settings = ground.ran | {"method": without_places(method)}
        of_graph = {"codes": keys_of(of_codes.codes)}
        measured.append((Job("code-scores", settings, ground.of_prompts | of_graph, ground.locations),))
    edges, nodes = measured[-1], measured[0] if len(measured) == 2 else ()
    of_scores = ground.of_prompts | {"edges": keys_of(edges), "nodes": keys_of(nodes)}
    of_scores |= {"baseline": (ground.baseline.key,)}
    select = Job("select", selection, of_scores)
    evaluate = ground.sliced("evaluate", {}, {"select": (select.key,)}, 4)
    curve = ground.sliced("curve", {}, {"edges": keys_of(edges)}, 8) if config.curve else ()
    graph = Job(
        "graph",
        labels_of(config) | {"tolerance": config.tolerance, "kind": selection["kind"]},
        of_scores | {"select": (select.key,), "evaluate": keys_of(evaluate)} | of_graph,
    )
    return Jobs(
        ground.prompts,
        ground.check,
        ground.reference,
        ground.baseline,
        coding,
        edges,
        nodes,
        select,
        evaluate,
        graph,
        curve,
    )


def labels_of(config: RunConfig) -> dict[str, Any]:
    """The labels of scores: the task and, where prompts were drawn, their seed."""
    return {"task": _task_name(config), "seed": None if config.prompt_file else config.seed}


def _methods(config: RunConfig) -> list[dict[str, Any]]:
    """The methods to run with all their settings, checked; the last one scores edges."""
    method = lookup(METHODS, config.method, "method")
    lookup(METRICS, config.metric, "metric")
    methods = [{"name": config.method, "settings": checked_settings(config.method, config.settings)}]
    if method.result == "components":
        of_edges = FLAT_EDGE_METHOD if METRICS[config.metric].has_zero_gradient_at_clean else EDGE_METHOD
        methods.append({"name": of_edges, "settings": checked_settings(of_edges, {})})
    return methods


def _ablation(config: RunConfig) -> dict[str, Any]:
    """Name and settings of the ablation, checked."""
    ablation = lookup(ABLATIONS, config.ablation, "ablation")
    known = _settings_of(ablation)
    options = {"noise": "sigma", "noise_at": "at", "schedule": "schedule"}
    given = {option: getattr(config, option) for option in options if getattr(config, option) is not None}
    for option, value in given.items():
        if options[option] not in known:
            fitting = [name for name, entry in ABLATIONS.items() if options[option] in _settings_of(entry)]
            raise ValueError(
                f"{option}={value} goes with ablation {' or '.join(map(repr, fitting))}; the ablation is "
                f"{config.ablation!r}."
            )
    if not issubclass(ablation, NoiseAblation):
        return {"name": config.ablation, "settings": {}}
    made = ablation(**{options[option]: value for option, value in given.items()}, seed=config.seed)
    return {"name": config.ablation, "settings": dataclasses.asdict(made)}


def _settings_of(ablation: type[Ablation]) -> set[str]:
    return {entry.name for entry in dataclasses.fields(ablation)}


def _tokenizer_hash(folder: Path) -> str:
    """Hash of a model's tokenizer files, which its fingerprint leaves out: they decide the prompts and nothing else."""
    digest = hashlib.sha256()
    for path in sorted(path for pattern in _TOKENIZER_FILES for path in folder.glob(pattern)):
        digest.update(f"{path.name}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def _prompt_source(config: RunConfig) -> tuple[dict[str, Any], int]:
    """What decides the prompts, and how many there are."""
    path = config.prompt_file
    if path is None:
        return _task_source(config)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"cannot read the prompt file {path}: {error.strerror or error}.") from None
    if config.corruption is not None:
        raise ValueError(f"{path} brings its own corrupt prompts: leave out --corruption.")
    file = {"file": hashlib.sha256(data).hexdigest(), "name": path.stem}
    if is_question_file(data):
        return _question_source(config, path, file)
    _require_no_images(config, f"the prompt file {path}")
    n_lines = max(1, count_prompts(data))  # a file without any is refused when it is read
    n_prompts = n_lines if config.prompts is None else min(config.prompts, n_lines)
    source: dict[str, Any] = {**file, "n": n_prompts}
    if config.prompts is not None and has_negatives(data):
        source["n_negatives"] = config.prompts
    return source, n_prompts


def _question_source(config: RunConfig, path: Path, file: dict[str, str]) -> tuple[dict[str, Any], int]:
    """What decides the prompts of a question file: those about present objects."""
    if config.images is None:
        raise ValueError(f"{path} asks about images: give the folder that holds them (--images DIR).")
    asked = read_questions_in(path, config.images, config.annotations)
    questions = [question for question in asked if question.is_present]
    if not questions:
        raise ValueError(f"{path} asks about no object that is present (label 'yes'), so nothing can be traced.")
    n_prompts = len(questions) if config.prompts is None else min(config.prompts, len(questions))
    source: dict[str, Any] = {**file, "questions": "present", "n": n_prompts, "n_absent": len(asked) - len(questions)}
    source["images"] = digest_of_images(config.images, questions[:n_prompts])
    if config.annotations is not None:
        source["annotations"] = digest_of_file(config.annotations, "annotations")
    return source, n_prompts


def _task_source(config: RunConfig) -> tuple[dict[str, Any], int]:
    known = {**TASKS, **IMAGE_TASKS}
    if config.task not in known:
        raise ValueError(unknown(config.task, known, "task") + " A prompt file ends in .jsonl.")
    corruptions = known[config.task].corruptions
    if config.corruption is not None:
        lookup(corruptions, config.corruption, f"corruption of {config.task}")
    n_prompts = config.prompts or DEFAULT_PROMPTS
    corruption = config.corruption or next(iter(corruptions))
    source = {"task": config.task, "corruption": corruption, "n": n_prompts, "seed": config.seed}
    if config.task == CocoObjects.name:
        task = CocoObjects(corruption, config.images, config.annotations)
        return source | coco_source(task, n=n_prompts, seed=config.seed), n_prompts
    _require_no_images(config, f"task {config.task!r}")
    return source, n_prompts


def _require_no_images(config: RunConfig, source: str) -> None:
    given = [name for name in ("images", "annotations") if getattr(config, name) is not None]
    if given:
        raise ValueError(
            f"{' and '.join(given)} go with task 'coco-objects' or a file of questions about images; {source} has none."
        )


def _task_name(config: RunConfig) -> str:
    return config.prompt_file.stem if config.prompt_file else config.task


def _selection(config: RunConfig) -> dict[str, Any]:
    """What decides the circuit, checked: which options go together depends on the kind of method."""
    method = make_method(config.method, config.settings)
    kind = method.result
    given = {name for name in ("edges", "threshold", "nodes", "greedy") if getattr(config, name) not in (None, False)}
    if kind == "edges" and "nodes" in given:
        if not method.sums_to_nodes:
            raise ValueError(
                f"{config.method} scores edges, and its edges do not add up to components: choose with edges or "
                "threshold; nodes is for component methods and for estimates from gradients."
            )
        kind = "components"
    if method.result == "components":
        method.check_selection(config.position)
    if method.result == "edges" and config.position is not None:
        raise ValueError(f"{config.method} scores edges, over all positions: position is for component methods.")
    if kind == "components" and "greedy" in given:
        raise ValueError(f"{config.method} scores components, and greedy grows edges: leave out greedy.")
    clashing = {"edges": ({"edges", "threshold"}, {"greedy", "threshold"}), "components": ({"nodes", "threshold"},)}
    for pair in clashing[kind]:
        if pair <= given:
            raise ValueError(f"{' and '.join(sorted(pair))} are two ways to select a circuit: give one of them.")
    if not method.scores_paths and (config.greedy or config.curve):
        raise ValueError(
            f"{config.method} scores only edges between heads, so nothing grows from the logits and its best "
            f"edges form no path: leave out {'greedy' if config.greedy else 'curve'}."
        )
    chosen = {name: getattr(config, name) for name in ("edges", "threshold", "nodes", "position", "greedy", "signed")}
    if not given & {"edges", "threshold", "nodes"}:
        chosen |= method.default_selection
        if not method.in_metric_units and kind == "components":
            chosen |= {"tries": "components"}
    if not method.scores_paths:
        chosen |= {"keeps_unscored": True}
    return chosen | {"kind": kind}
