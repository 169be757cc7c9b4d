"""Mask learning: weights on all edges are trained together until the circuit they make behaves like the model.

A reader gets the ablated stream plus, along each edge, the edge's weight times how far its source is from its ablated
value. The weights follow from one learned logit per edge, in one of two ways:

`top-k`          each step draws a circuit size k, log-uniform between 1 and all edges, and runs the soft circuit
                 sigmoid((logit - t) / temperature), with t such that the weights add up to k. So one ranking
                 learns to be good at every size. Score: the mean weight over an even grid of log k; rises with the
                 logit.
`hard-concrete`  each step draws gates that are often exactly 0 or 1, open with a probability that the logit gives; a
                 Lagrangian drives the expected share of open gates down to `density`. Score: the expected gate; the
                 circuit is the edges that score at least 1/2.

Loss: the mean over prompts of ((metric of the circuit - metric of the clean run) / gap)^2, the gap being the root mean
square over prompts of clean minus ablated metric. Missing and excess faithfulness count alike.

Sources: MAttr (arXiv 2609.25518) for `top-k`; Louizos et al. 2018 for the gates, Bhaskar et al. 2024 (edge pruning)
for gates on edges. Optimizer: Adam.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import numpy as np

from circuits.ablations import Ablation
from circuits.citations import BHASKAR_2024, LOUIZOS_2018
from circuits.data.prompts import PromptSet
from circuits.methods.base import CORRUPT, Method
from circuits.methods.first_estimate import estimated, estimating
from circuits.methods.registry import register
from circuits.metrics import Metric
from circuits.model.steps import beforehand, steps, whole
from circuits.scores import EdgeScores

if TYPE_CHECKING:
    from torch import Generator, Tensor

    from circuits.effects.paired_runs import Pair
    from circuits.model.load import Model

Mask = Literal["top-k", "hard-concrete"]

# Gates are stretched from (0, 1) to this interval and cut back, so that 0 and 1 are reached (Louizos et al. 2018).
_STRETCH = (-0.1, 1.1)
# Where the gates' logits start: most gates are open, and can still move.
_OPEN = 2.0
# How fast the penalty on open gates follows their excess: tried on the bundled model.
_SETTLING, _DAMPING = 0.1, 3.0
_HALVINGS = 50
_GRID = 32


@register
@dataclass(frozen=True)
class MaskLearning(Method):
    """Learn one mask over all edges by gradient descent; scores lie between 0 and 1 and carry no unit and no sign.

    The mask is one for all prompts: every prompt's row of scores is the same, and no interval over prompts says how
    certain it is. Learn again with another seed or other prompts for that.
    Cost: about three forward passes of `prompts_per_step` prompts per step. Memory: that of the backward pass through
    one circuit, [prompt, writer, position, d_model] per layer, and the recorded runs of all prompts.

    mask              `top-k` learns a ranking for all sizes; `hard-concrete` one circuit of a given density
    steps             updates of the logits; 200 were enough for the 479 edges of the bundled model
    learning_rate     of Adam, for the logits
    temperature       how soft masks are: the scale of the logits, and of the gates' noise
    prompts_per_step  the most prompts, of similar lengths, that are run in a step
    density           `hard-concrete` only: the expected share of open gates at the end
    start             an edge method, such as `eap-ig`, whose ranking the logits start from (-log rank); None: all equal
    seed              draws prompts, sizes and gates
    """

    name = "mask-learning"
    cites = (LOUIZOS_2018, BHASKAR_2024)
    summary = "one mask over all edges, trained so that the circuit behaves like the model"
    scores_are = "learned"
    result = "edges"
    is_shared_across_prompts = True

    mask: Mask = "top-k"
    steps: int = 200
    learning_rate: float = 0.1
    temperature: float = 0.67
    prompts_per_step: int = 8
    density: float = 0.1
    start: str | None = "eap-ig"
    seed: int = 0

    def __post_init__(self) -> None:
        if self.mask not in get_args(Mask):
            raise ValueError(f"mask-learning: mask={self.mask!r}. Known: {', '.join(get_args(Mask))}.")
        for name in ("steps", "prompts_per_step"):
            if getattr(self, name) < 1:
                raise ValueError(f"mask-learning: {name}={getattr(self, name)}. It must be at least 1.")
        for name in ("learning_rate", "temperature"):
            if not (getattr(self, name) > 0 and math.isfinite(getattr(self, name))):
                raise ValueError(f"mask-learning: {name}={getattr(self, name)}. It must be positive.")
        if not 0 < self.density < 1:
            raise ValueError(f"mask-learning: density={self.density}. Give a share of the edges between 0 and 1.")
        if self.start is not None:
            self._starting()

    @property
    def per_prompt(self) -> bool:
        return False  # one mask is learned from all prompts

    @property
    def default_selection(self) -> Mapping[str, Any]:
        return {"threshold": 0.5} if self.mask == "hard-concrete" else {}

    def check(self, model: Model, prompts: PromptSet, metric: Metric, ablation: Ablation = CORRUPT) -> None:
        """Also runs the checks of the method whose ranking the logits start from."""
        super().check(model, prompts, metric, ablation)
        if self.start is not None:
            self._starting().check(model, prompts, metric, ablation)

    def check_asked(self, prompts: PromptSet, metric: Metric, ablation: Ablation = CORRUPT) -> None:
        super().check_asked(prompts, metric, ablation)
        if self.start is not None:
            self._starting().check_asked(prompts, metric, ablation)

    def score(self, model: Model, prompts: PromptSet, *, metric: Metric, ablation: Ablation = CORRUPT) -> EdgeScores:
        """Scores [prompt, edge] in (0, 1), the same for every prompt."""
        self.check(model, prompts, metric, ablation)
        logits = self._first_logits(model, prompts, metric, ablation)
        material = _material(model, prompts, metric, ablation, self.prompts_per_step)
        with whole():
            learned = self._learned(logits, material)
        scores = learned.float().cpu().numpy()
        rows = np.repeat(scores[None], len(prompts), axis=0)
        measured = np.ones(model.wiring.n_edges, dtype=np.bool_)
        return EdgeScores(model.wiring, rows, measured, self.provenance(model, prompts, metric, ablation))

    def _starting(self) -> Method:
        return estimating(str(self.start), "start of mask-learning")

    def _first_logits(self, model: Model, prompts: PromptSet, metric: Metric, ablation: Ablation) -> Tensor:
        """[edge] float32, of mean 0."""
        import torch

        logits = np.zeros(model.wiring.n_edges)
        if self.start is not None:
            refusal = (
                f"mask-learning: every edge scores 0 by its start {self.start!r}, which so ranks none before another. "
                "Choose another start, or leave it out to begin with all edges alike."
            )
            with beforehand():
                estimate = estimated(self._starting(), model, prompts, metric, ablation, refusal=refusal)
            logits[estimate.ranking()] = -np.log(np.arange(1, len(logits) + 1))
        return torch.from_numpy(logits - logits.mean()).float().to(model.forward.device)

    def _learned(self, logits: Tensor, material: _Material) -> Tensor:
        """Scores [edge], after all steps."""
        import torch

        generator = torch.Generator().manual_seed(self.seed)
        if self.mask == "top-k":
            self._train(logits, material, generator, self._soft_circuit)
            return mean_over_sizes(logits, self.temperature)
        logits = logits + _OPEN
        lagrangian = _Lagrangian(self.density, self.steps, self.temperature)
        self._train(logits, material, generator, self._gates, lagrangian)
        return expected_gates(logits, self.temperature)

    def _train(
        self,
        logits: Tensor,
        material: _Material,
        generator: Generator,
        weights_of: Callable[[Tensor, Generator], Tensor],
        lagrangian: _Lagrangian | None = None,
    ) -> None:
        """Update the logits in place."""
        import torch

        from circuits.effects.circuit_runs import metric_with_edges

        optimizer = torch.optim.Adam([logits], lr=self.learning_rate)
        for step in steps(range(self.steps)):
            number = int(torch.multinomial(material.shares, 1, generator=generator))
            with torch.enable_grad():
                leaf = logits.detach().requires_grad_()
                weights = weights_of(leaf, generator)
                values = metric_with_edges(material.model, material.pairs[number], weights.unsqueeze(0))[0]
                loss = ((values - material.clean[number]) / material.gap).square().mean()
                if lagrangian is not None:
                    loss = loss + lagrangian.penalty(leaf, step)
                (logits.grad,) = torch.autograd.grad(loss, leaf)
            optimizer.step()

    def _soft_circuit(self, logits: Tensor, generator: Generator) -> Tensor:
        """Weights [edge] of a circuit whose size is drawn anew."""
        import torch

        size = math.exp(float(torch.rand(1, generator=generator)) * math.log(len(logits)))
        return soft_top_k(logits, size, self.temperature)

    def _gates(self, logits: Tensor, generator: Generator) -> Tensor:
        """Gates [edge] drawn anew, between 0 and 1 inclusive."""
        import torch

        low, high = _STRETCH
        # An open interval: at 0 and 1 the noise is infinite.
        uniform = torch.rand(len(logits), generator=generator).clamp(1e-6, 1 - 1e-6).to(logits.device)
        gates = torch.sigmoid((uniform.logit() + logits) / self.temperature)
        return (gates * (high - low) + low).clamp(0, 1)


class _Material(NamedTuple):
    """What steps draw from.

    pairs   batches of prompts, run once clean and once ablated
    shares  [batch] number of prompts: how often a batch is drawn
    clean   per batch [prompt] the metric of the clean run
    gap     root mean square over all prompts of clean minus ablated metric; 1 where there is no gap
    """

    model: Model
    pairs: list[Pair]
    shares: Tensor
    clean: list[Tensor]
    gap: float


def _material(model: Model, prompts: PromptSet, metric: Metric, ablation: Ablation, at_once: int) -> _Material:
    import torch

    from circuits.effects.paired_runs import each_pair

    pairs: list[Pair] = []
    with torch.no_grad():
        each_pair(model, prompts, metric, ablation, pairs.append, at_once=at_once)
        clean = [pair.metric_of(model.forward, pair.clean) for pair in pairs]
        ablated = [pair.metric_of(model.forward, pair.ablated) for pair in pairs]
    gap = float((torch.cat(clean) - torch.cat(ablated)).square().mean().sqrt())
    shares = torch.tensor([float(len(pair.batch)) for pair in pairs])
    return _Material(model, pairs, shares, clean, gap or 1.0)


class _Lagrangian:
    """Keeps the expected share of open gates at or below a target: all at first, then smaller by the same factor in
    each step, and `density` in the second half.

    The excess is log(share / target). The multiplier adds up excesses, so that it settles where the density is held,
    and responds to the current one, so that it does not oscillate; it is never negative, so that opening gates that do
    not help is never rewarded.
    """

    def __init__(self, density: float, steps: int, temperature: float) -> None:
        self._density, self._steps, self._temperature = density, steps, temperature
        self._added_up = 0.0

    def penalty(self, logits: Tensor, step: int) -> Tensor:
        target = self._density ** min(1.0, (step + 1) / (self._steps / 2))
        excess = (opening_probabilities(logits, self._temperature).mean() / target).log()
        now = float(excess.detach())
        self._added_up = max(0.0, self._added_up + _SETTLING * now)
        return max(0.0, self._added_up + _DAMPING * now) * excess


def soft_top_k(logits: Tensor, size: float, temperature: float) -> Tensor:
    """Weights [edge] = sigmoid((logit - t) / temperature) that add up to `size`; gradients keep the sum.

    t is found by bisection. With t held fixed, gradients would say how to make the circuit larger, and every useful
    edge would rise; so t is given the derivative that it has as a function of the logits.
    """
    import torch

    with torch.no_grad():
        margin = temperature * (math.log(len(logits)) + 20)
        low, high = logits.min() - margin, logits.max() + margin
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            is_larger = torch.sigmoid((logits - middle) / temperature).sum() > size
            low, high = torch.where(is_larger, middle, low), torch.where(is_larger, high, middle)
        weights = torch.sigmoid((logits - low) / temperature)
        slopes = weights * (1 - weights)
        slopes = slopes / slopes.sum().clamp_min(torch.finfo(slopes.dtype).tiny)
    threshold = low + (slopes * (logits - logits.detach())).sum()
    return torch.sigmoid((logits - threshold) / temperature)


def mean_over_sizes(logits: Tensor, temperature: float) -> Tensor:
    """Mean weight [edge] of soft circuits over an even grid of log sizes, in float64."""
    import torch

    sizes = [math.exp((number + 0.5) / _GRID * math.log(len(logits))) for number in range(_GRID)]
    return torch.stack([soft_top_k(logits.double(), size, temperature) for size in sizes]).mean(0)


def opening_probabilities(logits: Tensor, temperature: float) -> Tensor:
    """[edge] the probability that a hard-concrete gate is not 0."""
    low, high = _STRETCH
    return (logits - temperature * math.log(-low / high)).sigmoid()


def expected_gates(logits: Tensor, temperature: float) -> Tensor:
    """[edge] the mean of a hard-concrete gate, in float64: the integral over x in (0, 1) of P(gate > x)."""
    import torch

    low, high = _STRETCH
    points = (torch.arange(_GRID, dtype=torch.float64, device=logits.device) + 0.5) / _GRID
    reached = ((points - low) / (high - low)).logit()
    return torch.sigmoid(logits.double().unsqueeze(-1) - temperature * reached).mean(-1)
