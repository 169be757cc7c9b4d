"""Bundled models, loaded once for all tests of a process that read and run them: one that was changed is refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from circuits.model.load import Model


@cache
def bundled(name: str) -> Model:
    """`load_model(name)`, loaded once."""
    from circuits.model.load import load_model

    return load_model(name)


@contextmanager
def loaded_once() -> Iterator[None]:
    """Within, commands that load a bundled model, or open one to read what it says, are given one that is there, with
    a tokenizer of their own and nothing checked yet."""
    from circuits.model import load, tokenizers
    from circuits.model.sources import BUNDLED
    from pipelines.prompts import seen

    def once(loads: Callable[..., Model]) -> Callable[..., Model]:
        known = cache(loads)

        def given(spec: Any = "reference", **settings: Any) -> Model:
            if not isinstance(spec, str) or spec not in BUNDLED:
                return loads(spec, **settings)
            model = known(spec, **settings)
            model = replace(model, _n_checked=dict(model._n_checked))
            # As where it is loaded: within one command, that of the prompts.
            return model if model.vision else replace(model, tokenizer=tokenizers.tokenizer_of(spec))

        return given

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load, "load_model", once(load.load_model))
        patch.setattr(load, "load_for_reading", once(load.load_for_reading))
        patch.setattr(seen, "load_for_reading", load.load_for_reading)
        yield
