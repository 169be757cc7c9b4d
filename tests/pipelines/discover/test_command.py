"""`circuits discover`, `compare`, `export` and `status` on a tiny random model."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graphs.export.score_table import ENDS
from graphs.node_sums import SUMS

Command = Callable[..., Any]
COMPONENTS = ("--method", "activation-patching", "--nodes", "2", "--edges", "30")


def stored_bytes(store: Path) -> dict[str, bytes]:
    """File name -> content of every job's result."""
    return {path.name: path.read_bytes() for path in store.glob("jobs/*/*.npz")}


def test_json_holds_one_object_with_every_number_and_its_interval(circuits: Command, tiny: Any):
    summary = circuits(*tiny.arguments, "--method", "eap-ig", "--metric", "kl-divergence", "--json").json
    assert {
        "run",
        "task",
        "model",
        "method",
        "n_prompts",
        "accuracy",
        "metric",
        "circuit",
        "faithfulness",
    } <= summary.keys()
    assert {"name", "clean", "clean_interval", "corrupt", "corrupt_interval"} <= summary["metric"].keys()
    assert {"nodes", "n_edges", "of_edges"} <= summary["circuit"].keys()
    assert summary["n_prompts"] == 12
    assert summary["seconds"] > 0
    for holder, name in (
        (summary, "accuracy"),
        (summary, "faithfulness"),
        (summary["metric"], "clean"),
        (summary["metric"], "corrupt"),
    ):
        low, high = holder[f"{name}_interval"]
        assert low <= holder[name] <= high


def test_shares_of_a_gap_that_may_be_zero_have_no_interval_and_a_warning_says_why(
    circuits: Command, tiny: Any, computed_run: dict[str, Any]
):
    assert computed_run["faithfulness"] is not None
    assert computed_run["faithfulness_interval"] is None
    assert any("clean and corrupt prompts may not differ" in warning for warning in computed_run["warnings"])
    shown = circuits(*tiny.arguments).stdout
    assert f"{computed_run['faithfulness']:.3f} [-]" in shown
    assert "[-]: no bound, of one prompt" in shown
    assert "95 % intervals, Wilson's of shares answered correctly, else t over prompts" in shown


def test_one_prompt_gives_numbers_without_intervals_in_every_file_and_table(
    circuits: Command, tiny: Any, new_prompts: Callable[..., Path]
):
    one = new_prompts(Path("one.jsonl"), n_prompts=1)
    asked = ("discover", str(one), "--model", str(tiny.model), "--edges", "9")
    summary = circuits(*asked, "--json").json
    (doubt,) = [warning for warning in summary["warnings"] if "may not differ in the metric" in warning]
    assert "(there is no interval of their difference)" in doubt
    assert summary["metric"]["clean_interval"] is None
    assert summary["faithfulness_interval"] is None
    assert "[-]" in circuits(*asked).stdout
    graph = json.loads((Path("runs") / summary["run"] / "graph.json").read_text())
    assert {(edge["low"], edge["high"]) for edge in graph["edges"]} == {(None, None)}
    assert all(edge["score"] is not None for edge in graph["edges"])
    for kind in ("csv", "graphml", "svg"):
        assert circuits("export", summary["run"], "--to", kind, "--out", f"graph.{kind}").exit_code == 0
    row = circuits("evaluate", summary["run"], "--random", "2", "--knockouts", "2", "--json").json["runs"][0]
    assert row["distance"]["value"] is not None
    assert row["distance"]["interval"] is None
    assert circuits("evaluate", summary["run"], "--random", "2", "--knockouts", "2").exit_code == 0
    assert circuits("compare", summary["run"], summary["run"], "--json").json["heads_iou_interval"] is None


def test_the_same_command_again_computes_nothing_new(circuits: Command, tiny: Any, computed_run: dict[str, Any]):
    kept = stored_bytes(Path("runs"))
    again = circuits(*tiny.arguments, "--json").json
    assert computed_run["jobs"] == {"total": len(kept), "computed": len(kept)}
    assert again["jobs"] == {"total": len(kept), "computed": 0}
    assert stored_bytes(Path("runs")) == kept
    different = {key for key in computed_run if computed_run[key] != again[key]}
    assert different == {"seconds", "jobs", "folder"}  # what was computed lies here as a copy
    assert Path(again["folder"]).name == Path(computed_run["folder"]).name


