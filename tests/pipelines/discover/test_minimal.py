"""`circuits discover --minimal`: the smallest circuit in a run, with its certificate, resumed by rounds."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.text import Text

from circuits.data.prompt_files import write_jsonl
from circuits.data.prompts import PromptSet
from circuits.evaluation.faithfulness import circuit_values, faithfulness, measure_baseline
from circuits.metrics import METRICS
from circuits.model.load import load_model
from graphs.comparison.comparison import compare
from graphs.figures.layered.drawing import composed
from pipelines import discover
from pipelines.discover import minimize, minimize_jobs
from tests.circuits.hand_models import PROGRAMS, backup_prompts, write_backup
from tests.conftest import random_module, random_prompts

Command = Callable[..., Any]
METRIC = METRICS["logit-difference"]


def written(folder: Path, write_model: Callable[[Path], Path], prompts: PromptSet) -> dict[str, Any]:
    """Settings of `discover` for a model and prompts in files."""
    write_model(folder / "model")
    write_jsonl(prompts, folder / "pairs.jsonl")
    return {"task": str(folder / "pairs.jsonl"), "model": str(folder / "model"), "out": folder / "runs"}


@pytest.fixture(scope="module")
def induction(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run that minimizes the circuit of the induction program, on 18 of 36 prompts."""
    program = PROGRAMS["induction"]
    return discover(
        **written(tmp_path_factory.mktemp("induction"), program.write, program.prompts()), curve=True, minimal=True
    )


