"""What methods share that score by the discrete codes of heads that only positives show. No ablation, no gradient.

A sparse autoencoder is trained on the head outputs of a few prompts; the number of its strongest feature is a head's
code on a prompt. Positives are prompts in which the model does the task (the clean side of a pair), negatives those
in which it does not (the corrupt side). Scores are means over several trials.

Defaults follow the published code (O'Neill & Bui 2024, arXiv 2405.12522): W_d has unit norm along the features for each
coordinate of d_model, not along d_model for each dictionary vector; a head with no active feature has code 0. For
Docstring they train with l1=0.05. The preset `corrected` changes four of their choices.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from circuits.ablations import Ablation
from circuits.arrays import Bools
from circuits.cached import cached_property
from circuits.components import Wiring
from circuits.data.prompts import PromptSet
from circuits.head_codes.settings import Coding, Recipe
from circuits.head_codes.stored import codes_from
from circuits.lookup import lookup
from circuits.methods.base import CORRUPT, Method, path_setting
from circuits.methods.head_code_findings import findings_of
from circuits.methods.head_code_stages import AUTOENCODERS, CODES, FEATURES, GIVEN_AUTOENCODERS
from circuits.methods.stages import Findings, MethodStage, Results, compute_stages
from circuits.metrics import Metric
from circuits.result import Result
from circuits.scores import ALL_POSITIONS, Provenance, Scores, ScoresAre

if TYPE_CHECKING:
    from circuits.head_codes.counting import Codes
    from circuits.model.load import Model

PRESETS: dict[str, dict[str, str]] = {
    "paper": {"scope": "model", "inputs": "raw", "unit_norm": "coordinates", "by": "counts"},
    "corrected": {"scope": "layer", "inputs": "centered", "unit_norm": "dictionary", "by": "distance"},
}

# Each is a job of its own in plans.
_MOST_TRIALS = 10_000

_RECIPE = ("features", "l1", "top_k", "epochs", "learning_rate", "unit_norm")
_CODING = ("sae_prompts", "scope", "inputs", "seed")
_TRAINING = (*_RECIPE, "sae_prompts", "seed", "trials")


def _fingerprint(folder: str) -> str:
    from circuits.head_codes.saelens_files import fingerprint  # imports torch

    return fingerprint(folder)


@dataclass(frozen=True)
class CodingMethod(Method):
    """What methods share that read codes of heads: the settings that say how codes are made.

    The preset `corrected` is scope=layer, inputs=centered, unit_norm=dictionary, and by=distance.

    preset       what `scope`, `inputs`, `unit_norm` and `by` are where they are not given: `paper` or `corrected`
    at           where head outputs are read: `mean` over all positions, or the mean over a role's (`END`: the answer's)
    trials       how many times prompts are drawn and autoencoders trained; scores are means over trials
    autoencoder  folder of trained autoencoders in the SAELens layout, used instead of training: settings of training
                 may not be given with it, and are None then
    least_accuracy  share of the positives on which the model must put an answer above every wrong answer
    features, l1, top_k, epochs, learning_rate, sae_prompts
                 of an autoencoder, its penalty, its training, and its prompts (all of them, if there are fewer)
    scope        one autoencoder for the heads of the whole `model`, or one for each `layer`
    inputs       head outputs as they are (`raw`), or minus each head's mean over all prompts (`centered`)
    unit_norm    what of W_d has unit norm: each of the `coordinates` of d_model over the features, or each vector of
                 the `dictionary`
    """

    scores_are: ClassVar[ScoresAre | None] = "counted"
    in_metric_units: ClassVar[bool] = False
    reads_negatives: ClassVar[bool] = True
    scored_in: ClassVar[tuple[str, int]] = ("code-scores", 1)

    preset: str = "paper"
    at: str = "mean"
    features: int | None = 200
    l1: float | None = 0.02
    top_k: int | None = None
    epochs: int | None = 500
    learning_rate: float | None = 1e-3
    sae_prompts: int | None = 10
    trials: int | None = 10
    scope: str | None = None
    inputs: str | None = None
    unit_norm: str | None = None
    autoencoder: str | None = path_setting(_fingerprint)
    least_accuracy: float = 0.5
    seed: int | None = 0

    def __post_init__(self) -> None:
        lookup(PRESETS, self.preset, f"preset of {self.name}")
        if self.autoencoder is not None:
            self._leave_out_training()
        elif self.trials is None or not 1 <= self.trials <= _MOST_TRIALS:
            raise ValueError(f"trials={self.trials}: give 1 or more, and at most {_MOST_TRIALS:,}.")
        trains = self.autoencoder is None
        for name, value in PRESETS[self.preset].items():
            if getattr(self, name, "") is None and (trains or name not in _TRAINING):
                object.__setattr__(self, name, value)
        if not 0 <= self.least_accuracy <= 1:
            raise ValueError(f"least_accuracy={self.least_accuracy:g}: give a share from 0 to 1.")
        _ = self.coding  # refuses values that do not fit

    def _leave_out_training(self) -> None:
        """Settings of training are those of the given autoencoders; a ValueError where others are given."""
        defaults = {entry.name: entry.default for entry in dataclasses.fields(CodingMethod)}
        asked = [name for name in _TRAINING if getattr(self, name) not in (None, defaults[name])]
        if asked:
            raise ValueError(
                f"autoencoder={self.autoencoder!r} is used instead of training, and {', '.join(asked)} would be "
                "settings of training: leave them out."
            )
        for name in _TRAINING:
            object.__setattr__(self, name, None)

    @property
    def per_prompt(self) -> bool:
        return False

    def check_selection(self, position: str | None) -> None:
        if position not in (None, ALL_POSITIONS):
            raise ValueError(
                f"{self.name} scores heads once, and position={position!r} asks for one of several: set at={position} "
                "instead."
            )

    @cached_property
    def coding(self) -> Coding:
        """How head outputs become codes; what is None has its default."""

        def given(names: tuple[str, ...]) -> dict[str, Any]:
            return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

        return Coding(**given(_CODING), recipe=Recipe(**given(_RECIPE)))

    def check(self, model: Model, prompts: PromptSet, metric: Metric, ablation: Ablation = CORRUPT) -> None:
        from circuits.head_codes.features import require_head_outputs

        super().check(model, prompts, metric, ablation)
        require_head_outputs(model)

    def check_asked(self, prompts: PromptSet, metric: Metric, ablation: Ablation = CORRUPT) -> None:
        from circuits.head_codes.features import require_position

        super().check_asked(prompts, metric, ablation)
        require_position(self.at, prompts)

    def score_stages(self) -> tuple[MethodStage, ...]:
        coded = {"coding": dataclasses.asdict(self.coding), "least_accuracy": self.least_accuracy}
        features = replace(FEATURES, settings={"at": self.at})
        if self.autoencoder is None:
            made = replace(AUTOENCODERS, settings=coded, trials=self.trials or 0)
            first = (features, made)
        else:
            # Checked against the model before the features are measured.
            made = replace(GIVEN_AUTOENCODERS, settings={**coded, "autoencoder": self.autoencoder})
            first = (made, replace(features, after=(made.name,)))
        return (*first, replace(CODES, settings=coded, reads={"features": features.name, "autoencoders": made.name}))

    def codes(self, model: Model, prompts: PromptSet) -> tuple[Codes, Bools]:
        """Codes [trial, prompt, head] of all positives, then all negatives; and which prompts are positive."""
        stored = codes_from(compute_stages(self.score_stages(), model, prompts)[CODES.name])
        return stored.codes, stored.is_positive

    def scores_from(
        self, results: Results, model: Model, prompts: PromptSet, *, metric: Metric, ablation: Ablation
    ) -> Scores:
        """Scores of the positives; `trials` holds each trial's means."""
        stored = codes_from(results[CODES.name])
        provenance = self.provenance(model, prompts, metric, ablation)
        return self.scores_of(stored.codes, stored.is_positive, model.wiring, provenance)

    def head_groups(self, results: Results, wiring: Wiring) -> dict[str, int]:
        """Heads that show positive-only codes on the same prompts (`circuits.head_codes.grouping`)."""
        from circuits.head_codes.grouping import named_groups

        stored = codes_from(results[CODES.name])
        return named_groups([(stored.codes, stored.is_positive)], wiring.n_heads)

    def findings(self, results_of: Callable[[str], Sequence[Result]]) -> Findings:
        given = () if self.autoencoder is None else results_of(GIVEN_AUTOENCODERS.name)
        others = [name for result in given for name in result.meta["made_for"]]
        return findings_of(codes_from(results_of(CODES.name)), made_for=others)

    def scores_of(self, codes: Codes, is_positive: Bools, wiring: Wiring, provenance: Provenance) -> Scores:
        """Scores from codes [trial, prompt, head]; runs no model."""
        raise NotImplementedError
