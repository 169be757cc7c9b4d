"""Bad settings files: what is no YAML, what is no mapping, values of every wrong type, and lines damaged at random."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.faults.sound import Sound
from tests.faults.trial import Trial

KIND = "settings files"
_FILE = "settings.yaml"
WRONG = {
    "true": "a truth value",
    "[1, [2, 3]]": "lists",
    "{a: {b: 1}}": "a mapping",
    "''": "an empty text",
    "-1e309": "beyond every number",
    ".nan": "no number",
    "99999999999999999999999999": "huge",
    "2024-01-01": "a date",
    "!!binary aGk=": "bytes",
    "!!python/object/apply:os.system [touch hacked]": "code",
    "&a [*a]": "a list that holds itself",
    "0x7fffffffffffffffffff": "hexadecimal",
}
# What is no mistake: a file may be called so, and a score may have any size.
_TAKEN = {"out": {"beyond every number"}, "threshold": {"huge", "hexadecimal"}}
_OF_CONTENT = {"escapes", "half a character"}  # whose value is named
_SETTINGS = [
    "task",
    "model",
    "prompts",
    "seed",
    "corruption",
    "task_settings",
    "images",
    "dtype",
    "prompts_per_job",
    "method",
    "settings",
    "metric",
    "ablation",
    "ablation_settings",
    "edges",
    "threshold",
    "tolerance",
    "nodes",
    "position",
    "selection",
    "selection_settings",
    "ranking",
    "judge_on",
    "minimal_rule",
    "minimal_runs",
    "workers",
    "scheduler",
    "device",
    "out",
]
WHOLE = {
    "empty": "",
    "a list": "- task\n- ioi\n",
    "a word": "ioi",
    "a number": "3",
    "two documents": "task: ioi\n---\ntask: ioi\n",
    "a key twice": "edges: 5\nedges: 6\n",
    "a key twice by its spellings": "prompts-per-job: 4\nprompts_per_job: 5\n",
    "a key that is a number": "3: ioi\n",
    "a key that is a list": "? [a, b]\n: 1\n",
    "an unknown key": "edgse: 5\n",
    "a key of version 0.1": "patch: zero\nseed: 0\nmethods: eap\n",
    "tabs": "edges:\n\t- 1\n",
    "an open quote": 'method: "eap\n',
    "an anchor that is not there": "edges: *nowhere\n",
    "deep lists": "settings: " + "[" * 5000 + "]" * 5000,
    "deep mappings": "".join(f"{' ' * depth}a:\n" for depth in range(3000)),
    "a billion laughs": "a: &a [x,x,x,x,x,x,x,x,x]\n"
    + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(8)),
    "a merge that holds itself": "a: &a\n  <<: *a\n",
    "nothing but comments": "# edges: 5\n",
    "nul": "edges: 5\0\n",
    "escapes": 'method: "\\x1b[2Jeap"\n',
    "half a character": 'method: "\\ud800"\n',
}
BYTES = {
    "UTF-16": "edges: 5\n".encode("utf-16"),
    "Latin-1": "model: mod\u00e8le\n".encode("latin-1"),
    "zip": b"PK\x03\x04" + bytes(200),
    "bytes at random": random.Random(0).randbytes(500),
}


def trials(sound: Sound) -> Iterator[Trial]:
    """All of them."""
    given = {"task": sound.prompts, "model": sound.model}
    for name, text in WHOLE.items():
        yield _trial(sound, name, _writes(text.encode("utf-8", "surrogatepass")))
    for name, data in BYTES.items():
        yield _trial(sound, name, _writes(data))
    for what, make in SPECIAL.items():
        yield _trial(sound, what, make)
    for setting in _SETTINGS:
        for value, name in WRONG.items():
            text = f"{setting}: {value}\n" + "".join(f"{key}: {of}\n" for key, of in given.items() if key != setting)
            expects = "either" if name in _TAKEN.get(setting, ()) else "refused"
            names = (setting, setting.replace("_", " "), "'a'", "--task-set", "hold themselves")
            yield _trial(sound, f"{setting} is {name}", _writes(text.encode()), names=names, expects=expects)
    yield from _damaged(sound)


def _damaged(sound: Sound) -> Iterator[Trial]:
    """A sound file, with characters changed at random."""
    text = "method: eap\nedges: 20\nprompts_per_job: 6\nseed: 3\nselection: grown\nablation: corrupt\n"
    for seed in range(60):
        dice, line = random.Random(seed), bytearray(text.encode())
        for _ in range(dice.randint(1, 3)):
            place = dice.randrange(len(line))
            match dice.randrange(3):
                case 0:
                    line[place] = dice.randrange(256)
                case 1:
                    del line[place : place + dice.randint(1, 6)]
                case _:
                    line[place:place] = dice.randbytes(dice.randint(1, 4))
        yield _trial(sound, f"damaged {seed}", _writes(bytes(line)), expects="either")


def _trial(
    sound: Sound, name: str, prepare: Callable[[Path], object], *, names: tuple[str, ...] = (), expects: str = "refused"
) -> Trial:
    arguments = ["discover", "--quiet", "--config", _FILE]
    if not names:
        arguments += ["--model", str(sound.model)]
        names = () if name in _OF_CONTENT or expects == "either" else (_FILE,)
        arguments[1:1] = [str(sound.prompts)]
    return Trial(KIND, name, arguments, prepare, names, expects)  # pyright: ignore[reportArgumentType]


def _writes(data: bytes) -> Callable[[Path], object]:
    return lambda folder: (folder / _FILE).write_bytes(data)


def _linked(folder: Path) -> None:
    (folder / _FILE).symlink_to(folder / _FILE)


SPECIAL: dict[str, Callable[[Path], object]] = {
    "missing": lambda folder: None,
    "a folder": lambda folder: (folder / _FILE).mkdir(),
    "a pipe": lambda folder: os.mkfifo(folder / _FILE),
    "a device": lambda folder: (folder / _FILE).symlink_to("/dev/zero"),
    "a link in a circle": _linked,
    "a link to nowhere": lambda folder: (folder / _FILE).symlink_to("nowhere"),
}
