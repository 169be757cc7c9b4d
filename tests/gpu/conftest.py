"""What the tests on a GPU share: models on both devices, and how far two results are apart.

They are skipped where torch sees no GPU; `make test-gpu` runs them. Both devices compute in float32, and sum in other
orders: scores may differ by rounding, which grows over layers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch

from circuits.data.prompts import PromptSet
from circuits.model.load import Model, load_model, model_from_module
from circuits.tasks import TASKS
from tests.circuits.unusual_models import mixture
from tests.conftest import random_module

on_gpu = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="torch sees no CUDA device")]


@cache
def bundled(name: str, device: str) -> Model:
    """A bundled model on a device, loaded once."""
    return load_model(name, device=device)


@cache
def family(name: str, device: str) -> Model:
    """A tiny random model of a family on a device, built once."""
    module = mixture(name) if name in ("mixtral", "llama4") else random_module(name)
    return model_from_module(module.to(device), name=f"tiny-{name}")


def ioi(n: int = 16) -> PromptSet:
    return TASKS["ioi"]().build(bundled("reference", "cpu").tokenizer, n=n)


def apart(actual: Any, expected: Any) -> float:
    """Largest difference, relative to the largest value expected; infinite where a value is not finite."""
    actual, expected = np.asarray(actual, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    assert actual.shape == expected.shape
    if not np.isfinite(actual).all():
        return float("inf")
    return float(np.abs(actual - expected).max() / max(np.abs(expected).max(), 1e-12))


@pytest.fixture
def near(record_property: Callable[[str, object], None]) -> Callable[[Any, Any, float], None]:
    """`near(actual, expected, limit)`: fails where they are further apart, and keeps how far in the test's report."""

    def check(actual: Any, expected: Any, limit: float) -> None:
        measured = apart(actual, expected)
        record_property("apart", f"{measured:.1e} of {limit:.0e}")
        assert measured <= limit

    return check
