"""What an exported file says of itself, and computing it again from the file alone."""

from __future__ import annotations

import json
import shutil
import zipfile

import pytest

from graphs.export.about import about_lines, read_about
from pipelines import caption, export, open_run
from pipelines.cli.exported import commands_of, facts_of, print_facts
from pipelines.cli.same_numbers import same_numbers
from pipelines.discover.settings import DiscoverSettings
from pipelines.runs.options import command_line

# The tiny model does no task: a few epochs are enough.
CODED = [
    part
    for value in ("least_accuracy=0", "epochs=4", "trials=2", "features=12", "sae_prompts=4")
    for part in ("--set", value)
]


@pytest.fixture
def run(tiny, computed):
    (answer,) = computed((*tiny.arguments, "--method", "eap", "--edges", "12", "--json"))
    return answer.json["run"]


@pytest.mark.parametrize(("kind", "file"), [("pdf", "circuit.pdf"), ("png", "circuit.png"), ("json", "circuit.json")])
def test_a_file_is_computed_again_from_what_it_says(circuits, tiny, run, tmp_path, kind, file):
    assert circuits("export", run, "--to", kind, "--out", file).exit_code == 0
    said = circuits("show", file, "--json").json
    assert said["command"].startswith(f"circuits discover {tiny.prompts.name} --model ./{tiny.model.name}")
    assert said["circuit"]["edge_scores"]["method"] == "eap"
    assert "edge scores, method: eap" in circuits("show", file).stdout
    again = circuits("rerun", file, "--runs", "again")
    assert again.exit_code == 0, again.stderr
    assert f"circuits discover {tiny.prompts} --model {tiny.model}" in again.stderr
    assert again.stdout.splitlines()[-1] == f"computed again: the 12 edges and all numbers of {file}."
    first, second = (json.loads((tmp_path / store / run / "graph.json").read_text()) for store in ("runs", "again"))
    assert first == second


def test_what_is_another_when_computed_again_is_told_with_both_numbers(circuits, tiny, run, tmp_path):
    facts = facts_of(tmp_path / "runs" / run)
    (circuit,) = facts["circuits"]
    (told,) = same_numbers(facts, tmp_path / run, tmp_path / "runs")
    assert told == f"computed again: the 12 edges and all numbers of {run}."
    rounded = facts | {"circuits": [circuit | {"threshold": circuit["threshold"] * (1 + 1e-6)}]}
    assert list(same_numbers(rounded, tmp_path / run, tmp_path / "runs")) == [told]
    other = facts | {"circuits": [circuit | {"edges": 13, "threshold": 2.5}]}
    (told,) = same_numbers(other, tmp_path / run, tmp_path / "runs")
    assert told.startswith(f"computed again, {run} is another: edges was 13 and is 12; threshold was 2.5 and is 0.")
    (told,) = same_numbers(facts, tmp_path / run, tmp_path / "none")
    assert told.startswith(f"{run} is not compared: no run in ")


@pytest.mark.parametrize(
    "asked",
    [
        ("discover", "--method", "eap", "--edges", "4"),
        ("discover", "--method", "head-coding", *CODED, "--edges", "12"),
        ("trace", "--ablation", "corrupt"),
    ],
    ids=lambda asked: asked[-1],
)
def test_a_run_is_shown_as_it_was_printed_with_its_command(circuits, tiny, asked):
    command, *more = asked
    made = circuits(command, *tiny.arguments[1:], *more, "--name", "mine")
    assert made.exit_code == 0, made.stderr
    *printed, _ = made.stdout.splitlines()  # the last line says what that call has computed
    shown = circuits("show", "mine")
    assert shown.stdout.splitlines()[: len(printed)] == printed
    assert f"command: circuits {command} {tiny.prompts.name}" in shown.stdout
    said = [line for line in made.stderr.splitlines() if line.startswith("warning: the circuit")]
    assert all(line in shown.stderr.splitlines() for line in said)
    assert circuits("show", "mine", "--json").json["settings"]["name"] == "mine"
    shutil.copytree("runs", "elsewhere")
    assert circuits("show", "mine", "--runs", "elsewhere").stdout == shown.stdout
    assert circuits("show", "mine", "--runs", "nowhere").exit_code == 2


def test_a_name_with_what_nobody_sees_is_kept_so_that_it_can_be_pasted_and_read_back(tmp_path):
    name = "pairs\u202evsc\u200b.jsonl"
    line = command_line("discover", DiscoverSettings(task=name))
    assert line == r"circuits discover $'pairs\u202evsc\u200b.jsonl'"
    (tmp_path / "own.dot").write_text(f"// circuit-workbench: {json.dumps({'circuit': {}, 'command': line})}\n")
    assert commands_of(tmp_path / "own.dot", tmp_path) == [["discover", name, "--runs", str(tmp_path)]]


def test_a_run_itself_is_exported_as_by_its_name(run):
    opened = open_run(run)
    assert export(opened, "csv") == export(run, "csv")
    assert export(opened, "html") == export(run, "html")
    assert caption(opened) == caption(run)


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


def test_prompts_are_looked_at_by_another_command(circuits, tmp_path):
    (tmp_path / "own.csv").write_text("clean,corrupt,answers\na b,a c,d\n")
    assert "`circuits prompts check own.csv`" in circuits("show", "own.csv").stderr


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            "lc/core-3.json",
            "there is no core-3.json in lc. It has core-2.json, union.json. Did you mean 'core-2.json'?",
        ),
        ("lc/core.graphml", "there is no core.graphml in lc. It has no files that end in .graphml."),
        ("lc/ioi", "there is no ioi in lc. It has no runs."),
        ("elsewhere/core-3.json", "there is no elsewhere/core-3.json, and no folder elsewhere, here or in runs."),
        ("core-3.json", "there is no core-3.json in .. It has no files that end in .json."),
        ("ioi", "no run in runs 'ioi'. Known: "),
    ],
)
def test_a_path_is_no_name_of_a_run(circuits, run, tmp_path, asked, said):
    (tmp_path / "lc").mkdir()
    for name in ("core-2.json", "union.json"):
        (tmp_path / "lc" / name).write_text("{}")
    assert said in circuits("export", asked, "--to", "svg").stderr


