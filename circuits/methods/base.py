"""What all methods share: settings as fields, data as arguments, everything refused before the first forward pass."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from circuits.ablations import Ablation, Corrupt
from circuits.citations import Citation
from circuits.components import Component, Wiring
from circuits.data.prompts import PromptSet
from circuits.methods.checked import CheckedSettings
from circuits.methods.stages import Findings, MethodStage, Results, compute_stages
from circuits.metrics import Metric
from circuits.model.given import require_model, require_prompt_set
from circuits.model.steps import whole
from circuits.result import Result
from circuits.scores import EdgeScores, Provenance, Scores, ScoresAre
from circuits.versions import versions
from circuits.visible_text import typed_text

if TYPE_CHECKING:
    from torch import Tensor

    from circuits.effects.paired_runs import Pair
    from circuits.model.forward import Site
    from circuits.model.load import Model

CORRUPT = Corrupt()
_FINGERPRINT = "fingerprint"


def path_setting(fingerprint: Callable[[str], str]) -> Any:
    """A setting that is a path, as a string; None where it is not given.

    fingerprint  path -> a text that changes with the content, which keys of jobs hold in place of the path; a function
                 at the top of its module. A ValueError where nothing fitting is there

    >>> from dataclasses import dataclass
    >>> from circuits.methods import Method
    >>> from circuits.methods.base import path_setting
    >>> def size_of(path):
    ...     return str(len(open(path).read()))
    >>> @dataclass(frozen=True)
    ... class FromFile(Method):
    ...     file: str | None = path_setting(size_of)
    >>> list(FromFile.path_settings()), FromFile().file
    (['file'], None)
    """
    return dataclasses.field(default=None, metadata={_FINGERPRINT: fingerprint})


@dataclasses.dataclass(frozen=True)
class Method(metaclass=CheckedSettings):
    """A way to score the parts of a model. Subclasses are frozen dataclasses whose fields are their settings.

    result          what `score` returns: `edges` (EdgeScores) or `components` (ComponentScores)
    scores_are      what its numbers are: effects that were measured, estimates of them, or something else
    sums_to_nodes   whether the scores of a component's outgoing edges add up to the component's own score
    is_shared_across_prompts  whether all prompts have the same scores, so that intervals over prompts say nothing
    only_at_clean   whether everything it measures is a gradient at the clean run
    in_metric_units whether scores are effects on the metric, so that a share of the whole effect means something
    scores_paths    whether edges from the input and to the logits are scored, so that the best ones can form paths
    reads_negatives whether it reads the negatives of prompts that have no partners
    scored_in       name and version of the jobs that give its scores: raise the version when the numbers change
    cites           the papers it is from

    >>> from circuits import METHODS, METRICS, TASKS, load_model
    >>> model, metric = load_model("reference"), METRICS["logit-difference"]
    >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=4)
    >>> method = METHODS["eap-ig"](steps=2)
    >>> method.result, method.per_prompt, dict(method.default_selection), method.path_settings()
    ('edges', True, {}, {})
    >>> exact = METHODS["exact-edges"](edges=("a2.h1->logits",))
    >>> method.measures_named_edges, exact.measures_named_edges, [str(part) for part in exact.named_parts]
    (False, True, ['a2.h1', 'logits'])
    >>> method.check(model, prompts, metric)
    >>> method.check_asked(prompts, metric)
    >>> method.check_selection(position=None)
    >>> method.score(model, prompts, metric=metric).means.shape
    (479,)
    >>> method.provenance(model, prompts, metric).settings
    {'steps': 2, 'rule': 'left'}
    >>> method.score_stages(), method.findings(lambda stage: ()).warnings, method.head_groups({}, model.wiring)
    ((), (), None)
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    result: ClassVar[Literal["edges", "components"]]
    scores_are: ClassVar[ScoresAre | None] = None
    sums_to_nodes: ClassVar[bool] = False
    is_shared_across_prompts: ClassVar[bool] = False
    only_at_clean: ClassVar[bool] = False
    in_metric_units: ClassVar[bool] = True
    scores_paths: ClassVar[bool] = True
    reads_negatives: ClassVar[bool] = False
    scored_in: ClassVar[tuple[str, int]] = ("measure", 1)
    cites: ClassVar[tuple[Citation, ...]] = ()

    @property
    def per_prompt(self) -> bool:
        """Whether a prompt's scores depend on that prompt alone, so that prompts may be split over jobs."""
        return True

    @property
    def measures_named_edges(self) -> bool:
        """Whether it was asked for some edges by name: these are what it finds, and need be no circuit."""
        return False

    @property
    def named_parts(self) -> tuple[Component, ...]:
        """The parts of a model that its settings name: commands refuse those that a model does not have by its
        configuration, before weights are loaded."""
        return ()

    @property
    def default_selection(self) -> Mapping[str, Any]:
        """How this method itself chooses its circuit, as options of a run ({"threshold": 0.1}); empty if it ranks."""
        return {}

    @classmethod
    def path_settings(cls) -> dict[str, Callable[[str], str]]:
        """Settings that are paths -> what gives the fingerprint of what is there (`path_setting`)."""
        fields = dataclasses.fields(cls)
        return {entry.name: entry.metadata[_FINGERPRINT] for entry in fields if _FINGERPRINT in entry.metadata}

    def check_selection(self, position: str | None) -> None:
        """Raise a ValueError where scores at `position` (None: their only one, or all) cannot choose a circuit."""

    def check(self, model: Model, prompts: PromptSet, metric: Metric, ablation: Ablation = CORRUPT) -> None:
        """Raise a ValueError where this model, these prompts, this metric or ablation cannot be used.

        Runs the model on the longest prompts alone, and once (`Model.check_prompts`).
        """
        require_model(model)
        require_prompt_set(prompts)
        if not isinstance(metric, Metric):
            raise ValueError(f"the metric is {typed_text(metric)}. Give one: METRICS['logit-difference'].")
        if self.result == "edges":
            model.require("edges", self.name)
        self.check_asked(prompts, metric, ablation)
        model.check_prompts(prompts)

    def check_asked(self, prompts: PromptSet, metric: Metric, ablation: Ablation = CORRUPT) -> None:
        """Raise a ValueError where these prompts, this metric or ablation cannot be used, whatever the model.

        Part of `check`; commands call it before weights are loaded.
        """
        if self.only_at_clean and metric.has_zero_gradient_at_clean:
            raise ValueError(
                f"{self.name} takes gradients at the clean run, where metric {metric.name!r} is at its maximum and "
                "they are all zero. Use eap-ig, eap-ig-activations, ceap or clean-corrupt, an exact method or another "
                "metric."
            )
        metric.check(prompts)
        ablation.check(prompts)

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
        self.check(model, prompts, metric, ablation)
        results = compute_stages(self.score_stages(), model, prompts, metric=metric, ablation=ablation)
        return self.scores_from(results, model, prompts, metric=metric, ablation=ablation)

    def score_stages(self) -> Sequence[MethodStage]:
        """The stages that lead to its scores, each after those that it reads; none where `score` measures at once."""
        return ()

    def scores_from(
        self, results: Results, model: Model, prompts: PromptSet, *, metric: Metric, ablation: Ablation
    ) -> Scores:
        """Scores from what its last stage computed: what a method of several stages has in place of `score`.

        >>> from circuits import METHODS, METRICS, TASKS, load_model
        >>> from circuits.ablations import Corrupt
        >>> from circuits.methods.stages import compute_stages
        >>> model, given = load_model("reference"), {"metric": METRICS["logit-difference"], "ablation": Corrupt()}
        >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=2)
        >>> method = METHODS["staged-path-patching"]()
        >>> results = compute_stages(method.score_stages(), model, prompts, **given)
        >>> method.scores_from(results, model, prompts, **given).means.shape
        (6, 16)
        """
        raise NotImplementedError

    def head_groups(self, results: Results, wiring: Wiring) -> Mapping[str, int] | None:
        """Head -> number of its group, from what its last stage computed; None where it does not group heads."""
        return None

    def findings(self, results_of: Callable[[str], Sequence[Result]]) -> Findings:
        """What it says about a run beside its scores; runs no model.

        results_of  reads what one of its stages computed, by the stage's name
        """
        return Findings()

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
            scores_are=self.scores_are,
            solved=prompts.solved,
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
        with whole():
            each_pair(model, prompts, metric, ablation, measure, at_once=at_once, needs=self.needs)
        measured = np.ones(model.wiring.n_edges, dtype=np.bool_)
        return EdgeScores(model.wiring, scores, measured, self.provenance(model, prompts, metric, ablation))


@dataclasses.dataclass(frozen=True)
class GradientMethod(EdgeMethod):
    """An edge method that estimates effects to first order: a component's is then the sum over its edges."""

    scores_are = "estimated"
    sums_to_nodes = True
    needs = ("z", "mlp")

    @property
    def n_points(self) -> int:
        """How many points of each prompt are run at once with their gradients."""
        return 1

    def batch_size(self, model: Model, prompts: PromptSet) -> int:
        n_tokens = prompts.n_positions * self.n_points
        return max(1, min(64, model.forward.tokens_with_gradients // n_tokens))
