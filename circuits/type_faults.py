"""What is wrong with a value that is no instance of its type, in our words: pydantic finds it, and words it for people
who write Python. `expected 0 or more`, in place of `Input should be greater than or equal to 0`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from circuits.lookup import meant_instead, nearest

_NUMBER, _WHOLE, _TRUTH, _TEXT = "a number, such as 0.5", "a whole number, such as 40", "true or false", "a text"
_LIST, _NAMED = "a list, such as [a, b]", "names with values, such as {name: value}"
_PATH = "the path of a file or a folder"
_EXPECTED: Mapping[str, str] = {
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": "a number with fewer digits",
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": "a finite number",
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "string_type": _TEXT,
    "path_type": _PATH,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "dict_type": _NAMED,
    "mapping_type": _NAMED,
    "model_type": _NAMED,
    "dataclass_type": _NAMED,
    "none_required": "nothing",
}


def _of_literal(fault: Mapping[str, Any]) -> str:
    """The values that may be, and the one that was probably meant."""
    known = re.findall(r"'([^']*)'", fault["ctx"]["expected"]) or [fault["ctx"]["expected"]]
    near = nearest(fault["input"], known) if isinstance(fault["input"], str) else None
    listed = " or ".join(filter(None, (", ".join(known[:-1]), known[-1])))
    return f"expected {listed}{'' if near is None else f'.{meant_instead([near])}'}"


def _of_length(fault: Mapping[str, Any]) -> str:
    context = fault["ctx"]
    wanted = f"{context['min_length']} or more" if "min_length" in context else f"{context['max_length']} at most"
    return f"expected {wanted}, found {context['actual_length']}"


# Of what depends on the field: the bounds of a number, how many there may be, or which values are known.
_BY_FIELD: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "greater_than_equal": lambda fault: f"expected {_bound(fault['ctx']['ge'])} or more",
    "greater_than": lambda fault: f"expected more than {_bound(fault['ctx']['gt'])}",
    "less_than_equal": lambda fault: f"expected {_bound(fault['ctx']['le'])} at most",
    "less_than": lambda fault: f"expected less than {_bound(fault['ctx']['lt'])}",
    "literal_error": _of_literal,
    "too_short": _of_length,
    "too_long": _of_length,
    "string_pattern_mismatch": lambda fault: f"expected {fault['ctx']['pattern'].strip('^$')}",
    "missing": lambda fault: "it is missing",
    "extra_forbidden": lambda fault: "nothing is called so",
    "unexpected_keyword_argument": lambda fault: "nothing is called so",
    "value_error": lambda fault: fault["msg"].removeprefix("Value error, "),
}


def fault_text(fault: Mapping[str, Any]) -> str:
    """A fault that pydantic has found (`ValidationError.errors()`), in words that follow a name, a value and a colon.

    >>> from circuits.type_faults import fault_text
    >>> fault_text({"type": "greater_than_equal", "input": -3, "ctx": {"ge": 0}})
    'expected 0 or more'
    >>> fault_text({"type": "literal_error", "input": "hed", "ctx": {"expected": "'head' or 'mlp'"}})
    "expected head or mlp. Did you mean 'head'?"
    """
    if (told := _BY_FIELD.get(fault["type"])) is not None:
        return told(fault)
    expected = _EXPECTED.get(fault["type"])
    return fault["msg"] if expected is None else f"expected {expected}"


def _bound(number: float) -> str:
    return f"{number:,}" if isinstance(number, int) else f"{number:g}"
