"""Small pieces of HTML, for what notebooks show of results. Everything that is text is escaped here."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape

_TABLE = "border-collapse:collapse;font-size:90%;margin:4px 0"
_CELL = "padding:1px 8px;text-align:left;vertical-align:top"
_TOKEN = "border-right:1px solid #8884;padding:0 2px;white-space:pre"
_HINTS = ("#f6c945", "#7ec8e3", "#f4978e", "#a8d5a2", "#c7b3e5", "#f2b880", "#9ad1c9", "#d9c2a3")
_NEGATIVE, _POSITIVE, _MISSING = (33, 102, 172), (178, 24, 43), "#8882"


def html_block(title: str, *parts: str) -> str:
    """A title, and parts that are HTML already, below each other."""
    return f'<div><div style="font-weight:600">{escape(title)}</div>{"".join(parts)}</div>'


def html_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of values, which are shown as text: numbers with three digits, nothing for None.

    A column without any value is left out.
    """
    rows = [tuple(row) for row in rows]
    kept = [n for n in range(len(headings)) if not rows or any(row[n] is not None for row in rows)]
    headings, rows = [headings[n] for n in kept], [[row[n] for n in kept] for row in rows]
    head = "".join(f'<th style="{_CELL}">{escape(heading)}</th>' for heading in headings)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f'<table style="{_TABLE}"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>'


def html_facts(facts: Mapping[str, object]) -> str:
    """Names and values, a line each; without those that are None."""
    known = ((name, value) for name, value in facts.items() if value is not None)
    rows = "".join(f'<tr><th style="{_CELL}">{escape(name)}</th>{_cell(value)}</tr>' for name, value in known)
    return f'<table style="{_TABLE}"><tbody>{rows}</tbody></table>'


def html_note(text: str) -> str:
    """A line of plain text."""
    return f'<div style="font-size:90%">{escape(text)}</div>'


def html_tokens(tokens: Sequence[str], marked: Mapping[int, str], names: Sequence[str]) -> str:
    """Tokens between bars; marked ones on the color of their name, which is told when pointed at.

    marked  position -> a name, one of `names`, which all have colors of their own
    """
    shown = []
    for position, token in enumerate(tokens):
        name = marked.get(position)
        told = f"token {position}" + ("" if name is None else f", {name}")
        visible = escape(token.replace("\n", "\\n"))
        shown.append(f'<span title="{escape(told)}" style="{_TOKEN}{_hint(name, names)}">{visible}</span>')
    return "".join(shown)


def html_legend(names: Sequence[str]) -> str:
    """The names on their colors."""
    shown = (
        f'<span style="padding:0 4px;margin-right:4px{_hint(name, names)}">{escape(name)}</span>' for name in names
    )
    return f'<div style="font-size:90%">{"".join(shown)}</div>'


def _hint(name: str | None, names: Sequence[str]) -> str:
    return "" if name is None else f";background:{_HINTS[names.index(name) % len(_HINTS)]};color:#1a1a1a"


def html_image(svg: bytes, text: str) -> str:
    """An SVG file as a picture: whatever it holds, it runs nothing and names nothing outside itself."""
    data = base64.b64encode(svg).decode()
    return f'<img alt="{escape(text)}" style="max-width:100%;background:#fff" src="data:image/svg+xml;base64,{data}"/>'


def html_grid(rows: Mapping[str, Sequence[float | None]], headings: Sequence[str]) -> str:
    """Numbers as a grid of colors, red above 0 and blue below; gray where there is none. Each says its number.

    rows  name of a row -> its numbers, one for each heading
    """
    largest = max((abs(value) for values in rows.values() for value in values if value is not None), default=0.0)
    head = "".join(f'<th style="padding:0 2px;font-weight:400">{escape(heading)}</th>' for heading in headings)
    body = []
    for name, values in rows.items():
        cells = "".join(
            f'<td title="{escape(f"{name} {heading}: {_said(value)}")}" '
            f'style="width:16px;height:14px;padding:0;border:1px solid #8883;background:{_color(value, largest)}"></td>'
            for heading, value in zip(headings, values, strict=True)
        )
        body.append(f'<tr><th style="padding:0 4px;font-weight:400;text-align:right">{escape(name)}</th>{cells}</tr>')
    table = "border-collapse:collapse;font-size:75%;margin:4px 0"
    return f'<table style="{table}"><thead><tr><th></th>{head}</tr></thead><tbody>{"".join(body)}</tbody></table>'


def _cell(value: object) -> str:
    return f'<td style="{_CELL}">{escape(_said(value))}</td>'


def _said(value: object) -> str:
    if value is None:
        return ""
    return f"{value:z.3g}" if isinstance(value, float) else str(value)


def _color(value: float | None, largest: float) -> str:
    if value is None:
        return _MISSING
    share = 0.0 if largest == 0 else abs(value) / largest
    end = _POSITIVE if value > 0 else _NEGATIVE
    red, green, blue = (round(255 + (channel - 255) * share) for channel in end)
    return f"#{red:02x}{green:02x}{blue:02x}"
