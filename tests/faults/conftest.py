"""Sound inputs, which bad ones are made of."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.sound import Sound, sound


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sound]:
    """Sound inputs; nothing of the network is asked for."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        yield sound(tmp_path_factory.mktemp("sound") / "inputs")
