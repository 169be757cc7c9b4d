"""Multiply-adds of methods on the prompts of a job, where settings decide how many passes there are.

As `pipelines.costs.work`, whose formulas are those of one pair and of the default settings.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

from pipelines.costs.forecast import Asked, is_patched_everywhere
from pipelines.costs.work import Work, contraction, eap, patched_once, plain_pass


def patched(asked: Asked, settings: Mapping[str, Any]) -> Work:
    """Both runs, and each part patched once for each role or position: one token, half-way through the prompt."""
    shape, n_tokens, at = asked.shape, asked.n_tokens, settings["at"]
    if at == "all":
        of_patches = patched_once(shape, n_tokens, settings["kinds"])
    else:
        n_places = asked.n_roles if at == "roles" else n_tokens
        of_patches = n_places * patched_once(shape, (n_tokens + 1) / 2, settings["kinds"], n_patched=1)
    n_samples = int(settings.get("samples", 1))
    return Work(asked.n_prompts * n_samples * (_recorded(asked) + of_patches), 0)


def direct_effects(asked: Asked, settings: Mapping[str, Any]) -> Work:
    """Both runs, and what each head writes where the answer is read."""
    of_heads = asked.shape.n_layers * asked.shape.out_of_attention if "head" in settings["kinds"] else 0
    return Work(asked.n_prompts * (_recorded(asked) + of_heads), 0)


def conductance(asked: Asked, settings: Mapping[str, Any]) -> Work:
    """That of edges from gradients at some points; at each of them apart, what heads write, gradients carried back to
    the stream, and the products of both."""
    shape, n_tokens, steps = asked.shape, asked.n_tokens, int(settings["steps"])
    work = eap(shape, n_tokens, n_points=steps)
    of_point = n_tokens * shape.n_layers * (shape.in_attention + shape.out_of_attention)
    again = (steps - 1) * (of_point + contraction(shape, n_tokens))
    return Work(asked.n_prompts * work.sweeps, asked.n_prompts * (work.gradients + again))


def paths(asked: Asked, settings: Mapping[str, Any]) -> Work:
    """Both runs, and each head's change through the MLPs up to the last receiver, where it is patched; and, but into
    the logits, a run from the first receiver on."""
    shape = asked.shape
    layers = sorted(shape.n_layers if name == "logits" else _layer_of(name) for name in settings["receivers"])
    n_positions = asked.n_tokens if is_patched_everywhere(settings) else 1
    # The heads of an MLP's own layer run before it.
    n_own = any(name.startswith("m") for name in settings["receivers"])
    senders = range(min((layers[-1] if settings["between"] else layers[0]) + n_own, shape.n_layers))
    of_heads = len(senders) * shape.out_of_attention
    n_mlps = 0 if settings["freeze_mlps"] else sum(layers[-1] - layer for layer in senders)
    n_run = len(senders) * (shape.n_layers - layers[0])
    of_paths = of_heads + shape.n_heads * (n_mlps * shape.in_mlp + n_run * shape.per_layer)
    return Work(asked.n_prompts * (_recorded(asked) + n_positions * of_paths), 0)


def _layer_of(receiver: str) -> int:
    """The layer of a receiver such as a9.h9<q>, m3 or r5."""
    return int("".join(itertools.takewhile(str.isdigit, receiver[1:])))


def _recorded(asked: Asked) -> float:
    """The clean and the corrupt run of a prompt."""
    return 2 * plain_pass(asked.shape, asked.n_tokens)


# Of methods by their names, and of the stages of `circuits trace`, whose method is causal tracing.
WORK_FORECAST: Mapping[str, Callable[[Asked, Mapping[str, Any]], Work]] = {
    "activation-patching": patched,
    "causal-tracing": patched,
    "direct-effect": direct_effects,
    "ceap": conductance,
    "path-patching": paths,
}
