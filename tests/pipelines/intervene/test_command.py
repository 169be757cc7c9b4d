"""`circuits intervene iri`: end to end on the bundled vision-language model; cached; refused where it cannot apply."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuits.data.image_prompts import image_prompts
from circuits.injection.answers import answers
from circuits.injection.hooks import injection_tap
from circuits.injection.settings import Injection
from circuits.tasks import IMAGE_TASKS
from pipelines import discover, intervene, open_run, trace
from pipelines.trace import files
from tests.bundled import bundled

Command = Callable[..., Any]
SMALL = {"questions": 8, "validation": 6}
ASKED = ("--questions", "8", "--validation", "6")
TRACES = "scene-objects-reference-vlm-trace-*"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a trace of scenes, one of text, one without attention outputs, and a circuit."""
    folder = tmp_path_factory.mktemp("runs")
    about = {"prompts": 2, "out": folder}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "figures_of", lambda *_: {})  # nobody looks at these
        trace("scene-objects", model="reference-vlm", prompts=4, out=folder)
        trace("ioi", noise_at="S1", settings={"kinds": ["attention", "mlp"]}, **about)
        trace("scene-objects", model="reference-vlm", settings={"kinds": ["residual", "mlp"]}, **about)
    discover("ioi", edges=40, **about)
    return folder


def named(store: Path, start: str, **settings: Any) -> Path:
    runs = [open_run(path.parent) for path in store.glob(f"{start}*/run.json")]
    return next(run.folder for run in runs if settings.items() <= run.config.settings.items())


@pytest.fixture
def run(store: Path) -> Path:
    return next(folder for folder in sorted(store.glob(TRACES)) if _has_attention(folder))


def _has_attention(folder: Path) -> bool:
    return not open_run(folder).config.settings


def test_answers_are_those_of_the_model_itself_under_the_injection_that_is_kept(circuits: Command, run: Path):
    strengths = ("--lambda-attention", "3", "--lambda-mlp", "1")
    report = circuits("intervene", "iri", "--run", str(run), *ASKED, *strengths, "--out", "iri", "--json").json
    injection = Injection.from_json(report["settings"]["injection"])
    assert (injection.attention.strength, injection.mlp.strength) == (3, 1)
    model = bundled("reference-vlm")
    # The seed of the test questions is the trace's plus 2,000.
    questions = IMAGE_TASKS["scene-objects"]().questions(n=16, seed=2000, negatives="adversarial")
    prompts = image_prompts("test", questions, model.vision)
    own = answers(model, prompts, {"plain": None, "iri": lambda: injection_tap(injection)})
    rows = {(row["variant"], row["negatives"]): row for row in report["rows"]}
    for variant, said in own.items():
        assert rows[variant, "adversarial"]["accuracy"] == pytest.approx(said.is_answer.mean())
    difference = own["iri"].is_answer.mean() - own["plain"].is_answer.mean()
    assert rows["iri", "adversarial"]["difference"] == pytest.approx(difference)


def test_every_variant_is_judged_on_every_sort_of_negatives(circuits: Command, run: Path):
    answer = circuits("intervene", "iri", "--run", str(run), *ASKED, "--ablations", "--out", "iri", "--json")
    report = answer.json
    variants = {row["variant"] for row in report["rows"]}
    assert {"plain", "iri", "vhr", "threshold"} <= variants
    assert {row["negatives"] for row in report["rows"]} == {"random", "popular", "adversarial"}
    assert len(report["rows"]) == 3 * len(variants)
    assert all(row["n"] == 16 for row in report["rows"])
    assert all(row["difference"] == 0 for row in report["rows"] if row["variant"] == "plain")
    grid = np.array(report["settings"]["validation_accuracy"])
    tried = report["settings"]["strengths_tried"]
    chosen = tuple(tried.index(report["settings"][name]) for name in ("lambda_attention", "lambda_mlp"))
    guard = np.array(report["settings"]["validation_accuracy_random"])
    allowed = guard >= guard[0, 0] - 0.005 - 1e-9
    assert grid[chosen] == grid[allowed].max()
    assert set(report["dropped"]) & {"k2=15"}
    on_validation = {said["negatives"]: said["on_validation"] for said in report["verdicts"]}
    assert on_validation == {"random": None, "popular": None, "adversarial": pytest.approx(grid[chosen] - grid[0, 0])}
    lines, heads = (
        list(csv.DictReader(io.StringIO(Path(f"iri/{name}.csv").read_text()))) for name in ("intervention", "heads")
    )
    assert len(lines) == len(report["rows"])
    assert [row["head"] for row in heads[:2]] == ["a0.h0", "a0.h1"]
    assert len(heads) == 24


