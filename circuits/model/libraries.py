"""Importing the libraries that models are built with, which takes most of the time that a small model takes to load."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


def import_libraries() -> None:
    """Import transformers and TransformerLens, once in a process, and what these import.

    Imports leave no garbage; to look for it among all that they make takes a fifth of their time.
    """
    with _nobody_looking_for_garbage():
        import transformer_lens.model_bridge.sources._bridge_builder  # noqa: F401


@contextmanager
def _nobody_looking_for_garbage() -> Iterator[None]:
    was_looked_for = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_looked_for:
            gc.enable()
