"""What a remedy is: an edit of heads that is hoped to help, and how the heads that get it are chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from circuits.arrays import Floats
from circuits.components import Wiring
from circuits.data.prompts import PromptSet
from circuits.edits import Edit
from circuits.registry import Registry, subclass_of

if TYPE_CHECKING:
    from circuits.model.load import Model

ALONE = 1.0  # the strength of remedies that have none


@dataclass(frozen=True)
class Remedy:
    """An edit of heads at a strength. Fields are its settings, JSON values.

    is_ranked  whether heads are ranked by what they do, by `measure`; if not, by what editing each alone does
    hopes      whether the metric is to rise; if not, heads are edited to see what needs them

    >>> from circuits import TASKS, load_model
    >>> from circuits.remedies import REMEDIES
    >>> model = load_model("reference")
    >>> prompts = TASKS["induction"]().build(model.tokenizer, n=8)
    >>> remedy = REMEDIES["mask-heads"]()
    >>> remedy.settings, remedy.probes, [edit.text for edit in remedy.edits(1.0)]
    ({'profile': 'induction', 'profile_settings': {}, 'edit': 'uniform all'}, {1.0: (1.0,)}, ['uniform all'])
    >>> remedy.layers(4), remedy.candidates(model.wiring)[:2], remedy.warnings(model, prompts)
    (range(0, 4), ['a0.h0', 'a0.h1'], ())
    >>> remedy.check(model, prompts)
    >>> remedy.check_prompts(prompts)
    >>> remedy.sets(remedy.measure(model, prompts), remedy.candidates(model.wiring), sizes=(1, 2))
    [('a1.h2',), ('a1.h2', 'a1.h3')]
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    is_ranked: ClassVar[bool] = False
    hopes: ClassVar[bool] = True

    @property
    def probes(self) -> Mapping[float, tuple[float, ...]]:
        """A strength that each head alone is tried at -> the strengths that the heads it helps are then tried at."""
        return {ALONE: (ALONE,)}

    def edits(self, strength: float) -> tuple[Edit, ...]:
        """What is done to each head."""
        raise NotImplementedError

    def layers(self, n_layers: int) -> range:
        """The layers whose heads may be edited."""
        return range(n_layers)

    def candidates(self, wiring: Wiring) -> list[str]:
        """The heads that may be edited, layer by layer. ValueError where there is none."""
        heads = [f"a{layer}.h{head}" for layer in self.layers(wiring.n_layers) for head in range(wiring.n_heads)]
        if not heads:
            raise ValueError(f"{self.name!r} leaves out the outer layers, and the model has {wiring.n_layers} alone.")
        return heads

    def check(self, model: Model, prompts: PromptSet) -> None:
        """Raise a ValueError where these prompts lack what heads are ranked by; no model is run."""
        self.check_prompts(prompts)

    def check_prompts(self, prompts: PromptSet) -> None:
        """The part of `check` that needs no model: commands call it before weights are loaded."""

    def measure(self, model: Model, prompts: PromptSet) -> Floats:
        """[prompt, head, number] what heads are ranked by, of all heads; NaN where a prompt does not say."""
        raise NotImplementedError

    def sets(self, measured: Floats, heads: Sequence[str], sizes: Sequence[int]) -> list[tuple[str, ...]]:
        """The sets of heads to judge, from what was measured [prompt, head, number]: those with the largest means."""
        known = ~np.isnan(measured[..., 0]).all(axis=1)
        if not known.any():
            raise ValueError(f"{self.name!r}: none of the prompts that choose says what heads are ranked by.")
        means = np.nanmean(measured[known][..., 0], axis=0)
        return nested([heads[int(n)] for n in np.argsort(-means, kind="stable")], sizes)

    def warnings(self, model: Model, prompts: PromptSet) -> tuple[str, ...]:
        """What a reader has to know of these prompts."""
        return ()

    @property
    def settings(self) -> dict[str, Any]:
        """Its settings by name."""
        return {entry.name: getattr(self, entry.name) for entry in fields(self)}


def nested(ranked: Sequence[str], sizes: Sequence[int]) -> list[tuple[str, ...]]:
    """The first heads of a ranking, as many as each size says; larger sizes than there are heads give all, once."""
    return list(dict.fromkeys(tuple(ranked[:size]) for size in sorted(sizes)))


REMEDIES: Registry[type[Remedy]] = Registry("remedies", subclass_of(Remedy))
