"""What is wrong with a circuit that was found, said where it is printed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_MOST_OF_THE_MODEL = 0.5


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
    if circuit["n_edges"] > _MOST_OF_THE_MODEL * circuit["of_edges"]:
        warnings.append(
            f"the circuit holds {circuit['n_edges'] / circuit['of_edges']:.0%} of the model's edges: it is most of the "
            "model, and explains little. Ask for fewer edges, or rank with another method or ablation."
        )
    if "minimal" not in summary and (lost := _lost_again(summary["choice"])):
        warnings.append(lost)
    return warnings


def _unfaithful(summary: Mapping[str, Any], bound: float) -> str:
    share, fitted, choice = summary["faithfulness"], summary["faithfulness_on_choosing"], summary["choice"]
    instead = "bound it more closely (a smaller --tolerance)" if "minimal" in summary else "ask for more edges"
    said = f"the circuit is not faithful: {share:.2f} on the prompts that judge it, below {bound:.2f}."
    if fitted >= bound:
        return (
            f"{said} It reaches {fitted:.2f} on the {summary['n_choosing']} prompts that chose it, to which it is "
            f"fitted: choose on more prompts (--prompts), or {instead}."
        )
    if (edges := choice["would_do"]) is not None:
        return f"{said} On the prompts that choose, {edges:,} edges would do (--edges {edges})."
    if any(entry["searches"] for entry in choice["choices"]):
        return f"{said} No size that was tried does: rank with another method, or allow more deviation (--tolerance)."
    return f"{said} Ask for more edges, or rank with another method."


def _lost_again(choice: Mapping[str, Any]) -> str | None:
    """That larger circuits than the one found are not faithful, where they were tried."""
    (best,) = (entry for entry in choice["choices"] if entry["ranking"] == choice["ranking"])
    for search in best["searches"]:
        if search["lost_again"]:
            tried = dict(search["tried"])
            shown = ", ".join(f"{size:,} {search['of']}: {tried[size]:.2f}" for size in search["lost_again"])
            return f"faithfulness does not grow with size: larger circuits lose it again ({shown})."
    return None
