"""Settings from options, from Python and from YAML files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from circuits.files import read_text, unreadable
from circuits.lookup import unknown
from circuits.plain_values import plain
from circuits.strict_json import kind_of
from circuits.yaml_text import parse_yaml
from pipelines.engine.execution import Execution, validation_message
from pipelines.runs.settings import CommandSettings, RunConfig, require_current_names, truth_value_as_number

AnySettings = TypeVar("AnySettings", bound=CommandSettings)
AnyModel = TypeVar("AnyModel", bound=BaseModel)
_KINDS = {
    list: "a list",
    str: "a text",
    bool: "a truth value",
    int: "a number",
    float: "a number",
    type(None): "nothing",
}


def read_yaml(path: Path, kind: type[CommandSettings]) -> dict[str, Any]:
    """The settings in a YAML file, flat, as `settings_from` takes them; those of `kind` and of `Execution`."""
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(unreadable(path, error, "the settings file")) from None
    try:
        content = parse_yaml(text)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds {kind_of(content)}, expected lines such as 'method: eap'.")
    if wrong := [key for key in content if not isinstance(key, str)]:
        raise ValueError(f"{path} has the key {wrong[0]!r}, expected the name of a setting, such as 'method: eap'.")
    values: dict[str, Any] = {}
    for key, value in content.items():
        name = key.replace("-", "_")
        if name in values:
            raise ValueError(f"{path} gives {name!r} twice: give it once.")
        values[name] = value
    try:
        return require_known(values, kind)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def settings_from(values: Mapping[str, Any], kind: type[AnySettings]) -> tuple[AnySettings, Execution]:
    """Checked settings, and where to compute, from flat values (`task`, `method`, `workers`, ...).

    What is left out gets its default. Raises a ValueError that names the known key nearest to an unknown one, the
    value that does not fit, or what is missing.
    """
    known = require_known(values, kind)
    try:
        current = {name: plain(value) for name, value in known.items()}
    except RecursionError:
        raise _nested(known) from None
    needs_task = "task" in kind.model_fields and kind.model_fields["task"].is_required()
    if needs_task and current.get("task") is None:
        raise ValueError("no task is given. Name a task (`circuits tasks` lists them) or a prompt file, such as 'ioi'.")
    own = {key: value for key, value in current.items() if key not in Execution.model_fields}
    where = {key: value for key, value in current.items() if key in Execution.model_fields}
    return _checked(kind, own), _checked(Execution, where)


def _checked(kind: type[AnyModel], values: Mapping[str, Any]) -> AnyModel:
    for name, given in values.items():
        if isinstance(given, str | Path) and "\0" in str(given):
            raise ValueError(f"{name} is {str(given)!r}, which has a character 0 in it: no name of a file may.")
    try:
        made = kind(**values)
        for name, given in values.items():
            if (wrong := truth_value_as_number(given, getattr(made, name, None))) is not None:
                raise ValueError(f"{name} is {wrong}: expected a number.")
    except ValidationError as error:
        raise ValueError(validation_message(error)) from None
    except RecursionError:
        raise _nested(values) from None
    return made


def _nested(values: Iterable[str]) -> ValueError:
    return ValueError(f"one of {', '.join(values)} is a list in itself, or nested too deeply: give names.")


def require_known(values: Mapping[str, Any], kind: type[CommandSettings]) -> dict[str, Any]:
    """The values, without settings of other commands at their defaults.

    Raises a ValueError, with the nearest known name, for a setting that belongs to neither `kind` nor `Execution`.
    """
    known = [*kind.known(), *Execution.model_fields]
    require_current_names(values, known)
    current = kind.without_circuit_settings(values) if issubclass(kind, RunConfig) else dict(values)
    for key in current:
        if key not in known:
            raise ValueError(unknown(key, known, "setting"))
    return current


def as_yaml(config: RunConfig) -> str:
    """The YAML file of a run: `read_yaml` reads it back."""
    return yaml.safe_dump(config.model_dump(mode="json", exclude_none=True), sort_keys=False, allow_unicode=True)


def parse_assignments(assignments: Sequence[str], option: str = "--set") -> dict[str, Any]:
    """Settings given as `key=value`; values are read as YAML, so that `5`, `0.1`, `true` and `[a, b]` work."""
    settings: dict[str, Any] = {}
    for assignment in assignments:
        key, value = _split(assignment, option, "KEY=VALUE, such as --set steps=5")
        name = key.replace("-", "_")
        if name in settings:
            raise ValueError(f"{option} gives {name!r} twice: give it once.")
        settings[name] = _read(value, option, key)
    return settings


def parse_lists(assignments: Sequence[str], option: str) -> dict[str, list[Any]]:
    """`KEY=V1,V2,...` as key and values, which are read as YAML: `[head],[head, mlp]` are two lists."""
    lists: dict[str, list[Any]] = {}
    for assignment in assignments:
        key, values = _split(assignment, option, f"KEY=V1,V2,..., such as {option} features=50,100,200")
        lists.setdefault(key, []).extend(_read(f"[{values}]", option, key, shown=values))
    return lists


def _split(assignment: str, option: str, expected: str) -> tuple[str, str]:
    key, equals, value = assignment.partition("=")
    if not equals or not key.strip():
        raise ValueError(f"{option} got {assignment!r}, expected {expected}.")
    return key.strip(), value


def _read(value: str, option: str, key: str, *, shown: str | None = None) -> Any:
    try:
        return parse_yaml(value)
    except ValueError as error:
        raise ValueError(f"{option} {key}: {(value if shown is None else shown)!r} cannot be read: {error}") from None
