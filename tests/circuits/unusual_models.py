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


def _drawn(module: Any) -> Any:
    """The module with weights large enough that every part matters."""
    torch.manual_seed(0)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter, std=0.25 if parameter.ndim > 1 else 0.3)
    return module.eval()


SHAPE: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
    "bos_token_id": None,
    "eos_token_id": None,
}
GROUPED = SHAPE | {"num_key_value_heads": 2}


def head_normed(family: str) -> Any:
    """A model that norms the queries and keys of each head with a gain of its own."""
    import transformers as tf

    if family == "stablelm":
        return _drawn(tf.StableLmForCausalLM(tf.StableLmConfig(**GROUPED, qk_layernorm=True)))
    return _drawn(tf.CohereForCausalLM(tf.CohereConfig(**GROUPED, use_qk_norm=True, pad_token_id=0)))


def mixture(name: str) -> Any:
    """A mixture of experts: each token is sent to some of several.

    llama4 is one without rotary positions, whose experts give their tokens in a row.
    """
    import transformers as tf

    if name == "llama4":
        return _drawn(_llama4(no_rope_layers=[0, 0]))
    return _drawn(tf.MixtralForCausalLM(tf.MixtralConfig(**GROUPED, num_local_experts=4, num_experts_per_tok=2)))


def _opt(**settings: Any) -> Any:
    import transformers as tf

    shape = {name: value for name, value in SHAPE.items() if name != "intermediate_size"}
    return tf.OPTForCausalLM(tf.OPTConfig(**shape, ffn_dim=64, pad_token_id=1, **settings))


def _llama4(**settings: Any) -> Any:
    import transformers as tf

    return tf.Llama4ForCausalLM(
        tf.Llama4TextConfig(
            **GROUPED, head_dim=8, intermediate_size_mlp=64, num_local_experts=2, pad_token_id=0, **settings
        )
    )


def unsupported(name: str) -> Any:
    """A model that transformers opens and that cannot be taken apart here."""
    import transformers as tf

    shape = {"vocab_size": VOCABULARY}
    build: dict[str, Any] = {
        "mpt": lambda: tf.MptForCausalLM(tf.MptConfig(**shape, d_model=32, n_heads=4, n_layers=2, max_seq_len=64)),
        "opt-projected": lambda: _opt(word_embed_proj_dim=16),
        "opt-350m": lambda: _opt(word_embed_proj_dim=16, do_layer_norm_before=False),
        "opt-post-norm": lambda: _opt(word_embed_proj_dim=32, do_layer_norm_before=False),
        "opt-unnormed": lambda: _opt(word_embed_proj_dim=32, _remove_final_layer_norm=True),
        "llama4": _llama4,
        "xlnet": lambda: tf.XLNetLMHeadModel(tf.XLNetConfig(**shape, d_model=32, n_layer=2, n_head=4, d_inner=64)),
        "convolutions": lambda: tf.Lfm2ForCausalLM(tf.Lfm2Config(**GROUPED, layer_types=["conv", "conv"])),
        "alibi": lambda: tf.FalconForCausalLM(tf.FalconConfig(**SHAPE, alibi=True)),
        "phi-normed": lambda: tf.PhiForCausalLM(tf.PhiConfig(**SHAPE, qk_layernorm=True)),
    }
    return _drawn(build[name]())
