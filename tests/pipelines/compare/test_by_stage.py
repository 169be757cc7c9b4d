"""Heads shared by two staged searches: both counts by hand, and from searches on the bundled model to the table."""

from __future__ import annotations

import pytest

from pipelines import compare, discover
from pipelines.compare.by_stage import stage_overlaps
from pipelines.reporting.stage_tables import print_stages


class Searched:
    """A run as far as the counts read it."""

    def __init__(self, kept_by: str, **stages: tuple[str, str | None]) -> None:
        rows = [
            {
                "finds": name,
                "asked": ["movers.q" if name != "movers" else "logits"],
                "through": through,
                "n_measured": 16,
                "heads": [{"head": head} for head in heads.split()],
            }
            for name, (heads, through) in stages.items()
        ]
        union = sorted({entry["head"] for row in rows for entry in row["heads"]})
        self.summary = {"path_stages": {"kept_by": kept_by, "stages": rows, "union": union}}


class Scored:
    """A run of another method."""

    summary: dict[str, str] = {}  # noqa: RUF012


def test_a_head_counts_once_per_stage_and_once_in_the_union():
    a = Searched("top 2", movers=("a3.h1 a2.h0", None), inhibition=("a2.h0 a1.h1", None), only_a=("a0.h0", None))
    b = Searched("top 2", movers=("a3.h1 a2.h0", None), inhibition=("a2.h0 a1.h2", None))
    (pair,) = stage_overlaps([a, Scored(), b], ["a", "other", "b"])  # pyright: ignore[reportArgumentType]
    assert (pair["a"], pair["b"], pair["warnings"]) == ("a", "b", [])
    movers, inhibition = pair["stages"]
    assert (movers["n_shared"], movers["iou"], movers["expected"]) == (2, 1, 2 * 2 / 16)
    assert (inhibition["shared"], inhibition["iou"]) == (["a2.h0"], pytest.approx(1 / 3))
    assert pair["over_stages"] == {"n_a": 4, "n_b": 4, "n_shared": 3, "iou": 3 / 5}
    assert {name: pair["union"][name] for name in ("n_a", "n_b", "n_shared", "iou")} == {
        "n_a": 3,
        "n_b": 3,
        "n_shared": 2,
        "iou": 0.5,
    }
    assert pair["union"]["shared"] == ["a2.h0", "a3.h1"]


def test_stages_that_went_another_way_and_other_rules_are_named():
    a = Searched("top 2", movers=("a3.h1", None), inhibition=("a1.h1", "v"))
    b = Searched("top 4", movers=("", None), inhibition=("a1.h1", None))
    (pair,) = stage_overlaps([a, b], ["a", "b"])  # pyright: ignore[reportArgumentType]
    assert "stage inhibition went by movers.v in a and by movers.q in b" in pair["warnings"][0]
    assert "kept by different rules: top 2; top 4" in pair["warnings"][1]
    assert pair["stages"][0]["iou"] == 0
    assert stage_overlaps([a, Searched("top 2", others=("a1.h1", None))], ["a", "b"]) == []  # pyright: ignore[reportArgumentType]


def test_searches_on_the_bundled_model_are_compared_stage_by_stage(tmp_path, capsys):
    """IOI's movers there are led by their values, those of Colored Objects by their queries."""
    given = {"method": "staged-path-patching", "settings": {"top": 3}, "prompts": 16, "edges": 60, "out": tmp_path}
    ioi, colored = (discover(task, **given) for task in ("ioi", "colored-objects"))
    stages = {row["finds"]: row for row in ioi.summary["path_stages"]["stages"]}
    assert [entry["head"] for entry in stages["movers"]["heads"]] == ["a3.h3", "a3.h2", "a3.h1"]
    assert (stages["inhibition"]["through"], stages["inhibition"]["at"]) == ("v", "all")
    assert "so the search went by movers.v in place of movers.q" in " ".join(ioi.summary["warnings"])
    # The circuit is made of the heads that a stage keeps, and its groups are the stages.
    assert set(map(str, ioi.circuit.heads)) <= set(ioi.summary["path_stages"]["union"])
    groups = {node.name: node.group for node in ioi.circuit.nodes if node.component.is_head}
    assert groups["a3.h3"] == 0
    assert {group for name, group in groups.items() if name.startswith("a1.")} == {1}
    (pair,) = stage_overlaps([ioi, colored], ["ioi", "colored-objects"])
    assert [row["stage"] for row in pair["stages"]] == ["movers", "inhibition", "induction", "previous"]
    assert (pair["stages"][1]["through_a"], pair["stages"][1]["through_b"]) == ("movers.v", "movers.q")
    assert pair["over_stages"]["n_a"] == ioi.summary["path_stages"]["per_stage"]
    print_stages([pair])
    shown = capsys.readouterr().out
    assert "over all stages: " in shown
    assert "stage inhibition went by movers.v in ioi and by movers.q in colored-objects" in shown


@pytest.mark.slow
def test_compare_reports_stages(tmp_path):
    given = {"method": "staged-path-patching", "prompts": 16, "edges": 60, "out": tmp_path}
    runs = [discover(task, **given) for task in ("ioi", "colored-objects")]
    summary = compare(*runs, overlap_only=True, out=tmp_path).summary
    assert summary["by_stage"] == stage_overlaps(runs, list(summary["runs"]))
    assert summary["by_stage"][0]["stages"]
