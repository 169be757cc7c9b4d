"""Multiply-adds of methods on the prompts of a job, where settings decide how many passes there are.

As `pipelines.costs.work`, whose formulas are those of one pair and of the default settings.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from typing import Any

from circuits.methods.path_stages import stages_from
from circuits.model.lengths import RECORDING
from circuits.scores import ALL_POSITIONS
from pipelines.costs.asked import Asked
from pipelines.costs.held_by_codes import TRIALS_OF_A_JOB
from pipelines.costs.held_by_methods import n_stacks
from pipelines.costs.paths_run import as_paths, is_patched_everywhere
from pipelines.costs.shape import Shape
from pipelines.costs.work import Work, contraction, eap, patched_once, plain_pass

# How often the other inputs are tried of a stage that asks for some: not known before.
_TRIED = 0.5
# What a step of mask learning takes beside its products, in norms and sums of what each port reads, as a share of them:
# 0 on a model of 0.8 M weights, 1.3 on one of 20 M.
_BESIDE_PRODUCTS = 0.5
# What a forward and a backward pass count as, in runs of a batch.
_OF_GRADIENT = 2
# Roles or positions of a prompt at which parts are patched one after the other, where it is not known how many.
_PLACES = 4
# Points of the estimate that mask learning starts from by default, and products of an epoch of an autoencoder's.
_POINTS_OF_START, _PRODUCTS_OF_EPOCH = 5, 5


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


def passes_of_batch(shape: Shape, method: str, settings: Mapping[str, Any]) -> float:
    """How many runs of the whole model a method makes of a batch, with whatever it stacks in them: each of them takes
    as long as one of some tokens more (`circuits.model.lengths`). Recording is two, and a gradient as long as two.

    Patched parts of a layer come in stacks, one for each sort (`n_stacks`), which are run from there on.
    """
    if "kinds" not in settings or method == "atp-star":
        return RECORDING + _OF_GRADIENT
    n_places = 1 if settings.get("at") in ("all", None) else _PLACES
    return RECORDING + n_places * n_stacks(settings["kinds"]) * (shape.n_layers + 1) / 2


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


def staged_paths(asked: Asked, settings: Mapping[str, Any]) -> Work:
    """That of path patching into what the last of the stages reads."""
    return paths(asked, as_paths(asked.shape, settings))


def staged_paths_into_others(asked: Asked, settings: Mapping[str, Any]) -> Work:
    """Likewise into each of the inputs that the stage did not ask for, every second time: they are tried where those
    that it asked for find nothing."""
    ports = {port for _, port in stages_from(settings["lines"])[-1].read_from}
    others, of_one = len({"q", "k", "v"} - ports), as_paths(asked.shape, settings) | {"at": ALL_POSITIONS}
    return Work(_TRIED * others * paths(asked, of_one).whole, 0)


def learned_mask(asked: Asked, settings: Mapping[str, Any]) -> Work:
    """Both runs, the estimate that it starts from, of five points, and in each step a circuit with all edges, forward
    and back: products with weights twice, sums over writers three times."""
    shape, n_tokens = asked.shape, asked.n_tokens
    start = eap(shape, n_tokens, n_points=_POINTS_OF_START) if settings["start"] is not None else Work(0, 0)
    products = 2 * plain_pass(shape, n_tokens) + 3 * contraction(shape, n_tokens)
    n_run = int(settings["steps"]) * min(asked.n_prompts, int(settings["prompts_per_step"]))
    sweeps = asked.n_prompts * (_recorded(asked) + start.sweeps)
    return Work(sweeps, asked.n_prompts * start.gradients + n_run * (1 + _BESIDE_PRODUCTS) * products)


def autoencoders(asked: Asked, settings: Mapping[str, Any]) -> Work:
    """In each epoch of each trial, five products of the heads' outputs on its prompts with all features, as a layer's
    heads or all of them share an autoencoder."""
    shape, coding = asked.shape, settings["coding"]
    first, stop = settings["trials"]
    n_rows = min(coding["sae_prompts"], 2 * asked.n_prompts) * shape.n_layers * shape.n_heads
    of_epoch = _PRODUCTS_OF_EPOCH * n_rows * shape.d_model * coding["recipe"]["features"]
    return Work((stop - first) * coding["recipe"]["epochs"] * of_epoch, 0)


def codes_of_heads(asked: Asked, settings: Mapping[str, Any]) -> Work:
    """In each trial and for each head, its output weights by the features, and its values on all prompts by these."""
    shape, n_features = asked.shape, settings["coding"]["recipe"]["features"]
    of_head = shape.d_head * n_features * (shape.d_model + 2 * asked.n_prompts)
    return Work(TRIALS_OF_A_JOB * shape.n_layers * shape.n_heads * of_head, 0)


def _layer_of(receiver: str) -> int:
    """The layer of a receiver such as a9.h9<q>, m3 or r5."""
    return int("".join(itertools.takewhile(str.isdigit, receiver[1:])))


def _recorded(asked: Asked) -> float:
    """The clean and the corrupt run of a prompt."""
    return 2 * plain_pass(asked.shape, asked.n_tokens)


# Of stages of methods by their names, without the numbers that they have.
STAGES_WORK: Mapping[str, Callable[[Asked, Mapping[str, Any]], Work]] = {
    "staged-paths": staged_paths,
    "staged-paths-others": staged_paths_into_others,
    "autoencoders": autoencoders,
    "codes": codes_of_heads,
}
# Of methods by their names, and of the stages of `circuits trace`, whose method is causal tracing.
WORK_FORECAST: Mapping[str, Callable[[Asked, Mapping[str, Any]], Work]] = {
    "activation-patching": patched,
    "causal-tracing": patched,
    "direct-effect": direct_effects,
    "ceap": conductance,
    "path-patching": paths,
    "mask-learning": learned_mask,
}
