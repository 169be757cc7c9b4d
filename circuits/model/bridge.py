"""TransformerLens' bridge around a transformers model."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from circuits.data.image_processor import Pixels, Vision
from circuits.data.tokenizer import Tokenizer
from circuits.model import checks
from circuits.model.reasons import refused_as


@dataclass(frozen=True)
class Probe:
    """The logits of the model itself, before it was wrapped, on some tokens."""

    ids: Tensor
    pixels: Pixels
    expected: Tensor


@dataclass(frozen=True)
class Loaded:
    """A wrapped model and what it has to reproduce.

    original  the model itself, with no part of it wrapped; it shares the weights
    images    a prompt with a picture; None where the processor tokenizes it differently than is done here
    """

    bridge: Any
    original: Any
    tokenizer: Tokenizer | None
    text: Probe
    vision: Vision | None = None
    images: Probe | None = None


def with_probes(module: Any, tokenizer: Tokenizer | None, vision: Vision | None) -> Loaded:
    """The module wrapped, with its own logits from before."""
    config = TextConfig(module.config)
    device = next(module.parameters()).device
    ids = checks.probe_ids(config, device)
    with refused_as(f"{type(module).__name__} cannot be run on tokens alone"), torch.no_grad():
        text = Probe(ids, {}, module(input_ids=ids, use_cache=False).logits)
    original = _twin(module)
    if vision is None:
        return Loaded(_bridge(module, tokenizer), original, tokenizer, text)
    with refused_as("its processor does not give what the model reads"), torch.no_grad():
        shown = vision.probe()
        images = Probe(shown.ids, shown.pixels, module(**shown.inputs, use_cache=False).logits)
    same = shown.ids.shape == shown.inputs["input_ids"].shape and bool((shown.ids == shown.inputs["input_ids"]).all())
    return Loaded(_bridge(module, tokenizer), original, tokenizer, text, vision, images if same else None)


def _twin(module: Any) -> Any:
    """The same model once more, on the same weights: the bridge replaces submodules of the one that it wraps."""
    shared = {id(tensor): tensor for tensor in (*module.parameters(), *module.buffers())}
    return copy.deepcopy(module, shared)


@dataclass(frozen=True)
class NotFromDisk:
    name: str


class TextConfig:
    """The two numbers `checks.probe_ids` reads, from a transformers configuration."""

    def __init__(self, config: Any) -> None:
        text = config.get_text_config()
        self.d_vocab = text.vocab_size
        self.n_ctx = getattr(text, "max_position_embeddings", None)


def unsupported(architecture: str) -> str:
    """What is said of a model that TransformerLens cannot wrap or run, before the reason, which is in its own words."""
    from transformer_lens.factories.architecture_adapter_factory import SUPPORTED_ARCHITECTURES

    if architecture in SUPPORTED_ARCHITECTURES:
        return f"transformer-lens does not support this variant of {architecture}; others of the family may run"
    return f"transformer-lens does not support {architecture}"


def _bridge(module: Any, tokenizer: Any) -> Any:
    from transformer_lens.model_bridge.sources._bridge_builder import build_bridge_from_module

    architecture = type(module).__name__
    with refused_as(unsupported(architecture)):
        # Without the tokenizer: the bridge would change its padding and special tokens.
        return build_bridge_from_module(module, architecture, hf_config=module.config, tokenizer=None).eval()
