"""Files that a command has written: whether they are well-formed, and do nothing where they are opened."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

from circuits.strict_json import parse_strictly

# What spreadsheets carry out, unless it is a number.
_FORMULA = re.compile(r"[=@\t\r].|[+-](?![\d.]+(e[+-]?\d+)?$|inf$).", re.DOTALL)
_SCRIPTS = re.compile(
    rb"<script[^>]*>(?!\s*</script)|<iframe|<object|<embed|<link|\son(load|error|click|mouseover)=", re.I
)
_SHEETS = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


def unsound_in(folder: Path) -> str | None:
    """What is wrong with the files below a folder; None where nothing is."""
    for path in sorted(folder.rglob("*")):
        of = _READERS.get(path.suffix)
        if of is None or not path.is_file():
            continue
        try:
            wrong = of(path.read_bytes())
        except (ValueError, SyntaxError, KeyError, csv.Error, zipfile.BadZipFile) as error:
            wrong = f"{type(error).__name__}: {error}"
        if wrong:
            return f"{path.name[:40]!r}: {wrong}"
    return None


def _csv(data: bytes) -> str | None:
    rows = list(csv.reader(io.StringIO(data.decode(), newline=""), strict=True))
    if len({len(row) for row in rows}) > 1:
        return "lines of several lengths"
    formulas = [cell for row in rows for cell in row if _FORMULA.match(cell)]
    return f"a formula: {formulas[0][:40]!r}" if formulas else None


def _xlsx(data: bytes) -> str | None:
    with zipfile.ZipFile(io.BytesIO(data)) as book:
        for name in book.namelist():
            if name.endswith((".xml", ".rels")):
                whole = ElementTree.fromstring(book.read(name))
                if next(whole.iter(f"{_SHEETS}f"), None) is not None:
                    return f"a formula in {name}"
                if next(whole.iter(f"{_SHEETS}hyperlink"), None) is not None:
                    return f"a link in {name}"
    return None


def _parquet(data: bytes) -> str | None:
    import pyarrow.parquet as pq

    return None if pq.read_table(io.BytesIO(data)).num_columns else "no columns"


def _xml(data: bytes) -> None:
    ElementTree.fromstring(data)


def _svg(data: bytes) -> str | None:
    for part in ElementTree.fromstring(data).iter():
        runs = [name for name in part.attrib if name.startswith("on")]
        leads = [value for name, value in part.attrib.items() if name.endswith("href") and not value.startswith("#")]
        if runs or leads or part.tag.rpartition("}")[2] in ("script", "foreignObject", "iframe"):
            return f"runs or fetches something: {part.tag} {part.attrib}"[:80]
    return None


def _html(data: bytes) -> str | None:
    """A page of ours has scripts of its own, after a policy that names them by their hashes; and none but these."""
    data.decode()
    allowed = len(set(re.findall(rb"'sha256-[^']+'", data)))
    scripts = len(re.findall(rb"<script(?![^>]*type=\"application/json\")", data, re.I))
    return None if scripts <= allowed else f"{scripts} scripts, of which {allowed} are allowed"


def _json(data: bytes) -> None:
    parse_strictly(data)


_READERS: dict[str, Callable[[bytes], str | None]] = {
    ".csv": _csv,
    ".xlsx": _xlsx,
    ".parquet": _parquet,
    ".graphml": _xml,
    ".gexf": _xml,
    ".svg": _svg,
    ".html": _html,
    ".json": _json,
    ".cyjs": _json,
}
