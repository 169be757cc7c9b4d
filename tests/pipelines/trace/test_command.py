"""`circuits trace`: recovery rates end to end, on the bundled models and on images with annotations."""

from __future__ import annotations

import csv
import io
import json
import shlex
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from circuits.data.image_prompts import CATEGORIES
from circuits.data.images import Picture
from circuits.data.scenes import Scene, draw_scenes
from circuits.methods.causal_tracing import CausalTracing
from circuits.metrics import METRICS
from circuits.tasks import IMAGE_TASKS, TASKS
from pipelines import open_run, trace
from pipelines.intervene.plan import last_token_recovery
from pipelines.reporting.paper import MARKDOWN
from pipelines.trace.command import COMMAND
from pipelines.trace.report import _of_window
from pipelines.trace.run import TraceRun
from pipelines.trace.stages import layer_graph
from tests.bundled import bundled
from tests.pipelines.paper_checks import papers_of

LOOKS_AT_FIGURES = True

Command = Callable[..., Any]
VLM = ("--model", "reference-vlm")
N_PROMPTS = 5
# Where it does not matter what is traced: a third of the components.
ONE_KIND = ("--set", "kinds=[mlp]")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two traces of scenes and one of text."""
    folder = tmp_path_factory.mktemp("runs")
    about = {"prompts": N_PROMPTS, "prompts_per_job": 3, "out": folder}
    trace("scene-objects", model="reference-vlm", **about)
    trace("scene-objects", model="reference-vlm", ablation="corrupt", **about)
    trace("ioi", noise_at="S1", settings={"kinds": ["attention", "mlp", "head"], "samples": 2}, **about)
    return folder


def named(store: Path, **config: Any) -> Path:
    """The trace whose configuration has these values."""
    runs = [open_run(path.parent) for path in store.glob("*/run.json")]
    return next(run.folder for run in runs if config.items() <= run.config.model_dump().items())


@pytest.fixture
def noisy(store: Path) -> Path:
    return named(store, ablation="image-noise")


def rows(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((folder / "trace.csv").read_text())))


def test_rates_are_those_of_the_method_itself(noisy: Path):
    from circuits.ablations import ImageNoise

    model = bundled("reference-vlm")
    prompts = IMAGE_TASKS["scene-objects"]().build(model.vision, n=N_PROMPTS)
    own = CausalTracing().trace(model, prompts, metric=METRICS["answer-probability"], ablation=ImageNoise())
    expected = own.ratio_of_means()
    written = {(row["component"], row["place"]): row for row in rows(noisy)}
    for number, component in enumerate(own.scores.components):
        for index, position in enumerate(own.scores.positions):
            row = written[str(component), position]
            assert float(row["recovery"]) == pytest.approx(expected.values[index, number], abs=1e-4)
            assert int(row["recovery_prompts"]) == expected.n_prompts[index]
    kept = cast("TraceRun", open_run(noisy)).trace
    assert kept is not None
    assert np.allclose(kept.scores.per_prompt, own.scores.per_prompt, atol=1e-5)
    assert np.allclose(kept.gaps, own.gaps, atol=1e-5)


def test_every_token_category_is_there_and_the_final_state_of_the_last_token_is_everything(noisy: Path):
    record = json.loads((noisy / "trace.json").read_text())
    assert {row["place"] for row in record["rows"]} == set(CATEGORIES)
    (last,) = (row for row in record["rows"] if row["component"] == "r6" and row["place"] == "END")
    assert (last["recovery"], last["mean_of_ratios"]) == pytest.approx((1, 1), abs=1e-5)
    assert record["provenance"]["ablation"].startswith("image-noise(sigma=3.0")
    assert 0 <= record["n_below_floor"] == len(record["below_floor"]) <= N_PROMPTS


def test_figures_and_tables_are_left_beside_the_run(noisy: Path):
    names = {path.name for path in noisy.iterdir()}
    figures = {f"{name}.{kind}" for name in ("trace", "depth") for kind in ("pdf", "svg")}
    assert figures | {"trace.json", "trace.csv", "graph.json", "summary.json", "trace.npz"} <= names
    assert "object-visual" in (noisy / "trace.svg").read_text()
    assert "last token" in (noisy / "depth.svg").read_text()


def test_layers_that_bring_back_enough_are_the_nodes_of_a_graph(noisy: Path):
    run = cast("TraceRun", open_run(noisy))
    rates = {row["component"]: float(row["recovery"]) for row in rows(noisy) if row["place"] == "END"}
    expected = {
        name for name, rate in rates.items() if name[0] in "am" and rate >= run.config.model_dump()["min_recovery"]
    }
    nodes = {node.name: node for node in run.circuit.nodes if node.component.layer is not None}
    assert set(nodes) == expected
    assert run.circuit.wiring.joins_heads
    gap = float(run.trace.gaps.mean())
    assert {name: node.score / gap for name, node in nodes.items()} == pytest.approx(
        {name: rates[name] for name in nodes}, abs=1e-3
    )
    assert set(run.circuit.to_networkx().nodes) == {"input", "logits", *expected}


def test_the_same_command_again_computes_nothing_and_prints_one_object(circuits: Command, store: Path, noisy: Path):
    answer = circuits(
        "trace",
        "scene-objects",
        *VLM,
        "--prompts",
        str(N_PROMPTS),
        "--prompts-per-job",
        "3",
        "--runs",
        str(store),
        "--json",
    )
    assert answer.json["jobs"]["computed"] == 0
    assert answer.json["run"] == noisy.name
    assert answer.json["metric"]["name"] == "answer-probability"


@pytest.mark.slow
def test_slices_and_workers_change_no_bit(store: Path, noisy: Path, tmp_path: Path, scheduler: str):
    about = {"prompts": N_PROMPTS, "prompts_per_job": N_PROMPTS}
    again = trace("scene-objects", model="reference-vlm", **about, out=tmp_path, scheduler=scheduler)
    kept, fresh = cast("TraceRun", open_run(noisy)).trace, again.trace
    assert kept is not None
    assert fresh is not None
    assert np.allclose(kept.scores.per_prompt, fresh.scores.per_prompt, atol=1e-6)
    assert kept.scores.provenance == fresh.scores.provenance


def test_two_traces_are_compared_cell_by_cell(circuits: Command, store: Path, noisy: Path):
    other = named(store, ablation="corrupt")
    comparison = circuits("compare", str(noisy), str(other), "--out", "both", "--json").json["traces"]
    assert comparison["cells"] == 19 * 7
    cells = json.loads(Path("both/traces.json").read_text())["cells"]
    rates = [{(row["component"], row["place"]): float(row["recovery"]) for row in rows(run)} for run in (noisy, other)]
    for cell in cells[::10]:
        own = [side[cell["component"], cell["place"]] for side in rates]
        assert cell["difference"] == pytest.approx(own[0] - own[1], abs=1e-4)
        assert cell["difference_low"] <= cell["difference"] <= cell["difference_high"]
    assert "minus" in Path("both/traces.svg").read_text()


def test_a_trace_is_compared_with_itself_without_difference(circuits: Command, noisy: Path):
    comparison = circuits("compare", str(noisy), str(noisy), "--out", "same", "--json").json
    assert comparison["heads_iou"] == comparison["nodes_iou"] == 1
    assert comparison["traces"]["cells_apart"] == 0
    assert comparison["traces"]["rank_correlations"] == pytest.approx({"residual": 1, "attention": 1, "mlp": 1})


def test_a_trace_and_a_circuit_of_heads_are_compared_by_layer(circuits: Command, store: Path, noisy: Path):
    asked = ("discover", "scene-objects", *VLM, "--prompts", "4", "--edges", "60", "--runs", str(store), "--json")
    summary = circuits(*asked).json
    assert summary["task"] == "scene-objects"
    assert summary["circuit"]["of_edges"] == 1108
    circuit = summary["folder"]
    comparison = circuits("compare", str(noisy), circuit, "--out", "layers", "--json").json
    layers = {f"a{head.layer}" for head in open_run(circuit).circuit.heads}
    assert comparison["heads_b"] == len(layers)
    assert set(comparison["shared_heads"]) <= layers
    assert "traces" not in comparison


def test_text_is_traced_with_noise_on_a_role_and_single_heads(store: Path):
    folder = named(store, task="ioi")
    table = rows(folder)
    positions = {row["place"] for row in table}
    model = bundled("reference")
    assert positions == set(TASKS["ioi"]().build(model.tokenizer, n=2).roles)
    assert {row["kind"] for row in table} == {"attention", "mlp", "head"}
    assert "heads at last token" in (folder / "heads.svg").read_text()
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["ablation"] == "noise(sigma=3.0, seed=0, at=S1)"
    assert summary["settings"]["samples"] == 2


def test_one_prompt_is_traced_without_intervals(circuits: Command):
    asked = ("trace", "ioi", *ONE_KIND, "--prompts", "1")
    summary = circuits(*asked, "--json").json
    assert summary["metric"]["gap"] > 0
    assert summary["metric"]["gap_interval"] is None
    assert any("have no interval" in warning for warning in summary["warnings"])
    record = json.loads((Path(summary["folder"]) / "trace.json").read_text())
    for row in record["rows"]:
        assert row["recovery"] is not None
        assert {row[f"{name}_{end}"] for name in ("recovery", "score") for end in ("low", "high")} == {None}
    assert rows(Path(summary["folder"]))[0]["recovery_low"] == ""
    assert "Without a band: unbounded." in (Path(summary["folder"]) / "depth.svg").read_text()
    assert "[-]" in circuits(*asked).stdout


def test_status_and_export_know_traces(circuits: Command, store: Path, noisy: Path):
    states = {state["run"]: state for state in circuits("status", "--runs", str(store), "--json").json["runs"]}
    assert states[noisy.name]["is_finished"]
    assert states[noisy.name]["command"] == "trace"
    for kind in ("graphml", "csv", "json", "svg"):
        assert circuits("export", str(noisy), "--to", kind, "--out", f"graph.{kind}").exit_code == 0
    assert "a5" in Path("graph.graphml").read_text()


def test_a_trace_is_no_circuit_that_can_be_judged(circuits: Command, noisy: Path):
    answer = circuits("evaluate", str(noisy))
    assert answer.exit_code == 2
    assert "is a causal trace, which has no circuit" in answer.stderr


# Images with annotations


def about(images: Path, annotations: Path, n: int) -> tuple[str, ...]:
    """The command that traces questions about annotated images."""
    return (
        "trace",
        "coco-objects",
        *VLM,
        "--images",
        str(images),
        "--annotations",
        str(annotations),
        *ONE_KIND,
        "--prompts",
        str(n),
    )


def scene_folder(folder: Path, n: int = 8) -> tuple[Path, Path, list[Scene]]:
    """Scenes as image files, larger than the model sees them and not square, with COCO annotations."""
    from PIL import Image

    scenes = draw_scenes(np.random.default_rng(5), n)
    (folder / "images").mkdir()
    images, annotations, categories = [], [], {}
    for number, scene in enumerate(scenes):
        picture = Image.fromarray(scene.image).resize((128, 128), Image.Resampling.NEAREST)
        picture.save(folder / "images" / f"{number:012}.png")
        images.append({"id": number, "file_name": f"{number:012}.png", "width": 128, "height": 128})
        for thing in scene.objects:
            category = categories.setdefault(str(thing.kind), len(categories) + 1)
            left, top, right, bottom = (2 * edge for edge in thing.box)
            box = [left, top, right - left, bottom - top]
            annotations.append({"id": len(annotations), "image_id": number, "category_id": category, "bbox": box})
    known = [{"id": number, "name": name} for name, number in categories.items()]
    path = folder / "instances.json"
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": known}))
    return folder / "images", path, scenes


def test_real_images_are_asked_about_by_their_annotations(circuits: Command, tmp_path: Path):
    images, annotations, _ = scene_folder(tmp_path)
    asked = about(images, annotations, 2)
    summary = circuits(*asked, "--json").json
    assert summary["n_prompts"] == 2
    assert summary["accuracy"] >= 0.8
    written = json.loads((Path(summary["folder"]) / "trace.json").read_text())
    assert {row["place"] for row in written["rows"]} == set(CATEGORIES)
    assert circuits(*asked, "--json").json["jobs"]["computed"] == 0
    picture = next(images.iterdir())
    picture.write_bytes(Picture.from_pixels(np.zeros((128, 128, 3), dtype=np.uint8)).data or b"")
    annotated = json.loads(annotations.read_text())
    assert picture.name in {image["file_name"] for image in annotated["images"]}
    # Other pixels are other prompts, if the image is asked about at all.
    assert circuits(*asked[:-1], "3", "--json").json["jobs"]["computed"] > 0


def test_questions_of_pope_get_their_regions_from_annotations(circuits: Command, tmp_path: Path):
    images, annotations, scenes = scene_folder(tmp_path, 2)
    lines = []
    for number, scene in enumerate(scenes):
        for kind, label in ((scene.kinds[0], "yes"), ("white star", "no")):
            if label == "yes" or kind not in map(str, scene.kinds):
                text = f"Is there a {kind} in the image?"
                lines.append(json.dumps({"image": f"{number:012}.png", "text": text, "label": label}))
    (tmp_path / "pope.jsonl").write_text("\n".join(lines))
    asked = ("trace", str(tmp_path / "pope.jsonl"), *VLM, *ONE_KIND, "--images", str(images))
    regions = circuits(*asked, "--annotations", str(annotations), "--json").json
    assert (regions["task"], regions["n_prompts"]) == ("pope", len(scenes))
    whole = circuits(*asked, "--json").json
    positions = [
        {row["place"] for row in json.loads((Path(summary["folder"]) / "trace.json").read_text())["rows"]}
        for summary in (regions, whole)
    ]
    assert "object-visual" in positions[0]
    assert "object-visual" not in positions[1]
    assert "visual" in positions[1]


# Bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("coco-objects", *VLM), "give their folder and their annotations"),
        (("scene-objects",), "asks about images, and the model 'reference' reads text alone"),
        (("scene-objects", *VLM, "--images", "."), "images go with task 'coco-objects'"),
        (("scene-objects", *VLM, "--schedule", "linear"), "expected additive or diffusion"),
        (("scene-objects", *VLM, "--noise-at", "END"), "goes with ablation 'noise'"),
        (("ioi", "--ablation", "image-noise", "--prompts", "4"), "puts noise on images"),
        (("ioi", "--noise-at", "subject", "--prompts", "4"), "have the roles"),
        (("ioi", "--ablation", "mean", "--prompts", "4"), "needs a whole run to take values from"),
        (("ioi", "--position", "nowhere", "--prompts", "4"), "position is 'nowhere'; the prompts have the roles"),
        (("ioi", "--set", "at=all", "--position", "END"), "at=all traces all positions at once: leave it out"),
        (("ioi", "--set", "at=positions", "--position", "END"), "give one as a number"),
        (("ioi", "--min-recovery", "2"), "min_recovery is 2"),
        (("ioi", "--set", "window=0"), "window=0: give 1 or more"),
        (("ioi", "--set", "samples=2", "--ablation", "corrupt", "--prompts", "4"), "draws none"),
        (("ioi", "--draw-images", "1", "--prompts", "4"), "has no image to show recovery rates on"),
        (("ioi", "--min-gap", "0"), "min_gap is 0"),
        ((), "no task is given"),
        (("scenes",), "Did you mean 'scene-objects'"),
    ],
)
def test_bad_input_is_refused_in_one_message(circuits: Command, arguments: tuple[str, ...], message: str):
    answer = circuits("trace", *arguments)
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert "Traceback" not in answer.stderr


def test_missing_images_are_named_before_a_model_is_loaded(circuits: Command, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("circuits.model.load.load_model", lambda *_, **__: pytest.fail("no model is needed for this"))
    line = {"image": "absent.jpg", "text": "Is there a dog in the image?", "label": "yes"}
    (tmp_path / "questions.jsonl").write_text(json.dumps(line))
    answer = circuits("trace", str(tmp_path / "questions.jsonl"), *VLM, "--images", str(tmp_path))
    assert answer.exit_code == 2
    assert "1 of 1 images are missing" in answer.stderr
    answer = circuits("trace", str(tmp_path / "questions.jsonl"), *VLM)
    assert "give the folder that holds them (--images DIR)" in answer.stderr


def test_an_image_that_cannot_be_read_is_named(circuits: Command, tmp_path: Path):
    (tmp_path / "broken.jpg").write_text("no image")
    line = {"image": "broken.jpg", "text": "Is there a red circle in the image?", "label": "yes"}
    (tmp_path / "questions.jsonl").write_text(json.dumps(line))
    answer = circuits("trace", str(tmp_path / "questions.jsonl"), *VLM, "--images", str(tmp_path))
    assert answer.exit_code == 2
    assert "broken.jpg is no image that can be read" in answer.stderr


def test_an_interrupted_trace_says_how_to_go_on_and_does(circuits: Command, tmp_path: Path, monkeypatch):
    from pipelines.engine.execute import execute

    def interrupted(todo, store, execution, *, on_done, **_):
        execute(todo[:3], store, execution, on_done=on_done)
        raise KeyboardInterrupt

    monkeypatch.setattr("pipelines.engine.execute.execute", interrupted)
    about = {"prompts": 2, "prompts_per_job": 1, "settings": {"kinds": ["mlp"]}}
    with pytest.raises(
        KeyboardInterrupt, match=r"interrupted; 3 of 6 jobs are kept.*circuits trace scene-objects"
    ) as caught:
        trace("scene-objects", model="reference-vlm", **about, out=tmp_path / "runs")
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    again = circuits(*shlex.split(str(caught.value).split("circuits ")[1]), "--json")
    assert again.json["jobs"] == {"total": 6, "computed": 3}


# What is traced, and what a graph is made of


@pytest.mark.parametrize(
    ("kinds", "of_nodes"),
    [("[head]", {"head"}), ("[residual]", set()), ("[attention,head]", {"attention"}), ("[mlp,residual]", {"mlp"})],
)
def test_the_graph_holds_what_was_traced_and_nothing_else(circuits: Command, kinds: str, of_nodes: set[str]):
    report = circuits("trace", "ioi", "--noise-at", "S1", "--prompts", "2", "--set", f"kinds={kinds}", "--json").json
    graph = open_run(report["folder"]).circuit
    assert {node.component.kind for node in graph.nodes if node.component.layer is not None} <= of_nodes
    if not of_nodes:
        assert "only hidden states were traced" in graph.reason
    assert {row["kind"] for row in report["rows"]} == {*kinds.strip("[]").split(",")}


def test_where_nothing_is_lost_nothing_comes_back(circuits: Command):
    answer = circuits("trace", "scene-objects", *VLM, *ONE_KIND, "--prompts", "2", "--noise", "0.0001", "--json")
    assert "the corruption may not lower the metric at all" in answer.stderr
    assert answer.json["n_below_floor"] == 2
    one = circuits("trace", "scene-objects", *VLM, *ONE_KIND, "--prompts", "1", "--noise", "0.0001", "--json")
    assert "(--min-gap) on 1 of 1 prompt (0): it has no recovery rate of its own, and counts in the ratio" in one.stderr


def test_one_prompt_has_no_interval_that_could_contain_0(circuits: Command):
    said = circuits("trace", "ioi", "--noise-at", "S1", "--prompts", "1", "--set", "kinds=[mlp]").stderr
    assert "at all (clean minus corrupt has no interval): recovery" in said
    assert "contains 0" not in said


def test_without_a_gap_the_graph_has_no_layer_and_no_injection_rests_on_it(noisy: Path):
    traced = TraceRun(noisy).trace
    worse = replace(traced, clean=traced.corrupt - 0.1)
    settings = {"position": "END", "min_recovery": 0.05}
    assert layer_graph(traced, settings).heads
    assert [node.name for node in layer_graph(worse, settings).nodes] == ["input", "logits"]
    run = TraceRun(noisy)
    vars(run)["trace"] = worse  # as if it had been read so
    with pytest.raises(ValueError, match="no recovery rates: on average, clean prompts score no better"):
        last_token_recovery(run)


def test_an_image_is_drawn_with_what_its_patches_bring_back(circuits: Command):
    asked = ("trace", "scene-objects", *VLM, *ONE_KIND, "--prompts", "1", "--draw-images", "1", "--json")
    folder = Path(circuits(*asked).json["folder"])
    assert {path.suffix for path in folder.glob("patches-0.*")} == {".pdf", ".svg"}


@pytest.mark.parametrize("at", ["all", "positions"])
def test_positions_other_than_roles_are_traced_with_their_tables(circuits: Command, at: str):
    answer = circuits("trace", "scene-objects", *VLM, *ONE_KIND, "--prompts", "1", "--set", f"at={at}", "--json")
    summary, folder = answer.json, Path(answer.json["folder"])
    assert (folder / "trace.pdf").is_file()
    assert len(rows(folder)) == 6 * (1 if at == "all" else 91)
    assert (folder / "depth.pdf").is_file() == (at == "all")
    assert ("no curves over depth are drawn for 91 positions" in answer.stderr) == (at == "positions")
    assert summary["place"] == ("all" if at == "all" else "90")


def test_the_last_token_goes_by_both_of_its_names(circuits: Command):
    asked = ("trace", "ioi", *ONE_KIND, "--noise-at", "S1", "--prompts", "2", "--json")
    assert circuits(*asked, "--position", "last token").json["run"] == circuits(*asked, "--position", "END").json["run"]


def test_corruptions_differ_in_the_corrupt_image_alone():
    clean = []
    for corruption in IMAGE_TASKS["scene-objects"].corruptions:
        questions = IMAGE_TASKS["scene-objects"](corruption=corruption).questions(n=6, seed=3)
        clean.append([(question.picture, question.text) for question in questions])
    assert clean[0] == clean[1] == clean[2]


def test_annotations_for_another_size_are_refused(circuits: Command, tmp_path: Path):
    images, annotations, _ = scene_folder(tmp_path)
    data = json.loads(annotations.read_text())
    for image in data["images"]:
        image["width"] = image["height"] = 640
    annotations.write_text(json.dumps(data))
    asked = about(images, annotations, 4)
    answer = circuits(*asked)
    assert answer.exit_code == 2
    assert "annotated at 640 x 640 pixels, and the file has 128 x 128" in answer.stderr


def test_the_same_prompts_are_compared_as_pairs(circuits: Command, store: Path, noisy: Path):
    comparison = circuits("compare", str(noisy), str(noisy), "--out", "pairs", "--json").json
    assert comparison["traces"]["cells_apart"] == 0
    cells = json.loads(Path("pairs/traces.json").read_text())["cells"]
    assert all(cell["difference_low"] == cell["difference_high"] == 0 for cell in cells)


def test_settings_of_circuits_are_refused_by_traces(tmp_path: Path):
    with pytest.raises(ValueError, match="edges, curve choose or judge a circuit, and a trace does not"):
        trace("ioi", edges=5, curve=True, out=tmp_path)  # pyright: ignore[reportCallIssue]
    with pytest.raises(ValueError, match="method is 'eap'"):
        trace("ioi", method="eap", out=tmp_path)
    with pytest.raises(ValueError, match="no setting 'noise_on'"):
        trace("ioi", noise_on="S1", out=tmp_path)  # pyright: ignore[reportCallIssue]


def test_tables_for_papers_have_the_strongest_of_every_position(store: Path):
    about = {"prompts": N_PROMPTS, "prompts_per_job": 3, "out": store}
    settings = {"kinds": ["attention", "mlp", "head"], "samples": 2}
    tables = papers_of(COMMAND, task="ioi", noise_at="S1", settings=settings, **about)
    of_text = rows(named(store, task="ioi"))
    for row in tables["positions"].rows:
        alike = [abs(float(one["recovery"])) for one in of_text if one["recovery"] and one["place"] == row["place"]]
        assert abs(row["recovery"]) <= max(alike) + 1e-6
    strongest = max(abs(float(one["recovery"])) for one in of_text if one["recovery"])
    assert abs(tables["components"].rows[0]["recovery"]) == pytest.approx(strongest)
    assert "Ablation: noise(sigma=3.0, " in MARKDOWN.write(tables["components"], "brackets", None)


@pytest.mark.parametrize(("window", "is_told"), [(1, False), (6, False), (7, True), (99, True)])
def test_a_window_over_all_layers_around_any_is_told(window: int, is_told: bool):
    told = _of_window(window, 4)
    assert bool(told) == is_told
    assert all(line.startswith(f"a window of {window} layers covers all 4 around any of them") for line in told)


def test_a_trace_without_a_window_has_no_warning_of_it():
    assert _of_window(None, 4) == []