@pytest.fixture(scope="module")
def backup(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A run on 8 prompts, too few to divide, with two heads that back each other up."""
    settings = written(tmp_path_factory.mktemp("backup"), write_backup, backup_prompts())
    return discover(**settings, minimal=True, minimal_rule="per-prompt", tolerance=0.05)


def names(graph: Any) -> set[str]:
    return {edge.name for edge in graph.edges}


def drawn_text(graph: Any) -> list[str]:
    return [text.get_text() for text in composed(graph).draw().findobj(Text)]


def test_the_run_holds_the_exact_circuit_with_its_certificate(induction):
    minimal = induction.summary["minimal"]
    assert names(induction.circuit) == PROGRAMS["induction"].true_edges
    certificate = minimal["certificate"]
    assert (certificate["holds"], certificate["n_tried"]) == (True, 5)
    assert {row["edge"] for row in certificate["edges"]} == names(induction.circuit)
    assert all(row["distance"] > minimal["tolerance"] for row in certificate["edges"])
    assert minimal["began_with"] == {"what": "all edges", "n_edges": 46}
    assert 0 < minimal["runs"]["spent"] <= 30
    assert minimal["others"] == {"n": 0, "n_forbidden": 5, "n_given_up": 0, "of_edges": 5, "first": []}
    assert not any("minimal" in warning for warning in induction.summary["warnings"])


def test_it_is_sought_on_one_half_of_the_prompts_and_judged_on_the_other(induction):
    summary, prompts = induction.summary, PROGRAMS["induction"].prompts()
    assert (summary["n_prompts"], summary["n_choosing"]) == (36, 18)
    model = load_model(induction.config.model)
    for name, half in (("faithfulness_on_choosing", prompts[:18]), ("faithfulness", prompts[18:])):
        values = circuit_values(model, half, induction.circuit.edge_mask, metric=METRIC)[0]
        expected = faithfulness(values, measure_baseline(model, half, metric=METRIC))
        assert summary[name] == pytest.approx(expected.mean)
    assert summary["minimal"]["judged_distance"] == pytest.approx(1 - summary["faithfulness"])


def test_the_graph_says_what_it_was_bounded_by_and_that_it_is_certified(induction):
    selection = induction.circuit.selection
    assert selection["name"] == "minimal"
    assert (selection["rule"], selection["tolerance"]) == ("mean", 0.15)
    assert (selection["certified"], selection["n_start"], selection["n_others"]) == (True, 46, 0)
    assert selection["n_runs"] == induction.summary["minimal"]["runs"]["spent"]
    stored = json.loads((induction.folder / "graph.json").read_text())
    assert stored["selection"] == dict(selection)
    assert induction.circuit.method == "eap-ig"
    assert all(edge.score is not None for edge in induction.circuit.edges)


def test_the_figure_says_that_no_edge_can_go(induction, backup):
    expected = (
        f"minimal: no single edge can go (mean bound, tolerance 0.15, {induction.circuit.selection['n_runs']} circuit"
    )
    assert any(line.startswith(expected) for line in drawn_text(induction.circuit))
    assert any("1 other circuit as small" in line for line in drawn_text(backup.circuit))


def test_circuits_that_no_scores_decide_are_compared_without_resamples(induction):
    compared = compare(induction.circuit, induction.circuit, scores=(induction.scores, induction.scores))
    assert compared.reuse.heads_interval is None


def test_evaluate_judges_the_smallest_circuit(induction):
    from pipelines import evaluate

    row = evaluate([induction], random=2, knockouts=2, resamples=0, out=induction.folder.parent).rows[0]
    assert row["n_edges"] == 5
    assert row["faithfulness"] == pytest.approx(induction.summary["faithfulness"])
    assert row["minimality"]["smallest"]["share"] > 0.4  # each of its components is needed


def test_heads_that_back_each_other_up_are_said_to_be_several(backup):
    others = backup.summary["minimal"]["others"]
    assert others["n"] == 1
    shown = [set(others["first"][0][side]) for side in ("has", "lacks")]
    by_head = [{f"input->a0.h{head}<v>", f"a0.h{head}->m1"} for head in (0, 1)]
    assert sorted(shown, key=sorted) == sorted(by_head, key=sorted)
    assert names(backup.circuit) == {"m1->logits"} | shown[1]


def test_the_table_and_the_announcement_say_it(circuits: Command, backup):
    asked = ["discover", "--config", str(backup.folder / "config.yaml")]
    again = circuits(*asked, "--runs", backup.folder.parent)
    shown = " ".join(again.stdout.replace("│", " ").split())
    assert "elimination from 46 edges (all edges) and from 3 chosen ones, those of the weakest" in shown
    assert "no single edge can go (3 of 3 tried alone); no prompt moves by more than 0.05" in shown
    assert "1 found (3 of 3 edges forbidden in turn), such as with input->a0.h" in shown
    assert "circuit runs" not in again.stderr
    assert "nothing new to compute" in again.stderr + again.stdout
    anew = circuits(*asked, "--minimal-runs", "50", "--minimal-others", "20")
    planned = "minimal: up to about 70 circuit runs of 8 prompts are planned, of about half a forward pass each, "
    assert planned in anew.stderr
    assert "s in all: edges are dropped from 46, " in anew.stderr
    assert anew.stderr.index("choose") < anew.stderr.index(planned) < anew.stderr.index("minimize, round 1 of 1")


def test_a_search_in_many_rounds_is_resumed_and_finds_the_same(backup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """3 runs a round: whichever round is lost, it alone is computed again."""
    for module in (minimize, minimize_jobs):
        monkeypatch.setattr(module, "RUNS_PER_ROUND", 3)
    settings = backup.config.model_dump() | {"out": tmp_path, "minimal_runs": 30, "minimal_others": 30}
    run = discover(**settings)
    assert names(run.circuit) == names(backup.circuit)
    facts = [one.summary["minimal"] for one in (run, backup)]
    assert [entry["runs"]["spent"] for entry in facts] == [facts[1]["runs"]["spent"]] * 2
    jobs = json.loads((run.folder / "run.json").read_text())["jobs"]
    rounds = [tmp_path / "jobs" / job["key"][:2] / f"{job['key']}.npz" for job in jobs if "round" in job["label"]]
    sizes = []
    for path in rounds:
        with np.load(path) as arrays:
            sizes.append(len(arrays["digests"]))
    n_runs = sum(facts[1]["runs"][name] for name in ("spent", "for_others"))
    assert len(rounds) == 20
    assert sum(sizes) == n_runs
    assert set(sizes[: n_runs // 3]) == {3}
    assert not any(sizes[n_runs // 3 + 1 :])
    kept = rounds[1].read_bytes()
    rounds[1].unlink()
    discover(**settings)
    assert rounds[1].read_bytes() == kept


def test_where_the_chosen_circuit_is_not_faithful_there_is_nothing_to_begin_with(backup, tmp_path: Path):
    settings = backup.config.model_dump() | {"out": tmp_path, "edges": 1, "minimal_rule": "mean"}
    with pytest.raises(
        ValueError, match=r"edges? to begin with is 1 away .* mean faithfulness of 0.95 or more.* would do"
    ) as refusal:
        discover(**settings)
    assert "in job 'minimize, round 1 of 9'" in refusal.value.__notes__


def test_a_search_that_ran_out_of_runs_is_not_certified(backup, tmp_path: Path):
    run = discover(**backup.config.model_dump() | {"out": tmp_path, "edges": 40, "minimal_runs": 2})
    minimal = run.summary["minimal"]
    assert not minimal["certificate"]["holds"]
    assert minimal["runs"] == {"spent": 2, "for_others": 0, "at_most": 202}
    assert any("may not be minimal" in warning and "--minimal-runs" in warning for warning in run.summary["warnings"])
    assert any(row["change"] is None for row in minimal["certificate"]["edges"])


@pytest.mark.parametrize(
    ("more", "began_with"),
    [
        ({"edges": 46}, "grown"),
        ({"method": "activation-patching"}, "top-components"),
        ({"selection": "flow", "edges": 20}, "flow"),
    ],
)
def test_with_a_size_or_components_the_search_begins_with_the_chosen_circuit(
    induction, tmp_path: Path, more, began_with
):
    run = discover(**induction.config.model_dump() | {"out": tmp_path, "curve": False} | more)
    assert run.summary["minimal"]["began_with"]["what"] == began_with
    assert run.summary["minimal"]["certificate"]["holds"]
    assert names(run.circuit) == names(induction.circuit)
    assert run.circuit.method == run.config.method


def test_models_whose_edges_cannot_be_run_are_refused_before_anything_is_measured(tmp_path: Path):
    settings = written(tmp_path, lambda path: random_module("gemma2").save_pretrained(path), random_prompts(4))
    with pytest.raises(ValueError, match="'minimal' cannot run on 'model': a norm after the attention") as refusal:
        discover(**settings, method="activation-patching", minimal=True)
    assert "in job 'check method and model'" in refusal.value.__notes__


def test_settings_of_an_elimination_need_one(circuits: Command, tiny: Any):
    answer = circuits(*tiny.arguments, "--minimal-rule", "per-prompt")
    assert answer.exit_code == 2
    assert "minimal_rule say how to minimize" in answer.stderr
    answer = circuits(*tiny.arguments, "--minimal", "--tolerance", "1.5")
    assert answer.exit_code == 2
    assert "tolerance is 1.5: expected less than 1" in answer.stderr
