"""What functions that people call by hand are given: a loaded model, and prompts for it. Else a ValueError."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from circuits.data.prompt_files import is_frame, prompts_from, read_prompts
from circuits.data.prompts import PromptSet
from circuits.data.readable import ReadablePrompt, ReadablePrompts
from circuits.data.records import FORMATS
from circuits.data.tokenizer import Tokenizer
from circuits.visible_text import typed_text

if TYPE_CHECKING:
    import pandas as pd

    from circuits.model.load import Model

    AnyPrompts = PromptSet | ReadablePrompts | str | Path | Sequence[Mapping[str, Any] | Sequence[Any]] | pd.DataFrame


def require_model(model: Model) -> None:
    """ValueError for what is no loaded model, which says how to load it."""
    from circuits.model.load import Model

    if not isinstance(model, Model):
        if hasattr(model, "parameters"):
            raise ValueError(
                f"the model is a {type(model).__name__} in memory, which has not been looked at. Give "
                "load_model(model), which takes it as it is."
            )
        how = f"load_model({model!r})" if isinstance(model, str) else "load_model(...)"
        raise ValueError(f"the model is {typed_text(model)}, which is not loaded. Load it first: {how}")


def prompt_set_of(prompts: AnyPrompts, tokenizer: Tokenizer | None = None) -> PromptSet:
    """Prompts as token ids. ValueError for what is no set of prompts, which says how to make one.

    tokenizer  of the model, which reads pairs of texts, frames and prompt files
    """
    if isinstance(prompts, ReadablePrompts):
        return prompts.prompt_set
    if isinstance(prompts, PromptSet):
        return prompts
    if isinstance(prompts, Path) or (isinstance(prompts, str) and PurePath(prompts).suffix.lower() in FORMATS):
        return read_prompts(prompts, tokenizer)
    if isinstance(prompts, Sequence) and any(isinstance(one, ReadablePrompt) for one in prompts):
        raise ValueError(
            "the prompts are texts out of a run's, without their token ids. Take a slice, which keeps these: "
            "run.prompts[:8]."
        )
    if is_frame(prompts) or (isinstance(prompts, Sequence) and not isinstance(prompts, str | bytes)):
        return prompts_from(prompts, tokenizer)
    raise ValueError(_no_prompts(prompts, "own ones: a list of pairs, a frame of pandas or polars, or a prompt file."))


def _no_prompts(given: object, own: str) -> str:
    how = f"TASKS[{given if isinstance(given, str) else 'ioi'!r}]().build(model.tokenizer, n=8)"
    return (
        f"the prompts are {typed_text(given)}. Build those of a task: {how}; or give those of a run, run.prompts, or "
        f"{own}"
    )


def require_prompt_set(prompts: PromptSet) -> None:
    """ValueError for what is no set of prompts as token ids."""
    if isinstance(prompts, ReadablePrompts):
        raise ValueError("the prompts are given as people read them. Give them as token ids: run.prompts.prompt_set.")
    if not isinstance(prompts, PromptSet):
        raise ValueError(_no_prompts(prompts, "own ones, prompts_from(pairs, model.tokenizer)."))