def test_another_number_of_edges_measures_nothing_again(circuits: Command, tiny: Any, computed_run: dict[str, Any]):
    answer = circuits(*tiny.arguments, "--edges", "9")
    assert answer.exit_code == 0
    assert "measure" not in answer.stderr
    assert "choose" in answer.stderr
    assert "judge" in answer.stderr


def test_only_missing_results_are_computed(circuits: Command, tiny: Any, computed_run: dict[str, Any]):
    kept = stored_bytes(Path("runs"))
    for path in sorted(Path("runs").glob("jobs/*/*.npz"))[::3]:
        path.unlink()
    counts = {"total": computed_run["jobs"]["total"], "computed": len(kept) - len(stored_bytes(Path("runs")))}
    assert circuits(*tiny.arguments, "--json").json["jobs"] == counts
    assert stored_bytes(Path("runs")) == kept


@pytest.mark.parametrize("damage", ["truncated", "flipped", "emptied"])
def test_a_damaged_result_is_named_and_computed_again(
    circuits: Command, tiny: Any, damage: str, caplog: pytest.LogCaptureFixture, computed_run: dict[str, Any]
):
    kept = stored_bytes(Path("runs"))
    path = sorted(Path("runs").glob("jobs/*/*.npz"))[1]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes({"truncated": bytes(data[:-9]), "flipped": bytes(data), "emptied": b""}[damage])
    answer = circuits(*tiny.arguments, "--json")
    assert path.name in caplog.text
    assert answer.json["jobs"]["computed"] == 1
    assert stored_bytes(Path("runs")) == kept


def test_a_damaged_run_folder_is_named_and_restored_without_computing(
    circuits: Command, tiny: Any, computed_run: dict[str, Any]
):
    run = computed_run["run"]
    graph = Path("runs") / run / "graph.json"
    whole = graph.read_bytes()
    graph.write_bytes(whole[:100])
    answer = circuits("export", run, "--to", "json")
    assert answer.exit_code == 2
    assert "graph.json is damaged" in answer.stderr
    assert circuits(*tiny.arguments, "--json").json["jobs"]["computed"] == 0
    assert graph.read_bytes() == whole


def test_component_methods_choose_nodes_by_their_scores(circuits: Command, computed: Command, tiny: Any):
    summary = computed((*tiny.arguments, *COMPONENTS, "--json"))[0].json
    assert summary["circuit"]["selection"]["name"] == "top-components"
    assert len(set(summary["circuit"]["nodes"]) - {"input", "logits"}) <= 2
    rows = list(csv.DictReader(io.StringIO(circuits("export", summary["run"], "--to", "csv", "--out", "-").stdout)))
    assert {row["kind"] for row in rows} >= {"edge", "head", "mlp"}


def test_exact_components_are_told_from_the_estimated_edges_between_them(
    circuits: Command, computed: Command, tiny: Any
):
    summary = computed((*tiny.arguments, *COMPONENTS, "--json"))[0].json
    exact, estimate = (
        {"method": "activation-patching", "scores_are": "measured"},
        {"method": "eap-ig", "scores_are": "estimated"},
    )
    assert summary["circuit"]["scored_by"] == {"nodes": exact, "edges": estimate}
    assert "(estimated by" in circuits(*tiny.arguments, *COMPONENTS).stdout
    text = circuits("export", summary["run"], "--to", "csv", "--out", "-").stdout
    said = {(row["kind"] == "edge", row["score_is"], row["measured_by"]) for row in csv.DictReader(io.StringIO(text))}
    assert said == {(False, "measured", "activation-patching"), (True, "estimated", "eap-ig")}
    graph = json.loads((Path("runs") / summary["run"] / "graph.json").read_text())
    assert {edge["score_is"] for edge in graph["edges"]} == {"estimated"}
    assert {node["score_is"] for node in graph["nodes"]} - {None} == {"measured"}


