"""`mask-heads`: the heads with the largest profile look at everything alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from circuits.arrays import Floats
from circuits.data.prompts import PromptSet
from circuits.edits import Edit, edit_from
from circuits.lookup import lookup
from circuits.profiles import PROFILES, Profile, measure_profiles, places_of
from circuits.remedies.base import REMEDIES, Remedy

if TYPE_CHECKING:
    from circuits.model.load import Model


@REMEDIES.register
@dataclass(frozen=True)
class MaskHeads(Remedy):
    """The heads with the largest value of a profile, masked together: what the task needs of them.

    Retrieval heads are masked this way by Wu et al. 2024 (arXiv 2404.15574), whose fast path sets queries to 0: the
    same weight on every key that may be seen, which is `uniform all`. Sets and not single heads: redundant heads hide
    each other, and a head with a small profile may feed those with a large one.

    >>> from circuits.remedies import MaskHeads
    >>> [edit.text for edit in MaskHeads("induction", edit="knock-out all").edits(1.0)]
    ['knock-out all']
    """

    name = "mask-heads"
    summary = "heads with the largest value of a profile look at everything alike"
    is_ranked = True
    hopes = False

    profile: str = "induction"
    profile_settings: Mapping[str, Any] = field(default_factory=dict)
    edit: str = "uniform all"

    def __post_init__(self) -> None:
        edit_from(self.edit)
        _ = self._profile

    @property
    def _profile(self) -> Profile:
        return lookup(PROFILES, self.profile, "profile")(**self.profile_settings)

    def edits(self, strength: float) -> tuple[Edit, ...]:
        return (edit_from(self.edit),)

    def check(self, model: Model, prompts: PromptSet) -> None:
        """Also refuses a profile of several places, which gives heads no one order."""
        super().check(model, prompts)
        (places,) = places_of(model, prompts, [self._profile]).values()
        if len(places) != 1:
            raise ValueError(
                f"profile {self.profile!r} has the places {', '.join(places)}: heads are ranked by one. Name it in the "
                f"profile's settings, such as {self.profile}:to={places[0]}."
            )

    def check_prompts(self, prompts: PromptSet) -> None:
        self._profile.check(prompts)

    def measure(self, model: Model, prompts: PromptSet) -> Floats:
        (scores,) = measure_profiles(model, prompts, [self._profile])
        return np.where(scores.measured, scores.per_prompt, np.nan).transpose(0, 2, 1).astype(np.float64)
