"""`act`: heads look less at sinks other than the first token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from circuits.edits import Edit, Redistribute
from circuits.edits.sinks import Act
from circuits.remedies.base import REMEDIES, Remedy


@REMEDIES.register
@dataclass(frozen=True)
class AttentionCalibration(Remedy):
    """The attention to tokens that get much of it, but the first, times beta, in the heads that this helps.

    Each head of layers 2 to the last but one is tried alone, those that it helps are edited together.

    Source: ACT (Yu et al. 2024, arXiv 2406.15765), whose heads are those that improve on calibration prompts.

    >>> from circuits.remedies import AttentionCalibration
    >>> AttentionCalibration().layers(12), [edit.text for edit in AttentionCalibration().edits(0.4)]
    (range(2, 11), ['redistribute all act beta=0.4 over=0.1'])
    """

    name = "act"
    summary = "the attention to sinks but the first token times beta, in the heads that this helps"

    betas: tuple[float, ...] = (0.4,)
    over: float = 0.1

    def __post_init__(self) -> None:
        if not self.betas:
            raise ValueError("give a beta at least.")
        for beta in self.betas:
            Act(beta, self.over)

    @property
    def probes(self) -> Mapping[float, tuple[float, ...]]:
        return {self.betas[0]: self.betas}

    def edits(self, strength: float) -> tuple[Edit, ...]:
        return (Redistribute("all", Act(strength, self.over)),)

    def layers(self, n_layers: int) -> range:
        return range(2, n_layers - 1)