def test_formats_are_listed(circuits):
    rows = {row["export"]: row for row in circuits("exports", "--json").json["exports"]}
    assert {"pdf", "png", "eps", "gexf", "cytoscape", "dot"} <= rows.keys()
    assert [name for name, row in rows.items() if row["read back"]] == ["graphml", "json"]


@pytest.mark.parametrize(
    "words",
    [
        "--out=elsewhere",
        "--out elsewhere",
        "--runs=elsewhere",
        "--scheduler=tcp://127.0.0.1:9",
        "--config=own.yaml",
        "--device cuda",
        "--help",
        "--json",
    ],
)
def test_a_file_does_not_choose_where_its_command_reads_writes_and_computes(circuits, tmp_path, words):
    text = json.dumps({"circuit": {}, "command": f"circuits discover ioi --prompts 4 {words}"})
    (tmp_path / "own.dot").write_text(f"// circuit-workbench: {text}\n")
    refused = circuits("rerun", "own.dot")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert words.replace("=", " ").split()[0] in refused.stderr
    assert "Not run" in refused.stderr
    assert not (tmp_path / "elsewhere").exists()


def test_shell_characters_in_a_command_are_no_commands(circuits, tmp_path):
    for command in ("circuits discover x; touch made", "circuits discover $(touch made)", "circuits discover 'x"):
        (tmp_path / "own.dot").write_text(f"// circuit-workbench: {json.dumps({'command': command})}\n")
        assert circuits("rerun", "own.dot").exit_code == 2
    assert "own.dot keeps" in circuits("rerun", "own.dot").stderr
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize("values", ["0", "-0.5,.5"])
def test_values_that_begin_with_a_hyphen_are_no_options(tmp_path, values):
    command = f"circuits intervene concept ioi --layer 1 --strengths {values} --task-set a=b"
    (tmp_path / "own.dot").write_text(f"// circuit-workbench: {json.dumps({'command': command})}\n")
    (arguments,) = commands_of(tmp_path / "own.dot", tmp_path / "runs")
    assert arguments == [*command.split()[1:], "--runs", str(tmp_path / "runs")]


@pytest.mark.parametrize(
    "text",
    [
        '{"a":' * 50_000,
        "// circuit-workbench: " + '{"a":' * 50_000 + "}}",
        '// circuit-workbench: {"circuit": NaN}',
        '// circuit-workbench: {"circuit": "\\ud800"}',
        "PAR1circuit-workbench: " + '{"a":' * 50_000,
    ],
)
def test_what_no_export_holds_is_one_sentence(circuits, tmp_path, text):
    (tmp_path / "own.json").write_text(text)
    asked = circuits("show", "own.json")
    assert (asked.exit_code, asked.stdout) == (2, "")
    assert "own.json: " in asked.stderr


def test_facts_for_people_have_four_digits(capsys):
    print_facts({"gap": 0.49693938140808316, "n": 70651, "ends": [0.25, 1.0], "is_new": False, "huge": 1.5e12})
    assert capsys.readouterr().out.splitlines() == [
        *("gap: 0.4969", "n: 70651", "is new: no", "huge: 1.5e+12", "ends: 0.25, 1")
    ]


def test_facts_in_lists_are_named_one_by_one():
    assert list(about_lines({"figure": [{"a": 1}, 2, None, [3]], "x": [1, 2]})) == [
        ("figure 2", 2),
        ("figure 1, a", 1),
        ("figure 4", [3]),
        ("x", [1, 2]),
    ]


def test_numbers_of_the_prompts_that_judge_say_so():
    metrics = {"top1": 0.78, "least_faithfulness": 0.85}
    assert list(about_lines({"circuits": [{"metrics": metrics}]})) == [
        ("circuits 1, metrics, top1 of the prompts that judge", 0.78),
        ("circuits 1, metrics, least faithfulness", 0.85),
    ]


def test_wordings_held_out_and_prompts_that_judge_are_two_facts_in_words():
    facts = {"settings": {"held_out": False}, "circuits": [{"prompts": {"judging": 16, "is_held_out": True}}]}
    assert list(about_lines(facts)) == [
        ("settings, wordings", "the usual ones"),
        ("circuits 1, prompts, judging", 16),
        ("circuits 1, prompts, judged by", "prompts that did not choose it"),
    ]
    assert list(about_lines({"held_out": True, "judging": 0, "is_held_out": False})) == [
        ("wordings", "those that the task holds out"),
        ("judging", 0),
        ("judged by", "no prompts"),
    ]
    assert list(about_lines({"judging": 8, "is_held_out": False}))[1] == ("judged by", "the prompts that chose it")


def test_an_excel_file_is_not_unpacked_beyond_what_its_properties_take(tmp_path):
    with (
        zipfile.ZipFile(tmp_path / "big.xlsx", "w", zipfile.ZIP_DEFLATED) as book,
        book.open("docProps/core.xml", "w", force_zip64=True) as part,
    ):
        part.write(b" " * (2**24))
        part.write(b'circuit-workbench: {"circuit": {}}')
    with pytest.raises(ValueError, match="nothing in it says"):
        read_about((tmp_path / "big.xlsx").read_bytes(), source="big.xlsx")
