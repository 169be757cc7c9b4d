"""Bad command lines: nonsense for every option and argument of every command, and words that no command knows."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
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


# Arguments that may be any text.
TAKEN_WORDS = {
    "profile": {"empty"},  # no task: profiles of weights
    "prompts new": {"half a character", "huge", "no number", "infinite", "spaces", "code"},
}
# Command -> why it is tried with no nonsense but words that it does not know.
WITHOUT_OPTIONS = dict.fromkeys(
    ("figures", "exports", "methods", "selections", "profiles", "rules", "published", "models", "doctor"),
    "it takes no value",
) | {"reproduce reuse": "what it takes is a whole study: minutes, where a value is no nonsense after all"}


def trials(sound: Sound) -> Iterator[Trial]:
    """All of them."""
    yield from _options(sound)
    yield from _arguments(sound)
    yield from _words(sound)


def starts(sound: Sound) -> dict[str, list[str]]:
    """Command -> the arguments that it needs."""
    task, runs = ["ioi", "--model", "reference", "--prompts", "8"], ["--runs", "runs"]
    own = [str(sound.prompts), "--model", str(sound.model), "--prompts", "4"]
    heads = ["--heads", "a1.h0"]
    return {
        "profile": own,
        "reads": [*own, *heads, "--key", "END"],
        "influence": ["texts.jsonl", "--model", str(sound.model), *heads],
        "reuse": [sound.run, sound.other, *runs],
        "cluster": [sound.run, *runs],
        "study": [*own, "--method", "eap", "--vary", "seed=0,1", "--truth", sound.run],
        "orders": ["multiple-choice", "--questions", "2"],
        "tasks": ["--model", str(sound.model)],
        "codes": [sound.run, *runs],
        "clean": runs,
        "intervene iri": ["--run", sound.run],
        "intervene repair": [*task, *heads],
        "intervene rank": [*own, *heads],
        "intervene concept": [*own, "--layer", "1"],
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
        **{f"intervene {name}": task for name in ("zero-tuning", "act", "remedy", "var", "vhr")},
        "prompts check": [str(sound.prompts), "--model", str(sound.model)],
        "prompts show": ["ioi", "--model", "reference"],
        "prompts new": ["new.jsonl"],
    }


def _options(sound: Sound) -> Iterator[Trial]:
    begun, n = starts(sound), 0
    for name, of in leaves():
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
                yield Trial(KIND, f"{name} {flag} {what}", given, names=names, expects=expects, prepare=prepared(sound))


def escaped(text: str) -> str:
    """A text as a terminal shows it."""
    return text.encode("utf-8", "backslashreplace").decode()


def _arguments(sound: Sound) -> Iterator[Trial]:
    """Nonsense in place of the first argument of every command."""
    begun = starts(sound)
    for number, name in enumerate(begun):
        first = begun[name][:1]
        if first and not first[0].startswith("-"):
            for what in list(NONSENSE)[number % 2 :: 2]:
                given = [*name.split(), *begun[name][1:], "--", NONSENSE[what]]
                expects = "either" if what in TAKEN_WORDS.get(name, ()) else "refused"
                yield Trial(KIND, f"{name}: {what}", given, expects=expects, prepare=prepared(sound))


def _words(sound: Sound) -> Iterator[Trial]:
    yield Trial(KIND, "unknown command", ["discuss"], names=("discuss",))
    begun = starts(sound)
    for name, _ in leaves():
        given = [*name.split(), *begun.get(name, ())]
        yield Trial(KIND, f"{name}: an unknown option", [*given, "--discuss"], names=("--discuss",))
        if name not in ("compare", "reuse", "view", "report", "evaluate", "draw"):  # that take several
            yield Trial(KIND, f"{name}: a word too many", [*given, "discuss", "2"], names=("discuss", "2"))


def prepared(sound: Sound) -> Callable[[Path], None]:
    """What commands are given, in the folder of a trial."""

    def prepare(folder: Path) -> None:
        sound.copy_runs(folder)
        texts = [{"ids": [1, 2, 3, 4, 5, 6, 7, number], "name": f"text {number}"} for number in range(3)]
        (folder / "texts.jsonl").write_text("".join(json.dumps(text) + "\n" for text in texts))

    return prepare


def leaves() -> list[tuple[str, Any]]:
    """Every command by name, those in groups by both names."""
    return list(_leaves(command(), ""))


def _leaves(of: Any, name: str) -> Iterator[tuple[str, Any]]:
    if hasattr(of, "commands"):
        for own, inner in of.commands.items():
            yield from _leaves(inner, f"{name} {own}".strip())
    else:
        yield name, of
