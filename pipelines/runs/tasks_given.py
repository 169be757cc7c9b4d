"""Prompts that are given as objects, for jobs: these may run in other processes, and later, and read a file."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from circuits.data.prompt_files import entries_from, prompts_of_entries, records_of
from circuits.data.prompts import PromptSet
from circuits.data.readable import ReadablePrompts
from circuits.data.records import Entry
from circuits.data.tokenizer import Tokenizer
from circuits.files import write_atomically
from circuits.visible_text import value_text
from pipelines.runs.run import GIVEN

_NO_NAME = re.compile(r"[^\w.-]+")


class Given(NamedTuple):
    """Prompts as settings have them: the name of a task, or the path of a prompt file.

    written  what was written for it, and is of no use where what was asked for is refused
    """

    spec: str
    written: tuple[Path, ...] = ()

    def take_back(self) -> None:
        """Remove what was written, and folders that were made for it."""
        for path in self.written:
            with contextlib.suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)


def task_given(given: Any, out: Path, tokenizer: Callable[[], Tokenizer | None]) -> Given:
    """The name of a task or the path of a prompt file, as settings have it.

    Pairs, as `circuits.prompts_from` takes them, and prompt sets are written to the store once, under a name of their
    content, `prompts/pairs-1a2b3c4d.jsonl`: so that runs can be continued, judged and compared later, and on workers.

    tokenizer  of the model, called for pairs: they are read with it before anything is written

    ValueError for what is neither, and for pairs that are not as they should be (`BadPrompts`, with every fault).
    """
    if isinstance(given, str | Path):
        return Given(str(given))
    prompts = given.prompt_set if isinstance(given, ReadablePrompts) else given
    if isinstance(prompts, PromptSet):
        name, records = prompts.task, records_of(prompts)
    elif isinstance(prompts, Iterable) and not isinstance(prompts, type):
        name, entries = "pairs", entries_from(prompts)
        prompts_of_entries(entries, tokenizer() if any(map(_is_text, entries)) else None, name, name)
        records = [entry.record for entry in entries]
    else:
        raise ValueError(
            f"a task is given by its name, as a prompt file, or as pairs of texts; found {value_text(given)}."
        )
    text = "".join(json.dumps(record, sort_keys=True) + "\n" for record in records)
    path = out / GIVEN / f"{_NO_NAME.sub('-', name)}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.jsonl"
    if path.is_file():
        return Given(str(path))
    made = [folder for folder in (path.parent, out) if not folder.exists()]
    write_atomically(path, text.encode())
    return Given(str(path), (path, *made))


def _is_text(entry: Entry) -> bool:
    """Whether an entry has texts, which only a tokenizer can read."""
    return bool({"clean", "corrupt", "prompt", "answers"} & (entry.record or {}).keys())
