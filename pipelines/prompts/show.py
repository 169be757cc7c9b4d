"""`circuits prompts show TASK --model M`: prompts of a task or a file as the model sees them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from circuits.data.prompt_files import NEGATIVE, PAIR, POSITIVE, read_prompts
from circuits.data.prompts import Prompt, PromptSet
from circuits.lookup import lookup
from circuits.model.load import load_model
from circuits.tasks import TASKS
from pipelines.prompts.rows import prompt_row
from pipelines.runs.settings import PromptSettings


def show_prompts(task: str, model: str, *, n: int, seed: int = 0, corruption: str | None = None) -> dict[str, Any]:
    """The first prompts of a task, or of a file, with their tokens, roles and answers; the model does not run.

    ValueError for an unknown task, and where the task cannot be built for the model's tokenizer.
    """
    if path := PromptSettings(task=task).prompt_file:
        if corruption is not None:
            raise ValueError(f"{path} brings its own corrupt prompts: leave out --corruption.")
        loaded = load_model(model)
        prompts = read_prompts(Path(path), loaded.tokenizer)
    else:
        made = lookup(TASKS, task, "task made of words")(corruption=corruption or "")
        loaded = load_model(model)
        if loaded.tokenizer is None:
            raise ValueError(f"tasks are made of words, and model {loaded.name!r} has no tokenizer.")
        prompts = made.build_at_most(loaded.tokenizer, n=n, seed=seed)
    sides = _labeled(prompts)
    rows = [prompt_row(prompt, label, loaded.tokenizer) for label, prompt in islice(sides, n)]
    return {"task": prompts.task, "model": loaded.name, "prompts": rows}


def _labeled(prompts: PromptSet) -> Iterator[tuple[str, Prompt]]:
    """The prompts, negatives last, each with what it is."""
    if prompts.is_paired:
        return ((PAIR, prompt) for prompt in prompts)
    sides = ((POSITIVE, prompts.prompts), (NEGATIVE, prompts.negatives))
    return ((label, prompt) for label, side in sides for prompt in side)
