"""TABLE_FORMATS: the formats of tables for papers, by name; other packages can add some (`circuits.registry`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from circuits.lookup import lookup
from circuits.registry import Registry, instance_of
from graphs.export.latex_text import NumberStyle
from pipelines.reporting.paper.table import PaperTable

NUMBERS: Mapping[str, NumberStyle] = {"brackets": "brackets", "uncertainty": "uncertainty"}


@dataclass(frozen=True)
class TableFormat:
    """A format.

    name     as after --to
    summary  one line
    write    (table, style of numbers, command that makes it) -> text that ends with a line's end
    comment  text, one line of JSON -> a comment that says where the table came from; None where there are no comments
    """

    name: str
    summary: str
    write: Callable[[PaperTable, NumberStyle, str | None], str]
    comment: Callable[[str], str] | None = None


TABLE_FORMATS: Registry[TableFormat] = Registry("table_formats", instance_of(TableFormat))


def table_format(name: str) -> TableFormat:
    """The format called `name`. ValueError naming the known ones, and the nearest."""
    return lookup(TABLE_FORMATS, name, "table format")


def number_style(name: str) -> NumberStyle:
    """The style of numbers called `name`. ValueError naming the known ones, and the nearest."""
    return lookup(NUMBERS, name, "style of numbers")
