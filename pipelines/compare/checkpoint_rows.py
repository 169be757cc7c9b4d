"""What patching one checkpoint into another says, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from circuits.evaluation.checkpoints import Patched
from circuits.intervals import t_interval
from pipelines.compare.checkpoints import no_patching, pairs_across
from pipelines.compare.plan import TransferJobs
from pipelines.engine.result_file import Result
from pipelines.runs.run import Run

Row = dict[str, Any]


def checkpoint_rows(runs: Sequence[Run], jobs: TransferJobs, labels: Sequence[str]) -> list[Row]:
    """A row per ordered pair of runs of one task in different models.

    `recovered` is the share of the difference between both models that a component's, or a group's, outputs recover;
    there is none where `reason` says why. `drawn` are groups as large as `its circuit`: components at random, and the
    circuit on other heads where it does not fill the layers it uses.
    """
    rows = []
    for into, source in pairs_across(runs):
        row: Row = {"task": runs[into].circuit.label, "into": labels[into], "from": labels[source]}
        row |= {"reason": no_patching(runs[into]), "components": [], "groups": [], "drawn": {}}
        if row["reason"] is None:
            row |= _row(
                tuple(jobs.store.read(job.key) for job in jobs.across[into, source]), (runs[into], runs[source])
            )
        rows.append(row)
    return rows


def _row(results: Sequence[Result], of: tuple[Run, Run]) -> Row:
    if (reason := results[0].meta.get("reason")) is not None:
        return {"reason": reason}
    patched = Patched(*(np.concatenate([each.arrays[name] for each in results], axis=-1) for name in _ARRAYS))
    meta = results[0].meta
    names, n_parts = meta["groups"], meta["n_components"]
    row: Row = {
        "n_prompts": len(patched.into),
        "metric": {
            name: {"value": float(values.mean()), "interval": t_interval(values).item().as_json()}
            for name, values in (("into", patched.into), ("from", patched.donor))
        },
        "gap": {"value": patched.gap.value, "interval": patched.gap.interval.as_json()},
    }
    try:
        patched.require_gap()
    except ValueError as error:
        return row | {"reason": str(error)}
    shares = [patched.recovered(number) for number in range(len(patched.values))]
    measured = [{"recovered": share.value, "interval": share.interval.as_json()} for share in shares[: len(names)]]
    held = [{node.name for node in run.circuit.nodes} for run in of]
    drawn, first = {}, len(names)
    for sort, n in meta["drawn"].items():
        values = [share.value for share in shares[first : first + n]]
        first += n
        if n:
            drawn[sort] = {"n": n, "mean": float(np.mean(values)), "range": [min(values), max(values)]}
    return row | {
        "components": [
            {"component": name, "in_its_circuit": name in held[0], "in_the_other": name in held[1], **numbers}
            for name, numbers in zip(names[:n_parts], measured[:n_parts], strict=True)
        ],
        "groups": [
            {"group": name, "n_components": size, **numbers}
            for name, size, numbers in list(zip(names, meta["sizes"], measured, strict=True))[n_parts:]
        ],
        "drawn": drawn,
    }


_ARRAYS = ("into", "donor", "values")


def component_rows(rows: Sequence[Mapping[str, Any]]) -> list[Row]:
    """A line for every component and group of every pair, for CSV."""
    return [
        {
            "task": row["task"],
            "into": row["into"],
            "from": row["from"],
            "patched": entry.get("component", entry.get("group")),
            "n_components": entry.get("n_components", 1),
            "recovered": entry["recovered"],
            **dict(zip(("low", "high"), entry["interval"] or (None, None), strict=True)),
        }
        for row in rows
        for entry in (*row["components"], *row["groups"])
    ]
