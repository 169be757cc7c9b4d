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
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from circuits.ablations import Ablation
from circuits.arrays import Bools
from circuits.components import Wiring
from circuits.data.prompts import PromptSet
from circuits.head_codes.settings import Coding, Recipe
from circuits.lookup import lookup
from circuits.methods.base import CORRUPT, Method
from circuits.metrics import Metric
from circuits.scores import ALL_POSITIONS, Provenance, Scores

if TYPE_CHECKING:
    from circuits.head_codes.autoencoders import Autoencoders
    from circuits.head_codes.counting import Codes
    from circuits.model.load import Model

PRESETS: dict[str, dict[str, str]] = {
    "paper": {"scope": "model", "inputs": "raw", "unit_norm": "coordinates", "by": "counts"},
    "corrected": {"scope": "layer", "inputs": "centered", "unit_norm": "dictionary", "by": "distance"},
}

_RECIPE = ("features", "l1", "top_k", "epochs", "learning_rate", "unit_norm")
_CODING = ("sae_prompts", "scope", "inputs", "seed")
_TRAINING = (*_RECIPE, "sae_prompts", "seed", "trials")


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

    in_metric_units: ClassVar[bool] = False

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
    autoencoder: str | None = None
    least_accuracy: float = 0.5
    seed: int | None = 0

    def __post_init__(self) -> None:
        lookup(PRESETS, self.preset, f"preset of {self.name}")
        if self.autoencoder is not None:
            self._leave_out_training()
        elif self.trials is None or self.trials < 1:
            raise ValueError(f"trials={self.trials}: give 1 or more.")
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
        from circuits.head_codes.features import require_head_outputs, require_place

        super().check(model, prompts, metric, ablation)
        require_head_outputs(model)
        require_place(self.at, prompts)

    def codes(self, model: Model, prompts: PromptSet) -> tuple[Codes, Bools]:
        """Codes [trial, prompt, head] of all positives, then all negatives; and which prompts are positive."""
        from circuits.head_codes.features import coded_prompts, head_features, pooled
        from circuits.head_codes.trials import codes_of, train_trials

        given = None if self.autoencoder is None else self._given(model)
        sides = coded_prompts(prompts)
        outputs = pooled(model, sides.all, places=(self.at,))
        is_correct = None if outputs.is_correct is None else outputs.is_correct.numpy()
        require_task(is_correct, sides.is_positive, self.least_accuracy)
        features = head_features(model, outputs.z[0])
        trained = given or train_trials(features, self.coding, range(self.trials or 0))
        return codes_of(features, trained, self.coding), sides.is_positive

    def _given(self, model: Model) -> Autoencoders:
        """The autoencoders of a folder, checked against the model."""
        from circuits.head_codes.saelens_files import read_autoencoders

        assert self.autoencoder is not None
        weight_u, n_layers = model.forward.weight_u, model.wiring.n_layers
        like = weight_u.float()
        return read_autoencoders(self.autoencoder, self.coding, d_model=weight_u.shape[1], n_layers=n_layers, like=like)

    def score(self, model: Model, prompts: PromptSet, *, metric: Metric, ablation: Ablation = CORRUPT) -> Scores:
        """Scores of the positives, in codes; `trials` holds each trial's means. Calls `check` first."""
        self.check(model, prompts, metric, ablation)
        codes, is_positive = self.codes(model, prompts)
        return self.scores_of(codes, is_positive, model.wiring, self.provenance(model, prompts, metric, ablation))

    def scores_of(self, codes: Codes, is_positive: Bools, wiring: Wiring, provenance: Provenance) -> Scores:
        """Scores from codes [trial, prompt, head]; runs no model."""
        raise NotImplementedError


def require_task(is_correct: Bools | None, is_positive: Bools, least_accuracy: float) -> None:
    """Raise a ValueError where the model does not do the task on the positives; None is neither right nor wrong."""
    if is_correct is None:
        return
    accuracy = float(is_correct[is_positive].mean())
    if accuracy < least_accuracy:
        raise ValueError(
            f"the model answers {accuracy:.0%} of the {int(is_positive.sum())} positive prompts correctly, fewer than "
            f"least_accuracy={least_accuracy:g}: it does not do the task whose codes are wanted. Choose prompts that "
            "it solves, or set least_accuracy=0."
        )
