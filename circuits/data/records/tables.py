"""CSV and TSV: a header with the names of the keys, then a line for each record.

Cells are as in JSON without its quotes. A list has `|` between its items, or is written as JSON; of token ids as of
texts. Roles are JSON, or columns of their own, `roles.S`, with a word of the prompt or positions (`[2]`). An empty cell
is a key that is not given.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from circuits.csv_text import delimited
from circuits.data.faults import Faults
from circuits.data.json_lines import parse_value
from circuits.data.records.base import Entry, RecordFormat
from circuits.data.records.keys import IDS, KEYS, TEXTS, keys_for
from circuits.lookup import keys_meant, missing_keys, unknown_keys
from circuits.visible_text import typed_text

_OF_ROLE = "roles."
# A column that stands for each kind of prompts: pairs and labeled ones, of texts and of ids.
_KINDS = (("clean",), ("clean_ids",), ("prompt",), ("prompt_ids",))
_HEADER, _LONGEST_LINE = "clean,corrupt,answers,wrong_answers", 60
# What a spreadsheet reads as the separator of the lines below.
_FOR_SPREADSHEETS = re.compile(r"[\"']?sep=\W*", re.IGNORECASE)


class Table(RecordFormat):
    """Cells with a separator between them, in double quotes where they hold one."""

    separator: ClassVar[str]

    def entries(self, text: str) -> Iterator[Entry]:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=self.separator, strict=True)
        header: list[str] | None = None
        while True:
            number = reader.line_num + 1
            try:
                cells = next(reader, None)
            except csv.Error as error:
                other = None if header else self._other_separator(text.lstrip().splitlines()[0])
                fault = f"not {self.name}: {error}. What follows was not read."
                yield Entry(number, None, fault if other is None else self._with_other(other))
                return
            if cells is None:
                return
            if not any(map(str.strip, cells)):
                continue
            try:
                if header is None:
                    header = self._header(cells)
                else:
                    empty = [name for place, name in enumerate(header) if not "".join(cells[place : place + 1])]
                    yield Entry(number, _record(header, cells), empty=tuple(empty))
            except ValueError as error:
                yield Entry(number, None, str(error))
                if header is None:
                    return

    def written(self, records: Sequence[Mapping[str, Any]]) -> str:
        rows = [_cells(record) for record in records]
        names = list(dict.fromkeys(name for row in rows for name in row))
        return delimited([names, *([row.get(name) for name in names] for row in rows)], self.separator)

    def _other_separator(self, header: str) -> str | None:
        """What stands between the names of a header in place of this format's separator; None where that does."""
        n_known = {sign: _n_known(header.split(sign)) for sign in ";\t,"}
        best = max(n_known, key=lambda sign: n_known[sign])
        if n_known[best] > n_known[self.separator]:
            return best
        return None if self.separator in header else next((sign for sign in ";\t," if sign in header), None)

    def _with_other(self, other: str) -> str:
        return (
            f"the header has {other!r} between its names; {self.name} has {self.separator!r} between cells. Save it "
            "with that, or under the ending of what it is (.csv, .tsv)."
        )

    def _header(self, cells: Sequence[str]) -> list[str]:
        names, line = [cell.strip() for cell in cells], self.separator.join(cells).strip()
        if _FOR_SPREADSHEETS.fullmatch(line):
            raise ValueError(f"the first line, {line!r}, names a separator for spreadsheets: delete that line.")
        if (other := self._other_separator(line)) is not None:
            raise ValueError(self._with_other(other))
        while names and not names[-1]:
            names.pop()
        require_header(names)
        return names


class Csv(Table):
    """Commas between cells."""

    name, endings, separator = "CSV", (".csv",), ","
    form = f"a header, {_HEADER}, and a row"


class Tsv(Table):
    """Tabs between cells."""

    name, endings, separator = "TSV", (".tsv", ".tab"), "\t"
    form = f"a header, {_HEADER} with tabs in place of commas, and a row"


def _n_known(names: Sequence[str]) -> int:
    """How many of the names in a header are keys of prompts."""
    return sum(name in KEYS or name.startswith(_OF_ROLE) for name in (name.strip(' "') for name in names))


def require_header(names: Sequence[str]) -> None:
    """ValueError with all that is wrong with the names of columns, so that no row is blamed for it: one without a name,
    one that is there twice, one that prompts do not have, and one that lacks.

    A table may have columns of several kinds of prompts, those of the others being empty in a row.
    """
    faults, given = Faults(), [name for name in dict.fromkeys(names) if name]
    if nameless := [place for place, name in enumerate(names, start=1) if not name]:
        which = ", ".join(f"{place}." for place in nameless)
        faults.add(
            f"the header has {'a column' if len(nameless) == 1 else 'columns'} without a name, the {which} one"
            f"{'s' * (len(nameless) > 1)}: give a name, or take the column out (pandas writes none for its index with "
            "index=False)."
        )
    faults.add(*(f"the header names {name!r} twice: name it once." for name in given if names.count(name) > 1))
    keys = keys_for(given)
    is_whole = any(kind.needed <= {*given} for kind in map(keys_for, _KINDS))
    known = KEYS if is_whole else keys.known
    unknown = [name for name in given if name not in known and not _is_role(name)]
    # Of roles, any name may follow the point.
    of_roles = {_OF_ROLE + role for name in unknown if (role := _role_meant(name))}
    meant = keys_meant(unknown, known | of_roles)
    if len(unknown) == len(given) and not meant:
        faults.add(f"the first line, {_shown(names)}, names no column of prompts: begin with a header, {_HEADER}.")
        faults.raise_any()
    if unknown:
        faults.add(f"the header: {unknown_keys(unknown, keys.known, also=of_roles)}")
    # One that is misspelt does not lack.
    if missing := [] if is_whole else sorted(keys.needed - {*given, *meant.values()}):
        faults.add(f"the header: {missing_keys(missing, given)}")
    faults.raise_any()


