"""What can be said of prompts before a model's weights are loaded: its tokenizer alone reads them.

Weights take seconds to a minute to load. What refuses prompts by their tokens and answers, such as a metric that reads
one token, does so before; and what was left out of them, or is doubtful, is said before the work is done.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from circuits.data.prompts import PromptSet
from circuits.data.refused import RefusedPrompts
from circuits.model.read_once import tokenizers_read_once
from pipelines.engine.execute import Work
from pipelines.engine.job import Job
from pipelines.engine.result_file import canonical_json
from pipelines.engine.stage import any_prompts, any_sets
from pipelines.runs.caveats import of_noise, with_size
from pipelines.runs.codec import prompts_from
from pipelines.runs.settings import CommandSettings, PromptSettings, RunConfig
from pipelines.runs.stages import ANSWERED, PART, SOLVED_PROMPTS, first_prompts

# How many prompts are drawn to tell: those of a task are all alike, and those of a template have words of their own.
_OF_TASK, _OF_TEMPLATE = 16, 256
_WHOLE = slice(None)
_Reader: TypeAlias = tuple[Job, slice]
"""A job, and which of the prompts that are made it reads."""


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
            makers = [job for job in part.jobs if job.stage.first is not None]
            asking = [job for job in part.jobs if _asks(job) and not part.store.has(job.key)] if makers else []
            for maker in makers:
                made = _made_of(maker, part)
                readers = [(job, own) for job in asking for key, own in made.items() if _asks_of(job, key)]
                try:
                    said += [Said(part.owner, text) for text in _before(maker, readers, part, settings)]
                except ValueError as error:
                    if len(makers) > 1 and (name := maker.settings.get("task") or maker.settings.get("name")):
                        error.add_note(f"the prompts of {name}")
                    raise
            for job in asking:
                _require_together(job, makers, part)
    return list(dict.fromkeys(said))


def _before(maker: Job, readers: Sequence[_Reader], part: Work, settings: CommandSettings) -> list[str]:
    if part.store.has(maker.key):
        return _of_kept(maker, readers, part, settings) if readers else []
    if (prompts := _first(maker)) is None:
        return []
    is_solved = bool(maker.settings.get("solved"))
    for reader, own in readers:
        try:
            _require(reader, prompts, own, is_solved=is_solved)
        except ValueError:
            # All of them decide, and the error counts them.
            if len(prompts) >= _n_made(maker, prompts) or (every := _first(maker, of_all=True)) is None:
                raise
            _require(reader, every, own, is_solved=is_solved)
    return _warnings(prompts, maker, settings)


def _of_kept(maker: Job, readers: Sequence[_Reader], part: Work, settings: CommandSettings) -> list[str]:
    """The same of prompts that are made; of a file of which the solved ones are kept, these are all that it holds."""
    prompts = prompts_from(part.store.read(maker.key))
    for reader, own in readers:
        _require(reader, prompts, own, is_solved=maker.stage == ANSWERED)
    return _warnings(prompts, maker, settings)


def _require_together(reader: Job, makers: Sequence[Job], part: Work) -> None:
    """ValueError where a job refuses its sets of prompts beside each other; those of which the solved ones are kept are
    not known yet."""
    if reader.stage.requires_together is any_sets:
        return
    of_keys = {maker.key: maker for maker in makers if not maker.settings.get("solved")}
    read = {name: of_keys[keys[0]] for name, keys in reader.inputs.items() if keys and keys[0] in of_keys}

    def known(*, of_all: bool) -> dict[str, PromptSet]:
        made = {name: _known(maker, part, of_all=of_all) for name, maker in read.items()}
        return {name: prompts for name, prompts in made.items() if prompts is not None}

    try:
        reader.stage.requires_together(reader.settings, known(of_all=False))
    except ValueError:
        # All of them decide, and the error counts them.
        reader.stage.requires_together(reader.settings, known(of_all=True))


def _known(maker: Job, part: Work, *, of_all: bool) -> PromptSet | None:
    """The prompts that a job made, or those of them that it is known to make."""
    if part.store.has(maker.key):
        return prompts_from(part.store.read(maker.key))
    return _first(maker, of_all=of_all)


def _made_of(maker: Job, part: Work) -> dict[str, slice]:
    """The keys of the jobs that have all prompts that a job makes, the solved ones or a part, and which of them these
    may be. Which are solved is not known, and so neither is which of these are in a part."""
    known = {maker.key: _WHOLE}
    for job in part.jobs:
        read = next((key for key in job.inputs.get("prompts", ()) if key in known), None)
        if job.stage == SOLVED_PROMPTS and _reads(job, maker.key):
            known[job.key] = _WHOLE
        elif job.stage == PART and read is not None:
            is_told = read == maker.key and (not maker.settings.get("solved") or part.store.has(maker.key))
            known[job.key] = slice(*job.settings["part"]) if is_told else _WHOLE
    return known


def _asks(job: Job) -> bool:
    """Whether a job may refuse prompts before weights are loaded."""
    return job.stage.requires is not any_prompts or job.stage.requires_together is not any_sets


def _asks_of(job: Job, key: str) -> bool:
    """Whether a job looks at the prompts of this key, before weights are loaded, by themselves."""
    return any(key in job.inputs.get(name, ()) for name in job.stage.asks_of)


def _reads(job: Job, key: str) -> bool:
    return any(key in keys for keys in job.inputs.values())


def _require(reader: Job, prompts: PromptSet, own: slice, *, is_solved: bool) -> None:
    """ValueError for prompts that a job refuses; of those of which the solved ones are kept, where it takes none.

    own  which of them the job reads; where none of those is known, nothing is refused
    """
    if own != _WHOLE:
        if own.start >= len(prompts):
            return
        prompts = prompts.part(own.start, min(own.stop, len(prompts)))
    try:
        reader.stage.requires(reader.settings, prompts)
    except RefusedPrompts as error:
        if not is_solved or not _takes_others(reader, prompts, error):
            raise


def _takes_others(reader: Job, prompts: PromptSet, refused: RefusedPrompts) -> bool:
    """Whether a job takes prompts of a set beside those that it refuses, of each reason all at once."""
    while (others := refused.others(prompts)) is not None:
        try:
            reader.stage.requires(reader.settings, others)
        except RefusedPrompts as error:
            prompts, refused = others, error
        except ValueError:
            return False
        else:
            return True
    return False


def _first(maker: Job, *, of_all: bool = False) -> PromptSet | None:
    if "task" in maker.settings:
        settings = {"model_at": maker.locations["model"], **maker.settings}
        return _of_task(canonical_json(settings), None if of_all else _OF_TASK)
    assert maker.stage.first is not None
    located = maker.stage.locate(maker.settings, maker.locations)
    return maker.stage.first(located, most=None if of_all or not maker.settings.get("template") else _OF_TEMPLATE)


@lru_cache(maxsize=64)
def _of_task(settings: str, most: int | None) -> PromptSet | None:
    """The first prompts of a task. Its settings, as JSON, hold the tokenizer's hash: what they give does not change."""
    return first_prompts(json.loads(settings), most=most)


def _n_made(maker: Job, prompts: PromptSet) -> int:
    """How many prompts a job makes; where its settings do not say, all that are known."""
    return maker.settings.get("n", len(prompts))


def _warnings(prompts: PromptSet, maker: Job, settings: CommandSettings) -> list[str]:
    """What is to know of prompts of a file or a template; those of a task are as they should be."""
    if "task" in maker.settings:
        return []
    n_made = _n_made(maker, prompts)
    # What is doubtful is counted over all of them.
    warnings = prompts.warnings if len(prompts) == n_made else list(prompts.notes)
    warnings += of_noise(settings, prompts) if isinstance(settings, RunConfig) else []
    if not isinstance(settings, PromptSettings) or settings.prompt_file is None or settings.solved:
        return warnings
    return with_size(warnings, settings, n_made)
