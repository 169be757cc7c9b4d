"""The tokenizer of a model without its weights."""

from __future__ import annotations

from circuits.data.tokenizer import Tokenizer
from circuits.model.gguf_files import read_gguf_tokenizer
from circuits.model.processors import load_tokenizer
from circuits.model.sources import find_model


def tokenizer_of(spec: str) -> Tokenizer | None:
    """The tokenizer of the model that `load_model` takes by this name or folder; None where it has none.

    ValueError where the model is not here. Cost: reading its tokenizer's files.
    """
    source = find_model(spec)
    return load_tokenizer(source) if source.file is None else read_gguf_tokenizer(source.file)
