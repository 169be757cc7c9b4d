"""The prompts of a task, a file, a template or questions about images, as a run builds them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from circuits.model.phases import phase
from circuits.model.read_once import tokenizers_read_once
from pipelines.runs.prompt_sources import prompt_source
from pipelines.runs.settings import IMAGE_PATHS, PromptSettings

if TYPE_CHECKING:
    from pipelines.runs.stages import Built


def built(config: PromptSettings, *, for_reading: bool = False) -> Built:
    """The prompts that a run with these settings has. A ValueError as there.

    for_reading  whether the model is only to say what it answers
    """
    # What needs no model to be refused is, before what takes seconds to import.
    source, _ = prompt_source(config)
    with phase("importing what reads tokens and runs a model"):
        from circuits.model.load import load_for_reading, load_model
        from circuits.model.tokenizers import tokenizer_of
        from pipelines.runs.stages import Built, first_prompts, prompts_for, prompts_with_model
    load = load_for_reading if for_reading else load_model
    at: dict[str, Any] = {"model_at": config.model}
    at |= {} if config.prompt_file is None else {"path": str(config.prompt_file)}
    paths: dict[str, Path | None] = {name: getattr(config, name) for name in IMAGE_PATHS}
    at |= {f"{name}_at": str(path) for name, path in paths.items() if path is not None}
    with tokenizers_read_once(), phase(f"making the prompts of {config.task} for {config.model}"):
        # What the tokenizer cannot take is refused before weights are loaded.
        made = first_prompts(source | at) if config.is_drawn else None
        if made is None or config.solved:
            return prompts_with_model(source | at, lambda: load(config.model))
        model = load(config.model)
        if model.tokenizer is tokenizer_of(config.model):
            model.check_prompts(made)
            return Built(model, made)
        return Built(model, prompts_for(source | at, model))
