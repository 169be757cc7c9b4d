"""What all methods share: settings as fields, data as arguments, everything refused before the first forward pass."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from circuits.ablations import Ablation, Corrupt
from circuits.data.prompts import PromptSet
from circuits.metrics import Metric
from circuits.scores import EdgeScores, Provenance, Scores
from circuits.versions import versions

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.effects.paired_runs import Pair
    from circuits.model.forward import Site
    from circuits.model.load import Model

CORRUPT = Corrupt()


@dataclasses.dataclass(frozen=True)
class Method:
    """A way to score the parts of a model. Subclasses are frozen dataclasses whose fields are their settings.

    result          what `score` returns: `edges` (EdgeScores) or `components` (ComponentScores)
    sums_to_nodes   whether the scores of a component's outgoing edges add up to the component's own score
    is_shared_across_prompts  whether all prompts have the same scores, so that intervals over prompts say nothing
    only_at_clean   whether everything it measures is a gradient at the clean run
    in_metric_units whether scores are effects on the metric, so that a share of the whole effect means something
    scores_paths    whether edges from the input and to the logits are scored, so that the best ones can form paths
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    result: ClassVar[Literal["edges", "components"]]
    sums_to_nodes: ClassVar[bool] = False
    is_shared_across_prompts: ClassVar[bool] = False
    only_at_clean: ClassVar[bool] = False
    in_metric_units: ClassVar[bool] = True
    scores_paths: ClassVar[bool] = True

    @property
    def per_prompt(self) -> bool:
        """Whether a prompt's scores depend on that prompt alone, so that prompts may be split over jobs."""
        return True

    @property
    def default_selection(self) -> Mapping[str, Any]:
        """How this method itself chooses its circuit, as options of a run ({"threshold": 0.1}); empty if it ranks."""
        return {}

    def check_selection(self, position: str | None) -> None:
        """Raise a ValueError where scores at `position` (None: their only one, or all) cannot choose a circuit."""

    def check(self, model: Model, prompts: PromptSet, metric: Metric, ablation: Ablation = CORRUPT) -> None:
        """Raise a ValueError where this model, these prompts, this metric or ablation cannot be used; runs no model."""
        if self.result == "edges":
            model.require("edges", self.name)
        if self.only_at_clean and metric.has_zero_gradient_at_clean:
            raise ValueError(
                f"{self.name} takes gradients at the clean run, where metric {metric.name!r} is at its maximum and "
                "they are all zero. Use eap-ig, eap-ig-activations or clean-corrupt, an exact method or another metric."
            )
        metric.check(prompts)
        ablation.check(prompts)
        model.check_prompts(prompts)

    def score(self, model: Model, prompts: PromptSet, *, metric: Metric, ablation: Ablation = CORRUPT) -> Scores:
        """Signed scores per prompt. Calls `check` first.

        ablation  what replaces a corrupted part's value; without a reference of its own, it is fitted to these prompts

        >>> from circuits import METHODS, METRICS, TASKS, load_model
        >>> model = load_model("reference")
        >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=8)
        >>> scores = METHODS["eap"]().score(model, prompts, metric=METRICS["logit-difference"])
        >>> scores.per_prompt.shape  # prompt, edge
        (8, 479)
        >>> str(model.wiring.edges[scores.ranking()[0]])
        'm3->logits'
        """
        raise NotImplementedError

    def provenance(self, model: Model, prompts: PromptSet, metric: Metric, ablation: Ablation = CORRUPT) -> Provenance:
        """The record that goes with this method's scores."""
        return Provenance(
            method=self.name,
            settings=dataclasses.asdict(self),
            metric=metric.name,
            model=model.name,
            model_fingerprint=model.fingerprint,
            task=prompts.task,
            prompts_fingerprint=prompts.fingerprint,
            dtype=model.dtype,
            ablation=ablation.described(prompts),
            versions=versions(),
        )


@dataclasses.dataclass(frozen=True)
class EdgeMethod(Method):
    """A method that scores edges batch by batch: subclasses implement `effects`.

    needs  which values of the clean and the ablated run `effects` reads; None for all
    """

    result = "edges"
    needs: ClassVar[tuple[Site, ...] | None] = None

    def effects(self, model: Model, pair: Pair) -> Tensor:
        """Scores [prompt, edge] of one batch, in wiring order."""
        raise NotImplementedError

    def batch_size(self, model: Model, prompts: PromptSet) -> int:
        """How many prompts make a batch."""
        return 64

    def score(self, model: Model, prompts: PromptSet, *, metric: Metric, ablation: Ablation = CORRUPT) -> EdgeScores:
        """Scores [prompt, edge]. Calls `check` first."""
        from circuits.effects.paired_runs import each_pair

        self.check(model, prompts, metric, ablation)
        scores = np.zeros((len(prompts), model.wiring.n_edges), dtype=np.float32)

        def measure(pair: Pair) -> None:
            scores[np.asarray(pair.batch.prompt_indices)] = self.effects(model, pair).float().cpu().numpy()

        at_once = self.batch_size(model, prompts)
        each_pair(model, prompts, metric, ablation, measure, at_once=at_once, needs=self.needs)
        measured = np.ones(model.wiring.n_edges, dtype=np.bool_)
        return EdgeScores(model.wiring, scores, measured, self.provenance(model, prompts, metric, ablation))


@dataclasses.dataclass(frozen=True)
class GradientMethod(EdgeMethod):
    """An edge method that estimates effects to first order: a component's is then the sum over its edges."""

    sums_to_nodes = True
    needs = ("z", "mlp")

    @property
    def n_points(self) -> int:
        """How many points of each prompt are run at once with their gradients."""
        return 1

    def batch_size(self, model: Model, prompts: PromptSet) -> int:
        n_tokens = max(map(len, prompts)) * self.n_points
        return max(1, min(64, model.forward.tokens_with_gradients // n_tokens))
