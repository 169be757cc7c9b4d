"""Head coding from the command line: in stages, cached, on workers, with given autoencoders, on labeled prompts."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from circuits.data.prompt_files import read_prompts, write_jsonl
from circuits.data.prompts import Prompt, PromptSet
from circuits.evaluation.ranking import match_heads, node_auroc, trial_aurocs
from circuits.head_codes.counting import count_positive_only, expected_by_chance
from circuits.head_codes.grouping import head_groups, positive_only_shares
from circuits.methods import HeadCoding
from circuits.metrics import METRICS
from circuits.model.load import load_model
from pipelines import compare, discover, evaluate, open_run
from pipelines.discover.known_circuit import circuit_of
from pipelines.discover.plan import all_jobs
from pipelines.discover.run import DiscoverRun
from pipelines.discover.settings import DiscoverSettings

Command = Callable[..., Any]
# The tiny model does no task; a few epochs are enough to test how runs are kept.
FEW = {"least_accuracy": 0, "epochs": 4, "trials": 3, "features": 12, "sae_prompts": 4}
FEW_OPTIONS = [part for name, value in FEW.items() for part in ("--set", f"{name}={value}")]


def coded(circuits: Command, tiny: Any, *more: str, method: str = "head-coding") -> Any:
    return circuits(*tiny.arguments, "--method", method, *FEW_OPTIONS, "--json", *more)


@pytest.fixture
def coded_run(computed: Command, tiny: Any) -> dict[str, Any]:
    """What is said of a run of head coding without more settings, whose files lie in this test's folder."""
    return coded(lambda *command: computed(command)[0], tiny).json


def reference(circuits: Command, task: str, *more: str) -> Any:
    return circuits("discover", task, "--method", "head-coding", "--prompts", "12", "--json", *more)


def test_a_run_has_the_scores_that_python_gives(tiny: Any, coded_run: dict[str, Any]):
    run = cast("DiscoverRun", open_run(coded_run["run"]))
    model, prompts = load_model(str(tiny.model)), read_prompts(tiny.prompts)
    expected = HeadCoding(**FEW).score(model, prompts, metric=METRICS["logit-difference"])
    assert run.node_scores is not None
    assert run.node_scores.trials is not None
    assert expected.trials is not None
    # Slices of the prompts round differently from one pass over all of them; codes are counts.
    np.testing.assert_allclose(run.node_scores.means, expected.means, atol=1e-6)
    np.testing.assert_allclose(run.node_scores.trials, expected.trials, atol=1e-6)
    assert run.codes is not None
    counts = [count_positive_only(trial, run.codes.is_positive).counts for trial in run.codes.codes]
    np.testing.assert_allclose(run.node_scores.trials[:, 0], counts, rtol=1e-6)


def test_the_same_command_again_computes_nothing_and_a_part_of_it_only_what_is_new(
    circuits: Command, tiny: Any, coded_run: dict[str, Any]
):
    again = coded(circuits, tiny).json
    assert again["jobs"] == {"total": coded_run["jobs"]["total"], "computed": 0}
    before = set(Path("runs/jobs").rglob("*.npz"))
    # Other scores of the same codes: check, code-scores, select, graph and three slices of evaluate.
    by = coded(circuits, tiny, "--set", "by=coverage").json
    assert by["jobs"]["computed"] == 7
    # Two more trials: the third trial was trained alone and is trained again beside the fourth.
    four = [part.replace("trials=3", "trials=4") for part in FEW_OPTIONS]
    more = circuits(*tiny.arguments, "--method", "head-coding", *four, "--json").json
    config = DiscoverSettings(**tiny.settings(method="head-coding", settings=FEW | {"trials": 4}))
    new = [job.label for job in all_jobs(config).stages if Path(f"runs/jobs/{job.key[:2]}/{job.key}.npz") not in before]
    assert new == ["autoencoders trials 2-3", "codes trials 2-3"]
    assert more["coding"]["trials"] == 4


@pytest.mark.slow
def test_workers_give_the_same_bytes(tiny: Any, tmp_path: Path, scheduler: str):
    settings = tiny.settings(method="head-coding", settings=FEW)
    places = {"here": {}, "there": {"scheduler": scheduler}}
    here, there = (discover(**settings, out=tmp_path / name, **where) for name, where in places.items())
    for name in ("codes.npz", "node_scores.npz", "graph.json"):
        assert (here.folder / name).read_bytes() == (there.folder / name).read_bytes(), name


