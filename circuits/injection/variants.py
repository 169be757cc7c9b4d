"""The controls of an injection, and the ablations of the paper: the same with one of its choices undone at a time.

    no-attention, no-mlp             only the other part
    first-third, last-third          sources and targets among the first, or the last, third of the layers
    k1=1, k1=5, k2=5, k2=15          fewer or more sources, fewer or more targets
    no-weights                       all sources count alike
    no-rescale                       what has been changed keeps its new norm
    random-0, random-1, ...          random layers, with the same weights: a control
    all-layers                       every layer whose restoration helps into every later one: a control
    hidden-states                    the stream that enters the layers, instead of what attention and MLP write: layers
                                     by the recovery rate of that stream, with the attention's strength (the paper
                                     states neither). The final stream, which no layer reads, is left alone

Source: Li et al., AAAI-26, arXiv 2511.05923; first and last ten of 32 layers there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from circuits.injection.settings import Injection, injection_from, part_injection, random_injection
from circuits.numbers import count_text

FULL, ALL_LAYERS, RANDOM_LAYERS = "iri", "all-layers", "random-"
N_RANDOM = 5


@dataclass(frozen=True)
class Recovery:
    """How far each layer, restored alone at the last token, recovers the answer's probability, as a share of the gap.

    attention, mlp  [layer] of its outputs
    residual        [layer] of the stream that enters it; empty where that was not measured
    """

    attention: tuple[float, ...]
    mlp: tuple[float, ...]
    residual: tuple[float, ...] = ()


@dataclass(frozen=True)
class Ablations:
    """Injections by name, and what was left out.

    injections  `iri` itself first
    dropped     name -> why there is no such injection for this model
    """

    injections: Mapping[str, Injection]
    dropped: Mapping[str, str]


def ablations(
    recovery: Recovery,
    *,
    k1: int = 3,
    k2: int = 10,
    lambda_attention: float = 0.26,
    lambda_mlp: float = 0.16,
    seeds: Sequence[int] = range(N_RANDOM),
) -> Ablations:
    """The injection, its controls and its ablations; those that equal another one are dropped and listed by name.

    seeds  of the random layers
    """
    n_layers = len(recovery.attention)
    third = -(-n_layers // 3)
    settings: dict[str, Any] = {"k1": k1, "k2": k2, "lambda_attention": lambda_attention, "lambda_mlp": lambda_mlp}
    varied: dict[str, dict[str, Any]] = {
        "no-attention": {"parts": ("mlp",)},
        "no-mlp": {"parts": ("attention",)},
        "first-third": {"layers": slice(0, third)},
        "last-third": {"layers": slice(n_layers - third, n_layers)},
        **{f"k1={k}": {"k1": k} for k in (1, 5)},
        **{f"k2={k}": {"k2": k} for k in (5, 15)},
        "no-weights": {"weighted": False},
        "no-rescale": {"rescale": False},
    }
    made = _with_controls(recovery, settings, seeds)
    for name, changed in varied.items():
        made[name] = injection_from(recovery.attention, recovery.mlp, **(settings | changed))
    dropped = {}
    if recovery.residual:
        made["hidden-states"] = Injection(residual=part_injection(recovery.residual, lambda_attention, k1=k1, k2=k2))
    else:
        dropped["hidden-states"] = "the recovery rates of the residual stream were not measured"
    return _without_repeats(made, n_layers, dropped)


def controls(
    recovery: Recovery,
    *,
    k1: int = 3,
    k2: int = 10,
    lambda_attention: float = 0.26,
    lambda_mlp: float = 0.16,
    seeds: Sequence[int] = range(N_RANDOM),
) -> Ablations:
    """The injection, the same from random layers, and that from all layers; again without those that equal another."""
    settings: dict[str, Any] = {"k1": k1, "k2": k2, "lambda_attention": lambda_attention, "lambda_mlp": lambda_mlp}
    return _without_repeats(_with_controls(recovery, settings, seeds), len(recovery.attention), {})


def _with_controls(recovery: Recovery, settings: Mapping[str, Any], seeds: Sequence[int]) -> dict[str, Injection]:
    n_layers = len(recovery.attention)
    every = {**settings, "k1": n_layers, "k2": n_layers}
    full, of_all = (injection_from(recovery.attention, recovery.mlp, **given) for given in (settings, every))
    drawn = {f"{RANDOM_LAYERS}{seed}": random_injection(full, n_layers, seed=seed) for seed in seeds}
    return {FULL: full, ALL_LAYERS: of_all, **drawn}


def _without_repeats(made: Mapping[str, Injection], n_layers: int, dropped: dict[str, str]) -> Ablations:
    kept: dict[str, Injection] = {}
    for name, injection in made.items():
        same = next((other for other, known in kept.items() if _effect(known) == _effect(injection)), None)
        if same is not None:
            dropped[name] = f"the same as {same!r} in a model of {count_text(n_layers, 'layer')}"
        elif not injection.parts:
            dropped[name] = "no source comes before a target, or every strength is 0: it changes nothing"
        else:
            kept[name] = injection
    return Ablations(kept, dropped)


def _effect(injection: Injection) -> Any:
    """What makes two injections differ in a run."""
    return injection.rescale, {name: (part.added, part.changed) for name, part in injection.parts.items()}
