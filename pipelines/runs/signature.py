"""Functions that take the settings of a command by keyword, and say so: in `help()`, in notebooks, to type checkers.

A setting is written once, as a field of a pydantic model. `takes_settings` shows all of them in a function's signature
and docstring; `pipelines.keywords`, which `make keywords` writes, has them as types for checkers.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from pipelines.engine.execution import Execution
from pipelines.runs.settings import ABLATION_ALIASES, CommandSettings, RunConfig

Function = TypeVar("Function", bound=Callable[..., Any])
ANY_MODEL = "AnyModel"
# A setting of any type is a run, or its name or folder: settings know no class of runs.
ANY_RUN = "AnyRun | None"
_ALIASES = {"noise": "float | None", "noise_at": "str | None", "schedule": "str | None"}


@dataclass(frozen=True)
class Keyword:
    """One setting as a keyword.

    type     as it is written in Python, such as `int | None`
    default  what stands for leaving it out; `inspect.Parameter.empty` where it cannot be left out
    """

    name: str
    type: str
    default: Any
    help: str

    @property
    def is_required(self) -> bool:
        """Whether it cannot be left out."""
        return self.default is inspect.Parameter.empty


@dataclass(frozen=True)
class Asked:
    """What a function takes by keyword beside what is written in its own signature."""

    kinds: tuple[type[CommandSettings], ...]
    keywords: tuple[Keyword, ...]


def takes_settings(
    *kinds: type[CommandSettings], only: Collection[str] | None = None, leaves_out: Collection[str] = ()
) -> Callable[[Function], Function]:
    """A decorator of functions with `**settings`: their signature and docstring have every setting by its name.

    kinds  the settings that the function makes of its keywords; of several, a keyword belongs to some
    only   the settings that it takes, where these are not all; `leaves_out` those that it does not take
    """

    def decorate(function: Function) -> Function:
        own = inspect.signature(function)
        named = [one for one in own.parameters.values() if one.kind is not one.VAR_KEYWORD]
        keywords = tuple(keywords_of(kinds, {*leaves_out, *(one.name for one in named)}, only))
        more = [
            inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=one.default, annotation=_Bare(one.type))
            for one in keywords
        ]
        # inspect and help() read these two.
        vars(function)["__signature__"] = own.replace(
            parameters=[*map(_bare, named), *more], return_annotation=_bare_text(own.return_annotation)
        )
        vars(function)["__settings__"] = Asked(kinds, keywords)
        function.__doc__ = f"{inspect.cleandoc(function.__doc__ or '')}\n\nSettings, by keyword:\n\n{_listed(keywords)}"
        return function

    return decorate


def asked_of(function: Callable[..., Any]) -> Asked | None:
    """What a decorated function takes; None of another function."""
    return vars(function).get("__settings__")


class _Bare(str):
    """An annotation that signatures show without quotation marks."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _bare(parameter: inspect.Parameter) -> inspect.Parameter:
    return parameter.replace(annotation=_bare_text(parameter.annotation))


def _bare_text(annotation: Any) -> Any:
    return _Bare(annotation) if isinstance(annotation, str) else annotation


def keywords_of(
    kinds: Sequence[type[CommandSettings]], left_out: Collection[str] = (), only: Collection[str] | None = None
) -> Iterator[Keyword]:
    """The settings of all kinds as keywords, and those of `Execution`; `takes_settings` says what the rest means."""
    found: dict[str, Keyword] = {}
    for kind in kinds:
        for name, field in kind.model_fields.items():
            found.setdefault(name, _keyword(kind, name, field))
        if issubclass(kind, RunConfig):
            found |= {
                name: Keyword(name, _ALIASES[name], None, f"The same as {key} in ablation_settings.")
                for name, key in ABLATION_ALIASES.items()
            }
    # Of several commands, what one of them cannot do without may be left out for another.
    for name in found:
        if found[name].is_required and not all(name in kind.model_fields for kind in kinds):
            found[name] = replace(found[name], default=None)
    is_computed = any(kind.is_computed for kind in kinds)
    for name, field in Execution.model_fields.items():
        if is_computed or name == "out":
            found.setdefault(name, _keyword(None, name, field))
    yield from (one for one in found.values() if one.name not in left_out and (only is None or one.name in only))


def _keyword(kind: type[CommandSettings] | None, name: str, field: FieldInfo) -> Keyword:
    default = inspect.Parameter.empty if field.is_required() else field.get_default(call_default_factory=True)
    # What a validator reads before it is checked may be one value, or text.
    reads_more = kind is not None and name in _read_first(kind)
    of_any = ANY_MODEL if name == "model" else ANY_RUN if field.annotation is Any else None
    type_ = of_any or _written(field.annotation, reads_more=reads_more)
    return Keyword(name, type_, str(default) if isinstance(default, Path) else default, _in_python(field.description))


def _in_python(help_text: str | None) -> str:
    """The help of an option in the words of Python: settings by their names, and several in a dict."""
    text = re.sub(r"^A setting of (.*?), KEY=VALUE.*?; repeat for more", r"Settings of \1, as a dict", help_text or "")
    # Commands stand between backticks, and stay as they are typed.
    words = text.split("`")
    words[::2] = (re.sub(r"--([a-z][a-z-]*)", lambda match: match[1].replace("-", "_"), part) for part in words[::2])
    return "`".join(words)


def _read_first(kind: type[CommandSettings]) -> set[str]:
    validators = kind.__pydantic_decorators__.field_validators.values()
    return {name for one in validators if one.info.mode == "before" for name in one.info.fields if name != "*"}


def _written(annotation: Any, *, reads_more: bool) -> str:
    """A field's type as one that may be given: any sequence for a tuple, text for a path."""
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        return " | ".join(_written(part, reads_more=reads_more) for part in parts)
    if annotation in (NoneType, None):
        return "None"
    if origin is Literal:
        return f"Literal[{', '.join(map(json.dumps, parts))}]"
    if annotation is Path:
        return "str | Path"
    if origin is tuple:
        item = _written(parts[0], reads_more=False)
        alone = dict.fromkeys((item, "str")) if reads_more else ()
        return " | ".join([*alone, f"Sequence[{item}]"])
    if origin is dict:
        return f"Mapping[str, {_written(parts[1], reads_more=False)}]"
    return str(getattr(annotation, "__name__", annotation))


def _listed(keywords: Sequence[Keyword]) -> str:
    width = max((len(one.name) for one in keywords), default=0)
    return "\n".join(f"{one.name.ljust(width)}  {one.help}{_default(one)}" for one in keywords)


def _default(keyword: Keyword) -> str:
    is_said = keyword.help.rstrip().endswith("]")
    if is_said or keyword.default in (None, inspect.Parameter.empty, (), {}, ""):
        return ""
    return f" [{keyword.default}]"
