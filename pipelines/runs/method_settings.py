"""Settings of methods and ablations, checked against their fields before anything runs; and which of them are paths."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from circuits.ablations import ABLATIONS
from circuits.files import portable
from circuits.lookup import lookup, unknown
from circuits.methods import METHODS, Method
from circuits.model.sources import is_path
from circuits.type_faults import fault_text
from circuits.visible_text import value_text
from pipelines.runs.settings import (
    ABLATION_ALIASES,
    IMAGE_PATHS,
    MOST,
    PROMPT_ENDINGS,
    CommandSettings,
    PromptSettings,
    RunConfig,
    require_current_names,
    truth_value_as_number,
)

_LARGEST_SEED = 2**63 - 1
AnyPart = TypeVar("AnyPart")
AnySettings = TypeVar("AnySettings", bound=CommandSettings)
AnyRunConfig = TypeVar("AnyRunConfig", bound=RunConfig)


def make_method(name: str, settings: Mapping[str, Any]) -> Method:
    """The method `name` with `settings`; raises a ValueError that names the setting at fault."""
    method = lookup(METHODS, name, "method")
    known = [field.name for field in dataclasses.fields(method) if field.init]
    require_current_names(settings, known)
    for key in settings:
        if key not in known:
            if not known:
                raise ValueError(f"method {name!r} has no settings; got {key!r}.")
            raise ValueError(unknown(key, known, f"setting of {name}"))
    return made_of(method, settings, f"method {name!r}")


def checked_settings(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of a method with their defaults filled in, as JSON values."""
    return json.loads(json.dumps(dataclasses.asdict(make_method(name, settings))))


def checked_ablation(config: RunConfig) -> dict[str, Any]:
    """Name and settings of a run's ablation, with defaults; its noise is drawn with the run's seed unless it has one.

    Raises a ValueError that names the setting at fault, and the ablations that have it.
    """
    ablation = lookup(ABLATIONS, config.ablation, "ablation")
    known, given = ablation.setting_names(), config.ablation_settings
    for key, value in given.items():
        if key not in known:
            raise ValueError(_misplaced(key, value, config.ablation, known))
    drawn = {"seed": config.seed} if "seed" in known else {}
    made = made_of(ablation, {**drawn, **given}, f"ablation {config.ablation!r}") if known else ablation()
    return {"name": config.ablation, "settings": {name: getattr(made, name) for name in known}}


def _misplaced(key: str, value: Any, ablation: str, known: Sequence[str]) -> str:
    fitting = [name for name, entry in ABLATIONS.items() if key in entry.setting_names()]
    if fitting:
        option = next((name for name, of in ABLATION_ALIASES.items() if of == key), key)
        named = key if option == key else f"{key} ({option})"
        goes_with = " or ".join(map(repr, fitting))
        return f"{named}={value_text(value)} goes with ablation {goes_with}; the ablation is {ablation!r}."
    if not known:
        return f"ablation {ablation!r} has no settings; got {key!r}."
    return unknown(key, known, f"setting of ablation {ablation}")


def made_of(part: type[AnyPart], settings: Mapping[str, Any], what: str) -> AnyPart:
    """A frozen dataclass with its settings, checked against its fields; `what` names it in errors."""
    try:
        made = _adapter(part).validate_python(dict(settings))
    except ValidationError as error:
        raise ValueError(_said(error, what)) from None
    for name in settings:
        value = getattr(made, name, None)
        # JSON, in which jobs and results are kept, has no infinity.
        if any(isinstance(one, float) and not math.isfinite(one) for one in _each(value)):
            raise ValueError(f"{what}, setting {name}: expected a finite number (got {value_text(settings[name])}).")
        if (wrong := truth_value_as_number(settings[name], value)) is not None:
            raise ValueError(f"{what}, setting {name}: expected a number (got {value_text(wrong)}).")
        # Plans and methods list what there are so many of; seeds only have to fit where they are used.
        most = _LARGEST_SEED if name == "seed" else MOST
        if any(isinstance(one, int) and abs(one) > most for one in _each(value)):
            raise ValueError(f"{what}, setting {name}: expected at most {most:,} (got {value_text(settings[name])}).")
    return made


