"""`circuits roles`: a model whose heads are known by construction, and its circuit with their roles in every format."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from circuits.data.prompt_files import write_jsonl
from circuits.data.prompts import Prompt, PromptSet
from circuits.profiles.received import even_share
from graphs.export import exporter
from graphs.export.graphml import GraphmlExport
from graphs.roles import ROLES
from pipelines import align_heads, discover, export, label_heads, trace
from pipelines.compare.aligned import AlignedHeads, print_aligned
from pipelines.roles.files import scatter_of
from pipelines.roles.paper import papers
from pipelines.roles.report import _too_short, _why_not
from pipelines.roles.settings import RolesSettings
from pipelines.roles.stages import _named
from pipelines.runs.run import read_circuit
from tests.circuits.hand_models import choice_prompts, induction_prompts, write_choice, write_induction
from tests.pipelines.drawn_again import draws_again
from tests.pipelines.paper_checks import check_papers

LOOKS_AT_FIGURES = True

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run on the two-layer induction model that is written into weights: a0.h0 looks back, a1.h1 copies."""
    folder = tmp_path_factory.mktemp("roles")
    write_jsonl(induction_prompts(n=24), folder / "prompts.jsonl")
    model = write_induction(folder / "model")
    return discover(folder / "prompts.jsonl", model=str(model), edges=5, out=folder / "runs")


@pytest.fixture(scope="module")
def found(by_hand: Any) -> Any:
    return label_heads(by_hand, out=by_hand.folder.parent)


def test_a_model_written_into_weights_has_the_roles_that_were_written(found: Any):
    labels = {row["head"]: [label["role"] for label in row["labels"]] for row in found.rows}
    assert labels["a0.h0"] == ["previous-token"]
    # It attends from the end to the answer, and says it.
    assert labels["a1.h1"][:2] == ["induction", "mover"]
    assert labels["a0.h1"] == labels["a1.h0"] == []
    assert {row["head"] for row in found.rows if row["in_circuit"]} == {"a0.h0", "a1.h1"}
    readings = {row["head"]: row["readings"] for row in found.rows}
    assert readings["a0.h0"]["previous-token"]["mean"] == 1
    assert readings["a1.h1"]["attention:to=right"]["mean"] == 1
    assert readings["a0.h0"]["direct-effect"]["mean"] == 0
    assert readings["a1.h1"]["direct-effect"] == readings["a1.h1"]["effect-at-end"]
    assert found.about["held_out"]
    assert found.about["n_prompts"] == 12


def test_of_the_heads_that_look_at_the_correct_letter_the_one_that_copies_it_has_that_role(tmp_path: Path):
    """a1.h0 looks there to no effect, a0.h1 at the second line, and a0.h0 at the option that is asked for."""
    write_jsonl(choice_prompts(n=32), tmp_path / "prompts.jsonl")
    run = discover(
        tmp_path / "prompts.jsonl", model=str(write_choice(tmp_path / "model")), edges=5, out=tmp_path / "runs"
    )
    found = label_heads(
        run, right="correct_label", wrong="label_[A-D] without correct_label", rules="correct-letter,content-gatherer"
    )
    labels = {row["head"]: [label["role"] for label in row["labels"]] for row in found.rows}
    assert labels == {"a0.h0": ["content-gatherer"], "a0.h1": [], "a1.h0": [], "a1.h1": ["correct-letter"]}
    row = next(row for row in found.rows if row["head"] == "a1.h1")
    letters = [one for one in row["labels"][0]["evidence"] if one["condition"].startswith("correct-letter@")]
    assert [one["mean"] for one in letters] == [1] * 8  # at each of four letters, also less than none at the others
    assert sum(one["n_prompts"] for one in letters[:4]) == found.about["n_prompts"]
    assert row["readings"]["correct-letter@label_C"]["mean"] == 1


def test_the_circuit_has_its_roles_in_every_format(found: Any, by_hand: Any):
    path = found.folder / "graph.json"
    graph = read_circuit(path.read_bytes(), str(path))
    assert graph == found.circuit
    assert {node.name: node.role for node in graph.nodes if node.role} == {
        "a0.h0": "previous-token",
        "a1.h1": "induction",
    }
    (pattern, effect), *_ = (label.evidence for node in graph.nodes for label in node.labels)
    assert (pattern.condition, pattern.mean, effect.n_prompts) == ("previous-token > 0.4", 1, 12)
    graphml = export(path, "graphml", out=by_hand.folder.parent)
    assert GraphmlExport().from_bytes(graphml) == graph
    assert b"previous-token" in export(path, "svg", out=by_hand.folder.parent)
    lines = csv.DictReader(export(path, "csv", out=by_hand.folder.parent).decode().splitlines())
    assert {line["name"]: line["role"] for line in lines if line["role"]}["a1.h1"].startswith("induction;mover")
    assert graph.to_networkx().nodes["a0.h0"]["labels"] == graph.nodes[1].labels
    plain = by_hand.circuit
    assert b"labels" not in exporter("json").to_bytes(plain)


