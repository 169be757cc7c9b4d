"""Tokenizers that read the same text once: tests of tasks ask the same few for the same words thousands of times."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

import pytest


@pytest.fixture(scope="module", autouse=True)
def _texts_read_once() -> Iterator[None]:
    from transformers import PreTrainedTokenizerBase

    read: WeakKeyDictionary[Any, dict[Any, Any]] = WeakKeyDictionary()
    encode = PreTrainedTokenizerBase.__call__

    def encoded(tokenizer: Any, text: Any = None, *more: Any, **settings: Any) -> Any:
        if more or not isinstance(text, str):
            return encode(tokenizer, text, *more, **settings)
        known, key = read.setdefault(tokenizer, {}), (text, len(tokenizer), *sorted(settings.items()))
        if key not in known:
            known[key] = encode(tokenizer, text, **settings)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PreTrainedTokenizerBase, "__call__", encoded)
        yield
