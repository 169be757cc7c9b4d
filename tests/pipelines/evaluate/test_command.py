"""`circuits evaluate`: finished runs judged on a tiny random model; cached, and refused where they cannot be judged."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuits.ablations import ABLATIONS, Corrupt
from circuits.components import Edge
from circuits.data.prompt_files import read_prompts, write_jsonl
from circuits.evaluation.faithfulness import circuit_values, component_circuit_values
from circuits.evaluation.known_circuit import KnownCircuit, read_known
from circuits.evaluation.ranking import edge_auroc, node_auroc
from circuits.masks import Parts, random_circuits_of
from circuits.metrics import METRICS
from circuits.model.load import load_model
from circuits.quantities import QUANTITIES
from pipelines import discover, evaluate, open_run
from pipelines.engine.store import Store
from pipelines.engine.watch import JobWatch
from pipelines.evaluate.plan import judge_jobs
from pipelines.evaluate.report import MAY_BE_NO_GAP
from pipelines.evaluate.settings import LEAST_DRAWS, EvaluateSettings
from pipelines.evaluate.stages import HYPOTHESIS_RUNS, KNOCKOUTS, RANDOM_CIRCUITS, SEARCH_KNOCKOUTS
from pipelines.runs.about_file import about_file
from tests.conftest import random_module, random_prompts

Command = Callable[..., Any]
SMALL = ("--random", "4", "--knockouts", "3", "--resamples", "6")
FEW = {"random": 4, "knockouts": 3, "resamples": 6}


def new_run(computed: Command, tiny: Any, *options: str) -> str:
    """The name of a run, which is computed once for all tests and lies in this test's folder."""
    return computed((*tiny.arguments, *options, "--json"))[0].json["run"]


def stored(store: Path) -> set[str]:
    """Every job's result."""
    return {path.name for path in store.glob("jobs/*/*.npz")}


def write_truth(path: Path, *edges: str, **more: Any) -> Path:
    path.write_text(json.dumps({"edges": edges} | more))
    return path


@pytest.mark.parametrize("metric", ["logit-difference", "kl-divergence"])
def test_json_is_one_object_with_every_number_of_an_edge_run(circuits: Command, tiny: Any, metric: str):
    asked = ("--method", "eap-ig", "--metric", metric, "--edges", "60", "--curve", "--json")
    run = circuits(*tiny.arguments, *asked).json
    report = circuits("evaluate", run["run"], *SMALL, "--json").json
    (row,) = report["runs"]
    assert row["run"] == run["run"]
    assert (row["n_edges"], row["of_edges"]) == (run["circuit"]["n_edges"], run["circuit"]["of_edges"])
    assert row["faithfulness"] == run["faithfulness"]
    assert row["distance"]["share"] == pytest.approx(abs(1 - run["faithfulness"]))
    assert row["cpr"]["value"] == pytest.approx(run["curve"]["cpr"])
    assert row["cmd"]["value"] == pytest.approx(run["curve"]["cmd"])
    assert row["curve"]["weighted_edges_signed"][-1] == run["circuit"]["of_edges"]
    assert set(row["minimality"]["components"]) == set(run["circuit"]["nodes"]) - {"input", "logits"}
    smallest = min(entry["value"] for entry in row["minimality"]["components"].values())
    assert row["minimality"]["smallest"]["value"] == pytest.approx(smallest)
    assert row["random"]["n"] == 4
    assert row["n_edges"] - 1 <= row["random"]["sizes"][0] <= row["random"]["sizes"][1] <= row["n_edges"] + 1
    assert 1 / 5 <= row["random"]["p_value"] <= 1
    assert 0 < row["stability"] <= 1
    # The logit difference of this random model may be the same on clean and corrupt prompts: shares of that are unsure.
    has_shares = metric == "kl-divergence"
    assert set(row["reasons"]) == ({"auroc"} if has_shares else {"auroc", "intervals"})
    absolute = (row["distance"], row["completeness"]["sampled"], row["completeness"]["greedy"])
    for entry in (*absolute, row["cpr"], row["cmd"], row["random"]["faithfulness"]):
        if entry in absolute or has_shares:
            low, high = entry["interval"]
            assert low <= entry["value"] <= high
        else:
            assert entry["interval"] is None
    assert all((entry["share_interval"] is not None) == has_shares for entry in absolute)
    shown = circuits("evaluate", run["run"], *SMALL).stdout
    assert "method" in shown.split("95 % intervals")[0]
    assert row["method"] in shown.split("95 % intervals")[0]
    assert f"without {row['minimality']['smallest']['component']}" in shown
    for name in ("distance", "cpr", "incompleteness_sampled", "minimality", "stability"):
        quantity = QUANTITIES[name]
        assert f"{quantity.heading}: {quantity.says}" in shown.splitlines()
    assert "95 % intervals over prompts; t, but bootstrap for CMD" in shown
    assert ("[-]" in shown) == ("intervals: shares of clean - corrupt have none" in shown) == (not has_shares)