def _role_meant(name: str) -> str:
    """The name of a role in that of a column which may have been meant for one."""
    of_point = name.partition(".")[2]
    return of_point if of_point or not name.startswith("roles") else name.removeprefix("roles").lstrip("._:- ")


def _is_role(name: str) -> bool:
    return name.startswith(_OF_ROLE) and name != _OF_ROLE


def _shown(names: Sequence[str]) -> str:
    line = ",".join(names)
    return repr(line if len(line) <= _LONGEST_LINE else f"{line[:_LONGEST_LINE]}...")


def entry_of_row(number: int, row: Mapping[str, Any]) -> Entry:
    """The entry of a row of a frame, read as the same table in a file is. ValueError for what cannot be read.

    What is missing there (None, NaN), and an empty text, is an empty cell; numbers stand for ids, and for no role: in a
    file such a cell is a word.
    """
    is_empty = {name: cell is None or cell != cell or cell == "" for name, cell in row.items()}  # noqa: PLR0124  NaN
    given = {name: cell for name, cell in row.items() if not is_empty[name]}
    return Entry(number, _of_cells(given), empty=tuple(name for name, empty in is_empty.items() if empty))


def _record(header: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    if any(cells[len(header) :]):
        raise ValueError(
            f"{len(cells)} cells, and the header names {len(header)}: put a cell that holds the separator in double "
            "quotes."
        )
    if len(cells) < len(header):
        raise ValueError(
            f"{len(cells)} cells, and the header names {len(header)}: an empty cell has its separator too."
        )
    return _of_cells({name: cell for name, cell in zip(header, cells, strict=False) if cell})


def _of_cells(given: Mapping[str, Any]) -> dict[str, Any]:
    """The record of the cells that are not empty."""
    faults = Faults()
    read = {name: faults.in_call(_cell, name, cell) for name, cell in given.items()}
    faults.raise_any()
    record = {name: value for name, value in read.items() if not name.startswith(_OF_ROLE)}
    roles = {name.removeprefix(_OF_ROLE): value for name, value in read.items() if name.startswith(_OF_ROLE)}
    if roles and "roles" in record:
        raise ValueError(f"'roles' and {_OF_ROLE + next(iter(roles))!r} are both given: give one of them.")
    return record | ({"roles": roles} if roles else {})


def _cells(record: Mapping[str, Any]) -> dict[str, str]:
    """A record's cells, by their column: lists of texts and roles that are words as people write them, else JSON."""
    cells = {}
    for name, value in record.items():
        if name == "roles" and all(isinstance(role, str) for role in value.values()):
            cells |= {_OF_ROLE + role: word for role, word in value.items()}
        elif name in TEXTS and not any("|" in word for word in value) and not value[0].lstrip().startswith("["):
            cells[name] = "|".join(value)
        else:
            cells[name] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return cells


def _cell(name: str, cell: Any) -> Any:
    try:
        return _role(cell) if name.startswith(_OF_ROLE) else _value(name, cell)
    except ValueError as error:
        raise ValueError(f"cell {name!r}: {str(error).rstrip('.')}.") from None


def _value(name: str, cell: Any) -> Any:
    if not isinstance(cell, str):
        return _unread(name, cell)
    if name == "roles":
        if not cell.lstrip().startswith("{"):
            raise ValueError(
                f'it holds {cell!r}, expected a JSON object such as {{"IO": "Mary"}}. Or give each role a column, '
                f"{_OF_ROLE}IO, with its word."
            )
        return parse_value(cell)
    if name == "answer_position":
        return _number(cell)
    if name not in TEXTS | IDS:
        return cell
    if cell.lstrip().startswith("["):
        return parse_value(cell)
    parts = cell.split("|")
    return [_number(part) for part in parts] if name in IDS else parts


def _unread(name: str, cell: Any) -> Any:
    """A cell of a frame that is no text: numbers of ids, which are fractions where others of their column are missing,
    as whole ones."""
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    return [cell] if name in IDS and isinstance(cell, int) else cell


def _role(cell: Any) -> Any:
    """A word, or positions. ValueError for a number of a frame: a word such as 07 is one there once a file was read."""
    if isinstance(cell, int | float):
        raise ValueError(
            f"it holds {typed_text(cell)}: give a word as text, or positions as a list, such as [2]; "
            "pandas.read_csv(..., dtype=str) keeps the words of a file."
        )
    if not isinstance(cell, str):
        return cell
    return parse_value(cell) if cell.lstrip().startswith("[") else cell


def _number(cell: str) -> int | str:
    """A whole number; any other text as it is, for the prompt's own check to name."""
    return int(cell) if cell.strip().removeprefix("-").isdecimal() else cell
