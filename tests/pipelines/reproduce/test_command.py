"""`circuits reproduce reuse`: end to end on the bundled model; published numbers beside those of their own model."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from typer.testing import CliRunner

from pipelines import reproduce_reuse
from pipelines.cli.main import app
from pipelines.reproduce import published
from pipelines.reproduce.report import Reproduction, _roles, _rows
from pipelines.reproduce.table import print_reuse


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Reproduction:
    return reproduce_reuse("reference", prompts=8, top=3, out=tmp_path_factory.mktemp("reuse"))


def test_the_bundled_model_has_the_same_table_without_a_published_column(found: Reproduction, capsys: Any):
    assert list(found.tasks) == ["ioi", "colored-objects", "greater-than"]
    assert len(found.rows) == 3 + 2 * 2
    assert all(row["published"] is None and row["as_published"] is None for row in found.rows)
    assert found.roles == ()
    print_reuse(found)
    shown = capsys.readouterr().out
    assert "published" not in shown.lower()
    assert "inhibition (into movers.q, by their v at all)" in shown
    (over,) = (row for row in found.rows if row["what"] == "ioi and colored-objects: heads shared, over the stages")
    counts = found.overlaps[0]["over_stages"]
    assert over["measured"] == pytest.approx(counts["n_shared"] / counts["n_a"])
    written = json.loads((found.folder / "reuse.json").read_text())
    assert written["tasks"]["ioi"]["path_stages"]["stages"][1]["through"] == "v"
    rows = list(csv.DictReader(io.StringIO((found.folder / "reuse.csv").read_text())))
    assert [row["what"] for row in rows] == [row["what"] for row in found.rows]


def test_the_same_command_computes_nothing_new(found: Reproduction):
    again = reproduce_reuse("reference", prompts=8, top=3, out=found.folder.parent)
    assert (again.n_computed, again.rows) == (0, found.rows)


def test_that_every_stage_keeps_one_head_is_said_once_with_an_option_of_this_command(found: Reproduction):
    assert not any("keeps one head" in text for text in found.warnings)
    alone = reproduce_reuse("reference", prompts=8, control=False, out=found.folder.parent)
    (said,) = (text for text in alone.warnings if "keeps one head" in text)
    assert "top 1 per stage, 0.02 of 16 heads" in said
    assert "--top 3" in said
    assert not any("--set" in text for text in alone.warnings)


def test_a_model_that_is_not_there_is_refused_before_anything_runs(tmp_path: Any):
    result = CliRunner().invoke(
        app, ["reproduce", "reuse", "--model", "no-such-folder/gpt2-medium-x", "--runs", str(tmp_path)]
    )
    assert result.exit_code != 0
    assert "no-such-folder/gpt2-medium-x" in result.stderr
    assert not (tmp_path / "jobs").exists()


def test_published_numbers_stand_beside_those_of_their_model(found: Reproduction):
    assert published.is_of("gpt2-medium")
    assert published.is_of("openai-community/gpt2-medium")
    assert not published.is_of("gpt2")
    rows = {row["what"]: row for row in _rows(found.tasks, found.overlaps)}
    assert rows["colored-objects: answer above all tokens"]["published"] == 0.496
    assert rows["ioi and colored-objects: heads shared, over the stages"]["as_published"] == "25 of 32"
    assert rows["ioi and greater-than: heads shared, in the union of the stages"]["published"] == 3 / 18
    assert rows["ioi: answer above all tokens"]["published"] is None


def test_named_heads_are_looked_for_in_every_stage():
    stages = [
        {"finds": "movers", "heads": [{"head": "a15.h14"}, {"head": "a19.h1"}]},
        {"finds": "inhibition", "heads": [{"head": "a12.h3"}]},
    ]
    roles = {row["role"]: row for row in _roles("ioi", {"path_stages": {"stages": stages}})}
    assert (roles["mover"]["n_found"], roles["mover"]["n"]) == (1, 5)
    assert roles["negative mover"]["found"] == {"a19.h1": "movers"}
    assert roles["inhibition"]["found"] == {"a12.h3": "inhibition"}
    assert list(_roles("greater-than", {"path_stages": {"stages": stages}})) == []