def test_what_the_default_leaves_out_is_named_and_thorough_does_it(
    circuits: Command, computed: Command, tiny: Any, monkeypatch: pytest.MonkeyPatch
):
    name = new_run(computed, tiny, "--edges", "9999")
    (small,) = circuits("evaluate", name, *SMALL, "--json").json["runs"]
    assert small["left_out"] is None  # all of it is little
    plan = sys.modules["pipelines.evaluate.plan"]  # `pipelines.evaluate` is the function
    monkeypatch.setattr(plan, "_MOST_RUNS", 0)
    monkeypatch.setattr(plan, "_LEAST_USED", 2)
    (short,) = circuits("evaluate", name, *SMALL, "--json").json["runs"]
    shown = " ".join(circuits("evaluate", name, *SMALL).stdout.split())
    assert f"left out of {name}: minimality is of the 2 of 6 components that do least to first order" in shown
    assert "take --thorough" in shown
    assert len(short["minimality"]["components"]) == 2
    names = {*short["minimality"]["components"], *short["minimality"]["left_out"]}
    assert names == set(small["minimality"]["components"])
    assert short["completeness"] == small["completeness"]
    (thorough,) = circuits("evaluate", name, *SMALL, "--thorough", "--json").json["runs"]
    assert thorough["minimality"] == small["minimality"]
    assert (thorough["left_out"], thorough["minimality"]["left_out"]) == (None, [])


def test_the_same_command_again_computes_nothing_new(circuits: Command, computed: Command, tiny: Any):
    run = new_run(computed, tiny, "--edges", "60")
    before = stored(Path("runs"))
    first = circuits("evaluate", run, *SMALL, "--json").json
    kept = stored(Path("runs"))
    again = circuits("evaluate", run, *SMALL, "--json").json
    assert first["jobs"] == {"total": len(kept), "computed": len(kept) - len(before)}
    assert again["jobs"] == {"total": len(kept), "computed": 0}
    assert {key for key in first if first[key] != again[key]} == {"seconds", "jobs"}


def test_the_least_p_that_so_few_random_circuits_allow_is_shown_as_a_bound(
    circuits: Command, computed: Command, tiny: Any
):
    few = ("--random", "4", "--knockouts", "0", "--resamples", "0")
    for edges, is_least in (("10", True), ("60", False)):  # of all edges, random circuits are the circuit itself
        run = new_run(computed, tiny, "--edges", edges)
        (row,) = circuits("evaluate", run, *few, "--json").json["runs"]
        assert row["random"]["p_value"] == (0.2 if is_least else 1)
        shown = circuits("evaluate", run, *few).stdout
        assert ("<= .20 " in shown) == is_least
        assert ("draw more (--random N)" in shown) == is_least


def test_more_random_circuits_compute_nothing_else_again(circuits: Command, computed: Command, tiny: Any):
    run = new_run(computed, tiny, "--edges", "60")
    circuits("evaluate", run, *SMALL)
    answer = circuits("evaluate", run, *SMALL[2:], "--random", "5", "--json")
    assert answer.json["jobs"]["computed"] == 3  # 12 prompts in slices of 4
    assert "run random circuits" in answer.stderr
    assert "knockouts" not in answer.stderr


