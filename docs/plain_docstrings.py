"""A sphinx extension that reads this project's docstrings: plain text, with a column of names before what each means.

Single backticks are code. Lines `name   what it means` list arguments or fields, longer texts going on indented; a
settings class of pydantic gets such a list from its fields. Indented paragraphs and examples stay as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

_ENTRY = re.compile(r"(\S.*?) {2,}(\S.*)")
_CODE_OR_EMPHASIS = re.compile(r"(`[^`]+`|(?<![\w*])\*\w+\*(?![\w*]))")
_SPECIAL = re.compile(r"([*_|\\`])")


def as_rst(lines: Iterable[str]) -> list[str]:
    """A plain docstring as reStructuredText."""
    result: list[str] = []
    for paragraph in _paragraphs(lines):
        result += [*_paragraph_as_rst(paragraph), ""]
    return result


def settings_entries(settings: type) -> list[str]:
    """The fields of a pydantic class as entries; none for any other class."""
    fields: dict[str, Any] = getattr(settings, "model_fields", {})
    return [f"{name}  {field.description}" for name, field in fields.items() if field.description]


def setup(app: Any) -> dict[str, Any]:
    """What sphinx calls first."""
    app.connect("autodoc-process-docstring", _process)
    app.connect("autodoc-process-signature", _shorten)
    return {"parallel_read_safe": True}


def _process(app: Any, what: str, name: str, value: Any, options: Any, lines: list[str]) -> None:
    entries = settings_entries(value) if what == "class" else []
    lines[:] = as_rst([*lines, "", *entries])


def _shorten(app: Any, what: str, name: str, value: Any, options: Any, arguments: str, returns: str) -> Any:
    """Settings classes list their fields below; in one line they could not be read."""
    return ("(**settings)", returns) if what == "class" and hasattr(value, "model_fields") else None


def _paragraphs(lines: Iterable[str]) -> Iterator[list[str]]:
    paragraph: list[str] = []
    for line in [*lines, ""]:
        if line.strip():
            paragraph.append(line.rstrip())
        elif paragraph:
            yield paragraph
            paragraph = []


def _paragraph_as_rst(lines: list[str]) -> list[str]:
    if lines[0].startswith(">>>"):
        return lines
    if all(line.startswith(" ") for line in lines):
        return ["::", "", *(f"    {line}" for line in lines)]
    result: list[str] = []
    for name, text in _parts(lines):
        result += [_escaped(text), ""] if name is None else [f"``{name}``", f"    {_escaped(text)}", ""]
    return result


def _parts(lines: Iterable[str]) -> list[tuple[str | None, str]]:
    """The entries (name, text) of a paragraph, and its sentences (None, text) around them, each on one line."""
    parts: list[tuple[str | None, str]] = []
    for line in lines:
        is_indented = line.startswith(" ")
        entry = None if is_indented else _ENTRY.fullmatch(line)
        if entry is not None:
            parts.append((entry[1], entry[2]))
        elif parts and is_indented == (parts[-1][0] is not None):
            name, text = parts.pop()
            parts.append((name, f"{text} {line.strip()}"))
        else:
            parts.append((None, line.strip()))
    return parts


def _escaped(text: str) -> str:
    pieces = _CODE_OR_EMPHASIS.split(text)
    shown = (piece if number % 2 else _SPECIAL.sub(r"\\\1", piece) for number, piece in enumerate(pieces))
    return "".join(_as_literal(piece) if piece.startswith("`") else piece for piece in shown)


def _as_literal(piece: str) -> str:
    """Code in double backticks, with the empty escapes that let letters stand next to it."""
    return rf"\ `{piece}`\ "
