"""What is wrong with a circuit that was found, said where it is printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphs.flaws import MOST_OF_THE_MODEL, may_fall_short


def of_circuit(summary: Mapping[str, Any], *, tolerance: float) -> list[str]:
    """Warnings about a circuit that is unfaithful, too large to be one, or fitted to the prompts that chose it.

    tolerance  how far below 1 a faithful circuit may be, and how far beyond 1 it may go
    """
    share, fitted, circuit = summary["faithfulness"], summary["faithfulness_on_choosing"], summary["circuit"]
    if share is None or fitted is None:
        return []
    warnings = []
    if share < 1 - tolerance:
        warnings.append(_unfaithful(summary, 1 - tolerance))
    elif share > 1 + tolerance:
        warnings.append(
            f"the circuit goes beyond the model: its faithfulness of {share:.2f} says that edges are missing that work "
            "against the behavior. Rank by magnitude (--ranking absolute), or ask for more edges."
        )
    if circuit["n_edges"] > MOST_OF_THE_MODEL * circuit["of_edges"]:
        warnings.append(
            f"the circuit holds {circuit['n_edges'] / circuit['of_edges']:.0%} of the model's edges: it is most of the "
            "model, and explains little. Ask for fewer edges, or rank with another method or ablation."
        )
    return warnings + ([] if "minimal" in summary else _of_searches(summary["choice"]))


def _unfaithful(summary: Mapping[str, Any], bound: float) -> str:
    share, fitted, choice = summary["faithfulness"], summary["faithfulness_on_choosing"], summary["choice"]
    interval, n_choosing = summary["faithfulness_interval"], summary["n_choosing"]
    if interval is not None and may_fall_short(fitted, interval[1], bound):
        # The smallest circuit that reaches the bound on some prompts is just below it on others about half of the time.
        low, high = interval
        room = "a smaller --tolerance" if "minimal" in summary else "more edges or a smaller --tolerance"
        return (
            f"the circuit may fall short of the {bound:z.2f} asked for: {share:z.3f} [{low:z.3f}, {high:z.3f}] on the "
            f"prompts that judge it, {fitted:z.3f} on the {n_choosing} that chose it. For some room, ask for {room}."
        )
    instead = "bound it more closely (a smaller --tolerance)" if "minimal" in summary else "ask for more edges"
    said = f"the circuit is not faithful: {share:z.2f} on the prompts that judge it, below {bound:z.2f}."
    if fitted >= bound:
        return (
            f"{said} It reaches {fitted:z.2f} on the {n_choosing} prompts that chose it, to which it is "
            f"fitted: choose on more prompts (--prompts), or {instead}."
        )
    if (edges := choice["would_do"]) is not None:
        return f"{said} On the prompts that choose, {edges:,} edges would do (--edges {edges})."
    if any(entry["searches"] for entry in choice["choices"]):
        return (
            f"{said} No size that was tried reaches it: rank with another method, or allow more deviation "
            "(--tolerance)."
        )
    return f"{said} Ask for more edges, or rank with another method."


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
    (best,) = (entry for entry in choice["choices"] if entry["ranking"] == choice["ranking"])
    said = (
        not_monotone(search["falls"], dict(search["tried"]), of=search["of"], where="over the sizes that were tried")
        for search in best["searches"]
    )
    return [text for text in said if text is not None]
