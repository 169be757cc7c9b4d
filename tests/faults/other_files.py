"""Bad files of other kinds: templates of prompts, annotations, circuits of other tools, graphs, texts, known circuits.

A sound one of each is changed in every part of it: the part is left out, is of another type, or says something hostile.
"""

from __future__ import annotations

import copy
import json
import os
import random
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from tests.faults.sound import Sound
from tests.faults.trial import Trial, invoke

KIND = "other files"
_LACKS = object()
_DEEP = 100_000
# Of each part of a file in turn, these and no more: most parts are alike.
_PER_PART, _MOST_PARTS, _N_DAMAGED = 3, 18, 12
VALUES: dict[str, Any] = {
    "left out": _LACKS,
    "null": None,
    "true": True,
    "a number": 7,
    "negative": -1,
    "huge": 10**30,
    "no number": float("nan"),
    "a text": "zz",
    "an empty text": "",
    "half a character": "\ud800",
    "script": "</script><script>alert(1)</script>",
    "an escape": "\x1b[2J\0",
    "a list": [],
    "nested": [[["a"]]],
    "a mapping": {"a": {"b": 1}},
}
WHOLE: dict[str, bytes] = {
    "empty": b"",
    "a word": b"zz",
    "a list": b"[]",
    "null": b"null",
    "no keys": b"{}",
    "deep": b"[" * _DEEP,
    "deep mappings": b'{"a":' * _DEEP,
    "a key twice": b'{"format": 1, "format": 2}',
    "zeros": bytes(100),
    "UTF-16": "{}".encode("utf-16"),
    "a zip": b"PK\x03\x04" + bytes(100),
}
SPECIAL: dict[str, Callable[[Path], object]] = {
    "missing": lambda path: None,
    "a pipe": os.mkfifo,
    "a folder": Path.mkdir,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a link in a circle": lambda path: path.symlink_to(path),
}


class Subject(NamedTuple):
    """A kind of file.

    file       what it is called
    content    of a sound one: a JSON value, which is YAML as well
    arguments  of the command that reads it
    is_lines   whether each entry is a line of its own
    """

    file: str
    content: Any
    arguments: list[str]
    is_lines: bool = False

    def written(self, content: Any) -> bytes:
        """The content as the bytes of the file."""
        lines = content if self.is_lines and isinstance(content, list) else [content]
        return "".join(json.dumps(line) + "\n" for line in lines).encode()


def trials(sound: Sound) -> Iterator[Trial]:
    """All of them."""
    for name, subject in subjects(sound).items():
        for number, (place, path) in enumerate(_parts(subject.content)):
            for what in list(VALUES)[number % 5 :: 5][:_PER_PART]:
                data = subject.written(_changed(subject.content, path, VALUES[what]))
                yield _trial(sound, subject, f"{name}: {place} is {what}", data)
        for what, data in WHOLE.items():
            yield _trial(sound, subject, f"{name}: {what}", data, expects="refused")
        for what, make in SPECIAL.items():
            yield _trial(sound, subject, f"{name} is {what}", make, expects="refused")
        for what, content in _HOSTILE.get(name, {}).items():
            yield _trial(sound, subject, f"{name}: {what}", subject.written(content), expects="refused")
        for seed in range(_N_DAMAGED):
            dice, damaged = random.Random(seed), bytearray(subject.written(subject.content))
            for _ in range(dice.randint(1, 4)):
                damaged[dice.randrange(len(damaged))] = dice.randrange(256)
            yield _trial(sound, subject, f"{name}: damaged {seed}", bytes(damaged))


@cache
def subjects(sound: Sound) -> dict[str, Subject]:
    """A sound file of each kind."""
    graph = json.loads((sound.runs / sound.run / "graph.json").read_text())
    mib = sound.folder / "mib.json"
    invoke(["export", sound.run, "--runs", str(sound.runs), "--to", "mib", "--out", str(mib)])
    own = [str(sound.prompts), "--model", str(sound.model)]
    node = next(entry["name"] for entry in graph["nodes"] if entry["name"].startswith("a"))
    annotations = {
        "format": "circuit-workbench-annotations",
        "version": 1,
        "groups": [{"name": "one", "nodes": [node]}],
        "notes": {node: "a note"},
    }
    texts = [{"ids": [1, 2, 3, 4, 5, number], "name": f"text {number}", "group": "a"} for number in range(3)]
    export = ["export", sound.run, "--runs", "runs", "--out", "-"]
    heads = ["--heads", "a1.h0"]
    return {
        "template": Subject("t.yaml", TEMPLATE, ["prompts", "show", "./t.yaml", "--model", "reference"]),
        "annotations": Subject("a.json", annotations, [*export, "--to", "html", "--annotations", "a.json"]),
        "circuit file": Subject(
            "c.json",
            json.loads(mib.read_text()),
            ["discover", *own, "--method", "circuit-file", "--set", "file=c.json", "--quiet"],
        ),
        "known circuit": Subject(
            "k.json",
            {"nodes": [node], "edges": ["input->logits"]},
            ["evaluate", sound.run, "--runs", "runs", "--truth", "k.json"],
        ),
        "graph": Subject("g.json", graph, ["export", "./g.json", "--to", "svg", "--out", "-"]),
        "shown": Subject("g.json", graph, ["show", "./g.json"]),
        "texts": Subject(
            "x.jsonl", texts, ["influence", "x.jsonl", "--model", str(sound.model), *heads], is_lines=True
        ),
    }


