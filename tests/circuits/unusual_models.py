"""Tiny models of families that are built, or that compute, in unusual ways."""

from __future__ import annotations

from typing import Any

import torch

from tests.conftest import VOCABULARY, random_module


def ministral() -> Any:
    """Ministral 3, which scales its queries from position 16 on."""
    import transformers as tf

    rope = {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0, "original_max_position_embeddings": 16}
    config = tf.Ministral3Config(
        vocab_size=VOCABULARY,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        intermediate_size=64,
        max_position_embeddings=64,
        rope_parameters=rope | {"llama_4_scaling_beta": 0.1, "mscale": 1.0, "mscale_all_dim": 1.0},
    )
    torch.manual_seed(0)
    module = tf.Ministral3ForCausalLM(config)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.25)
    return module.eval()


class LaterIsLarger(torch.nn.Linear):
    """A projection that does something else from position 20 on; its matrix alone does not say so."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002  torch's own name
        is_later = torch.arange(input.shape[1], device=input.device) >= 20
        return super().forward(input) * (1 + 0.5 * is_later)[None, :, None]


def with_later(path: str) -> Any:
    """A Llama with one projection that changes with the position."""
    module = random_module("llama")
    parent, _, name = path.rpartition(".")
    plain = getattr(module.get_submodule(parent), name)
    later = LaterIsLarger(plain.in_features, plain.out_features, bias=False)
    later.weight = plain.weight
    setattr(module.get_submodule(parent), name, later)
    return module
