"""Faults of types are said in the words of this package: none of pydantic's reaches a user."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from circuits.type_faults import fault_text


class Asked(BaseModel):
    """A field of each type and bound that settings have."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)
    count: int = Field(default=1, ge=1, le=9)
    share: float = Field(default=0.5, gt=0, lt=1)
    kind: Literal["head", "mlp"] = "head"
    is_on: bool = False
    name: str = ""
    file: Path | None = None
    several: tuple[int, ...] = ()
    named: dict[str, int] = {}
    only: str = Field(default="eap", pattern="^eap$")


def said(kind: Any, value: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        TypeAdapter(kind).validate_python(value)
    return fault_text(refused.value.errors()[0])


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("count", 0, "expected 1 or more"),
        ("count", 10, "expected 9 at most"),
        ("count", "many", "expected a whole number, such as 40"),
        ("count", 0.5, "expected a whole number, such as 40"),
        ("share", 0, "expected more than 0"),
        ("share", 1, "expected less than 1"),
        ("share", float("nan"), "expected a finite number"),
        ("share", [], "expected a number, such as 0.5"),
        ("kind", "hed", "expected head or mlp. Did you mean 'head'?"),
        ("kind", 3, "expected head or mlp"),
        ("is_on", "maybe", "expected true or false"),
        ("name", 3, "expected a text"),
        ("file", 3, "expected the path of a file or a folder"),
        ("several", 3, "expected a list, such as [a, b]"),
        ("several", ["a"], "expected a whole number, such as 40"),
        ("named", 3, "expected names with values, such as {name: value}"),
        ("only", "other", "expected eap"),
        ("other", 3, "nothing is called so"),
    ],
)
def test_a_value_that_does_not_fit_is_told_what_does(field: str, value: Any, words: str) -> None:
    assert said(Asked, {field: value}) == words


def test_what_is_missing_and_how_many_there_may_be_is_said() -> None:
    class Whole(BaseModel):
        pair: tuple[int, ...] = Field(min_length=2, max_length=2)

    assert said(Whole, {}) == "it is missing"
    assert said(Whole, {"pair": [1]}) == "expected 2 or more, found 1"
    assert said(Whole, {"pair": [1, 2, 3]}) == "expected 2 at most, found 3"
