"""A circuit that grows and explains less: said where it is printed and kept, and drawn."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

LOOKS_AT_FIGURES = True

Command = Callable[..., Any]


def variants(tiny: Any, record: int) -> str:
    """A file of pairs that differ in their first token alone, on which every circuit does much the same."""
    pair = json.loads(tiny.prompts.read_text().splitlines()[record])
    lines = []
    for token in range(8):
        clean, corrupt = ([token, *pair[side][1:]] for side in ("clean_ids", "corrupt_ids"))
        lines.append(json.dumps(pair | {"clean_ids": clean, "corrupt_ids": corrupt}))
    Path("variants.jsonl").write_text("\n".join(lines))
    return "variants.jsonl"


def test_a_curve_that_falls_beyond_its_uncertainty_is_said_and_shown(circuits: Command, tiny: Any):
    asked = ("discover", variants(tiny, 1), "--model", str(tiny.model), "--ranking", "signed")
    summary = circuits(*asked, "--json").json
    (entry,) = summary["choice"]["choices"]
    (search,) = entry["searches"]
    tried = dict(search["tried"])
    assert search["falls"]
    for fall in search["falls"]:
        assert fall["change"] < 0 > fall["interval"][1]
        assert abs(tried[fall["larger"]] - tried[fall["smaller"]] - fall["change"]) < 1e-6
    deepest = min(search["falls"], key=lambda fall: fall["change"])
    (said,) = (text for text in summary["warnings"] if "not monotone" in text)
    assert f"1 edge keeps {tried[1]:.3f}, and {deepest['larger']:,} keep {tried[deepest['larger']]:.3f}: " in said
    assert "faithfulness is not monotone over the sizes" in circuits(*asked).stderr
    figure = (Path("runs") / summary["run"] / "sizes.svg").read_text()
    assert "NOT MONOTONE" in figure
    assert (Path("runs") / summary["run"] / "sizes.pdf").exists()


def test_ups_and_downs_within_the_uncertainty_are_not(circuits: Command, tiny: Any):
    """Random prompts: the curve goes down where it can, and the prompts disagree about it."""
    asked = (*tiny.arguments, "--ranking", "absolute")
    summary = circuits(*asked, "--json").json
    (search,) = summary["choice"]["choices"][0]["searches"]
    shares = [share for _, share in search["tried"]]
    assert any(later < earlier for earlier, later in itertools.pairwise(shares))
    assert search["falls"] == []
    assert not any("monotone" in text for text in summary["warnings"])
    assert not (Path("runs") / summary["run"] / "sizes.svg").exists()


def test_the_curve_at_mib_budgets_comes_as_a_figure_too(circuits: Command, tiny: Any):
    summary = circuits(*tiny.arguments, "--edges", "20", "--curve", "--json").json
    curve = summary["curve"]
    assert curve["sizes"][-1] == summary["circuit"]["of_edges"]
    assert len(curve["intervals_signed"]) == len(curve["sizes"])
    assert curve["falls_signed"] == curve["falls_absolute"] == []
    figure = (Path("runs") / summary["run"] / "sizes.svg").read_text()
    # The page breaks lines between words.
    assert "edges ranked by" in figure
    assert "NOT MONOTONE" not in figure


def test_the_curve_at_mib_budgets_says_where_it_falls(circuits: Command, tiny: Any):
    """Circuits of the few edges that seem best do worse than the empty one."""
    asked = ("discover", variants(tiny, 7), "--model", str(tiny.model), "--edges", "20", "--curve", "--json")
    summary = circuits(*asked).json
    curve = summary["curve"]
    signed = dict(zip(curve["sizes"], curve["faithfulness_signed"], strict=True))
    assert [(fall["smaller"], fall["larger"]) for fall in curve["falls_signed"]] == [(0, 9), (0, 23)]
    assert all(fall["change"] < 0 > signed[fall["larger"]] for fall in curve["falls_signed"])
    (said,) = (text for text in summary["warnings"] if "at MIB's budgets by signed score" in text)
    assert f"0 edges keep {signed[0]:z.3f}, and 23 keep {signed[23]:z.3f}" in said
