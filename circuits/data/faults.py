"""All that is wrong with one thing, in place of the first fault that is met."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, ParamSpec, Self, TypeVar

_Given = ParamSpec("_Given")
_Value = TypeVar("_Value")
_Read = TypeVar("_Read")


class Remedied(str):
    """A fault and what to do, which is the same for all of its kind: where several are listed, it is said once.

    >>> from circuits.data.faults import Remedied
    >>> Remedied("no word 'zebra'.", "Choose another model.")
    "no word 'zebra'. Choose another model."
    """

    fault: str
    remedy: str

    def __new__(cls, fault: str, remedy: str) -> Self:
        made = super().__new__(cls, f"{fault} {remedy}")
        made.fault, made.remedy = fault, remedy
        return made

    def __reduce__(self) -> tuple[type[Self], tuple[str, str]]:
        return type(self), (self.fault, self.remedy)


class Listed(NamedTuple):
    """Faults as a list says them, and behind them the remedies that several of them share."""

    faults: list[str]
    remedies: list[str]


def listed_once(faults: Iterable[str]) -> Listed:
    """Distinct faults without the remedies that several of them share, and these.

    >>> from circuits.data.faults import Remedied, listed_once
    >>> listed_once([Remedied("no 'a'.", "Choose another."), "no slot.", Remedied("no 'b'.", "Choose another.")])
    Listed(faults=["no 'a'.", 'no slot.', "no 'b'."], remedies=['Choose another.'])
    """
    faults = list(faults)
    n_of = Counter(fault.remedy for fault in faults if isinstance(fault, Remedied))
    shared = [remedy for remedy, n in n_of.items() if n > 1]
    said = [fault.fault if isinstance(fault, Remedied) and fault.remedy in shared else fault for fault in faults]
    return Listed(said, shared)


class SeveralFaults(ValueError):
    """Several faults of one thing, each a sentence of its own."""

    def __init__(self, *faults: str) -> None:
        super().__init__(*faults)
        self.faults = faults

    def __str__(self) -> str:
        return " ".join(self.faults)


def faults_of(error: ValueError) -> tuple[str, ...]:
    """The faults that an error names."""
    return error.faults if isinstance(error, SeveralFaults) else (str(error),)


class Findings(NamedTuple):
    """What was found of one thing: faults, and what is doubtful and probably meant otherwise."""

    faults: Sequence[str] = ()
    doubts: Sequence[str] = ()


def in_lines(faults: Sequence[str], *, of: str, doubts: Sequence[str] = ()) -> str:
    """The faults of a thing as an error says them: one behind what it is called, several on lines of their own, and
    what is doubtful behind them.

    >>> from circuits.data.faults import in_lines
    >>> in_lines(["no slot 'T'."], of="own.yaml")
    "own.yaml: no slot 'T'."
    """
    if len(faults) == 1 and not doubts:
        return f"{of}: {faults[0]}"
    said, remedies = listed_once(faults)
    listed = "".join(f"\n  {line}" for line in (*said, *remedies, *(f"doubtful: {doubt}" for doubt in doubts)))
    many, they_are = ("s", "they are") if len(faults) > 1 else ("", "it is")
    return f"{of}: {len(faults)} fault{many}; no prompt is made of it until {they_are} mended.{listed}"


class Faults:
    """Faults as they are found; each is said once.

    >>> from circuits.data.faults import Faults
    >>> faults = Faults()
    >>> faults.in_call(int, "x"), faults.in_call(int, "7")
    (None, 7)
    >>> faults.said
    ["invalid literal for int() with base 10: 'x'"]
    """

    def __init__(self) -> None:
        self.said: list[str] = []

    def add(self, *faults: str) -> None:
        self.said += [fault for fault in dict.fromkeys(faults) if fault not in self.said]

    def in_call(self, call: Callable[_Given, _Value], *given: _Given.args, **options: _Given.kwargs) -> _Value | None:
        """What the call returns; None where it raised a ValueError, whose faults are kept."""
        try:
            return call(*given, **options)
        except ValueError as error:
            self.add(*faults_of(error))
            return None

    def raise_any(self) -> None:
        """Raise a ValueError with all that was found; nothing where there is none."""
        if self.said:
            raise SeveralFaults(*self.said)


def faults_in(call: Callable[_Given, object], *given: _Given.args, **options: _Given.kwargs) -> tuple[str, ...]:
    """The faults that a call names; none where it is good.

    >>> from circuits.data.faults import faults_in
    >>> faults_in(int, "x"), faults_in(int, "7")
    (("invalid literal for int() with base 10: 'x'",), ())
    """
    faults = Faults()
    faults.in_call(call, *given, **options)
    return tuple(faults.said)


def each(values: Iterable[_Value], read: Callable[[_Value, str], _Read], key: str) -> tuple[_Read, ...]:
    """What `read` makes of every value of a key. ValueError with the faults of all of them.

    >>> from circuits.data.faults import each
    >>> each([" a", "b"], lambda value, key: f"{key}:{value.strip()}", "answers")
    ('answers:a', 'answers:b')
    """
    faults = Faults()
    found = [faults.in_call(read, value, key) for value in values]
    faults.raise_any()
    return tuple(value for value in found if value is not None)
