"""What can be said of prompts before a model's weights are loaded: its tokenizer alone reads them.

Weights take seconds to a minute to load. What refuses prompts by their tokens and answers, such as a metric that reads
one token, does so before; and what was left out of them, or is doubtful, is said before the work is done.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import NamedTuple

from circuits.data.prompts import PromptSet
from circuits.model.read_once import tokenizers_read_once
from pipelines.engine.execute import Work
from pipelines.engine.job import Job
from pipelines.engine.result_file import canonical_json
from pipelines.engine.stage import any_prompts
from pipelines.runs.caveats import of_noise, with_size
from pipelines.runs.codec import prompts_from
from pipelines.runs.settings import CommandSettings, PromptSettings, RunConfig
from pipelines.runs.stages import ANSWERED, PROMPTS, SOLVED_PROMPTS, first_prompts, locate_prompts

# How many prompts are drawn to tell: those of a task are all alike, and those of a template have words of their own.
_OF_TASK, _OF_TEMPLATE = 16, 256


class Said(NamedTuple):
    """What is to know of the prompts of one piece of work; `owner` is what it is for."""

    owner: str
    text: str


def before_weights(work: Sequence[Work], settings: CommandSettings) -> list[Said]:
    """What is to know of the prompts that jobs still to be computed read. ValueError where one of these refuses them.

    settings  of the command: how many prompts it asks for
    Cost: reading the files of prompts and the tokenizers, where the prompts are not made yet.
    """
    said: list[Said] = []
    with tokenizers_read_once():
        for part in work:
            makers = [job for job in part.jobs if job.stage in (PROMPTS, ANSWERED)]
            asking = [job for job in part.jobs if job.stage.requires is not any_prompts] if makers else []
            asking = [job for job in asking if not part.store.has(job.key)]
            for maker in makers:
                readers = [job for job in asking if any(_reads(job, key) for key in _made_of(maker, part))]
                try:
                    said += [Said(part.owner, text) for text in _before(maker, readers, part, settings)]
                except ValueError as error:
                    if len(makers) > 1:
                        error.add_note(f"the prompts of {maker.settings.get('task') or maker.settings.get('name')}")
                    raise
    return list(dict.fromkeys(said))


def _before(maker: Job, readers: Sequence[Job], part: Work, settings: CommandSettings) -> list[str]:
    if part.store.has(maker.key):
        return _of_kept(maker, readers, part, settings) if readers else []
    if (prompts := _first(maker)) is None:
        return []
    is_solved = bool(maker.settings.get("solved"))
    for reader in readers:
        try:
            _require(reader, prompts, is_solved=is_solved)
        except ValueError:
            # All of them decide, and the error counts them.
            if len(prompts) >= maker.settings["n"] or (every := _first(maker, of_all=True)) is None:
                raise
            _require(reader, every, is_solved=is_solved)
    return _warnings(prompts, maker, settings)


def _of_kept(maker: Job, readers: Sequence[Job], part: Work, settings: CommandSettings) -> list[str]:
    """The same of prompts that are made; of a file of which the solved ones are kept, these are all that it holds."""
    prompts = prompts_from(part.store.read(maker.key))
    for reader in readers:
        _require(reader, prompts, is_solved=maker.stage == ANSWERED)
    return _warnings(prompts, maker, settings)


def _made_of(maker: Job, part: Work) -> list[str]:
    """The keys of the jobs that have all prompts, or the solved ones, that a job makes."""
    return [maker.key, *(job.key for job in part.jobs if job.stage == SOLVED_PROMPTS and _reads(job, maker.key))]


def _reads(job: Job, key: str) -> bool:
    return any(key in keys for keys in job.inputs.values())


def _require(reader: Job, prompts: PromptSet, *, is_solved: bool) -> None:
    """ValueError for prompts that a job refuses; of those of which the solved ones are kept, where it takes none."""
    try:
        reader.stage.requires(reader.settings, prompts)
    except ValueError:
        if not is_solved or all(_is_refused(reader, _twice(prompts, number)) for number in range(len(prompts))):
            raise


def _twice(prompts: PromptSet, number: int) -> PromptSet:
    """One of the prompts alone, two times: what takes it may take no single one, as it needs a spread."""
    return replace(prompts, prompts=prompts.prompts[number : number + 1] * 2)


def _is_refused(reader: Job, prompts: PromptSet) -> bool:
    try:
        reader.stage.requires(reader.settings, prompts)
    except ValueError:
        return True
    return False


def _first(maker: Job, *, of_all: bool = False) -> PromptSet | None:
    if "task" in maker.settings:
        settings = {"model_at": maker.locations["model"], **maker.settings}
        return _of_task(canonical_json(settings), None if of_all else _OF_TASK)
    located = locate_prompts(maker.settings, maker.locations)
    return first_prompts(located, most=None if of_all or not maker.settings.get("template") else _OF_TEMPLATE)


@lru_cache(maxsize=64)
def _of_task(settings: str, most: int | None) -> PromptSet | None:
    """The first prompts of a task. Its settings, as JSON, hold the tokenizer's hash: what they give does not change."""
    return first_prompts(json.loads(settings), most=most)


def _warnings(prompts: PromptSet, maker: Job, settings: CommandSettings) -> list[str]:
    """What is to know of prompts of a file or a template; those of a task are as they should be."""
    if "task" in maker.settings:
        return []
    n_made = maker.settings["n"]
    # What is doubtful is counted over all of them.
    warnings = prompts.warnings if len(prompts) == n_made else list(prompts.notes)
    warnings += of_noise(settings, prompts) if isinstance(settings, RunConfig) else []
    if not isinstance(settings, PromptSettings) or settings.prompt_file is None or settings.solved:
        return warnings
    return with_size(warnings, settings, n_made)
