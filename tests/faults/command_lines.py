"""Bad command lines: nonsense for every option of every command, and words that no command knows."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from tests.faults.sound import Sound
from tests.faults.trial import Trial, command

KIND = "command lines"
# No option takes them, whatever it is of.
NONSENSE = {
    "empty": "",
    "long": "y" * 5000,
    "half a character": os.fsdecode(b"\xff\xfe"),
    "huge": "99999999999999999999999",
    "no number": "nan",
    "infinite": "-inf",
    "spaces": "   ",
    "code": "$(touch hacked); `touch hacked`",
    "below a device": "/dev/null/nowhere",
}
# What an option may take all the same: any text, or a name that nothing need have yet.
TAKEN = {
    "--options": set(NONSENSE),
    "--correct": set(NONSENSE),
    "--right": set(NONSENSE),
    "--wrong": set(NONSENSE),
    "--gammas": {"huge"},
    "--sizes": {"huge"},
    "--title": set(NONSENSE),
    "--up": {"huge"},
    "--down": {"huge"},
    "--name": set(NONSENSE),
    "--min-gap": {"huge"},
    "--threshold": {"huge"},
    "--runs": {"huge", "no number", "infinite", "code", "spaces", "half a character"},
    "--out": {"huge", "no number", "infinite", "code", "spaces", "half a character"},
}


def trials(sound: Sound) -> Iterator[Trial]:
    """All of them."""
    yield from _options(sound)
    yield from _words(sound)


def starts(sound: Sound) -> dict[str, list[str]]:
    """Command -> the arguments that it needs. Those that take minutes with sound options are left out."""
    task, runs = ["ioi", "--model", "reference", "--prompts", "8"], ["--runs", "runs"]
    heads = ["--heads", "a1.h0"]
    return {
        "discover": [str(sound.prompts), "--model", str(sound.model)],
        "trace": task,
        "compare": [sound.run, sound.other, *runs],
        "attention": [*task, *heads],
        "roles": [sound.run, *runs],
        "effects": task,
        "report": [sound.run, *runs],
        "evaluate": [sound.run, *runs],
        "export": [sound.run, "--to", "json", *runs],
        "show": [f"runs/{sound.run}/graph.json"],
        "rerun": [f"runs/{sound.run}/graph.json"],
        "draw": ["size-curve", sound.run, *runs],
        "fetch": ["smollm2-135m"],
        "status": runs,
        "view": ["runs", "--port", "0"],
        "intervene edit": [*task, *heads, "--edit", "uniform END"],
        "intervene mask-heads": [*task, "induction:1,2"],
        **{f"intervene {name}": task for name in ("zero-tuning", "act", "remedy")},
        "prompts check": [str(sound.prompts), "--model", str(sound.model)],
        "prompts show": ["ioi", "--model", "reference"],
        "prompts new": ["new.jsonl"],
    }


def _options(sound: Sound) -> Iterator[Trial]:
    begun, n = starts(sound), 0
    for name, of in _leaves(command(), ""):
        if name not in begun:
            continue
        for option in of.params:
            flag = option.opts[0]
            if option.param_type_name != "option" or option.is_flag or flag in ("--help",):
                continue
            n += 1
            # A third of them each, in turn: most options are of several commands.
            chosen = list(NONSENSE)[n % 3 :: 3]
            for what in chosen:
                value = NONSENSE[what]
                given = [*name.split(), *begun[name], flag, value]
                # Two options that do not go together are named before what is wrong with one of them.
                names = (
                    flag,
                    option.name,
                    option.name.removesuffix("s"),  # of a list, one value is named
                    flag.removeprefix("--").replace("-", " "),
                    escaped(value)[:20],
                    *begun[name],
                )
                expects = "either" if what in TAKEN.get(flag, ()) else "refused"
                yield Trial(KIND, f"{name} {flag} {what}", given, names=names, expects=expects, prepare=sound.copy_runs)


def escaped(text: str) -> str:
    """A text as a terminal shows it."""
    return text.encode("utf-8", "backslashreplace").decode()


def _words(sound: Sound) -> Iterator[Trial]:
    yield Trial(KIND, "unknown command", ["discuss"], names=("discuss",))


def _leaves(of: Any, name: str) -> Iterator[tuple[str, Any]]:
    if hasattr(of, "commands"):
        for own, inner in of.commands.items():
            yield from _leaves(inner, f"{name} {own}".strip())
    else:
        yield name, of
