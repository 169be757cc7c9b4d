"""Memory and files of a study, from the shape of the model.

A batch follows the memory there is, down to a single prompt: what a prompt alone needs decides whether a model fits.
"""

from __future__ import annotations

from pipelines.costs.shape import Shape

# Bytes of one number of the weights and of the runs.
WIDTHS = {"float32": 4, "bfloat16": 2}
# Effects of edges are float32 whatever the model is.
_OF_SCORES = 4


def weights(shape: Shape, dtype: str) -> float:
    """Bytes of the weights."""
    return shape.n_weights * WIDTHS[dtype]


def recorded_runs(shape: Shape, n_tokens: int, dtype: str) -> float:
    """Bytes of the clean and the corrupt run of one pair."""
    return 2 * n_tokens * shape.n_layers * shape.numbers_per_token * WIDTHS[dtype]


def values_for_edges(shape: Shape, n_tokens: int, dtype: str) -> float:
    """Bytes of what heads and MLPs give in one run of one prompt, and of its stream's ends: what estimates from
    gradients keep of it."""
    of_layers = shape.n_layers * (shape.d_head * shape.n_heads + shape.d_model)
    return n_tokens * (of_layers + 2 * shape.d_model) * WIDTHS[dtype]


def gradient_run(shape: Shape, n_tokens: int, dtype: str) -> float:
    """Bytes that a run of one prompt keeps for its backward pass."""
    return n_tokens * shape.n_layers * shape.numbers_kept_for_gradients * WIDTHS[dtype]


def gradients_of_readers(shape: Shape, n_tokens: int, dtype: str) -> float:
    """Bytes of the gradients at every reader of one prompt, and of the streams that they are taken at."""
    return n_tokens * shape.n_layers * (shape.projected + 2 * shape.d_model) * WIDTHS[dtype]


def edge_scores(shape: Shape) -> float:
    """Bytes of the effects of all edges on one prompt: in memory, and in the store."""
    return shape.wiring.n_edges * _OF_SCORES


def outputs_of_writers(shape: Shape, n_tokens: int) -> float:
    """Bytes of what every head and MLP adds to the stream of one prompt, held while edges are scored."""
    return shape.n_writers * n_tokens * shape.d_model * _OF_SCORES


def one_pair(shape: Shape, n_tokens: int, dtype: str) -> float:
    """Bytes beyond the weights that edge attribution needs for a single pair: the most of all methods costed here."""
    of_run = recorded_runs(shape, n_tokens, dtype) + gradient_run(shape, n_tokens, dtype)
    return of_run + edge_scores(shape) + outputs_of_writers(shape, n_tokens)


def stored(shape: Shape, n_prompts: int, n_edge_methods: int, n_component_methods: int) -> float:
    """Bytes of the scores that the store keeps of one task: per prompt, of edges or of heads, layers and positions."""
    components = shape.n_layers * (shape.n_heads + 3) + 1
    return n_prompts * (n_edge_methods * edge_scores(shape) + n_component_methods * components * _OF_SCORES)
