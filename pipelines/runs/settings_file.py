"""Settings from options and from YAML files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from pydantic import ValidationError

from circuits.lookup import unknown
from circuits.model.sources import is_path
from pipelines.engine.execution import Execution
from pipelines.runs.settings import IMAGE_PATHS, RunConfig, require_current_names


class Settings(NamedTuple):
    """What to run, and where."""

    run: RunConfig
    execution: Execution


def read_yaml(path: Path, config: type[RunConfig] = RunConfig) -> dict[str, Any]:
    """The settings in a YAML file, flat, as `settings_from` takes them; those of `config` and `Execution`."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read the settings file {path}: {error}") from None
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {error}") from None
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ValueError(f"{path} holds {type(content).__name__}, expected lines such as 'method: eap'.")
    values = {key.replace("-", "_"): value for key, value in content.items()}
    try:
        require_known(values, config)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return values


def settings_from(values: Mapping[str, Any]) -> Settings:
    """Checked settings from flat values (`task`, `method`, `workers`, ...); what is left out gets its default.

    Raises a ValueError that names the known key nearest to an unknown one, or the value that does not fit.
    """
    require_known(values)
    if values.get("task") is None:
        raise ValueError("no task is given. Name a task (`circuits tasks` lists them) or a prompt file, such as 'ioi'.")
    run = {key: value for key, value in values.items() if key in RunConfig.model_fields}
    execution = {key: value for key, value in values.items() if key in Execution.model_fields}
    try:
        return Settings(run=RunConfig(**run), execution=Execution(**execution))
    except ValidationError as error:
        raise ValueError(validation_message(error)) from None


def execution_from(values: Mapping[str, Any]) -> Execution:
    """Checked settings of where to compute; ValueErrors as in `settings_from`."""
    for key in values:
        if key not in Execution.model_fields:
            raise ValueError(unknown(key, Execution.model_fields, "setting"))
    try:
        return Execution(**values)
    except ValidationError as error:
        raise ValueError(validation_message(error)) from None


def as_yaml(config: RunConfig) -> str:
    """The YAML file of a run: `read_yaml` reads it back."""
    return yaml.safe_dump(config.model_dump(mode="json", exclude_none=True), sort_keys=False, allow_unicode=True)


def with_absolute_paths(config: RunConfig) -> RunConfig:
    """The same settings with absolute paths, so that they can be reused from another folder."""
    task = str(config.prompt_file.absolute()) if config.prompt_file else config.task
    model = str(Path(config.model).absolute()) if is_path(config.model) else config.model
    settings = dict(config.settings)
    if settings.get("autoencoder") is not None:
        settings["autoencoder"] = str(Path(settings["autoencoder"]).absolute())
    absolute = {name: None if (path := getattr(config, name)) is None else path.absolute() for name in IMAGE_PATHS}
    return config.model_copy(update={"task": task, "model": model, "settings": settings, **absolute})


def parse_assignments(assignments: list[str]) -> dict[str, Any]:
    """Method settings given as `key=value`; values are read as YAML, so that `5`, `0.1`, `true` and `[a, b]` work."""
    settings: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals or not key:
            raise ValueError(f"--set got {assignment!r}, expected KEY=VALUE, such as --set steps=5.")
        try:
            settings[key.strip().replace("-", "_")] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ValueError(f"--set {key}: {value!r} cannot be read: {error}") from None
    return settings


def require_known(values: Mapping[str, Any], config: type[RunConfig] = RunConfig) -> None:
    """Raise a ValueError, with the nearest known name, if a setting belongs to neither `config` nor `Execution`."""
    known = [*config.model_fields, *Execution.model_fields]
    require_current_names(values, known)
    for key in values:
        if key not in known:
            raise ValueError(unknown(key, known, "setting"))


def validation_message(error: ValidationError) -> str:
    """What is wrong with which setting, one per line."""
    faults = []
    for fault in error.errors():
        where = ".".join(str(part) for part in fault["loc"])
        message = fault["msg"].removeprefix("Value error, ")
        faults.append(f"{where} is {fault['input']!r}: {message}." if where else message)
    return "\n".join(faults)