def test_edges_that_a_screen_ruled_out_are_not_measured_and_the_others_are(circuits: Command, tiny: Any):
    options = ("--method", "exact-edges", "--set", "screen=eap", "--set", "contested=9", "--edges", "4")
    run = circuits(*tiny.arguments, *options, "--json").json["run"]
    rows = list(csv.DictReader(io.StringIO(circuits("export", run, "--to", "csv", "--out", "-").stdout)))
    assert [row["score_is"] for row in rows].count("measured") == 9
    edges = [row for row in rows if row["kind"] == "edge"]
    assert {row["score_is"] for row in edges} == {"measured", "not measured"}
    of_nodes = {row["score_is"] for row in rows if row["kind"] != "edge"}
    assert of_nodes <= {
        "not measured",
        *(f"measured, summed over all {side} edges" for side in ("outgoing", "incoming")),
    }


@pytest.mark.usefixtures("computed_run")
@pytest.mark.parametrize(
    ("options", "selection"),
    [
        (
            ["--edges", "8", "--ranking", "absolute"],
            {"name": "grown", "n": 8, "absolute": True},
        ),
        (["--edges", "8", "--greedy", "--signed"], {"name": "greedy", "n": 8, "absolute": False}),
        (
            ["--threshold", "0.05", "--ranking", "absolute"],
            {"name": "threshold", "minimum": 0.05, "absolute": True, "keeps_unscored": False},
        ),
    ],
)
def test_the_circuit_is_selected_as_asked(circuits: Command, tiny: Any, options: list[str], selection: dict[str, Any]):
    assert circuits(*tiny.arguments, *options, "--json").json["circuit"]["selection"] == selection


@pytest.mark.usefixtures("computed_run")
def test_without_a_size_the_smallest_faithful_circuit_of_a_search_is_chosen(circuits: Command, tiny: Any):
    wide = circuits(*tiny.arguments, "--tolerance", "0.5", "--json").json
    narrow = circuits(*tiny.arguments, "--tolerance", "0.0001", "--json").json
    assert wide["faithfulness"] >= 0.5
    assert narrow["faithfulness"] >= 0.9999
    assert wide["circuit"]["n_edges"] <= narrow["circuit"]["n_edges"]
    for summary, bound in ((wide, 0.5), (narrow, 0.9999)):
        choice = summary["choice"]
        (best,) = (entry for entry in choice["choices"] if entry["ranking"] == choice["ranking"])
        (search,) = best["searches"]
        below = [value for size, value in search["tried"] if size < search["size"]]
        assert all(value < bound for value in below)


def test_other_prompts_judge_the_circuit_than_chose_it(circuits: Command, tiny: Any, new_prompts: Callable[..., Path]):
    """The judge's number is that of the same circuit on the second half alone, run by itself."""
    from circuits import METRICS, load_model
    from circuits.data.prompt_files import read_prompts
    from circuits.evaluation.faithfulness import circuit_values, faithfulness, measure_baseline
    from pipelines import open_run

    path = new_prompts(Path("many.jsonl"), n_prompts=20)
    asked = ("discover", str(path), "--model", str(tiny.model), "--edges", "12")
    summary = circuits(*asked, "--json").json
    assert (summary["n_prompts"], summary["n_choosing"], summary["judged_on"]) == (20, 10, "held-out")
    run = open_run(summary["run"])
    assert run.scores.n_prompts == 10
    model, mask = load_model(str(tiny.model)), np.zeros(run.circuit.of_edges, dtype=bool)
    mask[[run.circuit.wiring.edge_index(edge.edge) for edge in run.circuit.edges]] = True
    every = read_prompts(path, model.tokenizer)
    for half, name in ((every[10:], "faithfulness"), (every[:10], "faithfulness_on_choosing")):
        values = circuit_values(model, half, mask[None], metric=METRICS["logit-difference"])[0]
        baseline = measure_baseline(model, half, metric=METRICS["logit-difference"])
        assert summary[name] == pytest.approx(faithfulness(values, baseline).mean, abs=1e-5)
    assert "20: 10 choose the circuit" in circuits(*asked).stdout
    same = circuits(*asked, "--judge-on", "same", "--json").json
    assert same["faithfulness"] == same["faithfulness_on_choosing"]
    assert "on the prompts that chose it" in circuits(*asked, "--judge-on", "same").stdout


