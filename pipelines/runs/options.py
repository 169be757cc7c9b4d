"""What the command line knows of a setting: one Option for every field of a settings model.

`json_schema_extra` of a field may say

    argument  True: it is given without an option's name
    option    the option's name, where it is not the field's
    metavar   what its value is called in the help
    form      how its values are given, where its type does not say it
"""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Union, cast, get_args, get_origin

import yaml
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from circuits.files import no_option
from pipelines.runs.shell_text import shell_line

Form = Literal["value", "flag", "list", "assignments", "lists"]


class Option(NamedTuple):
    """An option of the command line.

    flag  such as `--set`; of an argument, its name in capitals
    form  how it is given. `assignments`: KEY=VALUE, repeated; `lists`: KEY=V1,V2,..., repeated
    type  of one value
    """

    name: str
    flag: str
    is_argument: bool
    form: Form
    type: type
    help: str
    metavar: str | None
    is_required: bool
    default: Any


def options_of(settings: type[BaseModel]) -> list[Option]:
    """The options of a settings model, in the order of its fields."""
    return [_option(name, field) for name, field in settings.model_fields.items()]


def command_line(command: str, *settings: BaseModel) -> str:
    """The command that has these settings; defaults are left out."""
    arguments, words = [], []
    for model in settings:
        for option in options_of(type(model)):
            value = getattr(model, option.name)
            if option.is_argument:
                if option.is_required or value != option.default:
                    arguments += [_text(one) for one in (value if option.form == "list" else [value])]
            elif value is not None and value != option.default:
                words += _words(option.flag, option.form, value)
    return shell_line(["circuits", *command.split(), *arguments, *words])


def _words(flag: str, form: Form, value: Any) -> list[str]:
    if form == "flag":
        return [flag if value else negative(flag)]
    if form in ("assignments", "lists"):
        lists = {key: entry if form == "lists" else [entry] for key, entry in value.items()}
        return [word for key, entry in lists.items() for word in (flag, f"{key}={as_yaml_values(entry)}")]
    return [word for one in (value if form == "list" else [value]) for word in (flag, _text(one))]


def negative(flag: str) -> str:
    """What turns a flag off that is on by default."""
    return flag.replace("--", "--no-", 1)


def as_yaml_values(values: Sequence[Any]) -> str:
    """Values with commas between them, as YAML reads them."""
    plain = [str(value) if isinstance(value, Path) else value for value in values]
    return yaml.safe_dump(plain, default_flow_style=True, width=float("inf")).strip()[1:-1]


def setting_words(name: str, value: Any) -> list[str]:
    """A setting as it is typed, without its dashes: `edges 40`, one for each value of several, and `kinds=[head]` for
    each of a method's own.

    Of an absolute path, which is of one machine, the last part.

    >>> from pipelines.runs.options import setting_words
    >>> setting_words("settings", {"kinds": ["head"], "steps": 3}), setting_words("edit", ["zap END", "uniform S2"])
    (['kinds=[head]', 'steps=3'], ['edit zap END', 'edit uniform S2'])
    >>> setting_words("held_out", True), setting_words("tolerance", 0.1)
    (['held out'], ['tolerance 0.1'])
    """
    if isinstance(value, Mapping):
        return [f"{key}={as_yaml_values([_shortened(of)])}" for key, of in value.items()]
    words = name.replace("_", " ")
    if value is True:
        return [words]
    several = value if isinstance(value, list | tuple) else [value]
    return [f"{words} {_shortened(_text(one))}" for one in several]


def _shortened(value: Any) -> Any:
    """The last part of an absolute path; anything else as it is."""
    is_absolute = isinstance(value, str | Path) and Path(value).is_absolute()
    return Path(value).name if is_absolute else value


def _text(value: Any) -> str:
    """A value as the command line takes it: of a run, its folder."""
    told = getattr(value, "folder", value)
    return no_option(str(told)) if isinstance(told, Path) else str(told)


def _option(name: str, field: FieldInfo) -> Option:
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    is_argument = bool(extra.get("argument"))
    form, of_one = _form(field.annotation)
    form = cast("Form", extra.get("form", form))
    flag = name.upper() if is_argument else str(extra.get("option", f"--{name.replace('_', '-')}"))
    metavar = extra.get("metavar", "KEY=VALUE" if form == "assignments" else _choices(field.annotation))
    default = field.get_default(call_default_factory=True)  # pyright: ignore[reportCallIssue]
    return Option(
        name,
        flag,
        is_argument,
        form,
        of_one,
        _help(field.description or "", default),
        None if metavar is None else str(metavar),
        field.is_required(),
        default,
    )


def _help(description: str, default: Any) -> str:
    """The description, with the default where it has one and does not say it itself."""
    shows = isinstance(default, str | int | float | Path) and not isinstance(default, bool) and default != ""
    return f"{description} [{default}]" if shows and not description.endswith("]") else description


def _choices(annotation: Any) -> str | None:
    """The values that a field may have, as `signed|absolute`, where its type says them."""
    of_one = _without_none(annotation)
    return "|".join(map(str, get_args(of_one))) if get_origin(of_one) is Literal else None


def _without_none(annotation: Any) -> Any:
    while get_origin(annotation) in (Union, types.UnionType):
        annotation = next(entry for entry in get_args(annotation) if entry is not type(None))
    return annotation


def _form(annotation: Any) -> tuple[Form, type]:
    """How a field's values are given, and the type of one."""
    annotation = _without_none(annotation)
    origin = get_origin(annotation) or annotation
    if origin is bool:
        return "flag", bool
    if origin is dict:
        return "assignments", str
    if origin in (tuple, list):
        return "list", str
    return "value", origin if origin in (int, float, Path) else str