def test_heads_outside_of_the_circuit_are_drawn_with_their_roles_too(found: Any):
    rows = tuple({**row, "in_circuit": False} for row in found.rows)
    drawn = {dot.head: dot.role for dot in scatter_of(replace(found, rows=rows)).dots}
    assert drawn == {"a0.h0": "previous-token", "a0.h1": None, "a1.h0": None, "a1.h1": "induction"}


def test_files_say_what_the_report_says_and_nothing_is_computed_twice(found: Any, by_hand: Any, circuits: Command):
    answer = circuits("roles", str(by_hand.folder), "--runs", str(by_hand.folder.parent), "--json").json
    assert answer["jobs"]["computed"] == 0
    assert json.loads((found.folder / "roles.json").read_text())["heads"] == json.loads(json.dumps(list(found.rows)))
    assert draws_again("effects", found.folder / "effects.svg")
    with (found.folder / "roles.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    of_head = [line for line in lines if line["head"] == "a0.h0"]
    assert [line["condition"] for line in of_head] == ["previous-token > 0.4", "|total-effect| > 0.01"]
    assert float(of_head[1]["mean"]) > float(of_head[1]["mean_low"]) > 0.01
    assert {line["head"] for line in lines} == {"a0.h0", "a0.h1", "a1.h0", "a1.h1"}
    shown = circuits("roles", str(by_hand.folder), "--runs", str(by_hand.folder.parent)).stdout
    assert "2 of 2 heads of the circuit have a role" in " ".join(shown.split())
    assert "content-gatherer cannot be told here" in shown  # no token has another role


def of_lengths(*lengths: int, **roles: tuple[int, ...]) -> PromptSet:
    return PromptSet("made", tuple(Prompt((1,) * n, (1,) * n, (2,), (3,), roles=roles) for n in lengths))


def test_words_that_the_prompts_call_right_and_wrong_are_taken_for_them():
    (prompt,) = of_lengths(4, A=(0,), right=(1,))
    assert _named(prompt, None, None, "prompt 0") == {"A": (0,), "right": (1,), "candidates": (1,), "content": (0,)}
    assert _named(prompt, "A", None, "prompt 0")["right"] == (0,)  # as asked
    told = replace(prompt, roles={}, clean=(1, 3, 2, 2))
    assert _named(told, None, None, "prompt 0") == {"right": (2, 3), "wrong": (1,), "candidates": (1, 2, 3)}


def test_where_no_word_is_an_answer_the_reason_says_how_to_name_them():
    for source in ("attention:to=right", "attention:to=wrong", "attention:to=candidates"):
        assert "with --right ROLE and --wrong ROLE (they have S)" in _why_not(source, "asked", of_lengths(4, S=(1,)))
    assert "(they have none beside END)" in _why_not("attention:to=right", "asked", of_lengths(4))
    assert _why_not("attention:to=content", "asked", of_lengths(4)) == "asked"


def test_prompts_whose_first_token_gets_as_much_of_even_attention_have_no_sinks():
    assert even_share(1) == 1
    assert even_share(3) == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert "prompts of 9 tokens the first one receives 0.31" in str(_too_short(ROLES["sink"](), of_lengths(9, 9)))
    assert "--rules sink:min_attention=0.6" in str(_too_short(ROLES["sink"](), of_lengths(9, 9)))
    assert _too_short(ROLES["sink"](), of_lengths(9, 16)) is None
    assert _too_short(ROLES["sink"](min_attention=0.6), of_lengths(9, 9)) is None  # pyright: ignore[reportCallIssue]
    assert _too_short(ROLES["mover"](), of_lengths(2)) is None


def test_rules_and_thresholds_are_chosen(by_hand: Any):
    store = by_hand.folder.parent
    strict = label_heads(by_hand, rules="previous-token:min_effect=1.0,mover", out=store)
    assert {row["head"]: row["role"] for row in strict.rows if row["role"]} == {"a1.h1": "mover"}
    assert [row["rule"] for row in strict.rules] == ["previous-token:min_effect=1.0", "mover"]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"rules": "movers"}, r"no rule 'movers'.*Did you mean 'mover'"),
        ({"rules": "mover:min_atention=0.2"}, r"no setting of rule mover 'min_atention'"),
        ({"rules": "mover,mover:min_effect=0.1"}, r"'mover' is given twice"),
        ({"right": "IO"}, r"no role 'IO'"),
    ],
)
def test_what_cannot_be_is_refused(by_hand: Any, asked: dict[str, Any], says: str):
    with pytest.raises(ValueError, match=says):
        label_heads(by_hand, out=by_hand.folder.parent, **asked)


