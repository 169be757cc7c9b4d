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
    "--title": set(NONSENSE),
    "--min-gap": {"huge"},
    "--threshold": {"huge"},
    "--out": {"huge", "no number", "infinite", "code", "spaces", "half a character"},
}


def trials(sound: Sound) -> Iterator[Trial]:
    """All of them."""
    yield from _options(sound)
    yield from _words(sound)


def starts(sound: Sound) -> dict[str, list[str]]:
    """Command -> the arguments that it needs, so that only the option is wrong."""
    task, runs = ["ioi", "--model", "reference", "--prompts", "8"], ["--runs", "runs"]
    store = ["--out", "runs"]
    heads = ["--heads", "a1.h0"]
    return {
        "discover": [str(sound.prompts), "--model", str(sound.model)],
        "trace": task,
        "compare": [sound.run, sound.other, *runs],
        "attention": [*task, *heads],
        "roles": [sound.run, *store],
        "profile": task,
        "reads": [*task, *heads, "--key", "S"],
        "effects": task,
        "influence": [str(sound.prompts), "--model", "reference", *heads],
        "report": [sound.run, *runs],
        "reuse": [sound.run, sound.other, *runs],
        "cluster": [sound.run, *store],
        "evaluate": [sound.run, *runs],
        "study": [*task, "--vary", "seed=1,2"],
        "orders": ["boxes", "--model", "reference"],
        "tasks": ["--model", "reference"],
        "codes": [sound.run, *runs],
        "export": [sound.run, "--to", "json", *runs],
        "show": [f"runs/{sound.run}/graph.json"],
        "rerun": [f"runs/{sound.run}/graph.json"],
        "draw": ["size-curve", sound.run, *runs],
        "fetch": ["smollm2-135m"],
        "status": runs,
        "view": ["runs", "--port", "0"],
        "intervene iri": ["--run", sound.run, *runs],
        "intervene edit": [*task, *heads, "--edit", "uniform END"],
        "intervene repair": [*task, "--like", "colored-objects"],
        "intervene rank": [*task, *heads],
        "intervene concept": [*task, "--layer", "1", "--at", "END"],
        "intervene mask-heads": [*task, "induction:1,2"],
        **{f"intervene {name}": task for name in ("zero-tuning", "act", "var", "vhr", "remedy")},
        "reproduce reuse": ["--model", "reference"],
        "prompts check": [str(sound.prompts), "--model", str(sound.model)],
        "prompts show": ["ioi", "--model", "reference"],
        "prompts new": ["new.jsonl"],
    }


def _options(sound: Sound) -> Iterator[Trial]:
    begun, n = starts(sound), 0
    for name, of in _leaves(command(), ""):
        for option in of.params:
            flag = option.opts[0]
            if option.param_type_name != "option" or option.is_flag or flag in ("--help",):
                continue
            n += 1
            # A third of them each, in turn: most options are of several commands.
            chosen = list(NONSENSE)[n % 3 :: 3]
            for what in chosen:
                value = NONSENSE[what]
                given = [*name.split(), *begun.get(name, []), flag, value]
                names = (flag, option.name, flag.removeprefix("--").replace("-", " "), escaped(value)[:20])
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
