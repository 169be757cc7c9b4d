"""`redistribute`: a head looks less at sinks, and more at the rest."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from circuits.edits.base import EDITS, Edit, PatternEdit, Where
from circuits.edits.sinks import Act, SinkRule, Var
from circuits.lookup import lookup, unknown

RULES: Mapping[str, type[SinkRule]] = {rule.name: rule for rule in (Act, Var)}


@EDITS.register
@dataclass(frozen=True)
class Redistribute(PatternEdit):
    """The attention to sinks times beta; what is freed goes to other tokens, in proportion to what they get already.

    rule  what sinks are, and where freed attention goes: `act` or `var` (`circuits.edits.sinks`)

    >>> from circuits.edits import Redistribute
    >>> Redistribute("END").text
    'redistribute END act beta=0.4 over=0.1'
    """

    name = "redistribute"
    summary = "the attention to sinks times beta, and the freed attention to other tokens"
    undefined = "it frees attention, and all tokens that should get it have none, so that there is no proportion."

    rule: SinkRule = field(default_factory=Act)

    @classmethod
    def from_words(cls, rows: str, words: Sequence[str]) -> Edit:
        name, *assigned = words or [""]
        kind = lookup(RULES, name, "rule of 'redistribute'")
        fields = {entry.name: entry for entry in dataclasses.fields(kind)}
        given: dict[str, Any] = {}
        for word in assigned:
            key, is_given, value = word.partition("=")
            if not is_given or key not in fields:
                raise ValueError(unknown(key, list(fields), f"setting of 'redistribute {rows} {name}'"))
            try:
                given[key] = value if isinstance(fields[key].default, str) else float(value)
            except ValueError:
                raise ValueError(f"'redistribute {rows} {name}': {key} is {value!r}, which is no number.") from None
        return cls(rows, kind(**given))

    @property
    def arguments(self) -> str:
        values = dataclasses.asdict(self.rule)
        given = [f"{entry.name}={values[entry.name]}" for entry in dataclasses.fields(self.rule)]
        return " ".join([self.rule.name, *given])

    @property
    def key_places(self) -> tuple[str, ...]:
        return self.rule.key_places

    @property
    def effect(self) -> str:
        return self.rule.effect

    @property
    def is_identity(self) -> bool:
        return self.rule.beta == 1

    @property
    def needs_all_rows(self) -> bool:
        return self.rule.needs_all_rows

    def changed(self, pattern: Tensor, where: Where) -> Tensor:
        sinks, receivers, rows = self.rule.found(pattern, where)
        kept = torch.where(sinks, self.rule.beta * pattern, pattern)
        freed, got = (pattern - kept).sum(-1), torch.where(receivers, pattern, 0).sum(-1)
        gain = torch.where(got > 0, freed / got.clamp_min(torch.finfo(got.dtype).tiny), torch.nan)
        new = torch.where(receivers, pattern * (1 + gain.unsqueeze(-1)), kept)
        new = torch.where((got > 0).unsqueeze(-1), new, torch.nan)
        return torch.where((rows & (freed > 0)).unsqueeze(-1), new, pattern)
