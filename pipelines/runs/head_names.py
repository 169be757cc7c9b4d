"""Query heads as they are named on the command line, for the settings of commands."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from circuits.components import Component
from circuits.kinds import KINDS
from pipelines.runs.settings import names_in


def _query_heads(names: tuple[str, ...]) -> tuple[str, ...]:
    """Each once, written as everywhere else."""
    parts = [Component.parse(name, offered=[KINDS["head"]]) for name in names]
    if wrong := [name for name, part in zip(names, parts, strict=True) if not part.is_head]:
        raise ValueError(f"{wrong[0]} is no query head. Heads look like a3.h1.")
    return tuple(dict.fromkeys(map(str, parts)))


def _some(names: tuple[str, ...]) -> tuple[str, ...]:
    if not names:
        raise ValueError("no head is given. Name some, such as --heads a2.h1,a3.h0.")
    return names


HeadNames = Annotated[tuple[str, ...], BeforeValidator(names_in), AfterValidator(_query_heads)]
"""Names with commas between them, or several; there may be none."""
GivenHeads = Annotated[HeadNames, AfterValidator(_some)]
"""The same, and there must be one."""
