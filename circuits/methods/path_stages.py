"""Stages of a search for a circuit by path patching, as data: who is looked for, by paths into what, and where.

    movers: logits @END            the heads whose paths into the logits matter, patched at END
    inhibition: movers.q @END      those that matter to the queries of the heads found as `movers`
    induction: inhibition.v @S2 top=4

A stage reads inputs (q, k, v, or z: all of them) of heads that earlier stages found, or receivers by name: `logits`,
`m3`, `r5` (the stream entering layer 5), `a9.h9<q>`; several with commas between them. `top` is its own count of heads.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from circuits.data.prompts import END
from circuits.effects.receivers import Input, Receiver, receivers_from
from circuits.files import read_text, unreadable
from circuits.lookup import unknown
from circuits.scores import ALL_POSITIONS
from circuits.strict_json import parse_strictly

UNION = "union"
_LINE = re.compile(
    r"\s*(?P<finds>[A-Za-z][\w-]*)\s*:\s*(?P<into>[^@]+?)\s*(?:@\s*(?P<at>.+?))?\s*(?:\btop=(?P<top>\S+))?\s*"
)
_OF_STAGE = re.compile(r"(?P<stage>[A-Za-z][\w-]*)\.(?P<port>[qkvz])")

# As in Merullo et al. 2024; values and keys at all positions, where these are read, for any task.
_ANY = (
    "movers: logits @END",
    "inhibition: movers.q @END",
    "induction: inhibition.v @all",
    "previous: induction.k @all",
)
# The published stages (arXiv 2310.08744). Where the keys of Colored Objects were patched is not published.
STAGE_LISTS: Mapping[str, tuple[str, ...]] = {
    "any": _ANY,
    "ioi": (*_ANY[:2], "induction: inhibition.v @S2", "previous: induction.k @S1+1"),
    "colored-objects": (*_ANY[:2], "induction: inhibition.v @query", "previous: induction.k @all"),
}


@dataclass(frozen=True)
class PathStage:
    """One stage.

    finds  what the heads found are called
    into   receivers by name, or inputs of heads found before: `movers.q`
    at     role at whose position senders are patched, or `all`
    top    how many heads it passes on, in place of the search's own: a share of all heads below 1, or a number
    """

    finds: str
    into: tuple[str, ...]
    at: str
    top: float | None = None

    def __str__(self) -> str:
        return f"{self.finds}: {', '.join(self.into)} @{self.at}" + ("" if self.top is None else f" top={self.top:g}")

    @classmethod
    def parse(cls, line: str) -> PathStage:
        """A stage from its line; inverse of `str`.

        >>> stage = PathStage.parse("inhibition: movers.q @END")
        >>> stage.into, stage.at, stage.read_from
        (('movers.q',), 'END', (('movers', 'q'),))
        """
        match = _LINE.fullmatch(line)
        if match is None:
            raise ValueError(
                f"no stage can be written {line!r}. Write 'NAME: RECEIVERS @ROLE', such as 'inhibition: movers.q @END'."
            )
        into = tuple(name.strip() for name in match["into"].split(","))
        try:
            top = None if match["top"] is None else _number(match["top"])
            stage = cls(match["finds"], into, match["at"] or "", top)
            default = ALL_POSITIONS if stage.ports & {"k", "v", "z"} else END
            return stage if stage.at else cls(stage.finds, into, default, top)
        except ValueError as error:
            raise ValueError(f"stage {line!r}: {error}") from None

    def __post_init__(self) -> None:
        if self.finds in (ALL_POSITIONS, UNION, END):
            raise ValueError(f"a stage cannot be called {self.finds!r}, which says something else about scores.")
        if self.top is not None:
            require_top(self.top)
        if twice := [name for number, name in enumerate(self.into) if name in self.into[:number]]:
            raise ValueError(f"{twice[0]} is given twice: give every receiver once.")
        if not self.read_from:
            receivers_from(self.into, self.finds)
        elif len(self.read_from) < len(self.into):
            raise ValueError("heads found before and receivers by name are in one stage: write two stages.")

    @property
    def read_from(self) -> tuple[tuple[str, Input], ...]:
        """The stages whose heads it reads, and through which input; none where its receivers have names."""
        matches = filter(None, map(_OF_STAGE.fullmatch, self.into))
        return tuple((match["stage"], port) for match in matches for port in get_args(Input) if port == match["port"])

    @property
    def receivers(self) -> tuple[Receiver, ...]:
        """Its receivers by name; none where it reads heads found before."""
        return () if self.read_from else tuple(map(Receiver.parse, self.into))

    @property
    def ports(self) -> set[Input | None]:
        """The inputs through which it reads."""
        return {port for _, port in self.read_from} or {receiver.port for receiver in self.receivers}


def require_top(top: float) -> None:
    """Raise a ValueError for what is neither a share of heads nor a number of them."""
    if not (0 < top < 1 or (math.isfinite(top) and top >= 1 and top == int(top))):
        raise ValueError(f"top={top:g}. Give a share of the heads below 1, or a whole number of heads.")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ValueError(
            f"top={text} is no number. Give a share of the heads below 1, or a whole number of heads."
        ) from None


def stages_from(given: Sequence[str] | str) -> tuple[PathStage, ...]:
    """The stages of these lines, of a list with a name (`STAGE_LISTS`) or of a file. ValueError for what cannot be
    searched.

    >>> [stage.finds for stage in stages_from("ioi")]
    ['movers', 'inhibition', 'induction', 'previous']
    """
    lines = (given,) if isinstance(given, str) else tuple(given)
    if len(lines) == 1 and not _LINE.fullmatch(lines[0]):
        (name,) = lines
        if name in STAGE_LISTS:
            lines = STAGE_LISTS[name]
        elif Path(name).is_file():
            lines = read_stages(Path(name))
        elif ":" not in name:
            raise ValueError(f"{unknown(name, STAGE_LISTS, 'list of stages')} It is not a file either.")
    if not lines:
        raise ValueError(
            f"no stage is given. Give lines such as {_ANY[0]!r}, or the name of a list: {', '.join(STAGE_LISTS)}."
        )
    stages = tuple(map(PathStage.parse, lines))
    known: list[str] = []
    for stage in stages:
        if stage.finds in known:
            raise ValueError(f"two stages find {stage.finds!r}: give each a name of its own.")
        for of, _ in stage.read_from:
            if not known:
                raise ValueError(
                    f"stage {str(stage)!r} reads heads of no earlier stage {of!r}: it comes first. Begin with "
                    f"receivers by name, such as {_ANY[0]!r}."
                )
            if of not in known:
                raise ValueError(f"stage {str(stage)!r} reads heads of {unknown(of, known, 'earlier stage')}")
        known.append(stage.finds)
    return stages


def read_stages(path: Path) -> tuple[str, ...]:
    """The lines of a file: JSON, a list of texts; or plain text, a stage per line, `#` before a remark."""
    try:
        text = read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(unreadable(path, error, "the stages in")) from None
    if text.lstrip().startswith("["):
        try:
            lines = parse_strictly(text)
        except ValueError as error:
            raise ValueError(f"cannot read the stages in {path}: {error}") from None
        if not isinstance(lines, Sequence) or not all(isinstance(line, str) for line in lines):
            raise ValueError(f"{path} holds no stages: expected a JSON list of texts, such as {list(_ANY[:2])}.")
        return tuple(lines)
    bare = (line.partition("#")[0].strip() for line in text.splitlines())
    return tuple(line for line in bare if line)
