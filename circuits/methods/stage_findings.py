"""What a staged search says beside its scores: the heads of every stage, how it went, and how many heads that makes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from circuits.components import Wiring
from circuits.effects.receivers import heads_of
from circuits.methods.path_search import Found, Keep, Measured, noise_of
from circuits.methods.stages import Findings

Row = dict[str, Any]


def rows_of(found: Sequence[Found], keep: Keep, wiring: Wiring) -> Row:
    """What every stage found, as plain values: `stages`, a row each, and how many heads that makes.

    too_few    a sentence, where the share that each stage keeps is one head; else None
    per_stage  the sum over stages: a head that two stages keep counts twice
    union      heads that any stage keeps
    """
    heads = [str(part) for part in heads_of(wiring)]
    kept = [entry.kept for entry in found]
    return {
        "kept_by": _rule(keep, len(heads)),
        "too_few": _too_few(found, keep, len(heads)),
        "stages": [_row(entry, heads) for entry in found],
        "per_stage": sum(map(len, kept)),
        "union": [heads[number] for number in sorted({number for numbers in kept for number in numbers})],
    }


def findings_of(rows: Row) -> Findings:
    """The summary's entry `path_stages`, a line of the table per stage, and warnings; from `rows_of`."""
    facts = [(f"stage {row['finds']}", _line(row)) for row in rows["stages"]]
    counts = f"{len(rows['union'])} in the union of the stages, {rows['per_stage']} over all stages ({rows['kept_by']})"
    warnings = [*([] if rows["too_few"] is None else [rows["too_few"]]), *_warnings(rows["stages"])]
    return Findings({"path_stages": rows}, [*facts, ("heads kept", counts)], warnings)


def _rule(keep: Keep, n_heads: int) -> str:
    if keep.by == "noise":
        by_chance = math.erfc(keep.noise / math.sqrt(2))
        return (
            f"above {keep.noise:g} times their noise, as up to {by_chance:.1%} of heads without an effect are by "
            f"chance, and {keep.least:g} of the strongest first effect"
        )
    n = keep.count(n_heads, keep.top)
    shown = f"{keep.top:.3g} of {n_heads} heads" if keep.top < 1 else f"of {n_heads} heads"
    return f"top {n} per stage, {shown}"


def _too_few(found: Sequence[Found], keep: Keep, n_heads: int) -> str | None:
    """That a share of a small model's heads is one head, where stages have no count of their own."""
    is_share = keep.by == "top" and keep.top < 1 and any(entry.stage.top is None for entry in found)
    if not is_share or keep.count(n_heads, keep.top) > 1:
        return None
    return (
        f"each stage keeps one head, the strongest: a share of {keep.top:.0%} is meant for models of hundreds of "
        f"heads, and this one has {n_heads}. Ask for more (--set top=3), or for all above their noise "
        "(--set keep=noise)."
    )


def _row(entry: Found, heads: Sequence[str]) -> Row:
    went = entry.measured
    means, noise = went.scores.mean(axis=0, dtype=np.float64), noise_of(went.scores)
    return {
        "finds": entry.stage.finds,
        "asked": list(entry.stage.into),
        "at": went.at,
        "through": entry.through,
        "receivers": list(went.receivers),
        "n_measured": int(went.measured.sum()),
        "n_above_noise": int(entry.above.sum()),
        "heads": [
            {
                "head": heads[number],
                "score": float(means[number]),
                "noise": float(noise[number]),
                "above_noise": bool(entry.above[number]),
            }
            for number in entry.kept
        ],
        "tried": [*_tried(entry, heads)],
    }


def _tried(entry: Found, heads: Sequence[str]) -> Iterator[Row]:
    """The strongest effect on each input where those that were asked for had none."""
    if not entry.others:
        return
    measured: Mapping[str, Measured] = {"asked": entry.asked, **entry.others}
    for name, one in measured.items():
        means = one.scores.mean(axis=0, dtype=np.float64)
        best = int(np.abs(means).argmax())
        yield {
            "input": name,
            "at": one.at,
            "strongest": heads[best],
            "score": float(means[best]),
            "noise": float(noise_of(one.scores)[best]),
        }


def _line(row: Row) -> str:
    """A stage for people: its paths, and the heads it kept."""
    into = ", ".join(row["asked"]) if row["through"] is None else _instead(row)
    if not row["receivers"]:
        return f"into {into}: not measured, no heads were found to read from"
    if not row["n_measured"]:
        return f"into {into} at {row['at']}: no head runs before the receivers"
    shown = ", ".join(f"{entry['head']} ({entry['score']:+z.3f})" for entry in row["heads"]) or "none"
    return f"into {into} at {row['at']}: {shown}"


def _instead(row: Row) -> str:
    """The inputs by which the search went, such as `movers.v in place of movers.q`."""
    went = ", ".join(dict.fromkeys(f"{name.rpartition('.')[0]}.{row['through']}" for name in row["asked"]))
    return f"{went} in place of {', '.join(row['asked'])}"


def _warnings(stages: Sequence[Row]) -> Iterator[str]:
    for row in stages:
        name, asked = row["finds"], ", ".join(row["asked"])
        if row["through"] is not None:
            yield (
                f"stage {name}: no head's effect on {asked} exceeds its noise ({_strongest(row)}), so the search went "
                f"by {_instead(row)}. What it found is called {name} for its place in the search, not for what it does."
            )
        elif not row["heads"] and row["n_measured"]:
            tried = f" ({_strongest(row)})" if row["tried"] else ""
            yield f"stage {name}: no head's effect on {asked} or another input exceeds its noise{tried}: it found none."
        elif row["heads"] and (n_within := sum(not entry["above_noise"] for entry in row["heads"])):
            n = len(row["heads"])
            yield f"stage {name}: of the {n} heads kept, the effects of {n_within} are within their noise."


def _strongest(row: Row) -> str:
    shown = (
        f"{', '.join(row['asked']) if entry['input'] == 'asked' else entry['input']} at {entry['at']}: "
        f"{entry['score']:+z.2g}, noise {entry['noise']:.2g}"
        for entry in row["tried"]
    )
    return f"strongest into {'; '.join(shown)}"