def test_of_jobs_that_run_many_circuits_it_is_told_how_far_they_are(
    circuits: Command, computed: Command, tiny: Any, monkeypatch: pytest.MonkeyPatch
):
    reached: dict[str, list[float]] = {}

    def noted(self: JobWatch, share: float) -> None:
        reached.setdefault(self._job.stage.name, []).append(share)

    monkeypatch.setattr(JobWatch, "reached", noted)
    run = new_run(computed, tiny, "--edges", "60")
    assert circuits("evaluate", run, *SMALL, "--hypotheses", str(LEAST_DRAWS)).exit_code == 0
    for stage in (SEARCH_KNOCKOUTS, KNOCKOUTS, RANDOM_CIRCUITS, HYPOTHESIS_RUNS):
        shares = reached[stage.name]
        assert max(shares) <= 1
        assert any(0.1 < share < 0.9 for share in shares), stage.name


def test_how_many_circuits_are_planned_is_said_before_they_are_run(circuits: Command, computed: Command, tiny: Any):
    run = new_run(computed, tiny, "--edges", "9999")
    # Sets: 3 random and 3 grown; 6 components. The curve has 20 circuits, and there are 4 random ones.
    n_searched = 2 + 30 + 3 * (6 + 1 + 3) + 6 * (3 + 1 + 30 + 3)
    looking_up, first, *_ = circuits("evaluate", run, *SMALL).stderr.splitlines()
    assert looking_up == "evaluate: looking up what is stored in runs"
    assert first.startswith(f"{run}: computing ")
    assert first.endswith(f"; about {n_searched + 2 * 6 + 4 * 6 + 4 + 20} circuits are run")
    assert "circuits are run" not in circuits("evaluate", run, *SMALL).stderr
    _, first, *_ = circuits("evaluate", run, *SMALL[2:], "--random", "7").stderr.splitlines()
    assert first.endswith("; about 7 circuits are run")


def test_only_missing_results_are_computed(circuits: Command, computed: Command, tiny: Any):
    run = new_run(computed, tiny, "--edges", "60")
    first = circuits("evaluate", run, *SMALL, "--json").json
    lost = sorted(Path("runs").glob("jobs/*/*.npz"))[::4]
    for path in lost:
        path.unlink()
    again = circuits("evaluate", run, *SMALL, "--json").json
    assert again["jobs"]["computed"] == len(lost)
    # Jobs computed again may take a different time and amount of memory.
    taken = ("seconds", "peak_memory_mb")
    repeated, expected = (
        [{k: v for k, v in row.items() if k not in taken} for row in each["runs"]] for each in (again, first)
    )
    assert repeated == expected


def test_several_runs_are_rows_of_one_table_in_a_folder(circuits: Command, computed: Command, tiny: Any):
    names = [new_run(computed, tiny, "--edges", size) for size in ("40", "80")]
    answer = circuits("evaluate", *names, *SMALL, "--out", "judged")
    owners = {line.partition(":")[0] for line in answer.stderr.splitlines()}
    assert any(owner == f"{names[0]} and {len(names) - 1} more" for owner in owners), owners
    assert answer.exit_code == 0
    for name in names:
        assert name in answer.stdout
    assert "auroc" not in answer.stdout.lower()
    rows = list(csv.DictReader(io.StringIO(Path("judged/evaluation.csv").read_text())))
    record = json.loads(Path("judged/evaluation.json").read_text())
    assert [row["run"] for row in rows] == [row["run"] for row in record["runs"]] == names
    assert (record["format"], record["version"]) == ("circuit-workbench-evaluation", 1)
    for line, row in zip(rows, record["runs"], strict=True):
        assert float(line["faithfulness"]) == row["faithfulness"]
        assert float(line["incompleteness_greedy_share"]) == row["completeness"]["greedy"]["share"]
        assert float(line["minimality_high"]) == row["minimality"]["smallest"]["interval"][1]
        assert line["auroc_edges"] == ""


