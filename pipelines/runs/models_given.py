"""Models that are given as objects, for jobs: these may run in other processes, and later, and read a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.engine.store import require_writable
from pipelines.runs.settings import CommandSettings

# Within a store, beside the runs.
FOLDER = "models"


def model_spec(given: Any, out: Path) -> str:
    """The name or folder of a model, as settings have it.

    A model in memory is written to the store once, under a name of its content, `models/GPT2LMHeadModel-1a2b3c4d`: so
    that runs can be continued, judged and compared later, and on workers. ValueError for what is no model. Cost of one
    in memory: its weights are read once, and written where they are not there yet.
    """
    if isinstance(given, str | Path):
        return str(given)
    from circuits.model.in_memory import plain_twin, saved, tokenizer_with
    from circuits.model.load import Model

    require_writable(out)
    if not isinstance(given, Model):
        return str(saved(plain_twin(given), tokenizer_with(given), out / FOLDER))
    given.require_unchanged()
    if given.spec is not None:
        return given.spec
    return str(saved(given.original, given.tokenizer, out / FOLDER))


def as_loaded(values: Mapping[str, Any], kind: type[CommandSettings]) -> dict[str, Any]:
    """How the model in a command's settings was loaded, as settings: its type of numbers, and its device where all runs
    in this process. Empty for a name or a model that was not loaded."""
    given = values.get("model")
    if given is None or isinstance(given, str | Path):
        return {}
    from circuits.model.load import DTYPES, Model

    if not isinstance(given, Model):
        return {}
    dtype = {"dtype": given.dtype} if "dtype" in kind.known() and given.dtype in DTYPES else {}
    is_here = kind.is_computed and not any(values.get(name) for name in ("workers", "scheduler", "gpus"))
    return dtype | ({"device": given.device} if is_here else {})
