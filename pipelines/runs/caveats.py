"""Warnings that every run shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from circuits.ablations import Noise
from circuits.arrays import Bools, Floats
from circuits.data.prompts import END, PromptSet
from circuits.evaluation.faithfulness import Baseline
from circuits.intervals import excludes_zero, fewest_above, t_interval, wilson_interval
from circuits.numbers import count_text, number_text, telling
from circuits.scores import ROUNDING, ComponentScores, Scores
from circuits.solved import dropped
from circuits.tasks.from_template import says_all
from graphs.flaws import flaws_of, too_few_to_tell, why_unsolved
from pipelines.runs.run import Run
from pipelines.runs.settings import PromptSettings, RunConfig

_NEGLIGIBLE = 1e-3  # of the difference between clean and ablated
_LISTED = 8
_IN_MODEL_ORDER = "What is chosen by these scores comes in the model's own order."
_LOOK_ELSEWHERE = "Look at other parts or positions (the method's settings), or use another method or ablation."


def accuracy_interval(is_correct: Bools | None) -> list[float] | None:
    """Wilson's 95 % interval of the accuracy; it has a width at 0 and 1."""
    if is_correct is None:
        return None
    return list(wilson_interval(int(np.count_nonzero(is_correct)), len(is_correct)))


def accuracy_of(baseline: Baseline, prompts: PromptSet) -> dict[str, Any]:
    """How often the model is right, for a summary: its accuracy, top-1 over the vocabulary, and what chance gives.

    `solved` says how many prompts were dropped, where only those were kept that the model solves.
    """
    return {
        "accuracy": baseline.accuracy,
        "accuracy_interval": accuracy_interval(baseline.is_correct),
        "chance": None if baseline.is_correct is None else prompts.chance,
        "top1": baseline.top1,
        "top1_interval": accuracy_interval(baseline.is_top1),
        "solved": dropped(prompts.solved),
    }


def of_accuracy(summary: Mapping[str, Any]) -> list[str]:
    """A warning where the model does not do what its circuit is to explain."""
    accuracy, chance, interval = (summary[name] for name in ("accuracy", "chance", "accuracy_interval"))
    if accuracy is None:
        return []
    if (solved := summary["solved"]) is not None:
        return _of_solved(solved, chance)
    if (few := too_few_to_tell(accuracy, interval[0], chance)) is not None:
        return [few]
    why = why_unsolved(accuracy, interval[0], chance)
    if why is None:
        return []
    luck = ", though some of these may be right by luck" if interval[0] <= chance else ""
    return [f"{why} --solved keeps only the prompts that it answers correctly{luck}."] if accuracy > 0 else [why]


def at_baseline(baseline: Baseline, prompts: PromptSet) -> str | None:
    """What is said as soon as the model has run without intervention, so that nobody waits for a circuit of nothing.

    That the model does not do the task, or that its answers to clean and corrupt prompts may not differ; None where
    neither is so. The report says it again, of all prompts.
    """
    said = [*of_accuracy(accuracy_of(baseline, prompts)), *of_gap(baseline)]
    if not said:
        return None
    return f"warning, of the {count_text(len(prompts), 'prompt')} run so far: {' '.join(map(_as_sentence, said))}"


def of_gap(baseline: Baseline) -> list[str]:
    """That answers to clean and corrupt prompts may not differ; nothing where they do."""
    gap = baseline.clean - baseline.ablated
    if excludes_zero(gap):
        return []
    values = {"clean": baseline.clean, "corrupt": baseline.ablated, "gap": gap}
    shown = ", ".join(f"{name} {_measured(each)}" for name, each in values.items())
    return [f"clean and corrupt prompts may not differ in the metric: {shown}."]


def _measured(per_prompt: Floats) -> str:
    """The mean and its interval."""
    mean, ends = float(per_prompt.mean()), t_interval(per_prompt).item().as_json()
    spec = telling(".3f", mean, ends)
    shown = "-" if ends is None else ", ".join(number_text(end, spec) for end in ends)
    return f"{number_text(mean, spec)} [{shown}]"


def _as_sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _of_solved(solved: Mapping[str, Any], chance: float) -> list[str]:
    """A warning where prompts were kept as solved that may be right by luck."""
    share, low = 1 - solved["dropped_share"], 1 - solved["dropped_share_interval"][1]
    if low > chance:
        return []
    fewest = fewest_above(share, chance)
    to_tell = "" if fewest is None else f" At this accuracy it takes at least {fewest:,} drawn prompts to tell."
    return [
        f"the model answers {share:.0%} of the prompts drawn correctly, which may be chance ({chance:.0%}): those that "
        f"were kept as solved may be right by luck.{to_tell}"
    ]


def of_scores(scores: Scores, baseline: Baseline, *, position: str | None = None) -> list[str]:
    """A warning where every score is zero, or so small beside the whole effect that nothing was found.

    position  that the circuit is chosen at, of scores of components; None for the only one, or for all of them
    """
    if not scores.measured.any():
        return []
    size = max(float(np.abs(values).max()) for values in (baseline.clean, baseline.ablated))
    if of_zeros := of_zero_scores(scores, size, position=position):
        return of_zeros
    name, largest = scores.provenance.method, float(np.abs(scores.means).max())
    if _are_effects(scores) and baseline.has_gap and largest < _NEGLIGIBLE * abs(baseline.gap):
        return [
            f"no mean score of {name} reaches a thousandth of the whole effect (the largest is {largest:z.2g}, of "
            f"{abs(baseline.gap):.2g}): nothing was found where it looked. {_LOOK_ELSEWHERE}"
        ]
    return []


