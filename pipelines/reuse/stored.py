"""What a report reads of a stored comparison and of a stored repair, checked part by part before anything is drawn."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import combinations, product
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from circuits.files import read_bytes
from circuits.strict_json import parse_strictly
from circuits.type_faults import fault_text
from pipelines.compare.report import StoredComparison
from pipelines.engine.result_file import DamagedError, require_known_version
from pipelines.engine.seal import require_sealed
from pipelines.reporting.report import Format
from pipelines.reuse.shapes import Comparison, Repair

# As in `pipelines.intervene.repair.report`, which loads torch.
REPAIR_FORMAT = Format("circuit-workbench-repair", 1)
Shape = TypeVar("Shape", Comparison, Repair)


def read_comparison(path: Path, *, again: str) -> Mapping[str, Any]:
    """The summary of a comparison.

    again  the command that makes it anew
    Raises a ValueError that names the file, and what in it is missing or of another shape.
    """
    found, shaped = _read(path, StoredComparison.format, Comparison, "comparison", again)
    if wrong := _incomplete(shaped):
        raise ValueError(f"{path} is damaged: {wrong}. Make it anew: {again}")
    return found


def read_repair(path: Path, *, again: str) -> Mapping[str, Any]:
    """The summary of a repair, likewise."""
    found, shaped = _read(path, REPAIR_FORMAT, Repair, "repair", again)
    if not _is_whole(shaped):
        wrong = "rows does not hold the plain model, then edited heads beside others, of which one set was chosen"
        raise ValueError(f"{path} is damaged: {wrong}. Make it anew: {again}")
    return found


def _is_whole(found: Repair) -> bool:
    rows = found.rows
    edited = all(row.heads and row.random is not None and row.random.is_whole for row in rows[1:])
    return bool(rows) and not rows[0].heads and edited and sum(row.is_chosen for row in rows) == 1


def _read(path: Path, of: Format, shape: type[Shape], kind: str, again: str) -> tuple[dict[str, Any], Shape]:
    """A stored summary, as it is and by its shape."""
    try:
        content = read_bytes(path)
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror or error}. Make it: {again}") from None
    try:
        found = parse_strictly(content)
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}. Make it anew: {again}") from None
    try:
        require_known_version(found if isinstance(found, dict) else {}, of.name, of.version, where=str(path))
    except DamagedError as error:
        raise ValueError(f"{error} A {kind} of this version is needed. Make it: {again}") from None
    if found["version"] < of.version:
        raise ValueError(
            f"{path} is of version {found['version']}, and a report reads {kind}s of version {of.version}. Make it "
            f"anew, which computes nothing new: {again}"
        )
    try:
        # From JSON, where lists may stand for tuples and nothing else is converted.
        shaped = shape.model_validate_json(json.dumps(found))
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise ValueError(f"{path} is damaged: {where}: {fault_text(fault)}. Make it anew: {again}") from None
    require_sealed(path, content, again=again)
    return found, shaped


def _incomplete(found: Comparison) -> str | None:
    """What a comparison of these runs lacks; None where it is whole."""
    names, transfer = list(found.runs), found.transfer
    if len(names) < 2:
        return f"runs holds {len(names)}, and two or more are compared"
    pairs = list(combinations(names, 2))
    if not _holds(((row.a, row.b) for row in found.overlaps), pairs):
        return "overlaps does not hold every pair of runs once"
    if wrong := [name for name, rows in found.matrices.items() if {len(rows), *map(len, rows)} != {len(names)}]:
        return f"matrices.{wrong[0]} is not square in the {len(names)} runs"
    needed = ["edges_iou"] if transfer is None else ["edges_iou", "retention"]
    if missing := [name for name in needed if name not in found.matrices]:
        return f"matrices.{missing[0]} is missing"
    if not all(_holds(diff.n_only_in, names) for diff in (found.diff.nodes, found.diff.edges)):
        return "diff does not hold every run once"
    if (transfer is None) == (found.no_transfer is None):
        return "transfer and no_transfer contradict each other"
    if transfer is None:
        return None
    if not _holds(((row.circuit, row.task) for row in transfer.matrix), product(names, repeat=2)):
        return "transfer.matrix does not hold every circuit on every task once"
    if not _holds(((row.a, row.b) for row in transfer.pairs), pairs):
        return "transfer.pairs does not hold every pair of runs once"
    if not _holds(transfer.n_prompts, names):
        return "transfer.n_prompts does not hold every task once"
    for row in transfer.pairs:
        sets = row.sets
        if not all(_holds(made.on, (row.a, row.b)) for made in (sets.shared, sets.only_a, sets.only_b, sets.union)):
            return f"transfer.pairs does not hold what each set of {row.a} and {row.b} keeps of both"
    if not all(_holds(core.on, names) for core in transfer.cores):
        return "transfer.cores does not hold what each core keeps of every task"
    return None


def _holds(found: Iterable[Any], expected: Iterable[Any]) -> bool:
    """Whether all that is expected is there once, in any order."""
    return sorted(found) == sorted(expected)
