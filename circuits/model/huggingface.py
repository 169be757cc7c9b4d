"""Loading a model in the Hugging Face format."""

from __future__ import annotations

from typing import Any

import torch

from circuits.model.bridge import _Loaded, _with_probes
from circuits.model.processors import _processor, _tokenizer, _vision
from circuits.model.reasons import refused_as
from circuits.model.sources import ModelSource


def _load_huggingface(source: ModelSource, device: str, dtype: torch.dtype) -> _Loaded:
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForImageTextToText
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    with refused_as(f"could not be loaded from {source.folder}"):
        config = AutoConfig.from_pretrained(source.folder)
        reads_images = type(config) in AutoModelForImageTextToText._model_mapping and hasattr(config, "vision_config")
        if not reads_images and type(config) not in AutoModelForCausalLM._model_mapping:
            kind = getattr(config, "model_type", type(config).__name__)
            raise ValueError(
                f"it is of type {kind!r}, which is no language model, nor one that reads images and writes text."
            )
        # Before the weights: gigabytes need not be read to learn that a package is missing.
        processor = _processor(source) if reads_images else None
        loaded: Any = (AutoModelForImageTextToText if reads_images else AutoModelForCausalLM).from_pretrained(
            source.folder,
            config=config,
            dtype=dtype,
            use_safetensors=True,
            attn_implementation="eager",
            output_loading_info=True,
        )
    module, loading = loaded
    # transformers fills missing weights with random numbers and goes on.
    if missing := sorted(loading["missing_keys"]):
        raise ValueError(f"the weights in {source.folder} lack {len(missing)} tensor(s), such as {missing[0]!r}.")
    module = module.to(device).eval()
    if processor is None:
        return _with_probes(module, _tokenizer(source), None)
    return _with_probes(module, processor.tokenizer, _vision(config, processor, device, dtype))
