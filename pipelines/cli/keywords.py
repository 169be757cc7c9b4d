"""`make keywords`: the settings of all functions as types, in `pipelines/keywords.py`, from the pydantic models."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import pipelines
from pipelines.engine.execution import Execution
from pipelines.runs.settings import PromptSettings, RunConfig
from pipelines.runs.signature import Asked, Keyword, asked_of, keywords_of

TARGET = Path(pipelines.__file__).parent / "keywords.py"
_HEAD = '''"""What functions of `pipelines` take by keyword, for type checkers: written by `make keywords`.

A setting and its default are in `settings.py` of the command concerned; `help()` of a function shows both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Required, TypedDict

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from circuits import Model, PromptSet, ReadablePrompts
    from pipelines.runs.run import Run

    AnyModel = str | Path | Model | nn.Module
    AnyRun = str | Path | Run
    AnyTask = str | Path | PromptSet | ReadablePrompts | Sequence[Mapping[str, Any] | Sequence[Any]] | pd.DataFrame
'''
_BASES: Mapping[str, type] = {"PromptKeywords": PromptSettings, "RunKeywords": RunConfig}


def text() -> str:
    """The whole file."""
    classes = [_HEAD, _class("ExecutionKeywords", ["TypedDict"], _of_execution())]
    written: dict[str, dict[str, Keyword]] = {}
    for name, kind in _BASES.items():
        own = {one.name: one for one in keywords_of((kind,), {"task", *Execution.model_fields})}
        before = next((known for known in written if written[known].items() <= own.items()), None)
        new = [one for one in own.values() if before is None or one.name not in written[before]]
        classes.append(_class(name, [before or "TypedDict"], new))
        written[name] = own
    for name in sorted(pipelines.__all__):
        if (asked := asked_of(getattr(pipelines, name))) is not None:
            classes.append(_of_function(name, asked, written))
    return "\n\n".join(classes)


def class_name(function: str) -> str:
    """What the keywords of a function are called: `DiscoverKeywords`."""
    return re.sub(r"(?:^|_)(.)", lambda match: match[1].upper(), function) + "Keywords"


def _of_execution() -> list[Keyword]:
    return [one for one in keywords_of((RunConfig,)) if one.name in Execution.model_fields]


def _of_function(function: str, asked: Asked, bases: Mapping[str, Mapping[str, Keyword]]) -> str:
    own = {one.name: one for one in asked.keywords}
    chosen = [name for name, known in reversed(list(bases.items())) if _has_all(own, known)][:1]
    inherited = {name for base in chosen for name in bases[base]}
    if Execution.model_fields.keys() <= own.keys():
        chosen, inherited = [*chosen, "ExecutionKeywords"], inherited | Execution.model_fields.keys()
    return _class(class_name(function), chosen or ["TypedDict"], [own[name] for name in own if name not in inherited])


def _has_all(own: Mapping[str, Keyword], known: Mapping[str, Keyword]) -> bool:
    """Whether all of these are among a function's own, with the same types."""
    return all(name in own and own[name].type == one.type for name, one in known.items())


def _class(name: str, bases: list[str], keywords: list[Keyword]) -> str:
    body = list(map(_field, keywords)) or ["    pass\n"]
    return f"class {name}({', '.join(bases)}, total=False):\n{''.join(body)}"


def _field(one: Keyword) -> str:
    return f"    {one.name}: {f'Required[{one.type}]' if one.is_required else one.type}\n"


def main() -> None:
    """Write the file."""
    TARGET.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
