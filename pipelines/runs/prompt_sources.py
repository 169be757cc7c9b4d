"""What decides the prompts of a run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from circuits.ablations import Corrupt
from circuits.data.faults import Findings
from circuits.data.prompt_files import count_prompts, has_negatives, has_unchanged, require_any_prompt
from circuits.data.question_files import is_question_file
from circuits.data.records import entries_of
from circuits.data.template_file import read_template_file
from circuits.data.templates import Template
from circuits.data.texts import holds_texts, read_texts
from circuits.evaluation.solved_prompts import MOST_DRAWN
from circuits.files import read_bytes, unreadable
from circuits.lookup import lookup, meant_instead, nearest, unknown
from circuits.tasks import IMAGE_TASKS, TASKS
from circuits.tasks.coco_objects import CocoObjects
from circuits.tasks.from_template import TemplateTask
from pipelines.engine.job import Job
from pipelines.runs.image_sources import coco_source, digest_of_file, digest_of_images, read_questions_in
from pipelines.runs.settings import DEFAULT_PROMPTS, PROMPT_ENDINGS, PromptSettings, RunConfig
from pipelines.runs.task_settings import task_settings


def prompt_source(config: PromptSettings) -> tuple[dict[str, Any], int]:
    """What decides the prompts, and how many there are; of a file whose solved ones are kept, at most."""
    path = config.prompt_file
    if path is None:
        return _task_source(config)
    try:
        data = read_bytes(path)
    except OSError as error:
        raise ValueError(unreadable(path, error, "the prompt file")) from None
    if config.corruption is not None:
        raise ValueError(f"{path} brings its own corrupt prompts: leave out --corruption.")
    if config.held_out:
        raise ValueError(f"{path} brings its own prompts: leave out --held-out, which is for tasks.")
    if config.task_settings:
        raise ValueError(f"{path} brings its own prompts: leave out --task-set, which is for tasks.")
    file = {"file": hashlib.sha256(data).hexdigest(), "name": path.stem}
    if config.is_drawn:
        _require_no_images(config, f"the template {path}")
        n_drawn = _n_of_template(config, path)
        return {**file, "template": True, "n": n_drawn, "seed": config.seed}, n_drawn
    if is_question_file(data):
        return _question_source(config, path, file)
    _require_no_images(config, f"the prompt file {path}")
    if holds_texts(data, path.name):
        return _text_source(config, path, file, data)
    ablates_by_partner = isinstance(config, RunConfig) and config.ablation == Corrupt.name
    entries = entries_of(data, str(path))
    require_any_prompt(entries, str(path))
    leaves_out = ablates_by_partner and has_unchanged(entries)
    # A file all of whose prompts are left out is refused when it is read.
    n_lines = max(1, count_prompts(entries, leaves_out_unchanged=leaves_out))
    n_prompts = n_lines if config.prompts is None else min(config.prompts, n_lines)
    source: dict[str, Any] = {**file, "n": n_prompts} | ({"leaves_out_unchanged": True} if leaves_out else {})
    if config.prompts is not None and has_negatives(entries):
        source["n_negatives"] = config.prompts
    return source, n_prompts


def file_of_prompts(config: PromptSettings, made_by: Job) -> dict[str, Any]:
    """For a summary: the name of the file that prompts came from, and the hash of its content when they were read.

    made_by  the job that read it
    Empty of a task.
    """
    if config.prompt_file is None:
        return {}
    return {"prompt_file": {"file": config.prompt_file.name, "sha256": made_by.settings["file"]}}


def _n_of_template(config: PromptSettings, path: Path) -> int:
    """How many prompts are drawn: as many as asked for, else 64; all where there are fewer, as of a prompt file."""
    task, wanted = _template(config, path), config.prompts or DEFAULT_PROMPTS
    there_are = task.count(wanted)
    if there_are and task.template.leave_out is not None:
        # Which words are left out is known by the tokenizer alone.
        from circuits.model.tokenizers import tokenizer_of

        if (tokenizer := tokenizer_of(config.model)) is not None:
            there_are = task.count(wanted, tokenizer)
    return max(1, there_are)


def _template(config: PromptSettings, path: Path) -> TemplateTask:
    """The task of a template; a ValueError with what is wrong with it, words that do not fit the model among that, and
    prompts of those that do."""

    def of_sound(sound: Template) -> Findings:
        from circuits.model.tokenizers import tokenizer_of

        try:
            tokenizer = tokenizer_of(config.model)
        except ValueError:  # of a model that is not here: what is wrong with the template comes first
            return Findings()
        return Findings() if tokenizer is None else TemplateTask(template=sound).findings(tokenizer)

    return TemplateTask(template=read_template_file(path, also=of_sound))


def _text_source(config: PromptSettings, path: Path, file: dict[str, str], data: bytes) -> tuple[dict[str, Any], int]:
    """What decides the prompts of a file of texts."""
    if not config.reads_texts:
        raise ValueError(no_answers(path))
    if config.solved:
        raise ValueError(f"{path} holds texts, which ask nothing that could be solved: leave out --solved.")
    n_texts = len(read_texts(data, path.name))
    n_prompts = n_texts if config.prompts is None else min(config.prompts, n_texts)
    return {**file, "texts": True, "n": n_prompts}, n_prompts


def no_answers(path: Path) -> str:
    """The message for a file of texts where prompts are wanted."""
    return (
        f"{path} holds texts, which have no answers and no corrupt side: `circuits profile` and `circuits influence` "
        "read them. Here give pairs (clean, corrupt, answers)."
    )


def _question_source(config: PromptSettings, path: Path, file: dict[str, str]) -> tuple[dict[str, Any], int]:
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


def corruption_of(config: PromptSettings) -> str | None:
    """How a run's task corrupts prompts, `flip: the answer flips`; None of a file, and of a task not installed here."""
    kind = None if config.prompt_file else {**TASKS, **IMAGE_TASKS}.get(config.task)
    if kind is None:
        return None
    name = config.corruption or next(iter(kind.corruptions))
    return f"{name}: {kind.corruptions.get(name, 'not known here')}"


