"""Which layers' outputs are injected at the last token, into which layers, and how strongly.

For every part of a layer by itself, with sources chosen by how far each layer, restored alone, recovers the answer:

    a'(l) = a(l) + strength * sum over sources k < l of weight_k * a(k),  then rescaled to the norm of a(l)

Source: Li et al., AAAI-26, arXiv 2511.05923. What the paper leaves open, and what is done here:

- a(k) is what layer k computed, before anything is injected into it. The stream it reads has been changed by
  earlier injections.
- A layer whose restoration lowers the answer's probability (recovery rate 0 or less) is never a source: subtracting
  its output is no reinforcement. So there may be fewer than k1 sources. Targets are chosen whatever the sign.
- Without weights every source gets the mean of the chosen ones' recovery rates, so that the strength keeps its meaning.
- Where `layers` are given, sources and targets are both chosen among them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

import numpy as np

from circuits.numbers import count_text

Part = Literal["attention", "mlp", "residual"]
PARTS: tuple[Part, ...] = get_args(Part)


@dataclass(frozen=True)
class PartInjection:
    """From which layers to which, for one part of a layer.

    sources   layers whose output is added to later ones
    weights   one for each source: its recovery rate
    targets   layers to whose output the sources before them are added
    strength  what all weights are multiplied by (lambda)
    """

    sources: tuple[int, ...]
    weights: tuple[float, ...]
    targets: tuple[int, ...]
    strength: float

    def __post_init__(self) -> None:
        for name, of in (("sources", int), ("weights", float), ("targets", int)):
            object.__setattr__(self, name, tuple(of(value) for value in getattr(self, name)))
        object.__setattr__(self, "strength", float(self.strength))
        if len(self.sources) != len(self.weights):
            raise ValueError(f"{len(self.sources)} sources have {len(self.weights)} weights: give one for each.")
        for name, layers in (("sources", self.sources), ("targets", self.targets)):
            if len(set(layers)) != len(layers) or any(layer < 0 for layer in layers):
                raise ValueError(f"{name} are layers {list(layers)}; they must be different, and count from 0.")
        if not all(map(math.isfinite, (*self.weights, self.strength))):
            raise ValueError(f"weights {list(self.weights)} and strength {self.strength} must be finite.")

    @property
    def added(self) -> dict[int, float]:
        """Source layer -> strength times weight, for the sources that some target comes after."""
        added = {k: self.strength * w for k, w in zip(self.sources, self.weights, strict=True)}
        return {k: added[k] for k in sorted(added) if added[k] and k < max(self.targets, default=0)}

    @property
    def changed(self) -> tuple[int, ...]:
        """The targets that come after a source."""
        first = min(self.added, default=math.inf)
        return tuple(sorted(layer for layer in self.targets if layer > first))


@dataclass(frozen=True)
class Injection:
    """What is injected at the last token; None leaves a part alone.

    attention  the outputs of attention, as they are added to the residual stream
    mlp        the outputs of the MLPs, likewise
    residual   the stream that enters a layer (the hidden state)
    rescale    whether what has been changed gets back the norm that it had
    """

    attention: PartInjection | None = None
    mlp: PartInjection | None = None
    residual: PartInjection | None = None
    rescale: bool = True

    @property
    def parts(self) -> dict[Part, PartInjection]:
        """The parts that it changes: none where every strength is 0, or no source comes before a target."""
        named: dict[Part, PartInjection | None] = {
            "attention": self.attention,
            "mlp": self.mlp,
            "residual": self.residual,
        }
        return {name: part for name, part in named.items() if part is not None and part.changed}

    @property
    def last_layer(self) -> int:
        """The highest number of a layer that it names; -1 where it names none."""
        return max((layer for part in self._named() for layer in (*part.sources, *part.targets)), default=-1)

    def _named(self) -> list[PartInjection]:
        return [part for part in (self.attention, self.mlp, self.residual) if part is not None]

    def as_json(self) -> dict[str, Any]:
        """Plain numbers and lists; `from_json` reads them back."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Injection:
        """The injection that `as_json` wrote. ValueError where something is missing or not known."""
        if unknown := sorted(set(record) - {entry.name for entry in fields(cls)}):
            raise ValueError(f"an injection has no {unknown[0]!r}. Known: {', '.join((*PARTS, 'rescale'))}.")
        parts: dict[str, PartInjection | None] = {}
        for name in PARTS:
            settings = record.get(name)
            try:
                parts[name] = None if settings is None else PartInjection(**settings)
            except TypeError as error:
                known = ", ".join(entry.name for entry in fields(PartInjection))
                raise ValueError(f"injection of {name!r}: {error}. It has to hold {known}.") from None
        return cls(**parts, rescale=bool(record.get("rescale", True)))


