"""What the stored results of the transfer between tasks say, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from circuits.evaluation.faithfulness import Faithfulness
from circuits.evaluation.transfer import DRAWN, EMPTY, Member, OnTask, asymmetry
from circuits.intervals import Estimate
from pipelines.compare.plan import TransferJobs
from pipelines.compare.stages import members_from
from pipelines.compare.verdict import RULES, at_least_half, too_large, verdict
from pipelines.runs.codec import baseline_from

Row = dict[str, Any]
# What the circuits made of two are called, a and b being the pair.
_OF_PAIR = {
    "union": "union",
    "shared": "shared part",
    "only_a": "only in A",
    "only_b": "only in B",
    "without_shared": "whole model without the shared part",
    "without_heads": "whole model without shared edges at heads",
    "without_matched": "whole model without as much on other heads",
}


def transfer_rows(jobs: TransferJobs, names: Sequence[str], overlaps: dict[tuple[int, int], float | None]) -> Row:
    """Every number of the transfer between the runs.

    names     what the runs are called
    overlaps  pair of runs -> probability of sharing as much by chance, corrected for all pairs; None where that cannot
              be told

    `matrix` has a row per circuit and task, `pairs` one per pair of runs, `cores` one per number of runs that an edge
    is at least in. 95 % t intervals over prompts, None where unbounded.
    """
    on_tasks, sizes, level = _read(jobs)
    pairs = [_pair_row((a, b), on_tasks, sizes, names, overlaps[a, b]) for a, b in combinations(range(len(names)), 2)]
    return {
        "level": level,
        "matrix": [_matrix_row(a, on, sizes[on.target], names) for a in range(len(names)) for on in on_tasks],
        "pairs": pairs,
        "cores": _core_rows(on_tasks, sizes, names),
        "circuit_runs": sum(len(on.values) for on in on_tasks),
        "n_prompts": {names[on.target]: len(on.baseline.clean) for on in on_tasks},
    }


def _read(jobs: TransferJobs) -> tuple[list[OnTask], list[dict[Member, int]], str]:
    """The values on every task, the sizes of the circuits, and what these are made of."""
    on_tasks, sizes, level = [], [], "edges"
    for number, (of_run, of_task) in enumerate(zip(jobs.runs, jobs.on_task, strict=True)):
        results = tuple(jobs.store.read(job.key) for job in of_task)
        level, members = results[0].meta["level"], members_from(results[0])
        values = np.concatenate([result.arrays["values"] for result in results], axis=1)
        correct: dict[Member, Any] = {}
        if "correct" in results[0].arrays:
            is_correct = np.concatenate([result.arrays["correct"] for result in results], axis=1)
            correct = dict(zip((one for one in members if one.sort not in DRAWN), is_correct, strict=True))
        baseline = baseline_from(jobs.store.read(of_run.judged_baseline.key))
        of_all = dict(zip(members, values, strict=True))
        on_tasks.append(OnTask(number, baseline, of_all, correct, _share_of_model(number, members, level)))
        sizes.append(members)
    return on_tasks, sizes, level


def _share_of_model(run: int, members: Mapping[Member, int], level: str) -> float | None:
    """How much of the model's edges a run's circuit holds; None of circuits of components."""
    if level != "edges":
        return None
    # Two circuits of which one is all that the other is not.
    pair = next(member.of for member in members if member.sort == "shared")
    return members[Member("own", (run,))] / (members[Member("shared", pair)] + members[Member("without_shared", pair)])


def _matrix_row(run: int, on: OnTask, sizes: dict[Member, int], names: Sequence[str]) -> Row:
    """A circuit on a task: its faithfulness there, and what it is to be compared with."""
    own, sized = Member("own", (run,)), Member("sized", (run,))
    by_metric, by_accuracy = at_least_half(on.retention(own)), at_least_half(on.accuracy_retention(own))
    row: Row = {
        "circuit": names[run],
        "task": names[on.target],
        "n_edges": sizes[own],
        **_faithfulness(on.faithfulness(own)),
        "own_faithfulness": on.faithfulness(Member("own", (on.target,))).mean,
        "retention": _estimate(on.retention(own)),
        "normalized": _estimate(on.normalized(run)),
        "accuracy": {
            "disagrees": None not in (by_metric, by_accuracy) and by_metric != by_accuracy,
            "circuit": _accuracy(on, own),
            "own": _accuracy(on, Member("own", (on.target,))),
            "model": on.baseline.accuracy,
            "empty": _accuracy(on, Member(*EMPTY)),
            "retention": _estimate(on.accuracy_retention(own)),
        },
    }
    for sort in ("matched", "random"):
        drawn = on.draws(sort, (run,))
        shares = [share for values in drawn if (share := _share(on, values)) is not None]
        row[sort] = {
            "n": len(drawn),
            "mean": float(np.mean(shares)) if shares else None,
            "range": [min(shares), max(shares)] if shares else None,
            "p_value": on.p_value(sort, run),
        }
    if run == on.target:
        row["too_large"] = too_large(on)
    if run == on.target and (half := Member("half", (run,))) in on.values:
        row["half"] = {"n_edges": sizes[half], "retention": _estimate(on.half)}
    if sized in on.values:
        row["sized"] = {"n_edges": sizes[sized], **_faithfulness(on.faithfulness(sized))}
    return row


def larger_than_needed(transfer: Row | None, runs: Mapping[str, str]) -> list[str]:
    """A warning for each circuit that is larger than it must be; that it is most of the model is said of every circuit.

    runs  what runs are called here -> their names
    """
    return [
        f"{runs[row['circuit']]}: the circuit is larger than it must be: {_does_as_well(row)}. That it does another "
        "task, or has parts in common with another circuit, says little. Choose a smaller one (--edges), or let "
        "discover search the size."
        for row in (transfer or {"matrix": ()})["matrix"]
        if row.get("too_large") in ("half", "random")
    ]


def _does_as_well(row: Row) -> str:
    """What does as well as a circuit that is larger than it must be."""
    if row["too_large"] == "random":
        mean = row["random"]["mean"]
        return f"as many random edges have a mean faithfulness of {mean:z.2f}, and it has {row['faithfulness']:z.2f}"
    half = row["half"]
    kept, whole = half["retention"]["value"], "the whole model does" if row["faithfulness"] > 1 else "it keeps"
    return f"{half['n_edges']:,} of its {row['n_edges']:,} edges keep {kept:z.2f} of what {whole}"


def _accuracy(on: OnTask, member: Member) -> Row | None:
    share = on.accuracy(member)
    return None if share is None else {"value": share.value, "interval": share.interval().as_json()}


def _share(on: OnTask, values: Any) -> float | None:
    return float((values.mean() - on.baseline.ablated.mean()) / on.baseline.gap) if on.baseline.has_gap else None


def _pair_row(
    pair: tuple[int, int],
    on_tasks: Sequence[OnTask],
    sizes: Sequence[dict[Member, int]],
    names: Sequence[str],
    overlap_p: float | None,
) -> Row:
    """Two tasks: what circuits made of both do on each, and the verdict."""
    a, b = pair
    sets: dict[str, Row] = {}
    for side, other in ((a, b), (b, a)):
        on = on_tasks[side]
        members = {
            "union": Member("union", (other, side)),
            "shared": Member("shared", (other, side)),
            "only_a": Member("only", (a, b)),
            "only_b": Member("only", (b, a)),
            "without_shared": Member("without_shared", (other, side)),
            "without_heads": Member("without_heads", (other, side)),
        }
        for name, member in members.items():
            if member not in on.values:
                continue
            entry = sets.setdefault(name, {"circuit": _OF_PAIR[name], "n_edges": sizes[side][member], "on": {}})
            entry["on"][names[side]] = _faithfulness(on.faithfulness(member)) | {"accuracy": _accuracy(on, member)}
        drawn = on.draws("without_matched", (other, side))
        if len(drawn):
            first = Member("without_matched", (other, side))
            entry = sets.setdefault(
                "without_matched",
                {"circuit": _OF_PAIR["without_matched"], "n_edges": sizes[side][first], "on": {}},
            )
            mean = on.without_matched(other)
            entry["on"][names[side]] = {
                "faithfulness": mean and mean.value,
                "interval": mean and mean.interval.as_json(),
                "n": len(drawn),
            }
    found = verdict(on_tasks[a], on_tasks[b], (names[a], names[b]), overlap_p)
    return {
        "a": names[a],
        "b": names[b],
        "verdict": found.name,
        "rule": RULES[found.name],
        "because": list(found.because),
        "advice": list(found.advice),
        "reasons": list(found.reasons),
        "asymmetry": _estimate(asymmetry(on_tasks[a], on_tasks[b])),
        "necessity": {names[side]: _estimate(on_tasks[side].necessity(other)) for side, other in ((a, b), (b, a))},
        "sets": sets,
    }


def _core_rows(on_tasks: Sequence[OnTask], sizes: Sequence[dict[Member, int]], names: Sequence[str]) -> list[Row]:
    cores = [member for member in sizes[0] if member.sort == "core"]
    return [
        {
            "in_at_least": core.number,
            "n_edges": sizes[0][core],
            "on": {
                names[on.target]: _faithfulness(on.faithfulness(core))
                | {"retention": _estimate(on.retention(core)), "accuracy": _accuracy(on, core)}
                for on in on_tasks
            },
        }
        for core in cores
    ]


def _faithfulness(measured: Faithfulness) -> Row:
    interval = None if measured.interval is None else measured.interval.as_json()
    return {"faithfulness": measured.mean, "interval": interval}


def _estimate(estimate: Estimate | None) -> Row | None:
    return None if estimate is None else {"value": estimate.value, "interval": estimate.interval.as_json()}
