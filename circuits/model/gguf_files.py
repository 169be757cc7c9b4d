"""Models in GGUF files, llama.cpp's format: dequantized by transformers, with the package gguf (an extra)."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch

from circuits.data.tokenizer import Tokenizer
from circuits.model.gguf_header import read_header
from circuits.model.phases import phase
from circuits.model.read_once import read_once
from circuits.model.reasons import refused_as


def read_gguf(file: Path, dtype: torch.dtype) -> tuple[Any, Tokenizer | None]:
    """The model in a GGUF file, its weights dequantized to plain numbers of `dtype`, and its tokenizer if it has one.

    Raises a ValueError that names the file where transformers does not know the family or a tensor is missing.
    """
    from transformers import AutoModelForCausalLM

    place = _place(file)
    tokenizer = read_gguf_tokenizer(file)
    with refused_as(f"could not be loaded from {file}"):
        # Its progress bar asks nobody.
        with patch("transformers.modeling_gguf_pytorch_utils.tqdm", lambda tensors, **_: tensors):
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                **place, dtype=dtype, attn_implementation="eager", output_loading_info=True
            )
        module, loading = loaded
        if missing := sorted(loading["missing_keys"]):
            raise ValueError(f"it lacks {len(missing)} tensor(s), such as {missing[0]!r}")
    # What is left is a plain model; transformers would refuse to save or to move it as a quantized one.
    module.hf_quantizer, module.is_quantized = None, False
    if hasattr(module.config, "quantization_config"):
        del module.config.quantization_config
    return module.eval(), tokenizer


def read_gguf_tokenizer(file: Path) -> Tokenizer | None:
    """The tokenizer in a GGUF file; None where it has none."""
    return read_once(file, lambda: _read_tokenizer(file))


def _read_tokenizer(file: Path) -> Tokenizer | None:
    with phase(f"reading the tokenizer in {file.name}"), refused_as(f"could not be loaded from {file}"):
        from transformers import AutoTokenizer

        return AutoTokenizer.from_pretrained(**_place(file)) if read_header(file).has_tokenizer else None


def _place(file: Path) -> dict[str, Any]:
    return {"pretrained_model_name_or_path": file.parent, "gguf_file": file.name}
