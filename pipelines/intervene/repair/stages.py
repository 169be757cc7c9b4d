"""What the stages of a repair compute: heads, the set that helps most, and what it does on the other prompts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from circuits.metrics import METRICS
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Inputs, LoadModel, Stage
from pipelines.intervene.edit_stages import ALONE, edits_on, measured, with_random
from pipelines.runs.codec import prompts_from

if TYPE_CHECKING:
    from circuits.edits.downstream import Observed
    from circuits.evaluation.repair import Candidates
    from circuits.intervals import Estimate

SET = "set"


def stored(seen: Observed, name: str = "") -> dict[str, Any]:
    """Arrays of what heads do; `observed_from` reads them back."""
    return {f"{name}{field}": value for field, value in seen._asdict().items() if field != "heads"}


def observed_from(result: Result, name: str = "") -> Observed:
    """What heads do, from a stored result."""
    from circuits.edits.downstream import Observed

    arrays = (result.arrays[f"{name}{field}"] for field in Observed._fields[1:])
    return Observed(tuple(result.meta["names"]), *arrays)


def find_by_behavior(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The heads whose rows differ most between the tasks, and what all heads attend to on both."""
    from circuits.edits.downstream import observe
    from circuits.evaluation.repair import candidates, turns

    seen = [observe(model(), prompts_from(inputs[name][0]), settings[f"{name}_groups"]) for name in ("prompts", "like")]
    found = turns(*seen)
    names, differences = [turn.head for turn in found], [turn.difference for turn in found]
    chosen = candidates(names, differences, most=settings["most"], least=settings["least"])
    rows = [{"head": turn.head, "focus": turn.focus, "like_focus": turn.like_focus} for turn in found]
    return _found(rows, differences, chosen)


def find_by_effect(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The heads whose edit alone raises the metric most, each head of the model tried."""
    from circuits.evaluation.edit_effects import edit_values
    from circuits.evaluation.repair import candidates
    from circuits.intervals import Estimate, t_interval

    loaded, prompts = model(), prompts_from(inputs["prompts"][0])
    wiring = loaded.wiring
    names = [f"a{layer}.h{head}" for layer in range(wiring.n_layers) for head in range(wiring.n_heads)]
    variants = [edits_on((name,), settings["edits"]) for name in names]
    values = edit_values(loaded, prompts, variants, metric=METRICS[settings["metric"]])
    change = (values.metric[1:] - values.metric[0]).T
    ends, means = t_interval(change, level=1 - 0.05 / len(names)), change.mean(axis=0)
    order = [int(n) for n in np.argsort(-means, kind="stable")]
    differences = [Estimate(float(means[n]), ends.item(n)) for n in order]
    ranked = [names[n] for n in order]
    chosen = candidates(ranked, differences, most=settings["most"], least=settings["least"])
    return _found([{"head": name} for name in ranked], differences, chosen)


def _found(rows: Sequence[Mapping[str, Any]], differences: Sequence[Estimate], chosen: Candidates) -> Result:
    """Every head with its difference, and the candidates."""
    kept = [
        {
            **row,
            "difference": difference.value,
            "difference_interval": difference.interval.as_json(),
            "is_candidate": row["head"] in chosen.heads,
        }
        for row, difference in zip(rows, differences, strict=True)
    ]
    return Result({"heads": chosen.heads, "is_sure": chosen.is_sure, "rows": kept})


def heads_of(settings: Mapping[str, Any], inputs: Inputs) -> list[str]:
    """The candidates: those given, or those found."""
    return list(settings["heads"] or inputs["found"][0].meta["heads"])


def try_sets(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """On the prompts that choose: each candidate alone, then the best two, three, ... together.

    `sets` are all of these; `judged` the numbers of those that the other prompts judge, `chosen` that of the best.
    """
    from circuits.evaluation.edit_effects import edit_values
    from circuits.evaluation.repair import best_set

    loaded, prompts, heads = model(), prompts_from(inputs["prompts"][0]), heads_of(settings, inputs)
    metric, edits = METRICS[settings["metric"]], settings["edits"]
    alone = edit_values(loaded, prompts, [edits_on((head,), edits) for head in heads], metric=metric)
    gains = (alone.metric[1:] - alone.metric[0]).mean(axis=1)
    best = [int(n) for n in np.argsort(-gains, kind="stable")][: settings["most"]]
    larger = [tuple(heads[n] for n in sorted(best[:size])) for size in range(2, len(best) + 1)]
    together = edit_values(loaded, prompts, [edits_on(own, edits) for own in larger], metric=metric)
    sets = [*((head,) for head in heads), *larger]
    arrays = {name: np.concatenate([getattr(alone, name), getattr(together, name)[1:]]) for name in alone._fields}
    judged = [*sorted(best), *range(len(heads), len(sets))]
    rows = [n + 1 for n in judged]
    chosen = best_set([sets[n] for n in judged], arrays["is_correct"][rows], arrays["is_top1"][rows])
    return Result({"sets": [list(own) for own in sets], "judged": judged, "chosen": judged[chosen]}, arrays)


def judge(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The same sets on a slice of the prompts that judge, each beside other heads of the same layers."""
    tried, loaded = inputs["tried"][0].meta, model()
    judged = [tried["sets"][number] for number in tried["judged"]]
    sets = [(ALONE if len(own) == 1 else SET, tuple(own)) for own in judged]
    return measured(settings, inputs, loaded, with_random(loaded, sets, settings))


def measure_importance(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """What every head says directly on the clean and the corrupt prompts that choose, without any edit."""
    from circuits.edits.downstream import observe

    prompts = prompts_from(inputs["prompts"][0])
    corrupt = replace(prompts, prompts=tuple(prompt.swapped() for prompt in prompts))
    clean, other = (observe(model(), side, settings["groups"]) for side in (prompts, corrupt))
    return Result({"names": list(clean.heads)}, {"importance": clean.direct - other.direct})


def observe_edited(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """What every head does on the prompts that judge, before and under the chosen set's edits."""
    from circuits.edits.downstream import observe

    prompts, chosen = prompts_from(inputs["prompts"][0]), chosen_set(inputs["tried"][0])
    before = observe(model(), prompts, settings["groups"])
    after = observe(model(), prompts, settings["groups"], edits_on(chosen, settings["edits"]))
    return Result({"names": list(before.heads)}, stored(before, "before_") | stored(after, "after_"))


def silence_on_like(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """Whether the other task needs the chosen heads: their outputs at END knocked out there, beside other heads."""
    loaded, chosen = model(), chosen_set(inputs["tried"][0])
    prompts = prompts_from(inputs["prompts"][0])
    variants = with_random(loaded, [(SET, tuple(chosen))], settings)
    return measured({**settings, "slice": [0, len(prompts)]}, inputs, loaded, variants)


def chosen_set(tried: Result) -> Sequence[str]:
    """The heads of the set that was chosen."""
    return tried.meta["sets"][tried.meta["chosen"]]


FIND_BY_BEHAVIOR = Stage("repair-find-behavior", 1, find_by_behavior, title="find heads")
FIND_BY_EFFECT = Stage("repair-find-effect", 1, find_by_effect, title="find heads")
TRY_SETS = Stage("repair-try", 1, try_sets, title="choose heads")
JUDGE = Stage("repair-judge", 1, judge, title="judge")
IMPORTANCE = Stage("repair-importance", 1, measure_importance, title="importance of heads")
OBSERVE = Stage("repair-observe", 1, observe_edited, title="what later heads do")
SILENCE = Stage("repair-silence", 1, silence_on_like, title="heads on the other task")