def test_the_summary_says_whether_the_model_does_the_task_on_either_side(circuits: Command):
    summary = reference(circuits, "ioi", *FEW_OPTIONS[2:], "--corruption", "abc").json
    coding = summary["coding"]
    assert (coding["accuracy_positives"], coding["accuracy_negatives"]) == (1, 0)
    assert (coding["n_positives"], coding["n_negatives"], coding["trials"]) == (12, 12, 3)
    low, high = coding["accuracy_negatives_interval"]
    assert low == 0 < high < 0.3


def test_negatives_that_the_model_answers_as_well_are_warned_of(circuits: Command):
    summary = reference(circuits, "greater-than", *FEW_OPTIONS, "--corruption", "range").json
    assert any("right answer to 100% of the negatives as well" in warning for warning in summary["warnings"])


def test_the_smallest_number_of_heads_that_is_faithful_is_chosen(circuits: Command):
    summary = reference(circuits, "ioi", *FEW_OPTIONS[2:]).json
    selection = summary["circuit"]["selection"]
    assert selection["name"] == "top-components"
    assert 0 < summary["circuit"]["n_heads"] <= selection["n"]
    assert summary["faithfulness_on_choosing"] >= 0.85
    (best,) = (entry for entry in summary["choice"]["choices"] if entry["ranking"] == summary["choice"]["ranking"])
    of_components = next(search for search in best["searches"] if search["of"] == "components")
    assert of_components["size"] == selection["n"]
    assert dict(of_components["tried"])[selection["n"] - 1] < 0.85


def test_pairs_make_a_circuit_with_the_edges_that_codes_say_nothing_of(circuits: Command, tiny: Any):
    run = open_run(coded(circuits, tiny, "--edges", "4", method="code-pairs").json["run"])
    scored = [edge for edge in run.circuit.edges if edge.score is not None]
    assert 0 < len(scored) <= 4
    assert all(edge.edge.source.kind == "head" and edge.edge.port is not None for edge in scored)
    touched = {str(end) for edge in scored for end in (edge.edge.source, edge.edge.target)}
    assert {str(node.component) for node in run.circuit.nodes} == touched | {"input", "logits", "m0", "m1"}
    assert run.faithfulness is not None
    named = open_run(coded(circuits, tiny, "--edges", "4", "--selection", "top-edges", method="code-pairs").json["run"])
    assert named.name == run.name


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--greedy"], "code-pairs scores only edges between heads"),
        (["--curve"], "leave out curve"),
        (["--set", "preset=papre"], "no preset of code-pairs 'papre'"),
        (["--set", "l1=-1"], "l1=-1"),
        (["--set", "at=nowhere"], "at='nowhere': line 1 of pairs.jsonl has no such role. Known: mean, END"),
        (["--set", "autoencoder=absent"], "absent"),
    ],
)
def test_bad_settings_are_refused_before_anything_runs(circuits: Command, tiny: Any, more: list[str], said: str):
    answer = coded(circuits, tiny, *more, method="code-pairs")
    assert answer.exit_code == 2
    assert said in answer.stderr
    assert not list(Path("runs").glob("*/run.json"))


def test_a_model_that_does_not_do_the_task_is_refused_before_training(circuits: Command, tiny: Any):
    answer = circuits(*tiny.arguments, "--method", "head-coding", "--set", "least_accuracy=0.9")
    assert answer.exit_code == 2
    assert "positive prompts correctly, fewer than least_accuracy=0.9" in answer.stderr


