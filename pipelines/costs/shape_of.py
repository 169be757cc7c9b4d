"""The shape of a model that somebody has: from its configuration, or from the loaded model. Without loading it, weights
that the configuration has no word for (a gated MLP, tied embeddings) are told from how many numbers the files hold."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import TYPE_CHECKING, Any

from circuits.model.size_names import size_in
from circuits.model.sources import ModelSource
from circuits.model.weights_size import n_weights
from pipelines.costs.shape import Shape

if TYPE_CHECKING:
    from circuits.model.load import Model

_PART = "text_config"
# Positions for which rotary tables are asked for.
_ANY_LENGTH = 2
_ROTARY = ("rope_theta", "rope_parameters", "rope_scaling", "rotary_dim", "rotary_pct", "rotary_emb_base")


def shape_of_files(source: ModelSource) -> Shape | None:
    """The shape by the configuration; None where it does not say how many layers, heads or numbers there are."""
    whole = source.config
    config: Mapping[str, Any] = whole[_PART] if isinstance(whole.get(_PART), dict) else whole
    layers, heads = size_in(config, "n_layers"), size_in(config, "n_heads")
    width, words = size_in(config, "d_model"), size_in(config, "n_vocabulary")
    if layers is None or heads is None or width is None or words is None:
        return None
    kv_heads = size_in(config, "n_kv_heads") or heads
    d_head = size_in(config, "d_head") or width // heads
    hidden = size_in(config, "d_mlp") or 4 * width
    is_rotary = any(config.get(name) is not None for name in _ROTARY)
    is_rotary = is_rotary or config.get("positional_embedding_type") == "rotary"
    shapes = [
        Shape(source.name, layers, heads, kv_heads, d_head, width, hidden, words, products, is_tied, is_rotary)
        for products, is_tied in product((2, 3), (True, False))
    ]
    n_numbers = n_weights(source)
    return min(shapes, key=lambda shape: abs(shape.n_weights - n_numbers))


def shape_of(model: Model) -> Shape:
    """The shape of a loaded model."""
    from circuits.model.mlps import GatedMLP

    forward = model.forward
    layer, d_model = forward.layers[0], forward.weight_u.shape[1]
    n_products = 3 if isinstance(layer.mlp, GatedMLP) else 2
    d_mlp = 0 if layer.mlp is None else layer.mlp.n_weights // (n_products * d_model)
    n_words, n_per_layer = forward.weight_u.shape[0], sum(of.n_weights for of in forward.layers)
    n_numbers = sum(parameter.numel() for parameter in model.original.parameters())
    return Shape(
        model.name,
        forward.n_layers,
        layer.n_heads,
        layer.n_kv_heads,
        layer.d_head,
        d_model,
        d_mlp,
        n_words,
        n_products,
        is_tied=n_numbers - n_per_layer < 1.5 * n_words * d_model,
        is_rotary=forward.context(_ANY_LENGTH)[0].cos is not None,
    )
