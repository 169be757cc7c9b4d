"""Stages of a method: the steps that lead to its scores, where these are not measured in one go.

A method says its `score_stages()`. A run computes each of them as jobs of its own and keeps what they computed: it
resumes between them, and other settings reuse what they do not change. `Method.score` computes them in one process.

    score_stages() --> results of the last stage --> scores_from, head_groups
                       results of any stage      --> findings
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from numpy.typing import NDArray

from circuits.ablations import Ablation
from circuits.data.prompts import PromptSet
from circuits.intervals import Share
from circuits.metrics import Metric
from circuits.result import Result

if TYPE_CHECKING:
    from circuits.model.load import Model

Part = Mapping[str, list[int]]
Results = Mapping[str, Sequence[Result]]


@dataclass(frozen=True)
class StageInputs:
    """What a stage reads.

    settings  its own, and the part that it computes: `slice` of the prompts or `trials`, [start, stop]
    model     loads the model when called: a stage that does not call it runs without torch
    results   what earlier stages computed, under the names in `MethodStage.reads`
    prompts   all of the run, not the slice alone; None unless the stage `reads_prompts` or the metric
    metric, ablation  of the run; None unless the stage `reads_metric`

    >>> from circuits import METRICS, TASKS, load_model
    >>> from circuits.methods.stages import StageInputs
    >>> model = load_model("reference")
    >>> prompts = TASKS["ioi"]().build(model.tokenizer, n=4)
    >>> inputs = StageInputs({"slice": [0, 2]}, lambda: model, {}, prompts)
    >>> len(inputs.prompts[slice(*inputs.settings["slice"])]), inputs.model().wiring.n_layers
    (2, 4)
    """

    settings: Mapping[str, Any]
    model: Callable[[], Model]
    results: Results
    prompts: PromptSet | None = None
    metric: Metric | None = None
    ablation: Ablation | None = None


@dataclass(frozen=True)
class MethodStage:
    """One step on the way to a method's scores.

    Stages of one name, version, settings and inputs are one, whichever method has them, and share their results.

    name      what progress and results call it; methods of other packages begin it with a word of their own
    version   raise it when the code changes what is computed
    compute   a function at the top of its module, because it travels to worker processes
    settings  what decides the result beside model and dtype, as JSON values; a path under the name that the setting
              has in the method
    reads     name -> the earlier stage whose results are read under it
    reads_prompts  whether it reads the prompts; `reads_metric`: their metric and ablation, and the prompts
    after     earlier stages that must be done first, but are not read: those that may refuse what the user gave
    each      what is computed apart: `prompts` (a slice at a time), `trials` (`at_once` of `trials`), or a name in
              `reads` (one of its results at a time, and only that one is read); None: everything together
    cost      expected, of a prompt, a trial or the whole, for estimates of the time left; a pass over a prompt is 1

    >>> import numpy as np
    >>> from circuits.methods.stages import MethodStage
    >>> from circuits.result import Result
    >>> def lengths(inputs):
    ...     start, stop = inputs.settings["slice"]
    ...     return Result({}, {"lengths": np.array([len(prompt) for prompt in inputs.prompts[start:stop]])})
    >>> stage = MethodStage("mine-lengths", 1, compute=lengths, each="prompts", reads_prompts=True)
    >>> stage.parts([(0, 16), (16, 20)], earlier={})
    [{'slice': [0, 16]}, {'slice': [16, 20]}]
    """

    name: str
    version: int
    compute: Callable[[StageInputs], Result]
    settings: Mapping[str, Any] = field(default_factory=dict)
    reads: Mapping[str, str] = field(default_factory=dict)
    reads_prompts: bool = False
    reads_metric: bool = False
    after: tuple[str, ...] = ()
    each: str | None = None
    trials: int = 0
    at_once: int = 1
    cost: float = 1

    def parts(self, slices: Sequence[tuple[int, int]], earlier: Mapping[str, Sequence[Part]]) -> list[Part]:
        """What each of its results is for, as settings; empty where there is one for everything.

        slices   of the prompts
        earlier  the parts of earlier stages
        """
        if self.each is None:
            return [{}]
        if self.each == "prompts":
            return [{"slice": list(part)} for part in slices]
        if self.each == "trials":
            starts = range(0, self.trials, self.at_once)
            return [{"trials": [start, min(start + self.at_once, self.trials)]} for start in starts]
        return list(earlier[self.reads[self.each]])


class Findings(NamedTuple):
    """What a method says about its run beside its scores.

    summary   entries of the run's summary, under names of their own, as plain values
    facts     lines of its table: what, and a text, a share (shown with its interval) or None (not defined)
    warnings  what a reader should know before trusting the numbers
    kept      NAME -> arrays, for NAME.npz in the run's folder (`DiscoverRun.kept`)
    sampled   what the method's own intervals are over, if not prompts: `of scores from codes, over trials`

    >>> from circuits.methods.stages import Findings
    >>> Findings(facts=[("steps taken", "40")], warnings=["few trials"]).warnings
    ['few trials']
    """

    summary: Mapping[str, Any] = {}
    facts: Sequence[tuple[str, str | Share | None]] = ()
    warnings: Sequence[str] = ()
    kept: Mapping[str, Mapping[str, NDArray[Any]]] = {}
    sampled: str | None = None


def compute_stages(
    stages: Sequence[MethodStage],
    model: Model,
    prompts: PromptSet,
    *,
    metric: Metric | None = None,
    ablation: Ablation | None = None,
) -> dict[str, tuple[Result, ...]]:
    """The results of stages in their order, one each: all prompts and all trials at once, nothing kept."""
    parts: dict[str, list[Part]] = {}
    results: dict[str, tuple[Result, ...]] = {}
    for stage in stages:
        parts[stage.name] = replace(stage, at_once=max(1, stage.trials)).parts([(0, len(prompts))], parts)
        (part,) = parts[stage.name]
        inputs = StageInputs(
            {**stage.settings, **part},
            lambda: model,
            {name: results[of] for name, of in stage.reads.items()},
            prompts if stage.reads_prompts or stage.reads_metric else None,
            metric if stage.reads_metric else None,
            ablation if stage.reads_metric else None,
        )
        results[stage.name] = (stage.compute(inputs),)
    return results
