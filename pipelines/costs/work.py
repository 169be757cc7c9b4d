"""Multiply-adds of methods on one pair of prompts that differ everywhere, from the shape of the model.

Counted as `circuits.model.multiply_adds` does: products with weights, a backward pass as one more. What that
leaves out is added apart (`contraction`): the products of activations with gradients that give edges. Products of
queries with keys are left out, which is a share of about tokens / (6 x d_model).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from circuits.evaluation.sizes import PASSES_PER_RUN, RUNS_PER_SEARCH
from circuits.kinds import KINDS
from pipelines.costs.shape import Shape

# Points of integration of `eap-ig` and `eap-ig-activations`.
_STEPS = 5
# Circuits that are run to choose one: a search each by signed scores and by magnitudes.
N_CIRCUITS = 2 * RUNS_PER_SEARCH


class Work(NamedTuple):
    """Multiply-adds of a method on one pair.

    sweeps     of runs without gradients
    gradients  of runs with gradients, backward passes included, and of the products that give edges
    """

    sweeps: float
    gradients: float

    @property
    def whole(self) -> float:
        return self.sweeps + self.gradients

    def times(self, n: float) -> Work:
        """So many times as much."""
        return Work(n * self.sweeps, n * self.gradients)

    def plus(self, other: Work) -> Work:
        """Both together."""
        return Work(self.sweeps + other.sweeps, self.gradients + other.gradients)


def prefix_pass(shape: Shape, n_tokens: float) -> float:
    """One forward pass of tokens none of which is read."""
    return n_tokens * shape.n_layers * shape.per_layer


def plain_pass(shape: Shape, n_tokens: float) -> float:
    """One forward pass of one prompt, its last token read."""
    return prefix_pass(shape, n_tokens) + shape.unembedding


def contraction(shape: Shape, n_tokens: float) -> float:
    """Products of what writers give with what readers' gradients are, for all edges."""
    return shape.wiring.n_edges * n_tokens * shape.d_model


def activation_patching(shape: Shape, n_tokens: float, *, only_heads: bool = False) -> Work:
    """Every head, attention output, MLP and residual position patched once: the run goes on right after it."""
    kinds = ("head",) if only_heads else ("head", "attention", "mlp", "residual")
    return Work(_recorded(shape, n_tokens) + patched_once(shape, n_tokens, kinds), 0)


def patched_once(shape: Shape, n_run: float, kinds: Collection[str], *, n_patched: float | None = None) -> float:
    """Each part of some kinds patched once, without the recorded runs.

    n_run      tokens from the first that is patched on
    n_patched  how many of them are patched, by default all: the layer after is projected there alone
    """
    n_patched = n_run if n_patched is None else n_patched
    layer, last = n_run * shape.per_layer, _last_layer(shape, n_run)
    after_layer = layer - (n_run - n_patched) * shape.in_attention
    after_last = last - (n_run - n_patched) * _keys_and_values(shape)
    alike = [KINDS[kind] for kind in kinds if KINDS[kind].sublayer == "attention"]
    n_alike = sum(1 if kind.counted_by is None else getattr(shape, kind.counted_by) for kind in alike)

    def from_layer(number: int) -> float:
        n_left = shape.n_layers - number
        return 0.0 if n_left == 0 else after_last if n_left == 1 else after_layer + (n_left - 2) * layer + last

    total = 0.0
    for number in range(shape.n_layers):
        n_after_heads = 1 if number == shape.n_layers - 1 else n_patched
        after_heads = n_after_heads * (shape.out_of_attention + shape.in_mlp)
        total += n_alike * (after_heads + from_layer(number + 1))
        total += from_layer(number + 1) if "mlp" in kinds else 0
        total += from_layer(number) if "residual" in kinds else 0
    return total


def eap(shape: Shape, n_tokens: float, *, n_points: int = 1) -> Work:
    """Edge attribution: both runs, and gradients at some points between them; all edges in one product."""
    back_to_stream = n_tokens * shape.n_layers * shape.in_attention
    gradients = n_points * _with_gradients(shape, n_tokens) + back_to_stream + contraction(shape, n_tokens)
    return Work(_recorded(shape, n_tokens), gradients)


def clean_corrupt(shape: Shape, n_tokens: float) -> Work:
    """Edge attribution at the clean and at the corrupt end."""
    work = eap(shape, n_tokens)
    return Work(work.sweeps, 2 * work.gradients)


def eap_ig_activations(shape: Shape, n_tokens: float) -> Work:
    """Gradients with each layer's heads, each MLP and the input between their two values, from that layer on."""
    whole = _with_gradients(shape, n_tokens)
    shares = [1.0] + [(shape.n_layers - number) / shape.n_layers for number in range(shape.n_layers)] * 2
    return Work(_recorded(shape, n_tokens), _STEPS * sum(shares) * whole + contraction(shape, n_tokens))


def atp_star(shape: Shape, n_tokens: float) -> Work:
    """Gradients once for each layer whose direct effects are dropped."""
    return Work(_recorded(shape, n_tokens), shape.n_layers * _with_gradients(shape, n_tokens))


def choose(shape: Shape, n_tokens: float) -> Work:
    """The circuits that are run to choose one."""
    return Work(N_CIRCUITS * PASSES_PER_RUN * plain_pass(shape, n_tokens), 0)


# The methods of the study that is costed: those with a formula here, which tests compare with the count of real runs.
METHODS_COSTED: Mapping[str, Callable[[Shape, float], Work]] = {
    "eap": eap,
    "eap-ig": lambda shape, n_tokens: eap(shape, n_tokens, n_points=_STEPS),
    "clean-corrupt": clean_corrupt,
    "eap-ig-activations": eap_ig_activations,
    "activation-patching": activation_patching,
    "atp-star": atp_star,
}


def _recorded(shape: Shape, n_tokens: float) -> float:
    """The clean and the corrupt run."""
    return 2 * plain_pass(shape, n_tokens)


def _keys_and_values(shape: Shape) -> int:
    return 2 * shape.d_model * shape.d_head * shape.n_kv_heads


def _last_layer(shape: Shape, n_tokens: float) -> float:
    """The last layer where only one token is read: keys and values of all, the rest of that one."""
    keys_and_values = _keys_and_values(shape)
    return n_tokens * keys_and_values + (shape.per_layer - keys_and_values)


def _with_gradients(shape: Shape, n_tokens: float) -> float:
    """A forward and a backward pass."""
    layers = (shape.n_layers - 1) * n_tokens * shape.per_layer + _last_layer(shape, n_tokens)
    return 2 * (layers + shape.unembedding)