def test_the_verdict_is_beside_random_layers_and_all_layers_and_says_where_there_is_no_gain(
    circuits: Command, run: Path
):
    given = ("--lambda-attention", "3", "--lambda-mlp", "1", "--random", "3")
    asked = ("intervene", "iri", "--run", str(run), *ASKED, *given, "--out", "iri")
    answer = circuits(*asked, "--json")
    report = answer.json
    rows = {(row["variant"], row["negatives"]): row for row in report["rows"]}
    drawn = sorted({name for name, _ in rows if name.startswith("random-")})
    assert drawn == ["random-0", "random-1", "random-2"]
    assert [said["negatives"] for said in report["verdicts"]] == ["random", "popular", "adversarial"]
    for said in report["verdicts"]:
        sort = said["negatives"]
        of_random = [rows[name, sort]["difference"] for name in drawn]
        assert said["random_range"] == [min(of_random), max(of_random)]
        assert said["all_layers"] == rows["all-layers", sort]["difference"]
        assert said["gain"] == rows["iri", sort]["difference"]
        assert said["as_much"] == sum(one >= said["gain"] for one in of_random)
        assert said["gains"] == (said["gain_low"] is not None and said["gain_low"] > 0)
        assert said["words"].startswith("a gain" if said["gains"] else "no gain: ")
    (chosen,) = (said for said in report["verdicts"] if said["is_chosen_by"])
    assert chosen["negatives"] == "adversarial"
    assert chosen["on_validation"] is None  # the strengths were given
    is_warned = f"adversarial negatives: {chosen['words']}" in report["warnings"]
    assert is_warned == (not chosen["gains"] or chosen["as_much"] > 0)
    # The table has the range over random layers in one line, and the verdict.
    shown = " ".join(circuits(*asked).stdout.split())
    assert "(3)" in shown  # random layers, how many; the cell may be broken over lines
    assert "random-0" not in shown
    assert f"Verdict (adversarial negatives): {chosen['words']}" in shown


def test_the_same_command_again_computes_nothing_and_other_strengths_ask_nothing_anew(circuits: Command, run: Path):
    asked = ("intervene", "iri", "--run", str(run), *ASKED, "--out", "iri", "--json")
    circuits(*asked)
    assert circuits(*asked).json["jobs"]["computed"] == 0
    again = circuits(*asked, "--lambda-attention", "0", "--lambda-mlp", "0").json
    # A search over a single pair of strengths, and the answers; not the questions or the heads.
    assert 1 <= again["jobs"]["computed"] <= again["jobs"]["total"] - 3


def test_without_strength_nothing_changes_and_a_warning_says_so(circuits: Command, run: Path):
    strengths = ("--lambda-attention", "0", "--lambda-mlp", "0")
    answer = circuits("intervene", "iri", "--run", str(run), *ASKED, *strengths, "--out", "iri", "--json")
    rows = {(row["variant"], row["negatives"]): row for row in answer.json["rows"]}
    for sort in ("random", "popular", "adversarial"):
        plain, changed = ({**rows[name, sort], "variant": ""} for name in ("plain", "iri"))
        assert plain == changed


def test_captions_are_judged_and_time_is_taken(circuits: Command, run: Path):
    asked = (
        "intervene",
        "iri",
        "--run",
        str(run),
        *ASKED,
        "--captions",
        "3",
        "--max-new-tokens",
        "20",
        "--repeats",
        "1",
    )
    answer = circuits(*asked, "--out", "iri")
    assert "captions (CHAIR)" in answer.stdout
    assert "time, medians" in answer.stdout
    report = json.loads(Path("iri/intervention.json").read_text())
    said = json.loads(Path("iri/captions.json").read_text())
    assert [row["variant"] for row in report["captions"]] == ["plain", "iri", "vhr"]
    assert all(len(texts) == len(said["objects"]) == 3 for texts in said["captions"].values())
    assert all(text.startswith("a ") for text in said["captions"]["plain"])
    assert report["times"][0]["per_token_ratio"] == 1
    assert "no synonyms (see --synonyms)" in answer.stdout
    assert all(0 <= row["mention"] <= 1 for row in report["captions"])

    # Another word for an object, that every caption holds: the same captions say something else.
    Path("words.txt").write_text("red circle, a\nzebra, horse\n")
    again = circuits(*asked, "--synonyms", "words.txt", "--json")
    assert again.json["jobs"]["computed"] == 0
    assert again.json["n_synonyms"] == 1
    assert "1 lines of synonyms name no object that is annotated (zebra)" in again.stderr
    plain, other = report["captions"][0], again.json["captions"][0]
    assert other["sentence"] > plain["sentence"]
    # Every object of a caption has its article: so many mentions, and one object more.
    assert other["mention"] > other["instance"] > plain["instance"]
    assert Path(again.json["folder"]) != Path("iri")


