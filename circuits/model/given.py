"""What functions that people call by hand are given: a loaded model, and prompts for it. Else a ValueError."""

from __future__ import annotations

from typing import TYPE_CHECKING

from circuits.data.prompts import PromptSet
from circuits.data.readable import ReadablePrompts

if TYPE_CHECKING:
    from circuits.model.load import Model


def require_model(model: Model) -> None:
    """ValueError for what is no loaded model, which says how to load it."""
    from circuits.model.load import Model

    if not isinstance(model, Model):
        how = f"load_model({model!r})" if isinstance(model, str) else "load_model(...)"
        raise ValueError(f"the model is {_said(model)}, which is not loaded. Load it first: {how}")


def prompt_set_of(prompts: PromptSet | ReadablePrompts) -> PromptSet:
    """Prompts as token ids. ValueError for what is no set of prompts, which says how to make one."""
    if isinstance(prompts, ReadablePrompts):
        return prompts.prompt_set
    if isinstance(prompts, PromptSet):
        return prompts
    how = f"TASKS[{prompts if isinstance(prompts, str) else 'ioi'!r}]().build(model.tokenizer, n=8)"
    raise ValueError(
        f"the prompts are {_said(prompts)}. Build those of a task: {how}; or give those of a run, run.prompts, or "
        "own ones, prompts_from(pairs, model.tokenizer)."
    )


def require_prompt_set(prompts: PromptSet) -> None:
    """ValueError for what is no set of prompts as token ids."""
    if prompt_set_of(prompts) is not prompts:
        raise ValueError("the prompts are given as people read them. Give them as token ids: run.prompts.prompt_set.")


def _said(given: object) -> str:
    text = repr(given)
    return f"{text if len(text) <= 60 else text[:60] + '...'} ({type(given).__name__})"