@pytest.mark.usefixtures("computed_run")
def test_an_unfaithful_circuit_says_which_size_would_do(circuits: Command, tiny: Any):
    warnings = circuits(*tiny.arguments, "--edges", "1", "--json").json["warnings"]
    (said,) = (text for text in warnings if "would do" in text)
    found = re.search(r"([\d,]+) edges would do \(--edges (\d+)\)", said)
    assert found is not None
    enough = circuits(*tiny.arguments, "--edges", found[2], "--json").json
    assert enough["faithfulness"] >= 0.85
    few = circuits(*tiny.arguments, "--edges", "1", "--json").json["run"]
    assert "NOT FAITHFUL" in circuits("export", few, "--to", "svg", "--out", "-").stdout
    assert "NOT FAITHFUL" not in circuits("export", enough["run"], "--to", "svg", "--out", "-").stdout
    compared = circuits("compare", few, enough["run"], "--json").json["warnings"]
    assert [text.partition(":")[0] for text in compared if "is not faithful" in text] == [few]


def test_without_a_gap_the_smallest_circuit_stands_for_nothing(circuits: Command, tiny: Any):
    """Every pair also the other way round, with the same answers: clean and corrupt have the same mean."""
    records = [json.loads(line) for line in tiny.prompts.read_text().splitlines()[:4]]
    back = [record | {"clean_ids": record["corrupt_ids"], "corrupt_ids": record["clean_ids"]} for record in records]
    Path("both.jsonl").write_text("\n".join(map(json.dumps, [*records, *back])))
    summary = circuits("discover", "both.jsonl", "--model", str(tiny.model), "--json").json
    assert summary["faithfulness"] is None
    assert summary["circuit"]["n_edges"] == 1
    assert any("there is nothing to explain" in text for text in summary["warnings"])


@pytest.mark.usefixtures("computed_run")
def test_the_whole_graph_is_faithful(circuits: Command, tiny: Any):
    summary = circuits(*tiny.arguments, "--edges", "9999", "--json").json
    assert summary["circuit"]["n_edges"] == summary["circuit"]["of_edges"]
    assert summary["faithfulness"] == pytest.approx(1, abs=1e-5)  # float32 sums in another order


@pytest.mark.usefixtures("computed_run")
def test_the_curve_is_measured_on_request(circuits: Command, tiny: Any):
    curve = circuits(*tiny.arguments, "--curve", "--json").json["curve"]
    assert len(curve["budgets"]) == len(curve["faithfulness_signed"]) == len(curve["faithfulness_absolute"])
    assert curve["faithfulness_absolute"][-1] == pytest.approx(1, abs=1e-5)
    assert curve["cpr"] == pytest.approx(np.trapezoid(curve["faithfulness_signed"], curve["budgets"]))


def test_prompts_of_a_slice_have_the_scores_they_have_together(circuits: Command, tiny: Any):
    from pipelines import open_run

    names = [circuits(*tiny.arguments, "--prompts-per-job", size, "--json").json["run"] for size in ("5", "12")]
    first, second = (open_run(name).scores.per_prompt for name in names)
    # Batches of other sizes sum in another order.
    assert first == pytest.approx(second, abs=1e-5)


def test_positions_that_some_slices_lack_are_joined_by_name(circuits: Command, tiny: Any, tmp_path: Path):
    from pipelines import open_run

    short = [json.loads(line) for line in tiny.prompts.read_text().splitlines()]
    for record in short[:5]:
        record |= {key: record[key][:4] for key in ("clean_ids", "corrupt_ids")}
    path = tmp_path / "mixed.jsonl"
    path.write_text("\n".join(map(json.dumps, short)))
    arguments = [
        *tiny.arguments,
        "--method",
        "activation-patching",
        "--set",
        "at=positions",
        "--position",
        "3",
        "--json",
    ]
    answer = circuits("discover", path, *arguments[2:])
    scores = open_run(answer.json["run"]).node_scores
    assert scores is not None
    assert scores.positions == ("0", "1", "2", "3", "4", "5")
    assert not scores.measured[:5, 4:].any()
    assert scores.measured[5:].any()