def test_runs_of_one_model_share_it(circuits: Command, computed: Command, tiny: Any, monkeypatch: pytest.MonkeyPatch):
    from pipelines.engine import run_job as jobs

    names = [new_run(computed, tiny, "--edges", size) for size in ("40", "80")]
    loaded: list[str] = []
    monkeypatch.setattr(jobs, "_LOADED", type(jobs._LOADED)())
    monkeypatch.setattr(
        "circuits.model.load.load_model", lambda spec, **o: loaded.append(spec) or load_model(spec, **o)
    )
    assert circuits("evaluate", *names, *SMALL, "--json").json["jobs"]["computed"] > 0
    assert loaded == [str(tiny.model)]


def test_python_gives_what_the_command_line_gives(circuits: Command, computed: Command, tiny: Any):
    name = new_run(computed, tiny, "--edges", "60")
    printed = circuits("evaluate", name, *SMALL, "--json").json
    for runs in (name, Path("runs") / name, [open_run(name)]):
        report = evaluate(runs, **FEW)
        assert report.n_computed == 0
        assert list(report.rows) == printed["runs"]
    assert report.to_dict()["runs"] == printed["runs"]


def test_the_whole_model_has_no_distance_and_is_complete(circuits: Command, computed: Command, tiny: Any):
    (row,) = circuits("evaluate", new_run(computed, tiny, "--edges", "9999"), *SMALL, "--json").json["runs"]
    assert row["distance"]["value"] == pytest.approx(0, abs=1e-5)
    assert row["completeness"]["sampled"]["value"] == row["completeness"]["greedy"]["value"] == 0
    assert row["random"]["sizes"] == [row["of_edges"]] * 2
    assert row["stability"] == 1


def test_component_methods_are_judged_by_components_and_pay_for_themselves_only(
    circuits: Command, computed: Command, tiny: Any
):
    name = new_run(computed, tiny, "--method", "activation-patching", "--nodes", "3")
    truth = write_truth(Path("truth.json"), "input->a0.h0<v>", "a0.h0->logits")
    (row,) = circuits("evaluate", name, *SMALL, "--truth", truth, "--json").json["runs"]
    assert row["curve"]["over"] == "components"
    # 6 components: 1 at a fifth of them (one is 1.2), 3 at half; none before, all at the end.
    assert row["curve"]["faithfulness_absolute"][-1] == pytest.approx(1, abs=1e-5)
    assert row["curve"]["weighted_edges_absolute"][:6] == [1] * 6  # input -> logits alone
    assert row["curve"]["weighted_edges_absolute"][-1] == row["of_edges"]
    assert row["auroc"]["edges"] is None
    assert row["reasons"].items() - {"intervals": MAY_BE_NO_GAP}.items() == {
        ("auroc_edges", "the method scores components")
    }
    run = open_run(name)
    jobs = judge_jobs(run, EvaluateSettings(runs=(run,)), Store("runs"))
    store = Store("runs")
    work = sum((store.cost(job.key) or {})["multiply_adds"] for job in jobs.run.measure_nodes)
    one_pass = store.read(jobs.run.baseline.key).meta["forward_multiply_adds"]
    assert row["forward_equivalents"] == pytest.approx(work / one_pass)
    assert run.node_scores is not None
    assert row["auroc"]["nodes"]["by_mean"] == node_auroc(run.node_scores, read_known(truth)).by_mean


def test_a_model_that_refuses_edges_is_judged_by_its_components(tmp_path: Path):
    random_module("gemma2").save_pretrained(tmp_path / "model")
    write_jsonl(random_prompts(6), tmp_path / "prompts.jsonl")
    options = {"model": str(tmp_path / "model"), "out": tmp_path / "runs"}
    run = discover(tmp_path / "prompts.jsonl", method="activation-patching", nodes=6, **options)
    (row,) = evaluate(run, out=tmp_path / "runs", **FEW).rows
    assert row["circuit_of"] == "components"
    assert row["random"]["size"] == 7  # with the embedding
    assert row["random"]["sizes"] == [7, 7]
    assert len(row["minimality"]["components"]) == 6
    assert row["cmd"]["value"] > 0


