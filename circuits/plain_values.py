"""Values as Python has them, of what people hold instead: numbers and arrays of numpy, tuples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def plain(value: Any) -> Any:
    """A value with numbers and arrays of numpy, or tensors, as numbers and lists, at any depth; others as they are.

    >>> import numpy as np
    >>> from circuits.plain_values import plain
    >>> plain({"steps": np.int64(5), "sizes": (np.array([1, 2]), "all")})
    {'steps': 5, 'sizes': ([1, 2], 'all')}
    """
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    if type(value) in (list, tuple):
        return type(value)(plain(one) for one in value)
    # Known by what it offers, as numpy need not be loaded for its numbers not to be there.
    kind = type(value)
    return (
        value.tolist() if kind.__module__.partition(".")[0] in ("numpy", "torch") and hasattr(kind, "tolist") else value
    )
