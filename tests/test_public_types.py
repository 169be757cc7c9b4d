"""The types of the public surface: what a signature of the reference takes and gives is named, never `Any` alone."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from tests.test_examples import REFERENCE, Listed

OF_ANY_TYPE = {
    # Stands for a field of whatever type its dataclass says, as `dataclasses.field` does.
    ("circuits.methods.base.path_setting", "return"),
    # A model as its own library has it, with the methods of its class.
    ("circuits.Model", "original"),
}


def signatures(entry: Listed) -> Iterator[tuple[str, Any]]:
    """The functions of an entry of the reference: itself, or the constructor and the members that are shown."""
    if inspect.isfunction(entry.value):
        yield entry.name, entry.value
        return
    if not issubclass(entry.value, BaseModel) and not hasattr(entry.value, "_fields"):
        yield entry.name, entry.value.__init__
    yield from ((f"{entry.name}.{name}", function) for name, function in entry.members.items())


SIGNATURES = [pair for entry in REFERENCE for pair in signatures(entry)]


def untyped(name: str, function: Any) -> list[tuple[str, str]]:
    """The parameters and the result that are `Any`, or have no type; of commands, of each setting that they take."""
    signature = inspect.signature(function)
    given = [(one, of.annotation) for one, of in signature.parameters.items() if one not in ("self", "cls")]
    types = [(one, str(of)) for one, of in (*given, ("return", signature.return_annotation))]
    return [(name, one) for one, of in types if of in ("Any", "typing.Any", str(inspect.Parameter.empty))]


def test_no_signature_of_the_reference_holds_any():
    assert len(SIGNATURES) > 200
    assert not {found for pair in SIGNATURES for found in untyped(*pair)} - OF_ANY_TYPE


def test_any_would_be_noticed():
    def function(given: Any, other, **settings: Any) -> int:
        return given + other + len(settings)

    assert [one for _, one in untyped("f", function)] == ["given", "other", "settings"]
