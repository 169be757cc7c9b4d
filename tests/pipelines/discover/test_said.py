"""What a discovery may not leave unsaid: a circuit that is no good, how it was chosen, and what would do instead."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Command = Callable[..., Any]


def variants(tiny: Any, *records: int, name: str = "variants.jsonl") -> str:
    """A file of 8 pairs for each record, in this order, that differ from it in their first token alone."""
    lines = []
    for record in records:
        pair = json.loads(tiny.prompts.read_text().splitlines()[record])
        for token in range(8):
            clean, corrupt = ([token, *pair[side][1:]] for side in ("clean_ids", "corrupt_ids"))
            lines.append(json.dumps(pair | {"clean_ids": clean, "corrupt_ids": corrupt}))
    Path(name).write_text("\n".join(lines))
    return name


def figure_of(circuits: Command, run: str) -> str:
    """The text of the circuit's figure, its broken lines joined."""
    drawing = circuits("export", run, "--to", "svg", "--out", "-").stdout
    return " ".join(re.findall(r"<text[^>]*>([^<]*)</text>", drawing))


def compared(circuits: Command, run: str) -> list[str]:
    return circuits("compare", run, run, "--json").json["warnings"]


def test_a_circuit_that_is_fitted_to_the_prompts_that_chose_it_says_so(circuits: Command, tiny: Any):
    """The half that chooses does something else than the half that judges."""
    asked = ("discover", variants(tiny, 0, 2), "--model", str(tiny.model))
    summary = circuits(*asked, "--json").json
    assert summary["judged_on"] == "held-out"
    assert summary["faithfulness_on_choosing"] >= 0.85 > summary["faithfulness"]
    (said,) = (text for text in summary["warnings"] if "is not faithful" in text)
    low, high = summary["faithfulness_interval"]
    assert f"{summary['faithfulness']:.2f} [{low:.2f}, {high:.2f}] on the prompts that judge it" in said
    assert f"reaches {summary['faithfulness_on_choosing']:.2f} on the 8 prompts that chose it, to which it is" in said
    answer = circuits(*asked)
    assert "the circuit is not faithful" in answer.stderr
    assert f"{summary['faithfulness']:.3f}" in answer.stdout
    assert f"{summary['faithfulness_on_choosing']:.3f}" in answer.stdout


def test_a_circuit_far_below_or_beyond_the_model_says_so_wherever_it_is_shown(circuits: Command, tiny: Any):
    asked = ("discover", variants(tiny, 5), "--model", str(tiny.model), "--ranking", "signed")
    few, beyond = (circuits(*asked, "--edges", n, "--json") for n in ("4", "16"))
    would_do = few.json["choice"]["would_do"]
    assert f"{would_do} edges would do (--edges {would_do})" in few.stderr
    said = f"NOT FAITHFUL ({few.json['faithfulness']:.2f}; {would_do} edges would do)"
    assert said in figure_of(circuits, few.json["run"])
    assert any(f"({would_do} edges would do)" in text for text in compared(circuits, few.json["run"]))
    assert "the circuit goes beyond the model" in beyond.stderr
    assert f"BEYOND THE MODEL ({beyond.json['faithfulness']:.2f})" in figure_of(circuits, beyond.json["run"])
    assert any("the circuit goes beyond the model" in text for text in compared(circuits, beyond.json["run"]))


def test_a_circuit_of_most_of_the_model_says_so_wherever_it_is_shown(circuits: Command, tiny: Any):
    answer = circuits(*tiny.arguments, "--edges", "9999", "--json")
    assert "it is most of the model" in answer.stderr
    assert "MOST OF THE MODEL (100% of its edges)" in figure_of(circuits, answer.json["run"])
    assert any("it is most of the model" in text for text in compared(circuits, answer.json["run"]))


@pytest.mark.parametrize("method", ["eap-ig", "relp"])
def test_the_ranking_is_decided_by_the_prompts_that_choose_and_printed(circuits: Command, tiny: Any, method: str):
    """Of two faithful circuits the smaller, of one that is and one that is not the first; the other is shown beside."""
    asked = ("discover", variants(tiny, 0, 2), "--model", str(tiny.model), "--method", method)
    for more in ((), ("--edges", "10")):
        choice = circuits(*asked, *more, "--json").json["choice"]
        shares = {entry["ranking"]: entry["faithfulness"] for entry in choice["choices"]}
        sizes = {entry["ranking"]: entry["n_edges"] for entry in choice["choices"]}
        assert set(shares) == {"signed", "absolute"}
        # A size that was given may go beyond the model as far as it may fall short of it; of a search, further.
        most = 1.15 if more else float("inf")
        faithful = [ranking for ranking, share in shares.items() if 0.85 <= share <= most]
        closest = min(shares, key=lambda ranking: abs(1 - shares[ranking]))
        best = min(faithful, key=lambda ranking: sizes[ranking]) if faithful else closest
        assert choice["ranking"] == best
        shown = circuits(*asked, *more).stdout
        names = {"signed": "by signed score", "absolute": "by magnitude"}
        other = next(ranking for ranking in shares if ranking != best)
        assert f"grown, {names[best]}" in shown
        words = " ".join(shown.replace("\u2502", " ").split())
        assert f"rather than {sizes[other]} edges {names[other]}" in words or f"{names[other]}, none of" in words


def test_heads_alone_give_a_faithful_circuit(circuits: Command, tiny: Any):
    """MLPs were not scored, and stay: with all heads the circuit is the whole model, and a smaller one is searched."""
    asked = ("discover", variants(tiny, 0), "--model", str(tiny.model), "--method", "activation-patching")
    summary = circuits(*asked, "--set", "kinds=[head]", "--json").json
    assert summary["faithfulness"] >= 0.85
    assert {"m0", "m1"} & set(summary["circuit"]["nodes"])
    (best,) = (entry for entry in summary["choice"]["choices"] if entry["ranking"] == summary["choice"]["ranking"])
    assert [search["of"] for search in best["searches"]] == ["components", "edges"]
    assert all(search["size"] is not None for search in best["searches"])
    assert not any("not faithful" in text or "is faithful" in text for text in summary["warnings"])


def test_eap_ig_scores_where_no_method_is_named(circuits: Command, tiny: Any):
    assert circuits(*tiny.arguments, "--edges", "8", "--json").json["method"] == "eap-ig"
    assert circuits(*tiny.arguments, "--edges", "8", "--method", "eap", "--json").json["method"] == "eap"