def of_zero_scores(scores: Scores, size: float, *, position: str | None = None) -> list[str]:
    """A warning where every score is zero: over all positions, or at the one that the circuit is chosen at.

    size  of the metric, whose rounding is no effect
    """
    least = ROUNDING * size if _are_effects(scores) else 0.0

    def is_zero(some: Scores) -> bool:
        return float(np.abs(some.per_prompt).max()) <= least

    name = scores.provenance.method
    if not scores.measured.any():
        return []
    if is_zero(scores):
        but = " but for rounding" if scores.per_prompt.any() else ""
        return [f"every score of {name} is zero{but}: nothing was found. {_IN_MODEL_ORDER} {_LOOK_ELSEWHERE}"]
    if isinstance(scores, ComponentScores) and position is not None and is_zero(scores.at(position)):
        others = [other for other in scores.positions if not is_zero(scores.at(other))]
        return [
            f"every score of {name} at {position!r} is zero: nothing was found there. {_IN_MODEL_ORDER} Choose a "
            f"position where some are not ({', '.join(others[:_LISTED])})."
        ]
    return []


def _are_effects(scores: Scores) -> bool:
    """Whether the numbers are effects on the metric, measured or estimated, in its units."""
    return scores.provenance.scores_are in ("measured", "estimated")


def of_choice(run: Run) -> list[str]:
    """What to know of a circuit before it is judged or compared: its flaws, and whether zeros or ties chose it."""
    scores = run.scores if run.node_scores is None else run.node_scores
    size = max(abs(run.circuit.metrics.get(name, 0.0)) for name in ("clean", "corrupt"))
    of_zeros = of_zero_scores(scores, size, position=run.circuit.selection.get("position"))
    return [*(flaw.text for flaw in flaws_of(run.circuit)), *(of_zeros or of_ties(run.circuit.tied_out))]


def of_choices(runs: Iterable[Run]) -> list[str]:
    """The same of several runs, each with its name before it; of a run that is given twice, once."""
    return list(dict.fromkeys(f"{run.name}: {text}" for run in runs for text in of_choice(run)))


def of_ties(tied_out: Mapping[str, int]) -> list[str]:
    """A warning where parts that score the same were partly kept and partly not.

    tied_out  "edges" or "components" -> how many were not kept (`graphs.CircuitGraph`)
    """
    return [
        f"the circuit is cut by ties: {n} more {what if n > 1 else what.removesuffix('s')} "
        f"score{'' if n > 1 else 's'} the same as the weakest that was chosen. Which of them are in it is the model's "
        f"own order: ask for {n} more to have them all, or for fewer."
        for what, n in tied_out.items()
    ]


def of_prompts(config: PromptSettings, prompts: PromptSet) -> list[str]:
    """What is doubtful about the prompts, and whether they are fewer than were asked for."""
    return [text for text in with_size(prompts.warnings, config, len(prompts)) if not says_all(text)]


def with_size(warnings: Iterable[str], config: PromptSettings, n_prompts: int) -> list[str]:
    """Warnings with what is said of the number of prompts. That these are all is said where no number was asked for."""
    said = list(dict.fromkeys([*warnings, *_of_size(config, n_prompts)]))
    return said if config.prompts is None else [text for text in said if not says_all(text)]


def of_noise(config: RunConfig, prompts: PromptSet) -> list[str]:
    """That noise is put on every token because the prompts name no part of them, where that is so."""
    is_everywhere = config.ablation == Noise.name and config.ablation_settings.get("at") is None
    if not is_everywhere or prompts.roles != (END,):
        return []
    return [
        "noise is added to every token of these prompts, which have no roles. To put it on some, such as the subject, "
        "name these in the file (roles) and give --noise-at ROLE; --ablation corrupt takes the corrupt prompts instead."
    ]


def of_words(choosing: PromptSet, judging: PromptSet) -> list[str]:
    """That prompts of a template are judged on words that all of them chose the circuit on, where that is so."""
    words, before = (_words_in(prompts) for prompts in (judging, choosing))
    if not words or not words <= before:
        return []
    return [
        "every word in a slot of the prompts that judge the circuit is in one that chooses it too: held out are "
        "combinations of words, and not words. With a line `halves: apart` in the template, and enough words, each "
        "half has words of its own."
    ]


def _words_in(prompts: PromptSet) -> set[tuple[int, ...]]:
    """The words in the slots of a template's prompts, as tokens of the clean side."""
    return {
        tuple(prompt.clean[position] for position in positions)
        for prompt in prompts
        for role, positions in prompt.roles.items()
        if role != END
    }


def _of_size(config: PromptSettings, n_prompts: int) -> list[str]:
    """A warning where a file or a template has fewer prompts than were asked for."""
    if config.prompts is None or n_prompts >= config.prompts:
        return []
    has = "makes" if config.is_drawn else "holds"
    if config.solved:
        has = "has, of those that the model answers correctly,"
    source = config.task if config.prompt_file is None else config.prompt_file.name
    return [f"{config.prompts} prompts were asked for, and {source} {has} {n_prompts}: all of them were taken."]