def injection_from(
    recovery_attention: Sequence[float],
    recovery_mlp: Sequence[float],
    *,
    k1: int = 3,
    k2: int = 10,
    lambda_attention: float = 0.26,
    lambda_mlp: float = 0.16,
    weighted: bool = True,
    rescale: bool = True,
    parts: Sequence[Part] = ("attention", "mlp"),
    layers: slice | None = None,
) -> Injection:
    """The paper's injection, its defaults being those for LLaVA-1.5-7B; see above for what the paper leaves open.

    recovery_attention, recovery_mlp  [layer] recovery rate of the part, restored alone at the last token
    k1, k2    how many sources and targets, those of highest recovery rate, the earlier ones where rates are equal;
              fewer where the model has fewer layers
    weighted  False: all sources count alike
    parts     `attention`, `mlp` or both
    layers    choose among these alone
    """
    if len(recovery_attention) != len(recovery_mlp):
        raise ValueError(
            f"recovery rates of {len(recovery_attention)} attentions and {len(recovery_mlp)} MLPs are given: one for "
            "each layer is needed."
        )
    if unknown := sorted(set(parts) - {"attention", "mlp"}):
        raise ValueError(f"no part {unknown[0]!r} to choose from recovery rates here. Known: attention, mlp.")
    strengths = {"attention": (recovery_attention, lambda_attention), "mlp": (recovery_mlp, lambda_mlp)}
    chosen = {
        part: part_injection(recovery, strength, k1=k1, k2=k2, weighted=weighted, layers=layers)
        for part, (recovery, strength) in strengths.items()
        if part in parts
    }
    return Injection(chosen.get("attention"), chosen.get("mlp"), rescale=rescale)


def part_injection(
    recovery: Sequence[float],
    strength: float,
    *,
    k1: int = 3,
    k2: int = 10,
    weighted: bool = True,
    layers: slice | None = None,
) -> PartInjection:
    """Sources and targets of one part, as `injection_from` chooses them. recovery [layer]."""
    if min(k1, k2) < 1:
        raise ValueError(f"k1={k1} sources and k2={k2} targets were asked for; at least 1 of each is needed.")
    rates = np.asarray(recovery, dtype=np.float64)
    if not np.isfinite(rates).all():
        raise ValueError(f"the recovery rates {list(recovery)} are not all finite: is the gap they are shares of 0?")
    allowed = np.arange(len(rates))[slice(None) if layers is None else layers]
    ranked = [int(layer) for layer in allowed[np.argsort(-rates[allowed], kind="stable")]]
    sources = sorted(layer for layer in ranked[:k1] if rates[layer] > 0)
    weights = rates[sources]
    if not weighted and sources:
        weights = np.full(len(sources), weights.mean())
    return PartInjection(tuple(sources), tuple(map(float, weights)), tuple(sorted(ranked[:k2])), strength)


def random_injection(base: Injection, n_layers: int, *, seed: int) -> Injection:
    """As many random sources and targets as `base` has, with its weights and strengths: the chance baseline."""
    if base.last_layer >= n_layers:
        raise ValueError(
            f"the injection names layer {base.last_layer}; a model of {count_text(n_layers, 'layer')} does not have it."
        )
    draw = np.random.default_rng(seed)

    def drawn(part: PartInjection | None) -> PartInjection | None:
        if part is None:
            return None
        sources, targets = (
            draw.choice(n_layers, len(layers), replace=False) for layers in (part.sources, part.targets)
        )
        return PartInjection(tuple(sources), part.weights, tuple(sorted(targets)), part.strength)

    return Injection(drawn(base.attention), drawn(base.mlp), drawn(base.residual), base.rescale)