def _task_source(config: PromptSettings) -> tuple[dict[str, Any], int]:
    require_task(config.task)
    known = {**TASKS, **IMAGE_TASKS}
    corruptions = known[config.task].corruptions
    if config.corruption is not None:
        lookup(corruptions, config.corruption, f"corruption of {config.task}")
    n_prompts = config.prompts or DEFAULT_PROMPTS
    corruption = config.corruption or next(iter(corruptions))
    source: dict[str, Any] = {"task": config.task, "corruption": corruption, "n": n_prompts, "seed": config.seed}
    if known[config.task].version > 1:
        source["version"] = known[config.task].version
    if config.held_out:
        if config.task in IMAGE_TASKS:
            raise ValueError(f"task {config.task!r} has no templates that could be held out: leave out --held-out.")
        TASKS[config.task](corruption=corruption, held_out=True)
        source["held_out"] = True
    if chosen := task_settings(known[config.task], config.task_settings):
        source["task_settings"] = chosen
    if config.task == CocoObjects.name:
        task, n_images = CocoObjects(corruption, config.images, config.annotations), n_prompts
        if config.solved:
            n_images = source["n_images"] = min(MOST_DRAWN * n_prompts, task.n_images)
        return source | coco_source(task, n=n_images, seed=config.seed), n_prompts
    _require_no_images(config, f"task {config.task!r}")
    return source, n_prompts


def require_task(asked: str) -> None:
    """Raise a ValueError for what is neither a task nor called like a prompt file."""
    if asked not in (known := {**TASKS, **IMAGE_TASKS}):
        raise ValueError(_no_task(asked, known))


def _no_task(asked: str, known: Iterable[str]) -> str:
    """The message for what is neither a task nor called like a prompt file: of something with an ending, the file here
    that was probably meant, or the task."""
    ends = f"A prompt file ends in {', '.join(PROMPT_ENDINGS)}."
    if Path(asked).is_dir():
        return f"{asked!r} is a folder: give a task, or a prompt file. {ends} `circuits tasks` lists the tasks."
    if not Path(asked).suffix:
        return f"{unknown(asked, known, 'task')} {ends}"
    files = [path.name for path in Path().iterdir() if path.suffix.lower() in PROMPT_ENDINGS]
    near = nearest(asked, files, likeness=0.75) or nearest(Path(asked).stem, known, likeness=0.75)
    meant = "" if near is None else meant_instead([near])
    return f"no task and no prompt file {asked!r}. {ends} `circuits tasks` lists the tasks.{meant}"


def _require_no_images(config: PromptSettings, source: str) -> None:
    given = [name for name in ("images", "annotations") if getattr(config, name) is not None]
    if given:
        raise ValueError(
            f"{' and '.join(given)} go with task 'coco-objects' or a file of questions about images; {source} has none."
        )
