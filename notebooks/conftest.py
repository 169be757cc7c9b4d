"""Which notebooks are slow: those on a pretrained model, which is fetched apart (`make pretrained`)."""

from __future__ import annotations

import pytest

_SLOW = ("component_reuse_smollm2.ipynb",)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    from circuits.model.sources import find_model

    for item in items:
        if item.path.name in _SLOW:
            item.add_marker(pytest.mark.slow)
            try:
                find_model("smollm2-135m")
            except ValueError as error:
                item.add_marker(pytest.mark.skip(reason=str(error)))
