"""Result: what one step computed, in a form that can be kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from numpy.typing import NDArray


class Result(NamedTuple):
    """What one job computed: plain values (JSON) and arrays."""

    meta: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]] = {}