def test_autoencoders_from_a_folder_are_used_instead_of_training(
    circuits: Command, tiny: Any, coded_run: dict[str, Any]
):
    from circuits.head_codes.saelens_files import write_autoencoders
    from circuits.head_codes.stored import autoencoders_from
    from pipelines.engine.store import Store

    trained = cast("DiscoverRun", open_run(coded_run["run"]))
    model = load_model(str(tiny.model))
    jobs = [job for job in all_jobs(trained.config).stages if job.stage.name == "autoencoders"]
    first = autoencoders_from(Store("runs").read(jobs[0].key), lambda: model)
    write_autoencoders(Path("sae"), first, HeadCoding(**FEW).coding, model=model.name, n_layers=2)
    with_sae = (*tiny.arguments, "--method", "head-coding", "--set", "least_accuracy=0", "--json", "--set")
    given = circuits(*with_sae, "autoencoder=sae").json
    run = cast("DiscoverRun", open_run(given["run"]))
    assert run.config.settings["autoencoder"] == str(Path("sae").absolute())
    assert run.node_scores is not None
    assert run.node_scores.provenance.settings["features"] is None  # those of the folder
    assert given["coding"]["trials"] == 2
    assert run.codes is not None
    assert trained.codes is not None
    np.testing.assert_array_equal(run.codes.codes, trained.codes.codes[:2])
    # The folder may move, but a change of its content may not go unnoticed.
    Path("sae").rename("elsewhere")
    assert circuits(*with_sae, "autoencoder=elsewhere").json["jobs"]["computed"] == 0
    refused = coded(circuits, tiny, "--set", "autoencoder=elsewhere")
    assert refused.exit_code == 2
    assert "used instead of training, and features, epochs, sae_prompts, trials would be settings" in refused.stderr
    wide = circuits("discover", "ioi", "--method", "head-coding", "--set", "autoencoder=elsewhere", "--prompts", "4")
    assert wide.exit_code == 2
    assert "128" in wide.stderr
    assert "16" in wide.stderr


def labeled_file(path: Path) -> Path:
    """Five positives, and seven negatives of another length, for the tiny model."""
    draw = np.random.default_rng(0)

    def alone(length: int) -> Prompt:
        tokens = tuple(draw.integers(12, size=length).tolist())
        answer, wrong = draw.choice(12, size=2, replace=False).tolist()
        return Prompt(tokens, tokens, (answer,), (wrong,))

    write_jsonl(PromptSet("labeled", tuple(alone(6) for _ in range(5)), tuple(alone(8) for _ in range(7))), path)
    return path


def test_labeled_prompts_without_partners_go_all_the_way_with_a_mean_ablation(circuits: Command, tiny: Any):
    path = labeled_file(Path("labeled.jsonl"))
    options = ["--model", str(tiny.model), "--prompts-per-job", "2", "--method", "head-coding", *FEW_OPTIONS]
    summary = circuits("discover", path, *options, "--ablation", "mean", "--nodes", "2", "--json").json
    assert (summary["n_prompts"], summary["coding"]["n_positives"], summary["coding"]["n_negatives"]) == (5, 5, 7)
    assert summary["circuit"]["n_heads"] <= 2
    refused = circuits("discover", path, *options)
    assert refused.exit_code == 2
    assert "ablation 'corrupt' takes values from each prompt's partner" in refused.stderr


def test_a_number_of_prompts_is_that_of_positives_and_of_negatives(circuits: Command, tiny: Any):
    path = labeled_file(Path("labeled.jsonl"))
    options = ["--model", str(tiny.model), "--ablation", "mean", "--nodes", "2", "--prompts", "3", "--json"]
    coding = circuits("discover", path, *options, "--method", "head-coding", *FEW_OPTIONS).json["coding"]
    assert (coding["n_positives"], coding["n_negatives"]) == (3, 3)
    plain = circuits("discover", path, *[option for option in options if option not in ("--nodes", "2")]).json
    assert any("the 3 negatives of the file are read by head coding alone" in text for text in plain["warnings"])


def test_codes_are_compared_with_what_chance_gives(coded_run: dict[str, Any]):
    run = cast("DiscoverRun", open_run(coded_run["run"]))
    assert run.codes is not None
    chance = [expected_by_chance(trial, run.codes.is_positive) for trial in run.codes.codes]
    assert coded_run["coding"]["positive_only_codes_by_chance"] == pytest.approx(np.mean(chance))
    warned = any("as shuffled labels would give" in text for text in coded_run["warnings"])
    assert warned == (coded_run["coding"]["positive_only_codes"] <= np.mean(chance))


def test_scores_that_are_all_zero_are_warned_of(circuits: Command, tiny: Any):
    lines = [json.loads(line) for line in tiny.prompts.read_text().splitlines()]
    same = [record | {"corrupt_ids": record["clean_ids"]} for record in lines]
    Path("same.jsonl").write_text("\n".join(map(json.dumps, same)))
    options = ["same.jsonl", "--model", str(tiny.model), "--method", "head-coding", *FEW_OPTIONS, "--json"]
    options += ["--ablation", "zero"]  # under `corrupt`, pairs that are equal are left out
    assert any("every score of head-coding is zero" in text for text in circuits("discover", *options).json["warnings"])