def test_what_was_not_recorded_is_a_dash_with_its_reason(circuits: Command, computed: Command, tiny: Any):
    run = new_run(computed, tiny, "--edges", "60")
    for path in Path("runs").glob("jobs/*/*.cost.json"):
        path.unlink()
    answer = circuits("evaluate", run, "--random", "0", "--knockouts", "0", "--resamples", "0")
    (row,) = evaluate(run, random=0, knockouts=0, resamples=0).rows
    for name in (
        "forward_equivalents",
        "seconds",
        "peak_memory_mb",
        "random",
        "completeness",
        "minimality",
        "stability",
    ):
        assert row[name] is None
        assert f"- {name.replace('_', ' ')}: {row['reasons'][name]}" in answer.stdout


@pytest.mark.parametrize("name", ["zero", "mean"])
def test_a_run_is_judged_under_its_own_ablation_with_means_over_all_its_prompts(
    computed: Command, tiny: Any, name: str
):
    run = open_run(new_run(computed, tiny, "--edges", "9999", "--ablation", name))
    evaluate(run, **FEW)
    store, jobs = Store("runs"), judge_jobs(run, EvaluateSettings(runs=(run,), **FEW), Store("runs"))
    without_one = np.concatenate([store.read(job.key).arrays["telling"][:, 0, 1] for job in jobs.knockouts], axis=-1)
    model, prompts = load_model(str(tiny.model)), read_prompts(tiny.prompts)
    singles = ~np.eye(len(model.wiring.writers), dtype=bool)[1:]
    expected, under_corruption = (
        component_circuit_values(model, prompts, singles, metric=METRICS["logit-difference"], ablation=ablation)
        for ablation in (ABLATIONS[name]().fitted(model, prompts), Corrupt())
    )
    np.testing.assert_allclose(without_one, expected, atol=1e-5)
    assert np.abs(without_one - under_corruption).max() > 0.01


def test_edges_chosen_by_components_are_resampled_as_components(computed: Command, tiny: Any):
    name = new_run(computed, tiny, "--nodes", "3")
    evaluate(name, **FEW)
    run = open_run(name)
    jobs = judge_jobs(run, EvaluateSettings(runs=(run,), **FEW), Store("runs"))
    assert jobs.stability is not None
    mask = np.zeros(run.circuit.wiring.n_edges, dtype=bool)
    mask[[run.circuit.wiring.edge_index(item.edge) for item in run.circuit.edges]] = True
    members = Parts.edges(run.circuit.wiring).members(mask)
    assert Store("runs").read(jobs.stability.key).meta["n"] == len(members) <= 3


def test_rankings_are_compared_with_the_known_circuit_of_a_file(circuits: Command, computed: Command, tiny: Any):
    name = new_run(computed, tiny, "--edges", "60")
    truth = write_truth(Path("truth.json"), "input->a0.h0<v>", "a0.h0->a1.h1<q>", "a1.h1->logits")
    answer = circuits("evaluate", name, *SMALL, "--truth", truth, "--json")
    (row,) = answer.json["runs"]
    run, known = open_run(name), read_known(truth)
    assert row["auroc"]["edges"] == edge_auroc(run.scores, known)._asdict()
    assert row["auroc"]["nodes"] == node_auroc(run.scores, known)._asdict() | {"trials": None}
    assert row["auroc"]["heads"] == node_auroc(run.scores, known, kinds=("head",))._asdict() | {"trials": None}
    assert not row["reasons"].items() - {"intervals": MAY_BE_NO_GAP}.items()
    assert "AUROC" in circuits("evaluate", name, *SMALL, "--truth", truth).stdout


