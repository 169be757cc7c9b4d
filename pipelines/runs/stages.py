"""The stages that every run begins with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circuits.ablations import ABLATIONS, Ablation, Mean
from circuits.data.counted import told_to
from circuits.data.image_prompts import image_prompts
from circuits.data.prompt_files import read_prompts
from circuits.data.prompts import PromptSet
from circuits.data.texts import read_texts, texts_to_read
from circuits.data.tokenizer import OR_A_TOKENIZER, Tokenizer
from circuits.evaluation.faithfulness import measure_baseline
from circuits.evaluation.solved_prompts import MOST_DRAWN, is_solved, keep_solved, solved_prompts
from circuits.files import from_here, read_bytes, unreadable
from circuits.metrics import METRICS
from circuits.model.sources import find_model
from circuits.model.steps import Steps, whole
from circuits.tasks import IMAGE_TASKS, TASKS
from circuits.tasks.from_template import Part, read_template
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Inputs, LoadModel, Stage
from pipelines.runs.codec import prompts_from, prompts_result
from pipelines.runs.image_sources import asked, image_task
from pipelines.runs.method_settings import make_method
from pipelines.runs.settings import IMAGE_PATHS
from pipelines.runs.stage_inputs import ablation_of
from pipelines.runs.task_settings import make_task

if TYPE_CHECKING:
    from circuits.data.image_processor import Vision
    from circuits.model.load import Model
    from circuits.tasks.base import Task


_READ: dict[tuple[str, ...], PromptSet] = {}
"""The prompts of the file that was read last before weights were loaded, for the job that makes prompts of it."""


class Read(NamedTuple):
    """The prompts of a file as a tokenizer reads them, before weights are loaded; None reads token ids."""

    tokenizer: Tokenizer | None
    prompts: PromptSet


def build_prompts(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The prompts of a task for the model's tokenizer, or those of a file; checked against its vocabulary."""
    return prompts_result(prompts_with_model(settings, model).prompts)


class Built(NamedTuple):
    """A model, and prompts for it."""

    model: Model
    prompts: PromptSet


def prompts_with_model(settings: Mapping[str, Any], model: LoadModel) -> Built:
    """The prompts that `build_prompts` keeps, and the model, which is loaded once they are known to be readable."""
    from circuits.model.read_once import tokenizers_read_once

    with tokenizers_read_once():
        read = require_readable(settings)
        loaded = model()
        return Built(loaded, prompts_for(settings, loaded, read))


def require_readable(settings: Mapping[str, Any]) -> Read | None:
    """Raise a ValueError for words of a template or of a prompt file that the model's tokenizer cannot take, and for
    many more prompts of a task than it has: the tokenizer alone tells, before weights are loaded.

    Returns the prompts of a file that were read to tell.
    """
    from circuits.model.tokenizers import tokenizer_of

    if not _is_told_by_words(settings):
        return None
    tokenizer = tokenizer_of(settings["model_at"])
    if _is_pairs(settings):
        content = _content_of(settings)
        held = None if content is None else _READ.pop(content, None)
        return Read(tokenizer, _of_file(settings, tokenizer) if held is None else held)
    if tokenizer is None:
        return None
    if settings.get("task") in TASKS:
        _task_of_words(settings).require_as_many(tokenizer, n=settings["n"])
    else:
        task = read_template(Path(settings["path"]))
        task.sampler(tokenizer)
        task.parts(tokenizer, settings["n"])
    return None


