"""Values of a document as what they were: every field there, and of its type."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from circuits.type_faults import fault_text


def typed(kind: Any, value: Any, name: str) -> Any:
    """A value of a JSON document as `kind`, such as `float | None` or a dataclass; nothing is converted but lists.

    name  what it is called in errors
    Raises a ValueError that says where a field is missing, unknown or of another type.
    """
    try:
        return _adapter(kind).validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join([name, *map(str, fault["loc"])])
        found = "" if fault["type"] == "missing" else f" (found {_short(fault['input'])})"
        raise ValueError(f"{where}: {fault_text(fault)}{found}") from None


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)


def _short(value: Any) -> str:
    if isinstance(value, Mapping | list):
        return f"{'an object' if isinstance(value, Mapping) else 'a list'} of {len(value)}"
    return repr(value) if len(repr(value)) <= 60 else f"{repr(value)[:60]}..."
