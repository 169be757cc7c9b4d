"""`circuits prompts show TASK --model M`: prompts of a task or a file as the model sees them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from circuits.data.prompt_lines import NEGATIVE, PAIR, POSITIVE
from circuits.data.prompts import Prompt, PromptSet
from pipelines.prompts.build import built
from pipelines.prompts.rows import prompt_row
from pipelines.runs.caveats import with_size
from pipelines.runs.settings import PromptSettings


def show_prompts(config: PromptSettings) -> dict[str, Any]:
    """The prompts that a run with these settings has, with their tokens, roles and answers; the model does not run.

    ValueError for an unknown task, and where prompts cannot be built for the model's tokenizer.
    """
    model, prompts = built(config)
    rows = [prompt_row(prompt, label, model.tokenizer) for label, prompt in islice(_labeled(prompts), config.prompts)]
    notes = with_size(prompts.notes, config, len(prompts))
    return {"task": prompts.task, "model": model.name, "notes": notes, "prompts": rows}


def _labeled(prompts: PromptSet) -> Iterator[tuple[str, Prompt]]:
    """The prompts, negatives last, each with what it is."""
    if prompts.is_paired:
        return ((PAIR, prompt) for prompt in prompts)
    sides = ((POSITIVE, prompts.prompts), (NEGATIVE, prompts.negatives))
    return ((label, prompt) for label, side in sides for prompt in side)