def test_scores_of_two_methods_are_not_correlated_and_edges_among_heads_have_no_chance(tiny: Any, tmp_path: Path):
    common = {"out": tmp_path, **tiny.settings()}
    first, second = (
        discover(**common, method="head-coding", settings=FEW | {"seed": seed}, nodes=2) for seed in (0, 1)
    )
    plain = discover(**common, edges=20)
    both = compare(first, second, folder=tmp_path / "both").summary
    assert both["rank_correlation"] is None  # the edges of both were scored by eap
    assert both["edges_p_value"] is None
    assert both["p_value"] is not None
    mixed = compare(first, plain, folder=tmp_path / "mixed").summary
    assert (mixed["rank_correlation"], mixed["head_rank_correlation"]) == (None, None)


def test_half_a_labeled_file_is_refused(circuits: Command, tiny: Any):
    lines = labeled_file(Path("labeled.jsonl")).read_text().splitlines()
    Path("half.jsonl").write_text("\n".join(lines[:5]))
    Path("other.jsonl").write_text("\n".join(lines[5:]))
    Path("mixed.jsonl").write_text("\n".join([lines[0], *tiny.prompts.read_text().splitlines()[:2]]))
    Path("wrong.jsonl").write_text(json.dumps(json.loads(lines[0]) | {"label": "maybe"}))
    for name, said in (
        ("half", "holds 5 labeled prompts and no negative one"),
        ("other", "holds 7 labeled prompts and no positive one"),
        ("mixed", "holds 2 pairs and 1 labeled prompt:"),
        ("wrong", "line 1: 'label' holds 'maybe', expected 'positive' or 'negative'"),
    ):
        answer = circuits("discover", f"{name}.jsonl", *tiny.arguments[2:], "--method", "head-coding")
        assert answer.exit_code == 2
        assert said in answer.stderr


def test_the_judge_compares_heads_with_the_circuit_of_another_run(tiny: Any, tmp_path: Path):
    common = {"out": tmp_path, **tiny.settings()}
    truth = discover(**common, method="activation-patching", settings={"kinds": ["head"]}, nodes=2)
    run = discover(**common, method="head-coding", settings=FEW, nodes=2)
    pairs = discover(**common, method="code-pairs", settings=FEW, edges=4)
    report = evaluate([run, pairs], truth=truth.name, random=0, knockouts=0, resamples=0, out=tmp_path)
    known = circuit_of(truth)
    assert known.kinds == ("head",)
    row = report.rows[0]
    trials = trial_aurocs(run.node_scores, known, kinds=("head",))
    assert trials is not None
    expected = node_auroc(run.node_scores, known, kinds=("head",))._asdict() | {"trials": trials._asdict()}
    assert row["auroc"]["heads"] == expected
    assert row["auroc"]["match"] == match_heads(run.circuit.heads, run.node_scores, known)._asdict()
    assert row["seconds"] > 0
    assert report.rows[1]["cpr"] is None
    assert "scores only edges between heads" in report.rows[1]["reasons"]["cpr"]


def test_heads_that_code_together_on_two_tasks_are_groups_of_their_comparison(
    tiny: Any, new_prompts: Any, tmp_path: Path
):
    other = new_prompts(tmp_path / "other.jsonl", n_prompts=9, seed=5)
    settings = {"model": str(tiny.model), "method": "head-coding", "settings": FEW, "nodes": 4, "out": tmp_path}
    runs = [discover(task, **settings) for task in (tiny.prompts, other)]
    both = compare(*runs, folder=tmp_path / "both")
    shares = [positive_only_shares(run.codes.codes, run.codes.is_positive) for run in runs]
    expected = head_groups(np.concatenate(shares)).tolist()
    names = [f"a{layer}.h{number}" for layer in range(2) for number in range(2)]
    groups = {name: index for index, group in enumerate(both.summary["head_groups"]) for name in group}
    assert groups == {name: group for name, group in zip(names, expected, strict=True) if group >= 0}
    for side in (both.comparison.a, both.comparison.b):
        assert {node.name: node.group for node in side.nodes if node.group is not None}.items() <= groups.items()
    plain = discover(tiny.prompts, model=str(tiny.model), nodes=4, out=tmp_path)
    assert "head_groups" not in compare(runs[0], plain, folder=tmp_path / "plain").summary


def test_a_position_is_asked_for_in_the_method_not_in_the_selection(circuits: Command, tiny: Any):
    answer = coded(circuits, tiny, "--position", "END")
    assert answer.exit_code == 2
    assert "head-coding scores heads once, and position='END' asks for one of several: set at=END" in answer.stderr
