"""Staged path patching: a circuit searched back from the logits, stage by stage.

Each stage is path patching (`circuits.methods.path_patching`) into inputs of the heads that earlier stages found:
`logits <- heads` finds the movers, `movers.q <- heads` what decides where these look, and so on. Where no head's effect
on the inputs that were asked for exceeds its noise, the other inputs (q, k, v) are tried, and the search goes by the
one with the strongest effect.

    asked_0 --> others_0 --> asked_1 --> others_1 --> ... --> found      each but the last one job per slice of prompts

Source: Merullo et al. 2024 (arXiv 2310.08744), who keep the 2 % of the heads with the largest effects per stage. Their
code does one stage per call and holds no list of stages; it tests no sender between receivers of several layers
(`between=false`). Position of senders, receivers and frozen heads: one role per stage, as in their code, or all.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from circuits.ablations import Ablation
from circuits.cached import cached_property
from circuits.citations import MERULLO_2024
from circuits.components import Wiring
from circuits.data.prompts import PromptSet
from circuits.effects.receivers import Receiver, heads_of, senders_before
from circuits.methods.base import CORRUPT, Method
from circuits.methods.path_patching import path_scores, require_role, require_short_answers
from circuits.methods.path_search import (
    Found,
    Keep,
    Measured,
    as_result,
    follow,
    head_of,
    position_of,
    receivers_of,
)
from circuits.methods.path_stages import STAGE_LISTS, UNION, PathStage, require_top, stages_from
from circuits.methods.registry import register
from circuits.methods.stage_findings import findings_of, rows_of
from circuits.methods.stages import Findings, MethodStage, Results, StageInputs
from circuits.metrics import Metric
from circuits.result import Result
from circuits.scores import ALL_POSITIONS, ComponentScores

if TYPE_CHECKING:
    from circuits.model.load import Model

_FOUND = "staged-paths-found"


@register
@dataclass(frozen=True)
class StagedPathPatching(Method):
    """Path patching stage by stage back from the logits; heads found in a stage are the receivers of later ones.

    Cost: that of `path-patching` per stage, and of three more where the other inputs are tried.

    stages       lines such as 'inhibition: movers.q @END' (`circuits.methods.path_stages`), or a list by name: `any`,
                 for any task (values and keys at all positions); `ioi`, `colored-objects`: at the published positions
                 or a file: a line each, or a JSON list of texts. Kept as lines
    keep         which heads a stage keeps: `top`, the strongest; `noise`, all whose effect exceeds their noise
    top          how many heads a stage keeps, by |mean score|: a share of all heads (below 1) or a number
    noise        how many times its bootstrap noise an effect must exceed to be one
    least        and what share of the strongest effect of the first stage, so that sure but tiny effects lead nowhere
    other_inputs where a stage finds nothing above its noise, whether it tries the other inputs (q, k, v)
    between      whether heads that run after the first of several receivers are measured into the later ones
    freeze_mlps  hold MLPs between sender and receivers at their clean outputs too: direct paths only
    """

    name = "staged-path-patching"
    cites = (MERULLO_2024,)
    summary = "path patching stage by stage back from the logits: movers, what they read, what that reads"
    scores_are = "measured"
    result = "components"
    scored_in = ("staged-paths-scores", 1)

    stages: tuple[str, ...] | str = STAGE_LISTS["any"]
    keep: Literal["top", "noise"] = "top"
    top: float = 0.02
    noise: float = 2.0
    least: float = 0.01
    other_inputs: bool = True
    between: bool = True
    freeze_mlps: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", tuple(map(str, stages_from(self.stages))))
        if self.keep not in ("top", "noise"):
            raise ValueError(f"{self.name}: keep={self.keep!r}. Known: top, noise.")
        try:
            require_top(self.top)
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from None
        for setting in ("noise", "least"):
            if not getattr(self, setting) >= 0:
                raise ValueError(f"{self.name}: {setting}={getattr(self, setting)}. Give 0 or more.")

    @cached_property
    def path_stages(self) -> tuple[PathStage, ...]:
        """Its stages, parsed."""
        return stages_from(self.stages)

    @property
    def positions(self) -> tuple[str, ...]:
        """Where it has scores: a stage each; `all`, a head's from the stage in which its mean is largest in magnitude;
        `union`, the same of the stages that keep it, for heads that one keeps."""
        return (*(stage.finds for stage in self.path_stages), ALL_POSITIONS, UNION)

    @property
    def per_prompt(self) -> bool:
        return False  # a stage's heads are those of the mean over all prompts

    @property
    def default_selection(self) -> Mapping[str, Any]:
        """All heads that a stage keeps."""
        return {"selection": "component-threshold", "threshold": 0.0, "position": UNION, "ranking": "absolute"}

    def check_selection(self, position: str | None) -> None:
        if position not in (None, *self.positions):
            raise ValueError(
                f"{self.name} has no scores at position={position!r}. It has: {', '.join(self.positions)}."
            )

    def check(self, model: Model, prompts: PromptSet, metric: Metric, ablation: Ablation = CORRUPT) -> None:
        """Also raises a ValueError for a receiver the model lacks."""
        super().check(model, prompts, metric, ablation)
        for stage in self.path_stages:
            for receiver in stage.receivers:
                receiver.check(model.wiring)

    def check_asked(self, prompts: PromptSet, metric: Metric, ablation: Ablation = CORRUPT) -> None:
        """Also raises a ValueError for a role that a prompt lacks, for answers of several tokens where senders are
        patched at END alone, and for a single prompt, which has no noise.
        """
        super().check_asked(prompts, metric, ablation)
        for stage in self.path_stages:
            require_role(stage.at, prompts, f"{self.name}, stage {stage.finds},")
            remedy = f"Write '{stage.finds}: {', '.join(stage.into)} @all'."
            require_short_answers(stage.at, prompts, f"{self.name}, stage {stage.finds},", remedy)
        if len(prompts) < 2:
            raise ValueError(
                f"{self.name}: effects are told from their noise over prompts, and there is one. Give two."
            )

    def score_stages(self) -> Sequence[MethodStage]:
        keep = {"by": self.keep, "top": self.top, "noise": self.noise, "least": self.least}
        how = {"between": self.between, "freeze_mlps": self.freeze_mlps}
        made: list[MethodStage] = []
        reads: dict[str, str] = {}
        every = list(map(str, self.path_stages))
        for number in range(len(every)):
            lines = {"lines": every[: number + 1]}
            # Which heads are kept decides nothing before the second stage.
            settings = {**lines, **how, **({"keep": keep} if number else {})}
            asked = f"staged-paths-{number + 1}"
            made.append(_stage(asked, _measure, settings, dict(reads), cost=8))
            reads[f"asked_{number}"] = asked
            if self.other_inputs and self.path_stages[number].read_from:
                others = f"staged-paths-{number + 1}-others"
                made.append(_stage(others, _measure_others, {**settings, "keep": keep}, dict(reads), cost=8))
                reads[f"others_{number}"] = others
        made.append(MethodStage(_FOUND, 2, _find, {"lines": every, "keep": keep}, reads))
        return made

    def scores_from(
        self, results: Results, model: Model, prompts: PromptSet, *, metric: Metric, ablation: Ablation
    ) -> ComponentScores:
        """Exact scores [prompt, position, sender head], with the positions of `positions`."""
        arrays = results[_FOUND][0].arrays
        provenance = self.provenance(model, prompts, metric, ablation)
        return ComponentScores(
            model.wiring,
            heads_of(model.wiring),
            self.positions,
            arrays["scores"],
            np.broadcast_to(arrays["measured"], arrays["scores"].shape).copy(),
            provenance,
        )

    def head_groups(self, results: Results, wiring: Wiring) -> Mapping[str, int] | None:
        """Head -> number of the stage that keeps it; of several, that in which its effect is largest."""
        numbers = results[_FOUND][0].arrays["stage_of"].tolist()
        return {str(head): number for head, number in zip(heads_of(wiring), numbers, strict=True) if number >= 0}

    def findings(self, results_of: Any) -> Findings:
        """The heads of every stage and of their union, by how many were kept, and which way the search went."""
        return findings_of(results_of(_FOUND)[0].meta)


def _stage(
    name: str, compute: Any, settings: Mapping[str, Any], reads: Mapping[str, str], *, cost: float
) -> MethodStage:
    return MethodStage(name, 1, compute, settings, reads, reads_metric=True, each="prompts", cost=cost)


def _followed(inputs: StageInputs, n_stages: int) -> list[Found]:
    """What the first stages found."""
    if not n_stages:
        return []
    stages = stages_from(inputs.settings["lines"])[:n_stages]
    return follow(stages, inputs.results, Keep(**inputs.settings["keep"]))


def _measure(inputs: StageInputs) -> Result:
    """Path patching of a slice of the prompts into what the last of the stages asks for."""
    stages = stages_from(inputs.settings["lines"])
    stage, found = stages[-1], _followed(inputs, len(stages) - 1)
    return as_result({"asked": _into(inputs, receivers_of(stage, found, inputs.model().wiring), stage.at)})


def _measure_others(inputs: StageInputs) -> Result:
    """The same into the other inputs of the same heads, where nothing was found by those that were asked for."""
    stages = stages_from(inputs.settings["lines"])
    stage, found = stages[-1], _followed(inputs, len(stages))
    last, earlier = found[-1], found[:-1]
    if last.above.any() or not last.asked.receivers:
        return as_result({})
    others = {}
    for port in ("q", "k", "v"):
        if port not in stage.ports:
            receivers = receivers_of(stage, earlier, inputs.model().wiring, port)
            others[port] = _into(inputs, receivers, position_of(stage, earlier, port))
    return as_result(others)


def _into(inputs: StageInputs, receivers: Sequence[Receiver], at: str) -> Measured:
    """Path patching of a slice of the prompts into some receivers."""
    model, settings = inputs.model(), inputs.settings
    assert inputs.prompts is not None
    assert inputs.metric is not None
    assert inputs.ablation is not None
    start, stop = settings["slice"]
    layers = senders_before(receivers, model.wiring, between=settings["between"])
    scores = path_scores(
        model,
        inputs.prompts[start:stop],
        inputs.metric,
        inputs.ablation,
        tuple(receivers),
        at,
        layers,
        freeze_mlps=settings["freeze_mlps"],
    )
    measured = np.array([head.layer in layers for head in heads_of(model.wiring)])
    return Measured(tuple(map(str, receivers)), at, scores, measured)


def _find(inputs: StageInputs) -> Result:
    """What all stages found: scores [prompt, position, head], where they were measured, and what was kept."""
    stages = stages_from(inputs.settings["lines"])
    keep = Keep(**inputs.settings["keep"])
    found = follow(stages, inputs.results, keep)
    stage_of = head_of(found)
    if not (stage_of >= 0).any():
        raise ValueError(
            f"{StagedPathPatching.name}: no stage found a head (keep={keep.by}, noise={keep.noise:g}, "
            f"least={keep.least:g}), so there is no circuit. Use more prompts, keep=top or other stages."
        )
    scores = np.stack([entry.measured.scores for entry in found], axis=1)
    measured = np.stack([entry.measured.measured for entry in found])
    effects = np.where(measured, np.abs(scores.mean(axis=0, dtype=np.float64)), -1)
    heads = np.arange(scores.shape[2])
    by_position = [effects.argmax(axis=0), np.maximum(stage_of, 0)]  # of `all` and `union`
    scores = np.concatenate([scores, *(scores[:, best, heads][:, None] for best in by_position)], axis=1)
    measured = np.concatenate([measured, measured.any(axis=0, keepdims=True), (stage_of >= 0)[None]])
    arrays = {"scores": scores * measured, "measured": measured, "stage_of": stage_of}
    return Result(rows_of(found, keep, inputs.model().wiring), arrays)