def first_prompts(settings: Mapping[str, Any], *, most: int | None = None) -> PromptSet | None:
    """The prompts that `build_prompts` keeps, as the model's tokenizer reads them before weights are loaded.

    most  how many are drawn at most, of a task or a template; of a file, all are read

    None where images are read. Which of them the model solves is not known yet.
    ValueError for whatever the tokenizer cannot take.
    """
    from circuits.model.tokenizers import tokenizer_of

    if settings.get("texts"):
        return _of_texts(settings, tokenizer_of(settings["model_at"]))
    if not _is_told_by_words(settings):
        return None
    if _is_pairs(settings):
        prompts = _of_file(settings, tokenizer_of(settings["model_at"]))
        if (content := _content_of(settings)) is not None:
            _READ.clear()
            _READ[content] = prompts
        return _taken(settings, prompts)
    is_template = bool(settings.get("template"))
    made = read_template(Path(settings["path"])) if is_template else _task_of_words(settings)
    if (tokenizer := tokenizer_of(settings["model_at"])) is None:
        raise _no_tokenizer(made.name, find_model(settings["model_at"]).name, is_template=is_template)
    n = settings["n"] if most is None else min(most, settings["n"])
    if not is_template:  # of which no more are asked for than it makes
        made.require_as_many(tokenizer, n=settings["n"], seed=settings["seed"])
    build = made.build if n == settings["n"] else made.build_at_most
    return build(tokenizer, n=n, seed=settings["seed"])


def _is_told_by_words(settings: Mapping[str, Any]) -> bool:
    """Whether the prompts are words, or token ids, with answers: no images are read, and no texts."""
    return _is_pairs(settings) or settings.get("task") in TASKS or bool(settings.get("template"))


def _is_pairs(settings: Mapping[str, Any]) -> bool:
    """Whether the prompts are those of a file with a line for each."""
    return "file" in settings and not any(settings.get(name) for name in ("template", "questions", "texts"))


def _of_file(settings: Mapping[str, Any], tokenizer: Tokenizer | None) -> PromptSet:
    """All prompts of a file of pairs."""
    leaves_out = settings.get("leaves_out_unchanged", False)
    return read_prompts(Path(settings["path"]), tokenizer, leaves_out_unchanged=leaves_out)


def _of_texts(settings: Mapping[str, Any], tokenizer: Tokenizer | None) -> PromptSet:
    """The texts of a file that were asked for."""
    path = Path(settings["path"])
    texts = read_texts(read_bytes(path), path.name)[: settings["n"]]
    return texts_to_read(texts, tokenizer, name=settings["name"])


def _content_of(settings: Mapping[str, Any]) -> tuple[str, ...] | None:
    """What decides the prompts of a job's file; None where no job says by which tokenizer they are read."""
    names = ("path", "file", "tokenizer", "leaves_out_unchanged")
    return tuple(str(settings.get(name)) for name in names) if "tokenizer" in settings else None


def prompts_for(settings: Mapping[str, Any], loaded: Model, read: Read | None = None) -> PromptSet:
    """What `build_prompts` keeps.

    read  what `require_readable` read
    """
    if "questions" in settings:
        prompts = image_prompts(settings["name"], asked(settings), _vision(loaded, f"the file {settings['name']!r}"))
    elif settings.get("texts"):
        prompts = _of_texts(settings, loaded.tokenizer)
    elif settings.get("template"):
        prompts = _of_template(settings, loaded)
    elif "file" in settings:
        # That a job's tokenizer is the one that its settings name was looked at when its model was loaded.
        if read is not None and (read.tokenizer is loaded.tokenizer or "tokenizer" in settings):
            prompts = read.prompts
        else:
            prompts = _of_file(settings, loaded.tokenizer)
        prompts = _taken(settings, prompts)
    else:
        prompts = _drawn(settings, loaded)
    loaded.check_prompts(prompts)
    return prompts


def _taken(settings: Mapping[str, Any], prompts: PromptSet) -> PromptSet:
    """Of all prompts of a file, those that were asked for."""
    prompts = prompts[: settings["n"]]
    return replace(prompts, negatives=prompts.negatives[: settings.get("n_negatives")])


def _of_template(settings: Mapping[str, Any], loaded: Model) -> PromptSet:
    """The prompts of a template, for the model's tokenizer."""
    task, n_prompts, seed = read_template(Path(settings["path"])), settings["n"], settings["seed"]
    tokenizer = _tokenizer(loaded, task.name, is_template=True)
    if not settings.get("solved"):
        with _each_told(n_prompts):
            return task.build(tokenizer, n=n_prompts, seed=seed)
    parts = task.parts(tokenizer, n_prompts) or [Part(task, n_prompts)]
    halves = [solved_prompts(loaded, task.name, part.task.drawn(tokenizer, seed=seed), n=part.n) for part in parts]
    kept = tuple(prompt for half in halves for prompt in half.prompts)
    n_drawn = sum(half.n_drawn or 0 for half in halves)
    return PromptSet(task.name, kept, n_drawn=n_drawn, notes=task.notes(tokenizer))


