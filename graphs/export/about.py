"""What every exported file says of itself: where its numbers came from, and the command that makes it again.

One text, the same in every format: PDF and SVG metadata, a PNG text chunk, a comment in DOT, PostScript, HTML, TeX
and Markdown, an attribute of GraphML, GEXF, Cytoscape, MIB and Neuronpedia files, metadata of Parquet and XLSX files.
`read_about` finds it again in any of them.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import struct
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any
from xml.sax.saxutils import unescape

import numpy as np

from circuits.numbers import number_text
from circuits.strict_json import parse_strictly
from graphs.circuit_graph import CircuitGraph
from graphs.comparison.comparison import Comparison
from graphs.export.document import plain_number
from graphs.figures.canvas import one_line

_MOST_OF_OFFICE = 2**24  # bytes of the properties of an Excel file that are read: unpacked, they may have any size

# Numbers among a circuit's metrics that are of the prompts that judge it.
_OF_JUDGING = ("clean", "corrupt", "circuit", "accuracy", "top1")

MARK = "circuit-workbench"
"""The key of what a file says of itself, where a format has keys; the word before it, where it has comments."""


def about(subject: CircuitGraph | Comparison, command: str | None = None) -> dict[str, Any]:
    """Where a circuit or both circuits of a comparison came from, as plain values.

    command  what makes the file's subject again, as typed in a shell; None where that is not known
    """
    if isinstance(subject, Comparison):
        sides = [circuit_facts(subject.a), circuit_facts(subject.b)]
        facts: dict[str, Any] = {"compared": list(subject.labels), "circuits": sides}
    else:
        facts = {"circuit": circuit_facts(subject)}
    return facts if command is None else facts | {"command": command}


def about_text(subject: CircuitGraph | Comparison, command: str | None = None) -> str:
    """The same as one line of JSON."""
    return facts_text(about(subject, command))


def beside_text(labels: Sequence[str], graphs: Sequence[CircuitGraph], command: str | None = None) -> str:
    """The same of several circuits that are shown side by side, as `about_text` has both of a comparison."""
    facts: dict[str, Any] = {"compared": list(labels), "circuits": [circuit_facts(graph) for graph in graphs]}
    return facts_text(facts if command is None else facts | {"command": command})


def facts_text(facts: Mapping[str, Any]) -> str:
    """Facts as one line of JSON in ASCII, with sorted keys."""
    return json.dumps(facts, sort_keys=True, allow_nan=False, default=plain_number)


def tex_comment(text: str) -> str:
    """A text as a comment of TeX, with the mark before it."""
    return f"% {MARK}: {text}"


def html_comment(text: str) -> str:
    """A text as a comment of HTML, which Markdown takes and does not show, with the mark before it."""
    # Two hyphens end a comment; in JSON the second may be written as its number.
    shown = text.replace("--", "-\\u002d")
    return f"<!-- {MARK}: {shown} -->"


def read_about(data: bytes, *, source: str) -> dict[str, Any]:
    """What a file says of itself. ValueError, naming `source`, for a file that says nothing."""
    for text in _candidates(data):
        try:
            facts = parse_strictly(text)
        except ValueError:
            continue
        if isinstance(facts, dict) and facts.keys() & {"circuit", "circuits", "command", "figure"}:
            return facts
    raise ValueError(
        f"{source}: nothing in it says where it came from. Files written by `circuits export` and by the commands that "
        "draw do, but tables for programs (csv, parquet, xlsx), and unless another program has written them again."
    )


def about_lines(values: Mapping[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    """Facts one by one, nested ones by their path; those that are None are left out.

    Plain values come first, then those of mappings and lists. What of a circuit's metrics is of the prompts that judge
    says so, as other numbers are of all prompts.
    """
    for key, value in sorted(values.items(), key=lambda item: isinstance(item[1], Mapping | list)):
        name = f"{before}{key}".replace("_", " ")
        if isinstance(value, Mapping):
            inside = {_of_judging(inner): one for inner, one in value.items()} if key == "metrics" else value
            yield from about_lines(inside, f"{name}, ")
        elif isinstance(value, list) and any(isinstance(inner, Mapping | list) for inner in value):
            yield from about_lines({f"{name} {number}": inner for number, inner in enumerate(value, start=1)})
        elif isinstance(value, bool) and (told := _in_words(key, value, values)) is not None:
            yield f"{before}{told[0]}", told[1]
        elif value is not None:
            yield name, value


def fact_text(value: Any) -> str:
    """The value of a fact for people: four digits of a number with decimals, lists in a row.

    >>> from graphs.export.about import fact_text
    >>> fact_text(0.49693938140808316), fact_text([0.25, 12]), fact_text(True)
    ('0.4969', '0.25, 12', 'yes')
    """
    value = plain_number(value) if isinstance(value, np.generic) else value  # as stored scores have them
    if isinstance(value, list | tuple):
        return ", ".join(map(fact_text, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number_text(value, ".4g") if isinstance(value, float) else str(value)


def _in_words(key: str, value: bool, beside: Mapping[str, Any]) -> tuple[str, str] | None:
    """Two facts with similar names: which wordings a task was asked for, and who judged a circuit."""
    if key == "held_out":
        return "wordings", "those that the task holds out" if value else "the usual ones"
    if key == "is_held_out":
        judged = "prompts that did not choose it" if value else "the prompts that chose it"
        return "judged by", judged if beside.get("judging", 1) else "no prompts"
    return None


def _of_judging(metric: str) -> str:
    return f"{metric} of the prompts that judge" if metric in _OF_JUDGING else metric


def circuit_facts(graph: CircuitGraph) -> dict[str, Any]:
    """Where one circuit came from: its size, selection and faithfulness, its prompts, and who scored it."""
    ends = [graph.metrics.get(f"faithfulness_{end}") for end in ("low", "high")]
    facts: dict[str, Any] = {
        "edges": graph.n_edges,
        "of_edges": graph.of_edges,
        "description": graph.description,
        "selection": dict(graph.selection),
        "threshold": graph.threshold,
        "faithfulness": graph.faithfulness,
        "faithfulness_interval": None if None in ends else ends,
        "prompts": None if graph.prompts is None else graph.prompts.as_dict(),
        "metrics": dict(graph.metrics),
        "edge_scores": None if graph.provenance is None else asdict(graph.provenance),
    }
    if graph.node_provenance is not None:
        facts["node_scores"] = asdict(graph.node_provenance)
    return facts


def _candidates(data: bytes) -> Iterator[str]:
    """Texts in a file that may be what it says of itself."""
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        yield from _png_texts(data)
        return
    if data.startswith(b"PK"):
        yield from _office_texts(data)
        return
    if data.startswith(b"PAR1"):
        yield from _parquet_texts(data)
        return
    text = _unescaped(data.decode("utf-8", errors="replace"), is_pdf=data.startswith(b"%PDF"))
    yield from re.findall(rf"{MARK}: (\{{.*\}})", text)
    if text.lstrip().startswith("{"):
        with contextlib.suppress(ValueError):
            yield from _marked_strings(parse_strictly(data, constants={"NaN": None}))


def _png_texts(data: bytes) -> Iterator[str]:
    """The texts of a PNG under the mark."""
    start = 8
    while start + 8 <= len(data):
        (size,), kind = struct.unpack(">I", data[start : start + 4]), data[start + 4 : start + 8]
        chunk = data[start + 8 : start + 8 + size]
        key, _, value = chunk.partition(b"\0")
        if kind == b"tEXt" and key == MARK.encode():
            yield value.decode("latin-1")
        start += 12 + size


def _office_texts(data: bytes) -> Iterator[str]:
    """The comment of an Excel file."""
    with contextlib.suppress(zipfile.BadZipFile, KeyError), zipfile.ZipFile(io.BytesIO(data)) as book:
        with book.open("docProps/core.xml") as part:
            text = unescape(part.read(_MOST_OF_OFFICE).decode("utf-8", errors="replace"))
        yield from re.findall(rf"{MARK}: (\{{.*\}})", text)


def _parquet_texts(data: bytes) -> Iterator[str]:
    """The metadata of a Parquet file, in which it stands as it is; what follows is binary."""
    text = data[data.find(f"{MARK}: {{".encode()) + len(MARK) + 2 :].decode("ascii", errors="replace")
    with contextlib.suppress(ValueError, RecursionError):
        _, end = json.JSONDecoder().raw_decode(text)
        yield text[:end]


def _unescaped(text: str, *, is_pdf: bool) -> str:
    """Text with the escapes of PDF strings undone, or those of XML; other formats escape nothing in a comment."""
    if is_pdf:
        return re.sub(r"\\([\\()])", r"\1", text)
    if text.startswith("%!PS"):
        return one_line(text)
    return unescape(text, {"&quot;": '"'}) if text.lstrip().startswith("<?xml") else text


def _marked_strings(value: Any) -> Iterator[str]:
    """What follows the mark in every string that begins with it, anywhere in nested values."""
    if isinstance(value, str):
        if value.startswith(f"{MARK}: "):
            yield value.removeprefix(f"{MARK}: ")
    elif isinstance(value, Mapping | list):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _marked_strings(inner)