def test_objects_that_captions_may_name_are_all_that_are_annotated(tmp_path: Path):
    """Also those that none of the pictures shows: a caption that names one is wrong."""
    from PIL import Image

    from pipelines.runs.image_sources import digest_of_images, read_questions_in, split_questions
    from tests.circuits.data.coco_files import instances, written

    annotations = written(tmp_path, instances())
    for image in instances()["images"]:
        Image.new("RGB", (image["width"], image["height"])).save(tmp_path / image["file_name"])
    lines = [
        {"image": image["file_name"], "text": "Is there a cat in the image?", "label": "no"}
        for image in instances()["images"]
    ]
    asked = tmp_path / "asked.jsonl"
    asked.write_text("\n".join(map(json.dumps, lines)))
    half = read_questions_in(asked, tmp_path, None)[:1]
    settings = {"path": str(asked), "images_at": str(tmp_path), "images": digest_of_images(tmp_path, half)}
    questions, names = split_questions(settings | {"annotations_at": str(annotations)}, is_first=True)
    assert [question.objects for question in questions] == [("dog",)]
    assert names == ("cat", "dog", "apple")
    assert split_questions(settings, is_first=True)[1] == ()


def test_python_and_the_command_find_the_same(circuits: Command, store: Path, run: Path, tmp_path: Path):
    own = intervene(run, **SMALL, folder=tmp_path / "own")
    printed = circuits("intervene", "iri", "--run", run.name, "--runs", str(store), *ASKED, "--json").json
    assert json.loads(json.dumps(list(own.rows))) == printed["rows"]
    assert Path(printed["folder"]).parent == run


def test_workers_give_the_same(run: Path, tmp_path: Path, scheduler: str):
    settings = {"lambda_attention": 2.0, "lambda_mlp": 0.5, **SMALL}
    here = intervene(run, **settings, folder=tmp_path / "here")
    assert here.rows == intervene(run, **settings, folder=tmp_path / "there", scheduler=scheduler).rows


@pytest.mark.parametrize(
    ("which", "options", "message"),
    [
        ("text", (), "judged on questions about images, but task 'ioi' is text only"),
        ("partial", (), "did not trace attention outputs"),
        ("circuit", (), "is not a causal trace. Run one: circuits trace ioi --model reference"),
        ("good", ("--lambda-attention", "1"), "lambda_attention and lambda_mlp go together"),
        ("good", ("--k1", "0"), "k1 is 0"),
        ("good", ("--synonyms", "words.txt"), "synonyms are for judging captions: give captions"),
        ("good", ("--captions", "3", "--synonyms", "absent.txt"), "cannot read the synonyms absent.txt"),
        ("good", ("--chosen-by", "easy"), "chosen_by is 'easy'. Known: random, popular, adversarial"),
        ("none", (), "there is no absent in"),
    ],
)
def test_bad_input_is_refused_before_a_model_runs(
    circuits: Command, store: Path, run: Path, which: str, options: tuple[str, ...], message: str, monkeypatch
):
    monkeypatch.setattr("circuits.model.load.load_model", lambda *_, **__: pytest.fail("no model is needed for this"))
    folders = {
        "text": next(store.glob("ioi-trace-*")),
        "partial": next(folder for folder in store.glob(TRACES) if not _has_attention(folder)),
        "circuit": next(store.glob("ioi-eap-ig-*")),
        "good": run,
        "none": store / "absent",
    }
    answer = circuits("intervene", "iri", "--run", str(folders[which]), *options)
    assert answer.exit_code == 2
    assert message in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_file_of_questions_is_split_by_image(circuits: Command, tmp_path: Path):
    from PIL import Image

    from circuits.data.scenes import KINDS, draw_scenes

    lines = []
    for number, scene in enumerate(draw_scenes(np.random.default_rng(3), 6)):
        Image.fromarray(scene.image).save(tmp_path / f"{number}.png")
        absent = next(kind for kind in KINDS if kind not in scene.kinds)
        for kind, label in ((scene.kinds[0], "yes"), (absent, "no")):
            text = f"Is there a {kind} in the image?"
            lines.append(json.dumps({"image": f"{number}.png", "text": text, "label": label}))
    (tmp_path / "asked.jsonl").write_text("\n".join(lines))
    asked = (
        "trace",
        str(tmp_path / "asked.jsonl"),
        "--model",
        "reference-vlm",
        "--images",
        str(tmp_path),
        "--prompts",
        "4",
        "--json",
    )
    folder = circuits(*asked).json["folder"]
    report = circuits("intervene", "iri", "--run", folder, "--json").json
    assert {(row["negatives"], row["n"]) for row in report["rows"]} == {("all", 6)}
    assert report["settings"]["validation_questions"] == 6
    answer = circuits("intervene", "iri", "--run", folder, "--captions", "3")
    assert answer.exit_code == 2
    assert "trace with --annotations" in answer.stderr