@cache
def _adapter(part: type[Any]) -> TypeAdapter[Any]:
    """What checks the settings of a part: to make it takes a thousand times as long as to use it."""
    return TypeAdapter(part)


def _said(error: ValidationError, what: str) -> str:
    """What is wrong with which setting; where several types are allowed, what the one says that goes furthest."""
    fault = max(error.errors(), key=lambda one: len(one["loc"]))
    where = ".".join(entry for entry in fault["loc"] if isinstance(entry, str) and not entry.startswith("tuple["))
    message = fault_text(fault)
    if fault["type"] == "tuple_type" and isinstance(fault["input"], Mapping):
        message += "; a text with a colon is written in quotes, such as ['name: value']"
    if not where:
        return f"{what}: {message}"
    return f"{what}, setting {where}: {message} (got {value_text(fault['input'])})."


def _each(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


OF_SETTING = "setting "
"""Before the name of a method's setting that is a path, among the places (`Job.locations`) of a job."""


def with_fingerprints(method: Mapping[str, Any]) -> dict[str, Any]:
    """A method's name and settings, with the fingerprint of what is there in place of each path."""
    settings = dict(method["settings"])
    for name, fingerprint in METHODS[method["name"]].path_settings().items():
        if settings[name] is not None:
            settings[name] = fingerprint(settings[name])
    return {**method, "settings": settings}


def with_absolute_paths(config: AnyRunConfig) -> AnyRunConfig:
    """The same settings with absolute paths, so that they can be reused from another folder."""
    settings = dict(config.settings)
    for name in METHODS[config.method].path_settings():
        if settings.get(name) is not None:
            settings[name] = str(Path(settings[name]).absolute())
    return config.model_copy(update={"settings": settings, **absolute_paths(config)})


def with_portable_paths(settings: AnySettings) -> AnySettings:
    """The same settings as files tell them that others read: paths from the folder where this runs, or by their names
    alone (`circuits.files.portable`).

    What could be taken for the name of a task or a model begins with `./`.
    """
    changes: dict[str, Any] = {}
    for name, value in settings:
        if isinstance(value, Path):
            changes[name] = Path(portable(value))
        elif name == "model" and isinstance(value, str):
            changes[name] = _portable_model(value)
    if isinstance(settings, PromptSettings) and settings.prompt_file is not None:
        file = portable(settings.task)
        changes["task"] = file if file.lower().endswith(PROMPT_ENDINGS) else _as_path(file)
    if isinstance(settings, RunConfig) and settings.method in METHODS:
        given = {name: settings.settings.get(name) for name in METHODS[settings.method].path_settings()}
        told = {name: portable(path) for name, path in given.items() if path is not None}
        changes["settings"] = dict(settings.settings) | told
        if isinstance(varied := getattr(settings, "vary", None), Mapping):
            changes["vary"] = {key: _portable_values(key, values, settings.method) for key, values in varied.items()}
    return settings.model_copy(update=changes)


def _portable_values(key: str, values: Any, method: str) -> Any:
    """The values of a setting that is varied, paths as files tell them."""
    if isinstance(values, str) or not isinstance(values, Sequence):
        return values
    if key == "model":
        return [_portable_model(value) if isinstance(value, str) else value for value in values]
    if key.replace("-", "_") in METHODS[method].path_settings():
        return [portable(value) if isinstance(value, str | Path) else value for value in values]
    return values


def _portable_model(value: str) -> str:
    """A model's name as it is, its path as files tell it."""
    if not (is_path(value) or Path(value).is_absolute()):
        return value
    path = portable(value)
    # OWNER/NAME is a model of Hugging Face.
    return f"./{path}" if path.count("/") == 1 and path[0] != "." else _as_path(path)


def _as_path(path: str) -> str:
    return path if "/" in path else f"./{path}"


def absolute_paths(config: PromptSettings) -> dict[str, Any]:
    """The settings that say where prompts, images and the model are, as absolute paths where they are paths."""
    task = str(config.prompt_file.absolute()) if config.prompt_file else config.task
    model = str(Path(config.model).absolute()) if is_path(config.model) else config.model
    images = {name: None if (path := getattr(config, name)) is None else path.absolute() for name in IMAGE_PATHS}
    return {"task": task, "model": model, **images}