def test_a_known_circuit_may_be_given_in_python(computed: Command, tiny: Any):
    name = new_run(computed, tiny, "--edges", "60")
    known = KnownCircuit("mine", (Edge.parse("input->m0"),), ())
    (row,) = evaluate(name, truth=known, random=0, knockouts=0, resamples=0).rows
    assert row["auroc"]["edges"]["by_mean"] == edge_auroc(open_run(name).scores, known).by_mean
    assert "a ranking needs some inside" in row["reasons"]["auroc_nodes"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--truth", "ioi"], ["belongs to a model of 12 layers of 12 heads", "2 layers of 2 heads"]),
        (["--truth", "oii"], ["no published circuit 'oii'", "Did you mean 'ioi'?", "not a file or a run either"]),
        (["--truth", "other.json"], ["has a7.h0->logits: this model has no head a7.h0"]),
        (["--truth", "all.json"], ["has 46 of 46 edges"]),
        (["--random", "-1"], ["random is -1"]),
        (["--resamples", "1"], ["resamples is 1"]),
        (["--workers", "2", "--scheduler", "tcp://a:1"], ["different places to run"]),
        (["missing"], ["no run in runs 'missing'"]),
        (["cmp"], ["error: runs/cmp is no run: it holds what `circuits compare one two --out cmp` left. Give a run."]),
    ],
)
def test_bad_input_is_one_line_before_any_model_runs(
    circuits: Command, computed: Command, tiny: Any, options: list[str], said: list[str]
):
    run = new_run(computed, tiny, "--edges", "20")
    write_truth(Path("other.json"), "a7.h0->logits")
    write_truth(Path("all.json"), *map(str, open_run(run).circuit.wiring.edges))
    made = {"command": "circuits discover ioi && circuits compare one two --out cmp"}
    Path("runs/cmp").mkdir()
    Path("runs/cmp/about.json").write_bytes(about_file(made, {}, ()))
    before = stored(Path("runs"))
    answer = circuits("evaluate", run, *options)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert answer.stderr.removeprefix("evaluate: looking up what is stored in runs\n").count("\n") == 1
    for words in said:
        assert words in answer.stderr
    assert stored(Path("runs")) == before


def test_an_unfinished_run_is_refused_with_the_command_that_finishes_it(
    circuits: Command, computed: Command, tiny: Any
):
    names = [new_run(computed, tiny, "--edges", size) for size in ("20", "40")]
    record = Path("runs") / names[1] / "run.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"files": {}}))
    before = stored(Path("runs"))
    answer = circuits("evaluate", *names)
    assert answer.exit_code == 2
    assert "is not finished. Continue it: circuits discover --config" in answer.stderr
    assert stored(Path("runs")) == before


def test_a_run_whose_prompts_have_changed_is_refused(
    circuits: Command, tiny: Any, new_prompts: Callable[..., Path], tmp_path: Path
):
    path = new_prompts(tmp_path / "pairs.jsonl", seed=1)
    name = circuits("discover", path, *tiny.arguments[2:], "--edges", "20", "--json").json["run"]
    new_prompts(path, seed=2)
    answer = circuits("evaluate", name, *SMALL)
    assert answer.exit_code == 2
    assert f"run {name} is out of date: its model, its prompts or this package have changed" in answer.stderr


def test_a_run_of_another_store_is_judged_there(circuits: Command, tiny: Any):
    name = circuits(*tiny.arguments, "--edges", "20", "--runs", "elsewhere", "--json").json["run"]
    before = stored(Path("elsewhere"))
    report = circuits("evaluate", Path("elsewhere") / name, *SMALL, "--json").json
    assert report["jobs"]["computed"] == len(stored(Path("elsewhere"))) - len(before)
    assert not stored(Path("runs"))


