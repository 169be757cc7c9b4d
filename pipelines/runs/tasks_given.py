"""Prompts that are given as objects, for jobs: these may run in other processes, and later, and read a file."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from circuits.data.prompt_files import records_from, records_of
from circuits.data.prompts import PromptSet
from circuits.data.readable import ReadablePrompts
from circuits.files import write_atomically
from circuits.visible_text import value_text

# Within a store, beside the runs.
FOLDER = "prompts"
_NO_NAME = re.compile(r"[^\w.-]+")


def task_spec(given: Any, out: Path) -> str:
    """The name of a task or the path of a prompt file, as settings have it.

    Pairs, as `circuits.prompts_from` takes them, and prompt sets are written to the store once, under a name of their
    content, `prompts/pairs-1a2b3c4d.jsonl`: so that runs can be continued, judged and compared later, and on workers.
    ValueError for what is neither.
    """
    if isinstance(given, str | Path):
        return str(given)
    prompts = given.prompt_set if isinstance(given, ReadablePrompts) else given
    if isinstance(prompts, PromptSet):
        name, records = prompts.task, records_of(prompts)
    elif isinstance(prompts, Iterable) and not isinstance(prompts, type):
        name, records = "pairs", records_from(prompts)
    else:
        raise ValueError(
            f"a task is given by its name, as a prompt file, or as pairs of texts; found {value_text(given)}."
        )
    text = "".join(json.dumps(record, sort_keys=True) + "\n" for record in records)
    path = out / FOLDER / f"{_NO_NAME.sub('-', name)}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.jsonl"
    if not path.is_file():
        write_atomically(path, text.encode())
    return str(path)