TEMPLATE: dict[str, Any] = {
    "templates": ["Because {name:IO} and {name:S1} were leaving the bridge , {S1:S2} returned the sandwich to"],
    "words": {"name": ["David", "Martin", "Simon", "Lisa"]},
    "corrupt": {"S2": "IO"},
    "answers": " {IO}",
    "wrong_answers": " {S1}",
}
_SLOTS = 400
_HOSTILE: dict[str, dict[str, Any]] = {
    "template": {
        "attributes of objects": TEMPLATE | {"templates": ["{name.__class__.__mro__:IO} {name:S1} {S1:S2}"]},
        "an index": TEMPLATE | {"templates": ["{name[0]:IO} {name:S1} {S1:S2}"]},
        "a width of terabytes": TEMPLATE | {"templates": ["{name:IO} {name:S1} {S1:S2} {name:>999999999999}"]},
        "a conversion": TEMPLATE | {"templates": ["{name!r:IO} {name:S1} {S1:S2}"]},
        "a slot in a slot": TEMPLATE | {"templates": ["{name:{name:IO}} {name:S1} {S1:S2}"]},
        "open braces": TEMPLATE | {"templates": ["{name:IO {name:S1} {S1:S2}"]},
        "more slots than words": TEMPLATE
        | {"templates": [" ".join(f"{{name:A{n}}}" for n in range(_SLOTS)) + " {name:IO} {name:S1} {S1:S2}"]},
        "slots in a circle": TEMPLATE | {"templates": ["{S2:S1} {S1:S2} {name:IO}"]},
        "a slot of itself": TEMPLATE | {"templates": ["{S1:S1} {name:IO} {S1:S2}"]},
        "one word": TEMPLATE | {"words": {"name": ["David"]}},
        "a word that no tokenizer knows": TEMPLATE | {"words": {"name": ["David", "\U0001f600" * 1000]}},
    },
    "annotations": {
        "another version": {"format": "circuit-workbench-annotations", "version": 10**9},
        "a node twice": {
            "format": "circuit-workbench-annotations",
            "version": 1,
            "groups": [{"name": name, "nodes": ["a0.h0"]} for name in "ab"],
        },
        "a node that is not there": {
            "format": "circuit-workbench-annotations",
            "version": 1,
            "notes": {"a99.h99": "x"},
        },
    },
    "circuit file": {
        "a billion layers": {"cfg": {"n_layers": 10**9, "n_heads": 10**9}, "nodes": {}, "edges": {}},
        "layers of a petabyte": {"cfg": {"n_layers": 10**30, "n_heads": 1}, "nodes": {}, "edges": {}},
        "another shape": {"cfg": {"n_layers": 3, "n_heads": 2}, "nodes": {}, "edges": {}},
        "edges backwards": {
            "cfg": {"n_layers": 2, "n_heads": 2},
            "nodes": {},
            "edges": {"a1.h0->a0.h0<q>": {"score": 1, "in_graph": True}},
        },
    },
}  # fmt: skip


def _parts(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """Every part of a JSON value, its first entries where there are many, as words and as a path."""
    found = list(_all_parts(value, path))
    step = max(1, len(found) // _MOST_PARTS)
    yield from found[::step]


def _all_parts(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    entries = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, inner in entries:
        here = (*path, key)
        yield ".".join(map(str, here)), here
        yield from _all_parts(inner, here)


def _changed(content: Any, path: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(content)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    if value is _LACKS:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return changed


def _trial(
    sound: Sound, subject: Subject, name: str, given: bytes | Callable[[Path], object], *, expects: str = "either"
) -> Trial:
    def prepare(folder: Path) -> None:
        sound.copy_runs(folder)
        path = folder / subject.file
        path.write_bytes(given) if isinstance(given, bytes) else given(path)

    return Trial(KIND, name, subject.arguments, prepare, (), expects)  # pyright: ignore[reportArgumentType]
