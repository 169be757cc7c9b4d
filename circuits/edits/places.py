"""Which rows and keys an edit names: roles of prompts, or positions.

A *place* is a role (`END`, `S2`, `color_*` for several) or a position counted from 0 in each prompt, its padding apart.
Rows are written as a place, as `PLACE..` (from its first position on, tokens that are generated included) or as `all`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import NamedTuple

import torch
from torch import Tensor

from circuits.lookup import role_meant

ALL, ONWARD = "all", ".."


class Placed(NamedTuple):
    """Where the tokens of one sequence of a batch are.

    roles   role -> positions in the prompt
    offset  how many tokens of padding stand before the prompt
    """

    roles: Mapping[str, tuple[int, ...]]
    offset: int = 0


def is_position(place: str) -> bool:
    """Whether a place is a position, counted from 0."""
    return place.isascii() and place.isdigit()


def matching(place: str, roles: Mapping[str, tuple[int, ...]]) -> list[str]:
    """The names that a place stands for: roles, or the position itself. ValueError where the prompt has none."""
    if is_position(place):
        return [place]
    if names := [role for role in roles if fnmatchcase(role, place)]:
        return names
    raise ValueError(f"no role {place!r}; the prompt has {', '.join(roles) or 'no roles'}.{role_meant(place, roles)}")


def positions_of(place: str, roles: Mapping[str, tuple[int, ...]]) -> tuple[int, ...]:
    """The positions of a place, ascending. ValueError where the prompt has none."""
    named = (((int(name),) if is_position(name) else roles[name]) for name in matching(place, roles))
    return tuple(sorted({position for positions in named for position in positions}))


def needs_roles(place: str) -> bool:
    """Whether only the roles of a prompt say where that is."""
    return place != ALL and not is_position(place.removesuffix(ONWARD))


def rows_within(rows: str, roles: Mapping[str, tuple[int, ...]], n_tokens: int) -> list[int]:
    """The positions of rows in a prompt of so many tokens."""
    if rows == ALL:
        return list(range(n_tokens))
    positions = positions_of(rows.removesuffix(ONWARD), roles)
    if rows.endswith(ONWARD):
        return list(range(positions[0], n_tokens))
    return [position for position in positions if position < n_tokens]


def rows_mask(rows: str, places: Sequence[Placed], queries: Tensor) -> Tensor:
    """[sequence, query] which queries are edited.

    queries  [sequence, query] their positions in the prompts, negative where they are padding
    """
    is_token = queries >= 0
    if rows == ALL:
        return is_token
    chosen = []
    for placed, own in zip(places, queries, strict=True):
        positions = positions_of(rows.removesuffix(ONWARD), placed.roles)
        is_row = own >= positions[0] if rows.endswith(ONWARD) else torch.isin(own, own.new_tensor(positions))
        chosen.append(is_row)
    return is_token & torch.stack(chosen)


def rows_in_words(rows: str) -> str:
    """`the row of END`, for descriptions."""
    if rows == ALL:
        return "every row, of generated tokens too"
    place = rows.removesuffix(ONWARD)
    where = f"position {place}" if is_position(place) else place
    return f"the rows from {where} on, of generated tokens too" if rows.endswith(ONWARD) else f"the row of {where}"