def test_settings_come_from_yaml_and_options_override_them(circuits: Command, tiny: Any):
    Path("run.yaml").write_text(f"task: {tiny.prompts}\nmodel: {tiny.model}\nprompts: 6\nedges: 5\nout: kept\n")
    summary = circuits("discover", "--config", "run.yaml", "--edges", "7", "--json").json
    assert summary["n_prompts"] == 6
    assert summary["circuit"]["selection"]["n"] == 7
    assert Path("kept", summary["run"], "graph.json").is_file()


def test_the_settings_kept_with_a_run_repeat_it(circuits: Command, tiny: Any):
    first = circuits(*tiny.arguments, "--edges", "6", "--json").json
    again = circuits("discover", "--config", Path("runs") / first["run"] / "config.yaml", "--json").json
    assert again["run"] == first["run"]
    assert again["jobs"]["computed"] == 0


def test_the_settings_kept_with_a_run_work_from_another_folder(
    circuits: Command, tiny: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shutil.copy(tiny.prompts, "here.jsonl")
    shutil.copytree(tiny.model, "model")
    run = circuits("discover", "here.jsonl", "--model", "model", "--json").json["run"]
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    again = circuits("discover", "--config", f"../runs/{run}/config.yaml", "--runs", "../runs", "--json").json
    assert (again["run"], again["jobs"]["computed"]) == (run, 0)


def test_python_gives_what_the_command_line_gives(tiny: Any, computed_run: dict[str, Any]):
    from pipelines import discover

    run = discover(**tiny.settings())
    assert run.name == computed_run["run"]
    assert run.faithfulness == computed_run["faithfulness"]
    assert run.circuit.n_edges == computed_run["circuit"]["n_edges"]
    assert run.scores.n_prompts == 12
    assert run.scores.provenance.task == "pairs"


def test_a_run_folder_is_complete_in_itself(computed_run: dict[str, Any]):
    from pipelines import open_run

    name = computed_run["run"]
    (Path("runs") / name).rename("sent")
    run = open_run("sent")
    assert run.circuit.n_edges == run.summary["circuit"]["n_edges"]
    assert run.scores.n_prompts == 12


@pytest.mark.usefixtures("computed_run")
def test_two_circuits_are_compared_and_the_comparison_is_kept(circuits: Command, tiny: Any):
    names = [circuits(*tiny.arguments, "--edges", size, "--json").json["run"] for size in ("20", "40")]
    comparison = circuits("compare", *names, "--out", "both", "--json").json
    assert {"shared_heads", "heads_iou", "edges_iou", "rank_correlation", "p_value"} <= comparison.keys()
    assert Path("both/comparison.pdf").read_bytes().startswith(b"%PDF")
    answer = circuits("export", "both", "--to", "svg", "--out", "-")
    assert answer.exit_code == 0
    assert "<svg" in answer.stdout


@pytest.mark.parametrize(
    ("kind", "start"), [("json", b"{"), ("graphml", b"<"), ("csv", b"name,kind"), ("pdf", b"%PDF"), ("svg", b"<")]
)
def test_a_run_is_exported_in_every_format(circuits: Command, kind: str, start: bytes, computed_run: dict[str, Any]):
    run = computed_run["run"]
    answer = circuits("export", run, "--to", kind, "--out", f"figure.{kind}")
    assert answer.exit_code == 0
    assert Path(f"figure.{kind}").read_bytes().startswith(start)


def test_the_csv_has_a_row_for_every_edge(circuits: Command, computed_run: dict[str, Any]):
    text = circuits("export", computed_run["run"], "--to", "csv", "--out", "-").stdout
    rows = list(csv.DictReader(io.StringIO(text)))
    assert list(rows[0]) == [
        "name",
        "kind",
        "score",
        "low",
        "high",
        "score_is",
        "measured_by",
        "in_circuit",
        *ENDS,
        *SUMS,
    ]
    edges = [row for row in rows if row["kind"] == "edge"]
    assert len(edges) == computed_run["circuit"]["of_edges"]
    assert sum(row["in_circuit"].lower() == "true" for row in edges) == computed_run["circuit"]["n_edges"]
    for row in (row for row in rows if row["kind"] in ("head", "mlp")):
        leaving = [float(edge["score"]) for edge in edges if edge["source"] == row["name"]]
        assert float(row["outgoing"]) == pytest.approx(sum(leaving), abs=1e-6)


def test_status_says_what_is_done_and_how_to_go_on(circuits: Command, computed_run: dict[str, Any]):
    name = computed_run["run"]
    finished = circuits("status", "--json").json["runs"]
    assert [(state["run"], state["is_finished"]) for state in finished] == [(name, True)]
    record = Path("runs") / name / "run.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"files": {}}))
    next(Path("runs").glob("jobs/*/*.npz")).unlink()
    state = circuits("status", "--json").json["runs"][0]
    assert state["jobs_done"] == state["jobs"] - 1
    assert len(state["missing"]) == 1
    assert f"{name}: interrupted, continue with: circuits discover --config" in circuits("status").stdout


def test_results_go_to_stdout_and_progress_to_stderr(computed: Command, tiny: Any):
    (answer,) = computed(tiny.arguments)
    assert "faithfulness" in answer.stdout
    assert "[1/" not in answer.stdout
    lines = answer.stderr.splitlines()
    name = re.escape(next(Path("runs").glob("*/run.json")).parent.name)
    assert lines[0] == "discover: looking up what is stored in runs"
    assert re.fullmatch(rf"{name}: loading the model {tiny.model.name}; then: prompts", lines[2])
    assert re.match(rf"\[1/\d+\] {name}: prompts · after .*, the model's loading included", lines[3])
    assert re.search(rf"\] {name}: measure eap-ig prompts 0-3", answer.stderr)


def test_a_task_that_the_model_cannot_do_is_said_before_a_circuit_is_sought(
    circuits: Command, computed: Command, tiny: Any
):
    said = computed(tiny.arguments)[0].stderr
    assert said.index(": baseline") < said.index("run so far: The model answers") < said.index(": choose the")
    assert "run so far" not in circuits(*tiny.arguments).stderr  # nothing is left to wait for


def test_the_first_line_says_what_is_planned_and_where_it_runs(
    circuits: Command, tiny: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pipelines.engine.execute.processors_now", lambda: (1, 2))
    answer = circuits(*tiny.arguments)
    first = answer.stderr.splitlines()[1]
    assert re.fullmatch(
        r"\S+-eap-ig-\w{8}: computing (\d+) of \1 jobs, 1 at a time, as other work keeps 1 of 2 processors busy; "
        r"about 24 circuits are run to choose one",
        first,
    )


@pytest.mark.parametrize(
    ("given", "announced", "n_runs"),
    [
        (
            ["--edges", "2"],
            "up to 2 circuits are run to choose one, and about 12 more where 2 edges are too few",
            (4, 14),
        ),
        (
            ["--edges", "2", "--ranking", "signed"],
            "1 circuit is run, and about 12 more where 2 edges are too few",
            (3, 13),
        ),
        (
            ["--edges", "1"],
            "up to 2 circuits are run to choose one, and about 12 more where 1 edge is too few",
            (1, 14),
        ),
        (["--edges", "100000"], "up to 2 circuits are run to choose one", (1, 2)),
        (["--threshold", "0.1"], "up to 2 circuits are run to choose one", (1, 2)),
        (["--threshold", "0.1", "--ranking", "signed"], "1 circuit is run", (1, 1)),
    ],
)
def test_no_more_circuits_are_run_than_were_announced(
    circuits: Command, tiny: Any, given: list[str], announced: str, n_runs: tuple[int, int]
):
    answer = circuits(*tiny.arguments, *given, "--json")
    assert answer.stderr.splitlines()[1].endswith(f"; {announced}")
    least, most = n_runs
    assert least <= answer.json["choice"]["n_runs"] <= most


@pytest.mark.parametrize("command", ["tasks", "methods", "models"])
def test_what_is_known_is_listed(circuits: Command, command: str):
    rows = circuits(command, "--json").json[command]
    assert rows
    assert circuits(command).exit_code == 0
