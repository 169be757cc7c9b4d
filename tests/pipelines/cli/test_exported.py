"""What an exported file says of itself, and computing it again from the file alone."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def run(tiny, circuits):
    return circuits(*tiny.arguments, "--method", "eap", "--edges", "12", "--json").json["run"]


@pytest.mark.parametrize(("kind", "file"), [("pdf", "circuit.pdf"), ("png", "circuit.png"), ("json", "circuit.json")])
def test_a_file_is_computed_again_from_what_it_says(circuits, tiny, run, tmp_path, kind, file):
    assert circuits("export", run, "--to", kind, "--out", file).exit_code == 0
    said = circuits("show", file, "--json").json
    assert said["command"].startswith(f"circuits discover {tiny.prompts} --model {tiny.model}")
    assert said["circuit"]["edge_scores"]["method"] == "eap"
    assert "edge scores, method: eap" in circuits("show", file).stdout
    again = circuits("rerun", file, "--out", "again")
    assert again.exit_code == 0, again.stderr
    assert said["command"] in again.stderr
    first, second = (json.loads((tmp_path / store / run / "graph.json").read_text()) for store in ("runs", "again"))
    assert first == second


def test_what_says_nothing_or_would_do_something_else_is_refused(circuits, run, tmp_path):
    (tmp_path / "plain.pdf").write_bytes(b"%PDF-1.4\n%%EOF\n")
    asked = circuits("show", "plain.pdf")
    assert (asked.exit_code, asked.stdout) == (2, "")
    assert "plain.pdf: nothing in it says where it came from" in asked.stderr
    assert "no file other.pdf" in circuits("rerun", "other.pdf").stderr
    for command in ("circuits export x --to csv --out y", "rm -r runs", ""):
        text = json.dumps({"circuit": {}, "command": command})
        (tmp_path / "own.dot").write_text(f"// circuit-workbench: {text}\n")
        refused = circuits("rerun", "own.dot")
        assert refused.exit_code == 2
        assert "not run" in refused.stderr
    (tmp_path / "own.dot").write_text('// circuit-workbench: {"circuit": {}}\n')
    assert "keeps no command" in circuits("rerun", "own.dot").stderr


def test_formats_are_listed(circuits):
    rows = {row["export"]: row for row in circuits("exports", "--json").json["exports"]}
    assert {"pdf", "png", "eps", "gexf", "cytoscape", "dot"} <= rows.keys()
    assert [name for name, row in rows.items() if row["read back"]] == ["graphml", "json"]
