"""What configurations call the sizes of a model: transformers' families, and TransformerLens' native format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SIZE_NAMES: Mapping[str, tuple[str, ...]] = {
    "n_layers": ("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
    "n_heads": ("num_attention_heads", "n_head", "n_heads", "num_heads"),
    "n_kv_heads": ("num_key_value_heads", "n_key_value_heads"),
    "d_head": ("head_dim", "d_head"),
    "d_model": ("hidden_size", "n_embd", "d_model"),
    "d_mlp": ("intermediate_size", "n_inner", "d_mlp", "ffn_dim"),
    "n_vocabulary": ("vocab_size", "d_vocab"),
    "n_logits": ("d_vocab_out",),
    "n_positions": ("n_positions", "n_ctx"),
}
# What families that learn no positions call the most that there may be.
UNLEARNED_POSITIONS = ("max_position_embeddings", "max_seq_len", "seq_length")


def size_in(config: Mapping[str, Any], size: str) -> int | None:
    """A size of a model, by the first of its names that the configuration gives as a number; None where none is.

    >>> size_in({"n_embd": 768, "n_inner": None}, "d_model")
    768
    >>> size_in({"n_embd": 768, "n_inner": None}, "d_mlp") is None
    True
    """
    return next((config[name] for name in SIZE_NAMES[size] if isinstance(config.get(name), int)), None)
