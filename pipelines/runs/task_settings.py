"""Settings of tasks (`--task-set`), checked against their fields before anything runs.

A task's settings are the fields of its class, but those that have an option of their own, such as `--corruption`.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any, TypeVar

from circuits.lookup import unknown
from circuits.tasks.base import AnyTask
from pipelines.runs.method_settings import made_of
from pipelines.runs.settings import IMAGE_PATHS

AnyKind = TypeVar("AnyKind", bound=AnyTask)
_WITH_OPTIONS = ("corruption", "held_out", *IMAGE_PATHS)


def default_settings(kind: type[AnyTask]) -> dict[str, Any]:
    """The settings of a task, with their defaults."""
    own = [entry for entry in dataclasses.fields(kind) if entry.init and entry.name not in _WITH_OPTIONS]
    return {
        entry.name: entry.default if entry.default_factory is dataclasses.MISSING else entry.default_factory()
        for entry in own
    }


def task_settings(kind: type[AnyTask], given: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that differ from their defaults, checked, as JSON values: what decides prompts beside the rest.

    Raises a ValueError that names the setting at fault, and the task's settings where there is none of that name.
    """
    if not given:
        return {}
    defaults = default_settings(kind)
    for key in given:
        if key in _WITH_OPTIONS:
            raise ValueError(f"task setting {key!r} has an option of its own: give it as --{key.replace('_', '-')}.")
        if key not in defaults:
            if not defaults:
                raise ValueError(f"task {kind.name!r} has no settings; got {key!r}.")
            raise ValueError(unknown(key, defaults, f"setting of task {kind.name}"))
    made = make_task(kind, given)
    values = {name: getattr(made, name) for name in given}
    return {name: _as_json(kind, name, value) for name, value in values.items() if value != defaults[name]}


def make_task(kind: type[AnyKind], given: Mapping[str, Any], **own: Any) -> AnyKind:
    """The task with its settings, and others of its fields as they are; ValueError for a value that does not fit."""
    return made_of(kind, {**given, **own}, f"task {kind.name!r}")


def with_settings(name: str, settings: Mapping[str, Any]) -> str:
    """What a task with settings is called: `needle(cue=16, needle=2)`; without, its name."""
    said = ", ".join(f"{key}={value}" for key, value in settings.items())
    return f"{name}({said})" if said else name


def _as_json(kind: type[AnyTask], name: str, value: Any) -> Any:
    try:
        return json.loads(json.dumps(value))
    except TypeError:
        raise ValueError(
            f"task {kind.name!r}, setting {name}: {type(value).__name__} cannot be kept with results, which need "
            "numbers, texts, or lists of them. Write the prompts to a file (.jsonl) instead."
        ) from None
