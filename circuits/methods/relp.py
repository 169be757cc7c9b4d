"""RelP: edge attribution with relevances in place of gradients, at EAP's cost.

    score(u -> v) = sum over positions of (x_u(clean) - x_u(corrupt)) . relevance at input_v of the clean run

Gradients through norms, attention patterns, activations and gates are noisy: a saturated activation has none, though
the component matters. RelP lets each nonlinear step pass back what it passed forward (`circuits.effects.relp_rules`).
Queries and keys get no score, because patterns count as constants.

Source: Jafari et al. 2025 (arXiv 2508.21258).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from circuits.ablations import Ablation
from circuits.citations import JAFARI_2025
from circuits.data.prompts import PromptSet
from circuits.methods.base import CORRUPT, GradientMethod
from circuits.methods.registry import register
from circuits.metrics import Metric

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.effects.paired_runs import Pair
    from circuits.model.load import Model


@register
@dataclass(frozen=True)
class RelevancePatching(GradientMethod):
    """Estimate each edge's patching effect from relevances (RelP). Edges into queries and keys score 0.

    Cost: two forward passes and one forward and backward pass.
    """

    name = "relp"
    cites = (JAFARI_2025,)
    only_at_clean = True
    summary = "every edge's effect from relevances: gradients with rules for norms, patterns, activations and gates"

    def check(self, model: Model, prompts: PromptSet, metric: Metric, ablation: Ablation = CORRUPT) -> None:
        """Also raises a ValueError where a part of the model has no rule."""
        from circuits.effects.relp_rules import NoRules, with_rules

        super().check(model, prompts, metric, ablation)
        try:
            with_rules(model.forward)
        except NoRules as error:
            raise ValueError(f"relp cannot be used on {model.name!r}: {error}. Use eap or eap-ig.") from None

    def effects(self, model: Model, pair: Pair) -> Tensor:
        from circuits.effects.contributions import subtract_in_place
        from circuits.effects.gradients import edge_effects, gradients
        from circuits.effects.relp_rules import detached_pattern, with_rules

        ruled = with_rules(model.forward)
        pair = pair._replace(readout=pair.readout.through(ruled))
        gaps = subtract_in_place(pair.clean, pair.ablated)
        return edge_effects(ruled, model.wiring, pair.batch, gaps, gradients(ruled, pair, tap=detached_pattern))
