"""What a file says of itself, and the commands that compute it again."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from circuits.files import is_file
from circuits.visible_text import visible
from pipelines.cli.commands import offers
from pipelines.cli.located import located
from pipelines.engine.execution import DEFAULT_STORE
from pipelines.engine.seal import ABOUT, require_all_sealed
from pipelines.reporting.tables import print_line
from pipelines.runs.about_file import facts_beside, sealed_bytes
from pipelines.runs.options import negative, options_of
from pipelines.runs.record import RECORD
from pipelines.runs.run import open_run
from pipelines.runs.settings import CommandSettings
from pipelines.runs.shell_text import shell_word, shell_words

_FOLDER = "folder"  # the setting of where a report is written
_GIVE = "Give a file that `circuits export` or another command wrote, or its folder."
_MOST_BYTES = 2**28  # of a file that is read; drawings and graphs of 70,000 edges stay below


def facts_of(file: Path, store: Path = DEFAULT_STORE) -> dict[str, Any]:
    """What a file says of itself, or its folder of it. ValueError where neither does, or the file was changed.

    file  or the name of a run in the store
    """
    from graphs.export import about, read_about
    from graphs.export.json import JsonExport

    file = _found(file, store)
    if file.is_dir():
        if (facts := facts_beside(file)) is not None:
            require_all_sealed(file, again=facts.get("command") or "the command of this folder")
            return facts
        if is_file(file / RECORD):
            open_run(file)  # says that it failed, or is not finished
        raise ValueError(f"{file} holds no {ABOUT}, in which a folder says what its files are. {_GIVE}")
    if not file.exists():
        raise ValueError(f"no file {file}. {_GIVE}")
    if file.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{file} has {file.stat().st_size / 2**20:,.0f} MB: no export is so large.")
    try:
        data = sealed_bytes(file)
    except OSError as error:
        raise ValueError(f"cannot read {file}: {error.strerror or error}.") from None
    try:
        return read_about(data, source=str(file))
    except ValueError:
        if (facts := facts_beside(file)) is not None:
            return facts
        if not data.lstrip().startswith(b"{"):
            raise
    return about(JsonExport().from_bytes(data, source=str(file)))


def _found(file: Path, store: Path) -> Path:
    """The file, or the run of this name in the store."""
    named = store / file
    return named if not file.exists() and is_file(named / RECORD) else file


def print_stored(file: Path, facts: Mapping[str, Any], store: Path = DEFAULT_STORE) -> None:
    """A run as its command printed it, with its warnings and the command; of anything else the facts.

    file  a run, or the name of one in the store, or what has those facts
    """
    folder = _found(file, store)
    run = open_run(folder) if is_file(folder / RECORD) else None
    command = None if run is None or (offer := offers().get(run.command)) is None else offer.load()
    if command is None or command.stored is None:
        print_facts(facts)
        return
    report = command.stored(run)
    for warning in report.warnings:
        sys.stderr.write(f"warning: {visible(warning)}\n")
    command.table(report)
    if (made_by := facts.get("command")) is not None:
        print_line(f"command: {made_by}")
    print_line("Settings, versions and hashes of what it read: --json.")


def commands_of(file: Path, out: Path) -> list[list[str]]:
    """The arguments of the commands that a file keeps, one after the other, with `out` as their store.

    ValueError where it keeps none, or one that computes nothing or says itself where to write, and where what a command
    reads is not here, or is not what it was.
    """
    facts = facts_of(file)
    command = facts.get("command")
    if not isinstance(command, str):
        raise ValueError(
            f"{file} keeps no command: only exports of a run do. `circuits show {shell_word(str(file))}` says what it "
            "keeps."
        )
    try:
        words = shell_words(command)
    except ValueError as error:
        raise ValueError(f"{file} keeps {command!r}, which is no command ({error}): not run.") from None
    known, parts = offers(), [list(part) for is_and, part in groupby(words, "&&".__eq__) if not is_and]
    asked = []
    for program, *arguments in parts or [[""]]:
        name = next((name for n in (2, 1) if (name := " ".join(arguments[:n])) in known), None)
        if program != "circuits" or name is None:
            raise ValueError(f"{file} keeps {command!r}, which is not only commands that compute something: not run.")
        if foreign := _foreign_options(arguments, known[name].settings):
            raise ValueError(
                f"{file} keeps {command!r}, and {', '.join(foreign)} is no setting of what is computed: commands in "
                "files do not say where to compute, what to read and where to write. Not run."
            )
        asked.append((arguments, known[name].settings))
    return [[*words, "--runs", str(out)] for words in located(asked, facts, file, out)]


def _foreign_options(arguments: Sequence[str], settings: type[CommandSettings]) -> list[str]:
    """Options of a command that are no settings of its results, nor of a table for a paper.

    Any other one would let a file choose a folder that is written to, or a machine that is asked.
    """
    options = [option for option in options_of(settings) if not option.is_argument and option.name != _FOLDER]
    own = {flag for option in options for flag in (option.flag, negative(option.flag))}
    own |= {f"--{name}" for name in ("to", "table", "numbers") if settings.paper_tables}
    given = [word.partition("=")[0] for word in arguments if word.startswith("-") and not _is_number(word)]
    return [flag for flag in given if flag not in own]


def _is_number(word: str) -> bool:
    """Whether a word that begins with a hyphen is a value: -0.5, or -2,-1."""
    return word[1:2].isdigit() or word[1:2] == "."


def print_facts(facts: Mapping[str, Any]) -> None:
    """The facts, one line each, nested ones by their path."""
    from graphs.export.about import about_lines, fact_text

    for name, value in about_lines(facts):
        print_line(f"{name}: {fact_text(value)}")
