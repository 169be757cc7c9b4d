"""What runs are called: by task, model and method, or as they are asked to be."""

from __future__ import annotations

import fnmatch
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines import caption, compare, discover, export, open_run, trace, write_report
from pipelines.discover import plan as discover_plan
from pipelines.discover.settings import DiscoverSettings
from pipelines.engine.execution import Execution
from pipelines.runs.first_jobs import subject_name
from pipelines.runs.settings import RunConfig
from pipelines.trace import plan as trace_plan
from pipelines.trace.settings import TraceSettings


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("reference", "ioi"),
        ("smollm2-135m", "ioi-smollm2-135m"),
        ("meta-llama/Llama-3.2-1B", "ioi-Llama-3.2-1B"),
        ("models/tiny.Q8_0.gguf", "ioi-tiny.Q8_0"),
        ("my models/größer & besser", "ioi-gr-er-besser"),
        ("///", "ioi-model"),
        ("org/" + "x" * 200, "ioi-" + "x" * 48),
    ],
)
def test_the_model_follows_the_task_where_it_is_not_the_default_one(model: str, name: str):
    assert subject_name(RunConfig(task="ioi", model=model)) == name


@pytest.mark.parametrize(
    ("file", "begins"), [("p" * 240, "p" * 120), ("\u5b57" * 80, "\u5b57" * 40), ("pairs", "pairs")]
)
def test_a_long_name_of_a_prompt_file_leaves_room_in_the_folders(file: str, begins: str):
    assert subject_name(RunConfig(task=f"{file}.jsonl")) == begins
    assert subject_name(RunConfig(task=f"{file}.jsonl", model="gpt2")) == f"{begins}-gpt2"


def test_a_folder_goes_by_its_own_name_however_it_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "tiny").mkdir()
    monkeypatch.chdir(tmp_path / "tiny")
    for spec in (".", "../tiny", str(tmp_path / "tiny")):
        assert subject_name(RunConfig(task="ioi", model=spec)) == "ioi-tiny"


def test_runs_of_two_models_share_no_pattern(tiny: Any, tmp_path: Path):
    execution = Execution(out=tmp_path)
    for settings, plan, method in (
        (DiscoverSettings, discover_plan.plan, "eap-ig"),
        (TraceSettings, trace_plan.plan, "trace"),
    ):
        default = plan(settings(task="ioi"), execution).run_name
        other = plan(settings(task="ioi", model="reference-early"), execution).run_name
        assert default.startswith(f"ioi-{method}-")
        assert other.startswith(f"ioi-reference-early-{method}-")


NAMED = ("--method", "eap", "--edges", "20", "--name", "my-ioi")
Command = Callable[..., Any]


def jobs_in(store: Path) -> set[str]:
    return {path.name for path in store.glob("jobs/*/*.npz")}


@pytest.fixture
def named(computed: Command, tiny: Any) -> dict[str, Any]:
    """What `discover` says of a run that was given a name."""
    (answer,) = computed((*tiny.arguments, *NAMED, "--json"))
    return answer.json


def test_a_run_goes_by_the_name_that_it_was_given(circuits: Command, named: dict[str, Any]):
    assert named["run"] == "my-ioi"
    assert (Path("runs") / "my-ioi" / "summary.json").is_file()
    assert json.loads((Path("runs") / "my-ioi" / "run.json").read_text())["name"] == "my-ioi"
    assert circuits("export", "my-ioi", "--to", "json", "--out", "-").exit_code == 0
    (state,) = circuits("status", "--json").json["runs"]
    assert state["run"] == "my-ioi"
    assert "my-ioi" not in state["asked"]
    assert circuits("evaluate", "my-ioi", "--resamples", "0", "--random", "2", "--json").json["jobs"]["computed"]


def test_a_name_changes_no_result_and_costs_nothing(circuits: Command, tiny: Any, named: dict[str, Any]):
    before = jobs_in(Path("runs"))
    other = circuits(*tiny.arguments, *NAMED[:-2], "--json").json
    assert other["jobs"]["computed"] == 0
    assert jobs_in(Path("runs")) == before
    assert other["run"].startswith("pairs-")
    assert other["faithfulness"] == named["faithfulness"]


def test_the_same_settings_again_are_the_same_run(circuits: Command, tiny: Any, named: dict[str, Any]):
    assert circuits(*tiny.arguments, *NAMED, "--json").json["jobs"]["computed"] == 0
    config = Path("runs") / "my-ioi" / "config.yaml"
    assert "name: my-ioi" in config.read_text().splitlines()
    assert circuits("discover", "--config", config, "--json").json["run"] == "my-ioi"


def test_a_name_that_another_run_has_is_refused(circuits: Command, tiny: Any, named: dict[str, Any]):
    files = {path: path.read_bytes() for path in Path("runs").rglob("*") if path.is_file()}
    answer = circuits(*tiny.arguments, *NAMED[:3], "30", *NAMED[-2:])
    assert answer.exit_code == 2
    assert "the name 'my-ioi' is taken by another run" in answer.stderr
    assert "(edges 20, not 30). No model was run." in answer.stderr
    without = circuits(*tiny.arguments, *NAMED[-2:])
    assert "edges 20, not left out" in without.stderr
    traced = circuits("trace", *tiny.arguments[1:], "--ablation", "corrupt", "--name", "my-ioi")
    assert traced.exit_code == 2
    assert "command discover, not trace" in traced.stderr
    assert files == {path: path.read_bytes() for path in Path("runs").rglob("*") if path.is_file()}