@contextmanager
def _each_told(n_prompts: int) -> Iterator[None]:
    """Within it, how many of the prompts are made is told as how far their job is, a hundredth at a time."""
    size = max(1, n_prompts // 100)
    with whole():
        loop = Steps(n_prompts)

        def tell(n_made: int) -> None:
            if n_made % size == 0:
                loop.enter(size, n_made)
                loop.leave(size)

        with told_to(tell):
            yield


def _drawn(settings: Mapping[str, Any], loaded: Model) -> PromptSet:
    """The prompts of a task, for the model's tokenizer or its processor."""
    task, n_prompts, seed = settings["task"], settings["n"], settings["seed"]
    if task in IMAGE_TASKS:
        made, vision = image_task(settings), _vision(loaded, f"task {task!r}")
        if settings.get("solved"):
            at_most = settings.get("n_images", MOST_DRAWN * n_prompts)
            return solved_prompts(loaded, task, made.drawn(vision, seed=seed, at_most=at_most), n=n_prompts)
        return made.build(vision, n=n_prompts, seed=seed)
    tokenizer = _tokenizer(loaded, task)
    made = _task_of_words(settings)
    if settings.get("solved"):
        made.require_as_many(tokenizer, n=n_prompts)
        return solved_prompts(loaded, task, made.drawn(tokenizer, seed=seed), n=n_prompts)
    with _each_told(n_prompts):
        return made.build(tokenizer, n=n_prompts, seed=seed)


def _task_of_words(settings: Mapping[str, Any]) -> Task:
    """The task that prompts are drawn from."""
    own = {"corruption": settings["corruption"], "held_out": settings.get("held_out", False)}
    return make_task(TASKS[settings["task"]], settings.get("task_settings", {}), **own)


def _tokenizer(loaded: Model, name: str, *, is_template: bool = False) -> Tokenizer:
    if loaded.tokenizer is None:
        raise _no_tokenizer(name, loaded.name, is_template=is_template)
    return loaded.tokenizer


def _no_tokenizer(name: str, model: str, *, is_template: bool) -> ValueError:
    return ValueError(
        f"{'the template' if is_template else 'task'} {name!r} is made of words, and the model {model!r} has no "
        f"tokenizer. Give a prompt file of token ids (clean_ids, corrupt_ids, answer_ids); {OR_A_TOKENIZER}."
    )


def _vision(loaded: Model, asking: str) -> Vision:
    if loaded.vision is None:
        raise ValueError(
            f"{asking} asks about images, and the model {loaded.name!r} reads text alone. Choose a model that reads "
            "images, such as reference-vlm."
        )
    return loaded.vision


def answer_prompts(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """All prompts of a file, and whether the model answers each correctly, its negatives last."""
    built = build_prompts(settings, inputs, model)
    prompts = prompts_from(built)
    sides = [prompts, *([PromptSet(prompts.task, prompts.negatives)] if prompts.negatives else [])]
    is_correct = np.concatenate([is_solved(model(), side) for side in sides])
    return Result(built.meta, {**built.arrays, "is_correct": is_correct})


def keep_answered(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The first prompts of a file that the model answers correctly."""
    (answered,) = inputs["answered"]
    n, n_negatives = settings["n"], settings.get("n_negatives")
    kept = keep_solved(prompts_from(answered), answered.arrays["is_correct"], n=n, n_negatives=n_negatives)
    return prompts_result(kept)


def part_of_prompts(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """A part of the prompts, as a set of its own."""
    return prompts_result(prompts_from(inputs["prompts"][0]).part(*settings["part"]))


def locate_prompts(settings: Mapping[str, Any], locations: Mapping[str, str]) -> Mapping[str, Any]:
    """The settings with the places of the model, images, annotations and the prompt file, which must hold what was
    planned."""
    located = dict(settings) | {"model_at": locations["model"]}
    located |= {f"{name}_at": locations[name] for name in IMAGE_PATHS if name in locations}
    if "file" not in locations:
        return located
    path = from_here(locations["file"])  # as it was typed, in whatever is said of it
    try:
        digest = hashlib.sha256(read_bytes(path)).hexdigest()
    except OSError as error:
        raise ValueError(unreadable(path, error, "the prompt file")) from None
    if digest != settings["file"]:
        raise ValueError(f"{path} has changed since this run was planned. Run the command again.")
    return located | {"path": str(path)}


def check(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """What to know of the ablation, or a ValueError: whether the metric and every method can be used on this model and
    these prompts.

    A component method goes without edge scores where the model refuses edges.
    """
    prompts = prompts_from(inputs["prompts"][0])
    require_asked(settings, prompts)
    metric, ablation = METRICS[settings["metric"]], _ablation(settings)
    if settings.get("needs_edges"):
        model().require("edges", "minimal")
    methods = [make_method(entry["name"], entry["settings"]) for entry in settings["methods"]]
    for method in methods[:1] if "edges" in model().refusals else methods:
        method.check(model(), prompts, metric, ablation)
    return Result({"checked": True, "caveats": ablation.caveats(model().forward)})


def require_asked(settings: Mapping[str, Any], prompts: PromptSet) -> None:
    """Raise a ValueError where prompts lack what the metric reads or the role that was asked for, and where the first
    method, which every model takes that takes any, does not go with them, the metric or the ablation."""
    metric = METRICS[settings["metric"]]
    metric.check(prompts)
    if (position := settings.get("position")) is not None and position not in prompts.roles:
        raise ValueError(f"position is {position!r}; the prompts have the roles {', '.join(prompts.roles)}.")
    for entry in settings["methods"][:1]:
        make_method(entry["name"], entry["settings"]).check_asked(prompts, metric, _ablation(settings))


def _ablation(settings: Mapping[str, Any]) -> Ablation:
    return ABLATIONS[settings["ablation"]["name"]](**settings["ablation"]["settings"])


def measure_clean_and_corrupt(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The metric of every clean and corrupt prompt, and whether the model answers it correctly."""
    prompts = prompts_from(inputs["prompts"][0])
    ablation = ablation_of(settings, inputs, model)
    baseline = measure_baseline(model(), prompts, metric=METRICS[settings["metric"]], ablation=ablation)
    # A model that predicts one number is neither right nor wrong.
    found = {"is_correct": baseline.is_correct, "is_top1": baseline.is_top1}
    judged = {name: array for name, array in found.items() if array is not None}
    cost = {"forward_multiply_adds": model().forward.multiply_adds(prompts.n_tokens)}
    return Result(cost, {"clean": baseline.clean, "corrupt": baseline.ablated} | judged)


def measure_reference(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """What a mean ablation puts in: mean values over the clean prompts."""
    prompts = prompts_from(inputs["prompts"][0])
    ablation = ABLATIONS[settings["ablation"]["name"]]().fitted(model(), prompts)
    assert isinstance(ablation, Mean)
    assert ablation.means is not None
    means = ablation.means
    arrays = {"embedded": means.embedded} | {
        f"{name}{layer}": value
        for name, values in (("z", means.z), ("mlp", means.mlp))
        for layer, value in enumerate(values)
    }
    held = {name: value.float().cpu().numpy() for name, value in arrays.items()}
    return Result({"prompts": prompts.fingerprint}, held)


PROMPTS = Stage("prompts", 2, build_prompts, locate_prompts, first=first_prompts)
ANSWERED = Stage("answered", 1, answer_prompts, locate_prompts, first=first_prompts, title="answer prompts")
SOLVED_PROMPTS = Stage("solved-prompts", 1, keep_answered, title="keep solved prompts")
PART = Stage("part", 2, part_of_prompts, title="select")
CHECK = Stage("check", 2, check, title="check method and model", requires=require_asked)
REFERENCE = Stage("reference", 2, measure_reference)
BASELINE = Stage("baseline", 3, measure_clean_and_corrupt)
