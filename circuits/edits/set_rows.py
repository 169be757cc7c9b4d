"""`set`: a head looks where it is told."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from circuits.edits.base import EDITS, Edit, PatternEdit, Where
from circuits.edits.places import ONWARD, matching, positions_of

_WITHOUT = "without"
_SUM_TOLERANCE = 1e-6


@EDITS.register
@dataclass(frozen=True)
class SetRows(PatternEdit):
    """All weight on given keys, whatever the head attends to by itself (the repair of Merullo et al. 2024).

    keys  places with commas between them, each with the same share, and a place's tokens with the same share of it:
          `wrong_color`, `color_1,color_2`, `color_* without correct_color`. Or with their shares, which add up to 1:
          `IO=0.7,S1=0.3`

    >>> from circuits.edits import SetRows
    >>> SetRows("END", keys="IO=0.7,S1=0.3").description
    'the row of END: all weight on 0.7 on IO, 0.3 on S1'
    """

    name = "set"
    summary = "all weight on given keys"

    keys: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        shares = self._shares()
        if f" {self.keys} ".endswith(f" {_WITHOUT} "):
            raise ValueError(f"{self.text!r}: say which places are left out, after {_WITHOUT!r}.")
        given = [share for share in shares.values() if share is not None]
        if not given:
            return
        if len(given) < len(shares) or self._left_out() or any("*" in place for place in shares):
            raise ValueError(f"{self.text!r}: give every role its share, by its own name, or none of them one.")
        if not all(math.isfinite(share) and share >= 0 for share in given) or abs(sum(given) - 1) > _SUM_TOLERANCE:
            raise ValueError(
                f"{self.text!r}: a row adds up to 1, and these shares, which may not be negative, to {sum(given):g}. "
                "Give shares that do, or none, for equal ones."
            )

    @classmethod
    def from_words(cls, rows: str, words: Sequence[str]) -> Edit:
        return cls(rows, " ".join(words))

    @property
    def arguments(self) -> str:
        return self.keys

    @property
    def key_places(self) -> tuple[str, ...]:
        return (*self._shares(), *self._left_out())

    @property
    def effect(self) -> str:
        places, left_out = self._shares(), self._left_out()
        named = [place if share is None else f"{share:g} on {place}" for place, share in places.items()]
        but = f" but {', '.join(left_out)}" if left_out else ""
        is_equal = len(named) > 1 or "*" in self.keys
        equal = ", with equal shares" if is_equal and None in places.values() else ""
        return f"all weight on {', '.join(named)}{but}{equal}"

    def weights(self, roles: Mapping[str, tuple[int, ...]]) -> dict[int, float]:
        """Position -> weight in a prompt; they add up to 1. ValueError where the prompt lacks a place."""
        left_out = {position for place in self._left_out() for position in positions_of(place, roles)}
        named: dict[str, float | None] = {}
        for place, share in self._shares().items():
            named |= dict.fromkeys(matching(place, roles), share)
        tokens = {name: [p for p in positions_of(name, roles) if p not in left_out] for name in named}
        kept = {name: own for name, own in tokens.items() if own}
        if not kept:
            raise ValueError(f"{self.text!r} names no token: {_WITHOUT} leaves nothing.")
        weights: dict[int, float] = {}
        for name, own in kept.items():
            share = named[name]
            for position in own:
                weights[position] = weights.get(position, 0.0) + (1 / len(kept) if share is None else share) / len(own)
        return weights

    def changed(self, pattern: Tensor, where: Where) -> Tensor:
        return self._wanted(where).to(pattern.dtype).unsqueeze(1).expand_as(pattern)

    def require_seen(self, where: Where, is_row: Tensor) -> None:
        is_hidden = (self._wanted(where).unsqueeze(1) > 0) & ~where.visible & is_row.unsqueeze(-1)
        is_lost = self._wanted(where).sum(-1) < 1 - _SUM_TOLERANCE
        if bool(is_hidden.any()) or bool((is_lost & is_row.any(-1)).any()):
            raise ValueError(
                f"{self.text!r}: a row is to attend to a token that it cannot see, in the future or beyond the layer's "
                f"window. Name rows after the keys (such as END or END{ONWARD}), and keys within the window."
            )

    def _wanted(self, where: Where) -> Tensor:
        """[sequence, key] the weights of every sequence."""
        wanted = torch.zeros(where.keys.shape, device=where.keys.device)
        for number, placed in enumerate(where.places):
            for position, weight in self.weights(placed.roles).items():
                wanted[number] += weight * (where.keys[number] == position)
        return wanted

    def _parts(self) -> tuple[str, str]:
        before, _, after = f" {self.keys} ".partition(f" {_WITHOUT} ")
        return before.strip(), after.strip()

    def _shares(self) -> dict[str, float | None]:
        """Place -> its share, None for an equal one."""
        shares: dict[str, float | None] = {}
        for part in self._parts()[0].split(","):
            place, has_share, share = part.strip().partition("=")
            if not place or " " in place:
                raise ValueError(
                    f"{self.name!r} takes rows and keys, such as 'set END wrong_color' or 'set END color_* without "
                    f"correct_color'; found {self.text!r}."
                )
            if place in shares:
                raise ValueError(f"{self.text!r}: {place} is given twice. Give each place once, with its whole share.")
            try:
                shares[place] = float(share) if has_share else None
            except ValueError:
                raise ValueError(f"{self.text!r}: the share of {place} is {share!r}, which is no number.") from None
        return shares

    def _left_out(self) -> tuple[str, ...]:
        return tuple(place.strip() for place in self._parts()[1].split(",") if place.strip())
