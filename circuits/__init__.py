"""Measure: everything that touches a model.

A `Method` turns a model and a `PromptSet` into scores. Names below are imported when first used, because loading torch
takes seconds.

>>> from circuits import METHODS, METRICS, TASKS, load_model
>>> model = load_model("reference")
>>> prompts = TASKS["ioi"]().build(model.tokenizer, n=8)
>>> scores = METHODS["eap"]().score(model, prompts, metric=METRICS["logit-difference"])
>>> scores.means.shape
(479,)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from circuits.components import Component, Edge, Wiring
    from circuits.data.prompt_files import prompts_from, read_jsonl, read_prompts, write_jsonl
    from circuits.data.prompts import Prompt, PromptSet
    from circuits.data.readable import ReadablePrompts
    from circuits.effects.by_hand import PatchEffect, patch
    from circuits.methods import METHODS
    from circuits.metrics import METRICS
    from circuits.model.activations import Activations, activations
    from circuits.model.load import Model, load_model
    from circuits.scores import ComponentScores, EdgeScores
    from circuits.tasks import IMAGE_TASKS, TASKS
    from circuits.tasks.from_template import read_template

_HOMES = {
    "Component": "components",
    "Edge": "components",
    "Wiring": "components",
    "METHODS": "methods",
    "METRICS": "metrics",
    "Activations": "model.activations",
    "activations": "model.activations",
    "PatchEffect": "effects.by_hand",
    "patch": "effects.by_hand",
    "prompts_from": "data.prompt_files",
    "Model": "model.load",
    "load_model": "model.load",
    "Prompt": "data.prompts",
    "PromptSet": "data.prompts",
    "ReadablePrompts": "data.readable",
    "read_jsonl": "data.prompt_files",
    "read_prompts": "data.prompt_files",
    "read_template": "tasks.from_template",
    "write_jsonl": "data.prompt_files",
    "ComponentScores": "scores",
    "EdgeScores": "scores",
    "IMAGE_TASKS": "tasks",
    "TASKS": "tasks",
}

__all__ = [
    "IMAGE_TASKS",
    "METHODS",
    "METRICS",
    "TASKS",
    "Activations",
    "Component",
    "ComponentScores",
    "Edge",
    "EdgeScores",
    "Model",
    "PatchEffect",
    "Prompt",
    "PromptSet",
    "ReadablePrompts",
    "Wiring",
    "activations",
    "load_model",
    "patch",
    "prompts_from",
    "read_jsonl",
    "read_prompts",
    "read_template",
    "write_jsonl",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'circuits' has no attribute {name!r}")
    return getattr(import_module(f"circuits.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    # For completion, which should not need to know what was used before.
    return sorted({*(name for name in globals() if name.startswith("__")), *__all__})
