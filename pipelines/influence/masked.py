"""Which heads `--heads` says, as far as that is known before a model runs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from circuits.components import Component
from circuits.lookup import lookup
from circuits.profiles import PROFILES, Profile, WeightProfile
from pipelines.discover.run import require_circuit
from pipelines.profile.given import profile_from
from pipelines.runs.run import open_run

# Where a profile says something of heads: a copied span is there, and the model says it.
_ITS_TASK = {"retrieval": "needle", "retrieval-frequency": "needle"}
_TASK = "induction"
_HEAD = re.compile(r"a\d+\.h\d+")


class Ranked(NamedTuple):
    """The heads with the largest means of a profile.

    k     how many, or with `is_percent` how many percent of all, one at least
    task  the prompts that the profile is measured on where none are given
    """

    profile: Profile
    k: float
    is_percent: bool
    task: str


def masked_from(text: str, *, out: Path) -> tuple[str, ...] | Ranked:
    """The heads that a text names, those of a run's circuit, or how they are ranked.

    ValueError for what is none of these, and for a run whose circuit has no head.
    """
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    if names and all(map(_HEAD.fullmatch, names)):
        return names
    head, colon, count = text.rpartition(":")
    named = re.split("[:=]", head)[0]
    if colon and named in PROFILES:
        return _ranked(text, head, count)
    if colon and "/" not in text:
        lookup(PROFILES, named, "profile")
    try:
        run = require_circuit(open_run(text, out=out))
    except ValueError as error:
        raise ValueError(
            f"--heads {text}: neither heads (a1.h0,a2.h3), nor PROFILE:K (retrieval:5%), nor a run: {error}"
        ) from None
    nodes = [node.component for node in run.circuit.nodes if node.component.is_head]
    if not nodes:
        raise ValueError(f"--heads {text}: no head is in the circuit of that run.")
    return tuple(map(str, sorted(nodes, key=_place)))


def _ranked(text: str, profile: str, count: str) -> Ranked:
    number = count.removesuffix("%")
    try:
        k = float(number) if count.endswith("%") else int(number)
    except ValueError:
        k = 0
    if not 0 < k <= (100 if count.endswith("%") else k):
        raise ValueError(
            f"--heads {text}: {count!r} is no number of heads. Give PROFILE:K, such as retrieval:8, or retrieval:5% "
            "for so many percent of all heads."
        )
    made = profile_from(profile)
    if isinstance(made, WeightProfile):
        raise ValueError(f"--heads {text}: profile {made.name!r} reads weights. Name one of prompts, or heads.")
    return Ranked(made, k, count.endswith("%"), _ITS_TASK.get(made.name, _TASK))


def _place(component: Component) -> tuple[int, int]:
    return component.layer or 0, component.index or 0
