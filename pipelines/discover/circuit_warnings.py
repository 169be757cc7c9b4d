"""What is wrong with a circuit that was found, said where it is printed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from circuits.numbers import count_text
from graphs.flaws import MOST_OF_THE_MODEL, may_fall_short
from pipelines.discover.settings import RANKINGS
from pipelines.discover.sizes_tried import all_searches, taken_searches


def of_circuit(summary: Mapping[str, Any], *, tolerance: float, searching: str | None) -> list[str]:
    """Warnings about a circuit that is unfaithful, too large to be one, or fitted to the prompts that chose it.

    tolerance  how far below 1 a faithful circuit may be, and how far beyond 1 it may go
    searching  the command that searches the smallest faithful circuit, where a size was given
    """
    share, fitted, circuit = summary["faithfulness"], summary["faithfulness_on_choosing"], summary["circuit"]
    if share is None or fitted is None:
        return []
    warnings = []
    if share < 1 - tolerance:
        warnings.append(_unfaithful(summary, 1 - tolerance, searching))
    elif share > 1 + tolerance:
        warnings.append(
            f"the circuit goes beyond the model: its faithfulness of {share:z.2f} says that edges are missing that "
            f"work against the behavior. {_against_beyond(summary, tolerance)}"
        )
    if circuit["n_edges"] > MOST_OF_THE_MODEL * circuit["of_edges"]:
        warnings.append(
            f"the circuit holds {circuit['n_edges'] / circuit['of_edges']:.0%} of the model's edges: it is most of the "
            "model, and explains little. Ask for fewer edges, or rank with another method or ablation."
        )
    return warnings + ([] if "minimal" in summary else _of_searches(summary["choice"]))


def _is_held_out(summary: Mapping[str, Any]) -> bool:
    """Whether other prompts judge the circuit than those that chose it."""
    return summary["judged_on"] == "held-out"


def _against_beyond(summary: Mapping[str, Any], tolerance: float) -> str:
    """What may be done about a circuit that goes beyond the model: edges that work against it come by magnitude."""
    choice, n_edges = summary["choice"], summary["circuit"]["n_edges"]
    if choice["ranking"] == "absolute":
        return f"Ask for more than its {count_text(n_edges, 'edge')} (--edges)."
    entries = {entry["ranking"]: entry for entry in choice["choices"]}
    other = entries.get("absolute")
    if other is None or other["faithfulness"] is None:
        return "Rank by magnitude (--ranking absolute)."
    share, n = other["faithfulness"], other["n_edges"]
    keeps = f"{_edges(n)} by magnitude keep{'' if n > 1 else 's'} {share:z.2f} on the prompts that choose"
    if abs(1 - share) <= tolerance:
        return f"{keeps}: take them (--ranking absolute)."
    if not other["searches"]:
        return f"{keeps}. --ranking absolute without a size searches for one that is faithful."
    search = other["searches"][-1]
    if search["size"] is not None:
        return f"{keeps}: ask for more than {n:,} of them (--ranking absolute --edges)."
    largest = max(size for size, _ in search["tried"])
    # A search stops below the size that another ranking has found: only fewer edges would be better.
    if largest == entries[choice["ranking"]]["n_edges"] - 1:
        return (
            f"{keeps}, and no size that was tried does better. None beyond {largest:,} was tried: --ranking absolute "
            "searches those too."
        )
    return f"{keeps}, and no size that was tried does better: rank with another method."


def _edges(n: int) -> str:
    return f"{n:,} edge" if n == 1 else f"{n:,} edges"


def _unfaithful(summary: Mapping[str, Any], bound: float, searching: str | None) -> str:
    share, fitted = summary["faithfulness"], summary["faithfulness_on_choosing"]
    interval, n_choosing = summary["faithfulness_interval"], summary["n_choosing"]
    judging = "the prompts that judge it" if _is_held_out(summary) else "the prompts that also chose it"
    if interval is not None and may_fall_short(fitted, interval[1], bound):
        # The smallest circuit that reaches the bound on some prompts is just below it on others about half of the time.
        low, high = interval
        room = "a smaller --tolerance" if "minimal" in summary else "more edges or a smaller --tolerance"
        return (
            f"the circuit may fall short of the {bound:z.2f} asked for: {share:z.3f} [{low:z.3f}, {high:z.3f}] on "
            f"{judging}, {fitted:z.3f} on the {n_choosing} that chose it. For some room, ask for {room}."
        )
    instead = "bound it more closely (a smaller --tolerance)" if "minimal" in summary else "ask for more edges"
    ends = "" if interval is None else f" [{interval[0]:z.2f}, {interval[1]:z.2f}]"
    said = f"the circuit is not faithful: {share:z.2f}{ends} on {judging}, below {bound:z.2f}."
    if fitted >= bound:
        more = "a longer file, or more of it" if "prompt_file" in summary else "--prompts"
        return (
            f"{said} It reaches {fitted:z.2f} on the {n_choosing} prompts that chose it, to which it is "
            f"fitted: choose on more prompts ({more}), or {instead}."
        )
    return f"{said} {_what_would_do(summary, bound, searching)}"


def _what_would_do(summary: Mapping[str, Any], bound: float, searching: str | None) -> str:
    """The selection that reaches the bound, where that is stored; else the command that finds it, or why none does."""
    choice = summary["choice"]
    if (edges := choice["would_do"]) is not None:
        where = "On the prompts that choose, " if _is_held_out(summary) else "There "
        return f"{where}{edges:,} edges would do (--edges {edges})."
    if "curve" in summary and (found := _on_curve(summary["curve"], bound)) is not None:
        size, ranking, share = found
        return (
            f"On the curve, the {size:,} strongest edges {RANKINGS[ranking]} keep {share:z.2f} (--edges {size} "
            f"--selection top-edges --ranking {ranking})."
        )
    if searching is not None:
        return f"The smallest faithful circuit: {searching}"
    tried = [(share, size, entry["of"]) for size, share, entry in _all_tried(choice)]
    if tried:
        share, size, of = max(tried)
        of_choosing = " on the prompts that choose" if _is_held_out(summary) else ""
        return (
            f"No size that was tried reaches it (the best, {size:,} {of}, keeps {share:z.2f}{of_choosing}): "
            "rank with another method, or allow more deviation (--tolerance)."
        )
    return "Ask for more edges, or rank with another method."


def _on_curve(curve: Mapping[str, Any], bound: float) -> tuple[int, str, float] | None:
    """The smallest circuit of the curve that keeps as much: its size, its ranking, and what it keeps."""
    points = [
        (size, ranking, share)
        for ranking in RANKINGS
        for size, share in zip(curve["sizes"], curve[f"faithfulness_{ranking}"], strict=True)
    ]
    return min((point for point in points if point[2] >= bound), default=None)


def _all_tried(choice: Mapping[str, Any]) -> Iterator[tuple[int, float, Mapping[str, Any]]]:
    """Size, faithfulness and search, of all sizes that were tried."""
    for _, search in all_searches(choice):
        for size, share in search["tried"]:
            yield size, share, search


def not_monotone(falls: Sequence[Mapping[str, Any]], tried: Mapping[int, float], *, of: str, where: str) -> str | None:
    """That circuits become less faithful as they grow, with the deepest fall; None where there is none.

    falls  those of a curve (`circuits.evaluation.monotone`), as JSON
    tried  size -> faithfulness, of the curve
    of     what sizes count: edges or components
    where  which curve it is
    """
    if not falls:
        return None
    deepest = min(falls, key=lambda fall: fall["change"])
    small, large = deepest["smaller"], deepest["larger"]
    low, high = deepest["interval"]
    keeps = f"{small:,} {of} keep" if small != 1 else f"1 {of.removesuffix('s')} keeps"
    return (
        f"faithfulness is not monotone {where}: {keeps} {tried[small]:z.3f}, and {large:,} keep {tried[large]:z.3f}: "
        f"{deepest['change']:+z.3f} [{low:+z.3f}, {high:+z.3f}] prompt by prompt. A larger circuit need not be more "
        "faithful: see sizes.svg."
    )


def _of_searches(choice: Mapping[str, Any]) -> list[str]:
    """Where the curve over the sizes that were tried is not monotone, of the ranking that was taken."""
    said = (
        not_monotone(search["falls"], dict(search["tried"]), of=search["of"], where="over the sizes that were tried")
        for search in taken_searches(choice)
    )
    return [text for text in said if text is not None]
