"""Bad prompt files: what is no JSON, lines of the wrong shape, tables, encodings, and files damaged at random."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.faults.sound import Sound
from tests.faults.trial import Trial

KIND = "prompt files"
_GOOD = {"clean_ids": [1, 2, 3, 4], "corrupt_ids": [1, 5, 3, 4], "answer_ids": [6], "wrong_answer_ids": [7]}
_ENDLESS = 10**30
# Wrong in one line of a file whose other lines are sound.
LINES: dict[str, str] = {
    "an open brace": "{",
    "a list": "[1]",
    "a number": "3",
    "null": "null",
    "not a number": json.dumps(_GOOD).replace("6", "NaN"),
    "infinite": json.dumps(_GOOD).replace("6", "Infinity"),
    "a key twice": json.dumps(_GOOD)[:-1] + ', "answer_ids": [5]}',
    "deep lists": '{"clean_ids": ' + "[" * 50_000 + "]" * 50_000 + "}",
    "a huge number": json.dumps(_GOOD | {"answer_ids": [_ENDLESS]}),
    "a number of many digits": json.dumps(_GOOD).replace("6", "9" * 5000),
    "half a character": json.dumps(_GOOD | {"comment": "x"}).replace('"x"', '"\\ud800"'),
    "one quote": "'clean_ids': [1]",
    "two objects": json.dumps(_GOOD) * 2,
    "a trailing comma": json.dumps(_GOOD)[:-1] + ",}",
}
VALUES: dict[str, Any] = {
    "nothing": None,
    "a text": "x",
    "a truth value": True,
    "a fraction": [1.5],
    "negative": [-1],
    "too large": [12],
    "huge": [_ENDLESS],
    "nested": [[1]],
    "empty": [],
    "a mapping": {"a": 1},
    "mixed": [1, "2"],
    "truth values": [True],
}
_KEYS = ("clean_ids", "corrupt_ids", "answer_ids", "wrong_answer_ids", "roles", "answer_position", "clean", "typo")
# An answer position of 1.5 is none, but a list is no position at all: all are refused, but for what says nothing.
_HARMLESS = {
    ("wrong_answer_ids", "nothing"),
    ("roles", "nothing"),
    ("answer_position", "nothing"),
    ("clean", "nothing"),
    ("wrong_answer_ids", "empty"),
}
# Answers of several tokens, and a role at a position.
_HARMLESS |= {("answer_ids", "nested"), ("wrong_answer_ids", "nested"), ("roles", "a mapping")}
TABLES: dict[str, tuple[str, bytes]] = {
    "no line": ("t.csv", b""),
    "headings alone": ("t.csv", b"clean,corrupt,answer\n"),
    "an unknown heading": ("t.csv", b"clean,corrupt,answr\na,b,c\n"),
    "a heading twice": ("t.csv", b"clean,clean,answer\na,b,c\n"),
    "a row too long": ("t.csv", b"clean,corrupt,answer\na,b,c,d\n"),
    "a row too short": ("t.csv", b"clean,corrupt,answer\na\n"),
    "an open quote": ("t.csv", b'clean,corrupt,answer\n"a,b,c\n'),
    "commas in a table of tabs": ("t.tsv", b"clean,corrupt,answer\na,b,c\n"),
    "an array cut short": ("t.json", b'[{"clean_ids": [1, 2]},'),
    "an array of numbers": ("t.json", b"[1, 2, 3]"),
    "an object": ("t.json", b'{"a": 1}'),
    "an array in an array": ("t.json", b"[[]]"),
    "another ending": ("t.xlsx", b"PK\x03\x04"),
    "no ending": ("prompts", b"{}"),
    "UTF-16": ("t.jsonl", json.dumps(_GOOD).encode("utf-16")),
    "UTF-32": ("t.jsonl", json.dumps(_GOOD).encode("utf-32")),
    "Latin-1": ("t.jsonl", b'{"clean": "\xe9t\xe9"}'),
    "NUL bytes": ("t.jsonl", bytes(1000)),
    "zipped": ("t.jsonl", b"\x1f\x8b\x08" + bytes(50)),
    "blank": ("t.jsonl", b"\n \n\t\n"),
    "a mark and nothing": ("t.jsonl", b"\xef\xbb\xbf"),
    "a line of many characters": ("t.jsonl", b'{"clean": "' + b"a" * 3_000_000 + b'"}'),
}


def trials(sound: Sound) -> Iterator[Trial]:
    """All of them."""
    for name, line in LINES.items():
        yield _of_lines(sound, name, line, names=("line 2", "prompt 1"))
    for key in _KEYS:
        for name, value in VALUES.items():
            expects = "either" if (key, name) in _HARMLESS else "refused"
            yield _of_lines(
                sound,
                f"{key} is {name}",
                json.dumps(_GOOD | {key: value}),
                names=(key, "line 2", "prompt 1"),
                expects=expects,
            )
        if key in _GOOD:
            line = json.dumps({name: value for name, value in _GOOD.items() if name != key})
            expects = "either" if key == "wrong_answer_ids" else "refused"
            yield _of_lines(
                sound, f"{key} is missing", line, names=("line 2", "prompt 1", "wrong answer"), expects=expects
            )
    for name, (file, data) in TABLES.items():
        yield _trial(sound, name, file, lambda folder, file=file, data=data: (folder / file).write_bytes(data))
    for name, make in SPECIAL.items():
        yield _trial(sound, name, "t.jsonl", make)
    yield from _damaged(sound)


def _damaged(sound: Sound) -> Iterator[Trial]:
    """Sound files with bytes changed at random. What can still be read is another sound file."""
    good = sound.prompts.read_bytes()
    for seed in range(60):
        dice, data = random.Random(seed), bytearray(good)
        for _ in range(dice.randint(1, 4)):
            place = dice.randrange(len(data))
            if dice.random() < 0.5:
                data[place] = dice.randrange(256)
            else:
                del data[place : place + dice.randint(1, 40)]
        yield _trial(
            sound,
            f"damaged {seed}",
            "t.jsonl",
            lambda folder, data=bytes(data): (folder / "t.jsonl").write_bytes(data),
            expects="either",
            names=("t.jsonl", "line", "prompt"),
        )


def _of_lines(sound: Sound, name: str, line: str, *, names: tuple[str, ...], expects: str = "refused") -> Trial:
    lines = [json.dumps(_GOOD), line, *[json.dumps(_GOOD)] * 6]
    return _trial(
        sound,
        name,
        "t.jsonl",
        lambda folder: (folder / "t.jsonl").write_text("\n".join(lines)),
        names=names,
        expects=expects,
    )


def _trial(
    sound: Sound,
    name: str,
    file: str,
    prepare: Callable[[Path], object],
    *,
    names: tuple[str, ...] = (),
    expects: str = "refused",
) -> Trial:
    return Trial(KIND, name, sound.discover(prompts=f"./{file}"), prepare, names or (file,), expects)  # pyright: ignore[reportArgumentType]


def _linked(folder: Path) -> None:
    (folder / "t.jsonl").symlink_to(folder / "t.jsonl")


SPECIAL: dict[str, Callable[[Path], object]] = {
    "missing": lambda folder: None,
    "a folder": lambda folder: (folder / "t.jsonl").mkdir(),
    "a pipe": lambda folder: os.mkfifo(folder / "t.jsonl"),
    "a device": lambda folder: (folder / "t.jsonl").symlink_to("/dev/zero"),
    "a terminal": lambda folder: (folder / "t.jsonl").symlink_to("/dev/tty"),
    "a link in a circle": _linked,
}
