"""Which notebooks are slow: those that take half a minute where other tests run beside them, and those on a pretrained
model, which is fetched apart (`make pretrained`)."""

from __future__ import annotations

import pytest

_LONG = (
    "02_compare_two_tasks.ipynb",
    "03_causal_tracing.ipynb",
    "04_head_codes.ipynb",
    "05_heads_and_interventions.ipynb",
)
_PRETRAINED = ("component_reuse_smollm2.ipynb",)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    from circuits.model.sources import find_model

    for item in items:
        if item.path.name in (*_LONG, *_PRETRAINED):
            item.add_marker(pytest.mark.slow)
        if item.path.name in _PRETRAINED:
            try:
                find_model("smollm2-135m")
            except ValueError as error:
                item.add_marker(pytest.mark.skip(reason=str(error)))