def test_after_an_interruption_finished_jobs_are_kept_and_the_command_that_goes_on_is_named(
    circuits: Command, computed: Command, tiny: Any, monkeypatch: pytest.MonkeyPatch
):
    from pipelines.engine.progress import Progress

    name = new_run(computed, tiny, "--edges", "60")
    before = stored(Path("runs"))
    done: list[str] = []

    def stop(self: Progress, job: Any) -> None:
        done.append(job.label)
        if len(done) == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Progress, "done", stop)
        with pytest.raises(KeyboardInterrupt) as stopped:
            evaluate(name, **FEW)
    said, command = str(stopped.value).split("on the command line: circuits ")
    assert "interrupted" in said
    n_kept = len(stored(Path("runs")))
    assert n_kept >= len(before) + 2
    resumed = circuits(*command.split(), "--json").json
    # Jobs that were in flight may have finished since.
    assert 0 < resumed["jobs"]["computed"] <= resumed["jobs"]["total"] - n_kept


def test_hypotheses_are_tested_where_asked_for_and_each_says_what_it_gives_up(
    circuits: Command, computed: Command, tiny: Any
):
    run = new_run(computed, tiny, "--edges", "9999")
    assert circuits("evaluate", run, *SMALL, "--json").json["runs"][0]["hypotheses"] is None
    (row,) = circuits("evaluate", run, *SMALL, "--hypotheses", "30", "--json").json["runs"]
    tests = row["hypotheses"]
    assert set(tests) == {"equivalence", "independence", "minimality", "sufficiency", "partial-necessity"}
    # The whole model is equivalent to itself, beats what it can, and cannot be inflated.
    assert tests["equivalence"]["p_value"] == 1
    assert tests["equivalence"]["is_good"]
    assert tests["minimality"]["p_value"] is None
    assert "whole model" in tests["minimality"]["says"]
    assert tests["sufficiency"]["n_random"] == 30
    smaller = new_run(computed, tiny, "--edges", "20")
    (row,) = circuits("evaluate", smaller, *SMALL, "--hypotheses", "30", "--json").json["runs"]
    minimality = row["hypotheses"]["minimality"]
    edges = {edge.name for edge in open_run(smaller).circuit.edges}
    assert minimality["n_tested"] == minimality["n_parts"] == len(edges)
    assert set(minimality["superfluous"]) <= edges
    shown = circuits("evaluate", smaller, *SMALL, "--hypotheses", "30").stdout
    assert "null hypothesis" in shown
    refused = circuits("evaluate", smaller, "--hypotheses", "29")
    assert refused.exit_code == 2
    assert "fewer than 30 random circuits" in refused.stderr


def test_random_circuits_of_every_size_are_run_where_asked_for(circuits: Command, computed: Command, tiny: Any):
    """The largest size is the whole model, which keeps everything; each number is that of the circuits, run by hand."""
    run = new_run(computed, tiny, "--metric", "kl-divergence", "--edges", "20")
    few = ("--random", "0", "--knockouts", "0", "--resamples", "0")
    report = circuits("evaluate", run, *few, "--random-curve", "3", "--json").json
    (row,) = report["runs"]
    curve = row["random_curve"]
    assert curve["n"] == 3
    assert curve["sizes"] == sorted(set(curve["sizes"]))
    assert curve["sizes"][-1] == row["of_edges"]
    assert curve["least"][-1] == pytest.approx(1) == curve["most"][-1]
    assert all(
        low <= mean <= high for low, mean, high in zip(curve["least"], curve["mean"], curve["most"], strict=True)
    )
    opened = open_run(run)
    model, size = load_model(str(tiny.model)), curve["sizes"][-2]
    drawn = random_circuits_of(model.wiring, size, n=3)
    prompts = read_prompts(tiny.prompts)
    values = circuit_values(
        model, prompts, np.concatenate([drawn, drawn[:1] | True, drawn[:1] & False]), metric=METRICS["kl-divergence"]
    )
    *kept, whole, nothing = values.mean(axis=1)
    assert curve["mean"][-2] == pytest.approx((np.mean(kept) - nothing) / (whole - nothing))
    assert opened.summary["n_prompts"] == len(prompts)
    (plain,) = circuits("evaluate", run, *few, "--json").json["runs"]
    assert plain["random_curve"] is None
