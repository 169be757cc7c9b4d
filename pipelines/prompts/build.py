"""The prompts of a task, a file, a template or questions about images, as a run builds them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from circuits.data.prompts import PromptSet
from circuits.model.load import Model, load_model
from pipelines.runs.prompt_sources import prompt_source
from pipelines.runs.settings import IMAGE_PATHS, PromptSettings
from pipelines.runs.stages import prompts_for, require_readable


class Built(NamedTuple):
    """A model, and prompts for it."""

    model: Model
    prompts: PromptSet


def built(config: PromptSettings) -> Built:
    """The prompts that a run with these settings has. A ValueError as there."""
    source, _ = prompt_source(config)
    at: dict[str, Any] = {} if config.prompt_file is None else {"path": str(config.prompt_file)}
    require_readable(source | at | {"model_at": config.model})
    model = load_model(config.model)
    paths: dict[str, Path | None] = {name: getattr(config, name) for name in IMAGE_PATHS}
    at |= {f"{name}_at": str(path) for name, path in paths.items() if path is not None}
    return Built(model, prompts_for(source | at, model))