def test_a_trace_has_no_heads_to_label(tmp_path: Path):
    prompts = induction_prompts(n=4)
    write_jsonl(PromptSet(prompts.task, prompts.prompts), tmp_path / "prompts.jsonl")
    model = write_induction(tmp_path / "model")
    run = trace(tmp_path / "prompts.jsonl", model=str(model), out=tmp_path / "runs")
    with pytest.raises(ValueError, match="causal trace"):
        label_heads(run, out=tmp_path / "runs")


@pytest.mark.slow
def test_the_planted_inhibition_head_is_a_selector_on_both_tasks(tmp_path: Path):
    """docs/known_truth.md: L2.H3 says what not to answer, in IOI and Colored Objects."""
    for task, corruption in (("ioi", None), ("colored-objects", "colors")):
        run = discover(task, model="reference-reuse", corruption=corruption, prompts=48, out=tmp_path)
        found = label_heads(run, out=tmp_path)
        selectors = [row["head"] for row in found.rows if "selector" in [label["role"] for label in row["labels"]]]
        assert selectors == ["a2.h3"]
        assert next(row for row in found.rows if row["head"] == "a2.h3")["in_circuit"]
        # These corruptions change what is wrong, and leave the candidates that the movers bring as they are.
        assert not [row for row in found.rows if row["role"] == "mover"]


def test_rules_are_listed(circuits: Command):
    assert {row["rule"] for row in circuits("rules", "--json").json["rules"]} == set(ROLES)


def test_heads_of_two_models_are_aligned_by_what_they_do(found: Any, by_hand: Any, circuits: Command):
    store = str(by_hand.folder.parent)
    name = str(by_hand.folder)
    for by in ("role", "profile"):
        (row,) = circuits("compare", name, name, "--align", by, "--runs", store, "--json").json["alignments"]
        assert [(pair["a"], pair["b"], pair["likeness"]) for pair in row["pairs"]] == [
            ("a0.h0", "a0.h0", 1),
            ("a1.h1", "a1.h1", 1),
        ]
        assert row["depth_difference"]["value"] == 0
    shown = circuits("compare", name, name, "--align", "role", "--runs", store).stdout
    assert "without a" not in shown
    # The table lists what is aligned with what, each with its roles.
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in shown.splitlines() if line.startswith("│")]
    of_copier = ", ".join(label["role"] for label in found.rows[3]["labels"])
    assert found.rows[3]["head"] == "a1.h1"
    assert [cells[0][:4], cells[1][:4]] == [
        ["a0.h0", "previous-token", "a0.h0", "previous-token"],
        ["a1.h1", of_copier, "a1.h1", of_copier],
    ]


@pytest.mark.usefixtures("found")
def test_heads_are_not_aligned_by_roles_that_were_changed(by_hand: Any, tmp_path: Path):
    store = tmp_path / "runs"
    shutil.copytree(by_hand.folder.parent, store)
    for path in store.glob("*/roles.json"):
        path.write_text(path.read_text().replace("a0.h0", "a0.h1", 1))
    with pytest.raises(ValueError, match=r"does not match the hash.*circuits roles"):
        align_heads(store / by_hand.name, store / by_hand.name, by="role", out=store)


def test_heads_that_are_left_are_named_with_their_roles(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    pair = {"a": "a0.h0", "b": "a1.h0", "likeness": 0.9, "margin": -0.001, "roles_a": ["mover"], "roles_b": []}
    alignment = {"a": "one", "b": "two", "pairs": [pair], "likeness": None, "depth_difference": None}
    alignment |= {"only_a": ["a2.h1", "a2.h2"], "roles_only_a": [["sink", "mover"], []], "n_without_role_a": 3}
    alignment |= {"only_b": [], "roles_only_b": [], "n_without_role_b": 0}
    print_aligned(AlignedHeads(folder=tmp_path, by="role", alignments=(alignment,)))
    shown = capsys.readouterr().out
    assert "without a partner, of A: a2.h1 (sink, mover), a2.h2" in shown
    assert "without a role, so not aligned, of A: 3 heads" in shown
    assert ", of B" not in shown
    assert "-0.00" not in shown


def test_heads_that_were_not_measured_are_not_aligned(tmp_path: Path):
    write_jsonl(induction_prompts(n=8), tmp_path / "prompts.jsonl")
    run = discover(
        tmp_path / "prompts.jsonl", model=str(write_induction(tmp_path / "model")), edges=5, out=tmp_path / "runs"
    )
    with pytest.raises(ValueError, match=r"was not measured.*First: circuits roles"):
        align_heads(run, run, by="profile", out=tmp_path / "runs")


def test_tables_for_papers_have_every_role_with_what_it_rests_on(found: Any):
    tables = papers(found)
    check_papers(tables, RolesSettings.paper_tables)
    of_table = {(row["head"], row["role"]) for row in tables["roles"].rows}
    assert of_table == {
        (row["head"], label["role"]) for row in found.rows if row["in_circuit"] for label in row["labels"]
    }
    assert [row["role"] for row in tables["rules"].rows] == [rule["role"] for rule in found.rules]
