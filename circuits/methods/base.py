"""What all methods share: settings as fields, data as arguments, everything refused before the first forward pass."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar, Literal

from circuits.metrics import Metric
from circuits.prompts import PromptSet
from circuits.scores import Provenance, Scores
from circuits.versions import versions

if TYPE_CHECKING:
    from circuits.models import Model


@dataclasses.dataclass(frozen=True)
class Method:
    """A way to score the parts of a model. Subclasses are frozen dataclasses whose fields are their settings.

    result      what `score` returns: `edges` (EdgeScores) or `components` (ComponentScores)
    per_prompt  whether a prompt's scores depend on that prompt alone, so that prompts may be split over jobs
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    result: ClassVar[Literal["edges", "components"]]
    per_prompt: ClassVar[bool] = True

    def check(self, model: Model, prompts: PromptSet, metric: Metric) -> None:
        """Raise a ValueError where this model, these prompts or this metric cannot be measured; runs no model."""
        if self.result == "edges":
            model.require("edges", self.name)
        metric.check(prompts)
        model.check_prompts(prompts)

    def score(self, model: Model, prompts: PromptSet, *, metric: Metric) -> Scores:
        """Signed scores per prompt. Calls `check` first."""
        raise NotImplementedError

    def provenance(self, model: Model, prompts: PromptSet, metric: Metric) -> Provenance:
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
            versions=versions(),
        )
