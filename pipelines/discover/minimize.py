"""What the jobs of `--minimal` compute: rounds of a search for the smallest circuit, and what it found.

The search runs on the prompts that chose the circuit; those that judge it take no part. Each round runs a bounded
number of circuits and keeps what they gave; the next one repeats the search with these, which costs no run, and goes
on. So a crash loses one round at most. A round after the end of the search has nothing to do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np

from circuits.arrays import Bools, Floats
from circuits.evaluation.bounds import BOUNDS, NoMinimalCircuitError
from circuits.evaluation.counted_runs import CountedRuns, KeptRuns, PausedError
from circuits.evaluation.criteria import CircuitRunner
from circuits.evaluation.minimal_search import MinimalSearch, Minimum, search_minimum
from circuits.evaluation.sizes import PASSES_PER_RUN
from circuits.metrics import METRICS
from circuits.model.steps import whole
from graphs.circuit_graph import MINIMAL
from graphs.selection import Selected
from pipelines.discover.choose import kept_of
from pipelines.discover.told_runs import ToldRuns
from pipelines.engine.result_file import Result
from pipelines.engine.stage import Inputs, LoadModel, Stage
from pipelines.runs.codec import baseline_from, prompts_from, scores_from
from pipelines.runs.stage_inputs import ablation_of

RUNS_PER_ROUND = 250
# The search begins with all edges of a model that has no more than these: weak scores then hide nothing.
FEW_EDGES = 2000
ALL_EDGES = "all edges"
_NO_RUNS = KeptRuns(np.zeros((0, 16), dtype=np.uint8), np.zeros((0, 0)))


def search_round(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """Circuits that one round of the search runs: their digests and values, and whether the search has ended."""
    kept, has_ended = _kept(inputs["rounds"])
    if has_ended:
        return Result({"has_ended": True}, _NO_RUNS._asdict())
    prompts, ablation = prompts_from(inputs["prompts"][0]), ablation_of(settings, inputs, model)
    runner = CircuitRunner(model(), prompts, METRICS[settings["metric"]], ablation)
    n_left = expected_runs(settings, int(np.count_nonzero(inputs["choose"][0].arrays["mask"]))) - len(kept.digests)
    n_allowed = sum(settings["runs"]) - len(kept.digests)
    n_expected = min(RUNS_PER_ROUND, n_allowed, max(n_left, RUNS_PER_ROUND // 2))
    told = ToldRuns(runner.values, weigh=lambda circuits: PASSES_PER_RUN * len(circuits), first=runner.recording)
    told.expect(PASSES_PER_RUN * n_expected)
    runs = _runs(inputs, told.values, kept, n_now=RUNS_PER_ROUND)
    try:
        with whole():
            _minimum(settings, inputs, runs)
    except PausedError:
        return Result({"has_ended": False}, runs.new._asdict())
    return Result({"has_ended": True}, runs.new._asdict())


def minimize(settings: Mapping[str, Any], inputs: Inputs, model: LoadModel) -> Result:
    """The smallest circuit in the form of a `choose` result, with its certificate, from the rounds."""
    runs = _runs(inputs, _run_nothing, _kept(inputs["rounds"])[0])
    found = _minimum(settings, inputs, runs)
    certificate, numbers = found.certificate, np.flatnonzero(found.circuit)
    names = ("n_start", "n_forbidden", "n_given_up", "n_runs", "n_other_runs")
    facts = {name: getattr(found, name) for name in names}
    facts |= {
        "certified": certificate.holds,
        "n_others": len(found.others),
        "began_with": _began_with(settings, inputs),
    }
    of_chosen = {name: value for name, value in inputs["choose"][0].meta["selection"].items() if name == "position"}
    selection = {"name": MINIMAL, **settings["bound"], **facts, **of_chosen}
    selected = Selected(runs.wiring, numbers, None, selection, MINIMAL, len(numbers), {})
    others = np.array([np.flatnonzero(other) for other in found.others], dtype=np.int64)
    columns = {name: getattr(certificate, name) for name in ("distances", "changes", "n_gone", "is_tried")}
    return Result(
        {
            "selected": kept_of(selected),
            "would_do": None,
            "at_most": settings["runs"],
            "distance": certificate.distance,
            "unit": certificate.bound.unit(runs.baseline),
        },
        {
            "mask": found.circuit,
            "values": runs.values(found.circuit[None])[0],
            "others": others.reshape(len(found.others), len(numbers)),
            **columns,
        },
    )


def expected_runs(settings: Mapping[str, Any], n_chosen: int) -> int:
    """About how many circuits a search runs that begins with a circuit of so many edges: dropping what can go and
    trying the rest takes about as many as there are edges, and looking for others most of what it may."""
    n_find, n_others = settings["runs"]
    return int(min(n_chosen, n_find) + 0.8 * n_others)


def begins_with_all(settings: Mapping[str, Any], n_edges: int) -> bool:
    """Whether a search with the settings of its job begins with all of a model's edges, else with those chosen."""
    return settings["begins_with_all"] and n_edges <= FEW_EDGES


def _began_with(settings: Mapping[str, Any], inputs: Inputs) -> str:
    """The rule that chose the edges with which the search began; `ALL_EDGES` where none did."""
    chosen = inputs["choose"][0]
    is_all = begins_with_all(settings, len(chosen.arrays["mask"]))
    return ALL_EDGES if is_all else str(chosen.meta["selection"]["name"])


def _minimum(settings: Mapping[str, Any], inputs: Inputs, runs: CountedRuns) -> Minimum:
    """The search of all rounds, each of which has the runs of those before; weakest edges go first."""
    chosen, bound = inputs["choose"][0], settings["bound"]
    mask = chosen.arrays["mask"]
    starts = (np.ones_like(mask), mask) if begins_with_all(settings, len(mask)) else (mask,)
    scores = scores_from(inputs["edges"], prompts_from(inputs["prompts"][0]))
    order = scores.ranking(absolute=chosen.meta["ranking"] == "absolute")[::-1]
    search = MinimalSearch(BOUNDS[bound["rule"]](bound["tolerance"]), *settings["runs"])
    try:
        return search_minimum(runs, starts, order, search)
    except NoMinimalCircuitError as error:
        if (n_edges := chosen.meta["would_do"]) is None:
            raise
        raise NoMinimalCircuitError(f"{error} Of larger ones, {n_edges:,} edges would do (edges={n_edges}).") from None


def _runs(inputs: Inputs, run: Callable[[Bools], Floats], kept: KeptRuns, *, n_now: int | None = None) -> CountedRuns:
    wiring = scores_from(inputs["edges"], prompts_from(inputs["prompts"][0])).wiring
    return CountedRuns(wiring, run, baseline_from(inputs["baseline"][0]), kept=kept, n_now=n_now)


def _kept(rounds: Sequence[Result]) -> tuple[KeptRuns, bool]:
    """The runs of all rounds so far, and whether the search has ended."""
    ran = [KeptRuns(*(result.arrays[name] for name in KeptRuns._fields)) for result in rounds]
    ran = [entry for entry in ran if len(entry.digests)] or [_NO_RUNS]
    return KeptRuns(*map(np.concatenate, zip(*ran, strict=True))), any(result.meta["has_ended"] for result in rounds)


def _run_nothing(circuits: Bools) -> NoReturn:
    raise RuntimeError(f"{len(circuits)} circuits of the search were not run by its rounds.")


MINIMIZE_ROUND = Stage("minimize-round", 1, search_round, title="minimize, round")
MINIMIZE = Stage("minimize", 1, minimize)