def test_a_run_whose_file_of_prompts_changed_is_another_one(
    circuits: Command, tiny: Any, new_prompts: Callable[..., Path], tmp_path: Path
):
    path = new_prompts(tmp_path / "own.jsonl", seed=1)
    arguments = ("discover", path, *tiny.arguments[2:], *NAMED)
    assert circuits(*arguments).exit_code == 0
    new_prompts(path, seed=2)
    answer = circuits(*arguments)
    assert answer.exit_code == 2
    assert "the same settings with other prompts" in answer.stderr


def test_a_folder_that_is_no_run_is_left_alone(circuits: Command, tiny: Any):
    folder = Path("runs") / "my-ioi"
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("mine")
    answer = circuits(*tiny.arguments, *NAMED)
    assert answer.exit_code == 2
    assert "my-ioi is there, and is no run: give the run another name with --name." in answer.stderr


def test_a_folder_in_which_nothing_could_be_written_is_used(circuits: Command, tiny: Any):
    """As a disk leaves it that was full when the run began."""
    folder = Path("runs") / "my-ioi"
    folder.mkdir(parents=True)
    (folder / ".config.yaml.1a2b.tmp").write_text("")
    assert circuits(*tiny.arguments, *NAMED).exit_code == 0


def test_a_trace_has_a_name_too(circuits: Command, tiny: Any):
    arguments = ("trace", *tiny.arguments[1:], "--ablation", "corrupt", "--name", "where")
    assert circuits(*arguments, "--json").json["run"] == "where"
    assert circuits("export", "where", "--to", "json", "--out", "-").exit_code == 0


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("a/b", "is made of letters, digits"),
        ("..", "is made of letters, digits"),
        (".hidden", "is made of letters, digits"),
        ("ioi.json", "is made of letters, digits"),
        ("-x", "is made of letters, digits"),
        ("ioi eap", "is made of letters, digits"),
        ("ioi\n", "is made of letters, digits"),
        ("", "is made of letters, digits"),
        ("jobs", "choose another one"),
        ("Jobs", "choose another one"),
        ("x" * 101, "at most 100 characters; this one has 101"),
    ],
)
def test_names_that_make_no_folder_are_refused(name: str, message: str):
    with pytest.raises(ValueError, match=message):
        DiscoverSettings(task="ioi", name=name)


def test_python_gives_names_too(tiny: Any, tmp_path: Path):
    from pipelines import discover, open_run

    run = discover(**tiny.settings(method="eap", edges=20, name="my-ioi", out=tmp_path))
    assert run.name == "my-ioi"
    assert open_run("my-ioi", out=tmp_path).circuit == run.circuit


def test_prompts_of_a_file_are_called_by_the_name_that_the_run_was_given(tiny: Any, tmp_path: Path):
    """In its summary, its drawing, its page and its comparisons; those of a task keep the name of the task."""
    store = tmp_path / "runs"
    named, plain = (discover(**tiny.settings(edges=20, method="eap", out=store, name=name)) for name in ("mine", None))
    traced = trace(**tiny.settings(out=store, name="seen", ablation="corrupt"))
    file = tiny.prompts.stem
    assert [run.circuit.label for run in (named, plain, traced)] == ["mine", file, "seen"]
    assert [run.summary["task"] for run in (named, plain, traced)] == ["mine", file, "seen"]
    found = compare(named, plain, overlap_only=True, out=store)
    assert list(found.summary["runs"]) == list(found.comparison.labels) == ["mine", file]
    assert b">mine<" in export(named, "svg")
    (tmp_path / "mine.json").write_bytes(export(named, "json"))
    assert b">mine<" in export(tmp_path / "mine.json", "svg")
    assert '"title":"mine"' in export(named, "html").decode().replace('": "', '":"')
    assert f"for the task {file}:" in caption(plain)
    assert DiscoverSettings(task="ioi", name="own").called is None


def test_a_run_of_a_version_that_kept_no_name_is_called_alike_everywhere(tiny: Any, tmp_path: Path):
    """Its files have the name of the prompt file where they now have that of the run."""
    run = discover(**tiny.settings(edges=20, method="eap", out=tmp_path, name="mine"))
    summary, record = (run.folder / name for name in ("summary.json", "run.json"))
    old = json.dumps(json.loads(summary.read_text()) | {"task": tiny.prompts.stem}).encode()
    summary.write_bytes(old)
    kept = json.loads(record.read_text())
    kept["files"]["summary.json"] = hashlib.sha256(old).hexdigest()
    record.write_text(json.dumps(kept))
    again = open_run("mine", out=tmp_path)
    assert (again.summary["task"], again.circuit.label) == ("mine", "mine")
    document = write_report(again, to="markdown", out=tmp_path)
    text = (document.folder / document.main).read_text()
    assert "for the task mine:" in text
    prose = text.partition("## Commands and settings")[0]
    assert tiny.prompts.stem not in prose.replace(tiny.prompts.name, "")


def test_a_pattern_of_eight_characters_matches_the_runs_of_one_method(tmp_path: Path):
    execution = Execution(out=tmp_path)
    methods = ("eap", "eap-ig", "eap-ig-activations")
    names = [discover_plan.plan(DiscoverSettings(task="ioi", method=name), execution).run_name for name in methods]
    names.append(trace_plan.plan(TraceSettings(task="ioi"), execution).run_name)
    for method, name in zip((*methods, "trace"), names, strict=True):
        assert fnmatch.filter(names, f"ioi-{method}-????????") == [name]
