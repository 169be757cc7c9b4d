"""Models written by hand into weights, whose every effect can be worked out on paper."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

# Tokens 0..3 are letters, 4 is a question mark that asks for the previous token.
N_TOKENS, N_POSITIONS, QUESTION = 5, 6, 4


def _write(folder: Path, config: dict, weights: dict[str, torch.Tensor]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    save_file({name: tensor.contiguous() for name, tensor in weights.items()}, folder / "model.safetensors")
    return folder


def write_detector(folder: Path) -> Path:
    """Two layers of two heads, no MLP weights, no norm: only a0.h0 then a1.h1 do anything.

    The residual stream holds, in blocks: token (5), position (6), previous token (5), output (5).
    a0.h0  attends from each position to the one before it, and copies its token into "previous token";
    a1.h1  attends to itself alone (position to position), and copies "previous token" to "output" with weight 2;
    unembedding reads "output". So at position p > 0 the logit of the token at p-1 is 2 and all others are 0.
    a0.h1, a1.h0 and both MLPs have zero weights. Attention scores are 100 for the wanted key: exact to e-100.
    """
    d_model, d_head, sharp = N_TOKENS + N_POSITIONS + 2 * N_TOKENS, 6, 100.0
    token, place = slice(0, N_TOKENS), slice(N_TOKENS, N_TOKENS + N_POSITIONS)
    previous = slice(place.stop, place.stop + N_TOKENS)
    output = slice(previous.stop, previous.stop + N_TOKENS)
    config = {
        "n_layers": 2,
        "d_model": d_model,
        "d_head": d_head,
        "n_heads": 2,
        "n_ctx": N_POSITIONS,
        "d_vocab": N_TOKENS,
        "d_mlp": 4,
        "architecture": "TransformerLensNative",
        "act_fn": "relu",
        "attention_dir": "causal",
        "normalization_type": None,
        "positional_embedding_type": "standard",
    }
    weights = {
        "embed.W_E": torch.eye(N_TOKENS, d_model),
        "pos_embed.W_pos": torch.zeros(N_POSITIONS, d_model),
        "unembed.W_U": torch.zeros(d_model, N_TOKENS),
        "unembed.b_U": torch.zeros(N_TOKENS),
    }
    weights["pos_embed.W_pos"][:, place] = torch.eye(N_POSITIONS)
    weights["unembed.W_U"][output] = torch.eye(N_TOKENS)
    for layer in range(2):
        prefix = f"blocks.{layer}."
        for name in ("Q", "K", "V"):
            weights[prefix + f"attn.W_{name}"] = torch.zeros(2, d_model, d_head)
            weights[prefix + f"attn.b_{name}"] = torch.zeros(2, d_head)
        weights[prefix + "attn.W_O"] = torch.zeros(2, d_head, d_model)
        weights[prefix + "attn.b_O"] = torch.zeros(d_model)
        weights[prefix + "mlp.W_in"] = torch.zeros(d_model, 4)
        weights[prefix + "mlp.b_in"] = torch.zeros(4)
        weights[prefix + "mlp.W_out"] = torch.zeros(4, d_model)
        weights[prefix + "mlp.b_out"] = torch.zeros(d_model)
    scale = sharp * d_head**0.5
    weights["blocks.0.attn.W_K"][0, place] = torch.eye(N_POSITIONS)
    weights["blocks.0.attn.W_Q"][0, place] = scale * torch.eye(N_POSITIONS).roll(-1, dims=1)
    weights["blocks.0.attn.W_Q"][0, place.start] = 0  # the first position has nothing before it
    weights["blocks.0.attn.W_V"][0, token, :N_TOKENS] = torch.eye(N_TOKENS)
    weights["blocks.0.attn.W_O"][0, :N_TOKENS, previous] = torch.eye(N_TOKENS)
    weights["blocks.1.attn.W_K"][1, place] = torch.eye(N_POSITIONS)
    weights["blocks.1.attn.W_Q"][1, place] = scale * torch.eye(N_POSITIONS)
    weights["blocks.1.attn.W_V"][1, previous, :N_TOKENS] = torch.eye(N_TOKENS)
    weights["blocks.1.attn.W_O"][1, :N_TOKENS, output] = 2 * torch.eye(N_TOKENS)
    return _write(folder, config, weights)
