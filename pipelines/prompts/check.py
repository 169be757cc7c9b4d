"""`circuits prompts check FILE --model M`: every prompt of a file as the model sees it, and whether it answers.

What no model is needed for is told before anything is imported that takes seconds.
"""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

from circuits.data.prompt_files import BadPrompts, entries_in, require_any_prompt
from circuits.data.question_files import is_question_file
from circuits.data.texts import holds_texts
from circuits.files import read_bytes
from circuits.model.phases import phase
from circuits.model.read_once import tokenizers_read_once
from pipelines.prompts.checked import Checked
from pipelines.runs.prompt_sources import no_answers, require_task
from pipelines.runs.settings import PromptSettings


def check_prompts(config: PromptSettings) -> Checked:
    """A file of prompts, a template or a file of questions about images as a model sees it.

    Raises a ValueError for a task, for a file that is none, for good lines that make no set of prompts, and for a
    template or questions with faults. Cost: a forward pass of each side of every pair.
    """
    if (path := config.prompt_file) is None:
        require_task(config.task)
        raise ValueError(f"{config.task!r} is no file. `circuits prompts show` shows the prompts of a task.")
    with tokenizers_read_once():
        return _check(config, path)


def _check(config: PromptSettings, path: Path) -> Checked:
    if config.is_drawn or (path.is_file() and is_question_file(read_bytes(path))):
        return _seen().check_made(config, path)
    if path.is_file() and holds_texts(read_bytes(path), path.name):
        raise ValueError(no_answers(path))
    given = [f"--{name}" for name in ("prompts", "images", "annotations") if getattr(config, name) is not None]
    if given:
        why = "" if given == ["--prompts"] else ", and none shows an image"
        raise ValueError(f"all lines of {path} are checked{why}: leave out {', '.join(given)}.")
    with phase(f"reading the lines of {path}"):
        entries = entries_in(path)
        try:
            require_any_prompt(entries, str(path))
        except BadPrompts as error:
            return Checked(str(path), config.model, (), error.of_lines)
    return _seen().check_lines(config, path, entries)


def _seen() -> ModuleType:
    """What reads tokens and runs a model, which takes seconds to import."""
    with phase("importing what reads tokens and runs a model"):
        from pipelines.engine.processors import use_free_processors
        from pipelines.prompts import seen

        use_free_processors()
    return seen
