"""Notebooks are slow, but for the first: each takes ten seconds to half a minute by itself. The one on a pretrained
model is skipped where that was not fetched (`make pretrained`)."""

from __future__ import annotations

import pytest

_FAST = "01_discover_a_circuit.ipynb"
_PRETRAINED = "component_reuse_smollm2.ipynb"


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    from circuits.model.sources import find_model

    for item in items:
        if item.path.suffix == ".ipynb" and item.path.name != _FAST:
            item.add_marker(pytest.mark.slow)
        if item.path.name == _PRETRAINED:
            try:
                find_model("smollm2-135m")
            except ValueError as error:
                item.add_marker(pytest.mark.skip(reason=str(error)))
