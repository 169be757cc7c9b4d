"""Files that are handed on tell no path of what lay outside of the folder where they were made, and are still computed
again."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from contextlib import chdir
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from circuits.files import portable
from circuits.methods import METHODS
from circuits.model.sources import model_fingerprint
from graphs.export import EXPORTS
from pipelines import export, open_run
from pipelines.cli.exported import commands_of
from pipelines.cli.located import located
from pipelines.discover.settings import DiscoverSettings
from pipelines.engine.job import Job
from pipelines.runs.method_settings import OF_SETTING, with_portable_paths
from pipelines.runs.options import command_line
from pipelines.runs.origin import _read
from pipelines.runs.run import names_of
from pipelines.runs.stages import PROMPTS
from pipelines.study.settings import StudySettings
from tests.conftest import slow_case

Command = Callable[..., Any]
OF_THIS_MACHINE = ("config.yaml", "run.json")  # by which a run is continued where it is


def test_a_path_is_told_from_here_or_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "here/data").mkdir(parents=True)
    (tmp_path / "data").mkdir()
    (tmp_path / "here/linked").symlink_to(tmp_path / "data")
    with chdir(tmp_path / "here"):
        told = {
            "data/own.csv": "data/own.csv",
            "./own.csv": "own.csv",
            "../own.csv": "own.csv",
            "../here/data/own.csv": "data/own.csv",
            "linked/own.csv": "linked/own.csv",
            ".": ".",
            "..": tmp_path.name,
            str(tmp_path / "here/data"): "data",
            str(tmp_path / "data"): "data",
            str(tmp_path / "hereafter/own.csv"): "own.csv",
            "./-own.csv": "./-own.csv",
            str(tmp_path / "-own.csv"): "./-own.csv",
        }
        assert {path: portable(path) for path in told} == told


@pytest.fixture
def home(tiny: Any, tmp_path: Path) -> Path:
    """A folder of somebody's outside of where commands run, with prompts and a model."""
    folder = tmp_path / "somebody"
    shutil.copytree(tiny.model, folder / "model")
    shutil.copy(tiny.prompts, folder / "own.jsonl")
    (tmp_path / "here").mkdir()
    return folder


@pytest.mark.parametrize("formats", [["json", "dot", "neuronpedia"], slow_case([*EXPORTS])])
def test_no_file_of_a_command_tells_where_prompts_and_model_lay(
    circuits: Command, home: Path, tmp_path: Path, formats: list[str]
) -> None:
    on, is_whole = (str(home / "own.jsonl"), "--model", str(home / "model")), len(formats) > 3
    with chdir(tmp_path / "here"):
        one = circuits("discover", *on, "--method", "eap", "--edges", "12", "--json").json["run"]
        asked = ("discover", *on, "--method", "eap", "--edges", "6", "--prompts", "20", "--name", "other")
        more = [
            asked,
            ("attention", *on, "--heads", "a1.h0"),
            ("report", one, "--to", "markdown"),
            ("draw", "circuit", str(tmp_path / "here/runs" / one), "--out", "circuit.svg"),
            ("compare", one, "other", "--draws", "2"),
            ("trace", *on),
            ("evaluate", one, "--random", "2", "--knockouts", "2"),
            ("profile", *on, "--profiles", "entropy"),
            ("effects", *on),
        ]
        for command in more if is_whole else ():
            answer = circuits(*command)
            assert answer.exit_code == 0, (command, answer.stderr)
        for name in formats:
            Path(f"circuit.{EXPORTS[name].extension}").write_bytes(export(tmp_path / "here/runs" / one, name))
        written = [path for path in Path().rglob("*") if path.is_file() and "jobs" not in path.parts]
        assert len(written) > (60 if is_whole else 8)
        telling = [path for path in written if path.name not in OF_THIS_MACHINE and b"somebody" in path.read_bytes()]
        assert telling == []
        said = circuits("show", "circuit.dot", "--json").json
    assert said["command"].startswith("circuits discover own.jsonl --model ./model ")
    digest = hashlib.sha256((home / "own.jsonl").read_bytes()).hexdigest()
    assert (said["circuit"]["prompts"]["file"], said["circuit"]["prompts"]["sha256"]) == ("own.jsonl", digest)


def test_what_lies_below_is_told_from_where_the_command_ran(circuits: Command, home: Path, tmp_path: Path) -> None:
    with chdir(tmp_path):
        asked = ("discover", str(home / "own.jsonl"), "--model", str(home / "model"), "--method", "eap")
        run = circuits(*asked, "--edges", "12", "--json").json["run"]
        said = circuits("show", f"runs/{run}", "--json").json
    assert said["command"].startswith("circuits discover somebody/own.jsonl --model ./somebody/model ")
    assert said["settings"]["task"] == "somebody/own.jsonl"


def test_a_file_is_computed_again_only_on_what_it_was_made_from(
    circuits: Command, home: Path, tmp_path: Path, new_model: Callable[..., Path]
) -> None:
    on = (str(home / "own.jsonl"), "--model", str(home / "model"))
    with chdir(tmp_path / "here"):
        run = circuits("discover", *on, "--method", "eap", "--edges", "12", "--json").json["run"]
        circuits("export", run, "--to", "svg", "--out", "circuit.svg")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.copy(tmp_path / "here/circuit.svg", elsewhere)
    with chdir(elsewhere):
        lacking = circuits("rerun", "circuit.svg")
        assert (lacking.exit_code, lacking.stdout) == (2, "")
        assert "own.jsonl with the SHA-256" in lacking.stderr
        assert "which is not here. Not run" in lacking.stderr
        Path("own.jsonl").mkdir()
        assert "Not readable: own.jsonl (it is a folder). Not run." in circuits("rerun", "circuit.svg").stderr
        Path("own.jsonl").rmdir()
        Path("own.jsonl").write_text("{}\n")
        assert "own.jsonl holds something else. Not run" in circuits("rerun", "circuit.svg").stderr
        shutil.copy(home / "own.jsonl", "own.jsonl")
        new_model(Path("model"), seed=7)
        assert "model has others. Not run" in circuits("rerun", "circuit.svg").stderr
        shutil.copytree(home / "model", "model", dirs_exist_ok=True)
        again = circuits("rerun", "circuit.svg")
        assert again.exit_code == 0, again.stderr
        assert open_run(run).circuit.nodes == open_run(tmp_path / "here/runs" / run).circuit.nodes


def test_runs_of_one_name_are_told_apart_by_as_few_folders_as_do(tmp_path: Path, tiny: Any, computed: Command) -> None:
    (answer,) = computed((*tiny.arguments, "--method", "eap", "--edges", "12", "--json"))
    run = answer.json["run"]
    for store in ("a/runs", "b/runs"):
        shutil.copytree(Path("runs") / run, tmp_path / store / run)
    runs = [open_run(tmp_path / store / run) for store in ("a/runs", "b/runs")]
    assert names_of(runs) == [f"a/runs/{run}", f"b/runs/{run}"]


@pytest.fixture
def from_file(circuits: Command, home: Path, tmp_path: Path) -> Path:
    """A drawing of a circuit that somebody read from a file, whose name YAML quotes, in a folder with prompts and
    model."""
    on = (str(home / "own.jsonl"), "--model", str(home / "model"))
    with chdir(tmp_path / "here"):
        circuits("discover", *on, "--method", "eap", "--edges", "12", "--name", "one")
        circuits("export", "one", "--to", "mib", "--out", str(home / "of: another.json"))
        given = ("--method", "circuit-file", "--set", f'file="{home}/of: another.json"')
        answer = circuits("discover", *on, *given, "--name", "theirs")
        assert answer.exit_code == 0, answer.stderr
        circuits("export", "theirs", "--to", "dot", "--out", str(tmp_path / "elsewhere/circuit.dot"))
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(home, elsewhere, dirs_exist_ok=True)
    (elsewhere / "of: another.json").unlink()
    return elsewhere


def test_the_file_of_a_setting_is_taken_only_with_its_content(
    circuits: Command, home: Path, tmp_path: Path, from_file: Path
) -> None:
    (tmp_path / "third").mkdir()
    theirs, kept = from_file / "of: another.json", (home / "of: another.json").read_text()
    with chdir(tmp_path / "third"):
        asked = ("rerun", str(from_file / "circuit.dot"))
        lacking = circuits(*asked)
        assert (lacking.exit_code, lacking.stdout) == (2, "")
        assert "from file of: another.json with the hash" in lacking.stderr
        assert "which is not here. Not run" in lacking.stderr
        for other in ("{}", kept.replace("\n", " ") + " "):
            theirs.write_text(other)
            assert "of: another.json holds something else. Not run" in circuits(*asked).stderr
        theirs.write_text(kept)
        Path("of: another.json").write_text("{}")
        again = circuits(*asked)
        assert again.exit_code == 0, again.stderr
        assert open_run("theirs").circuit.nodes == open_run(tmp_path / "here/runs/theirs").circuit.nodes


def test_what_no_content_is_told_of_is_taken_only_from_where_the_command_says(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    words = ["discover", "coco-objects", "--images", "./images", "--method", "circuit-file", "--set=file=c.json"]
    (tmp_path / "c.json").write_text("{}")
    found = located([(words, DiscoverSettings)], {}, tmp_path / "circuit.dot", tmp_path / "runs")
    assert found == [[*words[:-1], "--set", "file=c.json"]]


def scored(model: Path, **more: Any) -> dict[str, Any]:
    """What a file tells of a circuit."""
    told = {"method": "eap", "settings": {}, "model": model.name, "model_fingerprint": model_fingerprint(str(model))}
    return {"edge_scores": told, **more}


def test_each_of_two_models_of_one_name_is_taken_for_its_own_run(
    tmp_path: Path, new_model: Callable[..., Path]
) -> None:
    a, b = (new_model(tmp_path / name / "model", seed=seed) for seed, name in enumerate("ab"))
    file, out, here = tmp_path / "a/report.md", tmp_path / "runs", tmp_path / "here"
    here.mkdir()

    def found(names: tuple[str, ...], facts: dict[str, Any]) -> list[str]:
        asked = ["discover", "ioi", "--model", "./model", "--method", "eap"]
        commands = [([*asked, *(("--name", name) if name else ())], DiscoverSettings) for name in names]
        return [words[3] for words in located(commands, facts, file, out)]

    one, two = scored(a, run="one"), scored(b, run="two")
    with chdir(here):
        for names in (("one",), ("",)):
            assert found(names, {"circuits": [one]}) == [str(a)]
        for names in (("one", "two"), ("", ""), ("two", "one")):
            with pytest.raises(ValueError, match=r"with the weights .*a/model has others. Not run"):
                found(names, {"circuits": [one, two]})
        with pytest.raises(ValueError, match=r"models with 2 weights: which of them are those of ./model is not said"):
            found(("",), {"circuits": [one, two]})
        assert found(("one",), {"circuits": [two, one]}) == [str(a)]
        assert found(("one", "other"), {"compared": ["one", "other"], "circuits": [one, one]}) == [str(a)] * 2


def test_models_that_a_study_varies_are_told_from_here_and_compared(
    tmp_path: Path, new_model: Callable[..., Path]
) -> None:
    a, b = (new_model(tmp_path / "somebody" / name, seed=seed) for seed, name in enumerate("ab"))
    settings = StudySettings.model_validate({"task": "ioi", "vary": {"model": [str(a), str(b), "reference"]}})
    here = tmp_path / "here"
    here.mkdir()
    with chdir(here):
        told = with_portable_paths(settings).vary
        assert told == {"model": ["./a", "./b", "reference"]}
        facts = {"models": {"a": model_fingerprint(str(a)), "b": model_fingerprint(str(b))}}
        asked = ["study", "ioi", "--vary", "model=./a, ./b, reference"]

        def found(file: Path) -> list[str]:
            return located([(asked, StudySettings)], facts, file, tmp_path / "runs")[0][2:]

        assert found(tmp_path / "somebody/study.csv") == ["--vary", f"model={a}, {b}, reference"]
        with pytest.raises(ValueError, match=r"with the weights .* which are not here. Not run: put the model where"):
            found(here / "study.csv")
        shutil.copytree(b, here / "a")
        with pytest.raises(ValueError, match=r"with the weights .*a has others. Not run"):
            found(here / "study.csv")


def test_files_that_a_study_varies_are_told_from_here_and_compared(tmp_path: Path) -> None:
    folders = [tmp_path / "somebody" / name for name in ("one", "two")]
    for folder in folders:
        folder.mkdir(parents=True)
        (folder / "cfg.json").write_text(f'{{"name": "{folder.name}"}}')
        (folder / "sae_weights.safetensors").write_bytes(b"weights")
    fingerprint = METHODS["head-coding"].path_settings()["autoencoder"]
    given = {"task": "ioi", "method": "head-coding", "vary": {"autoencoder": list(map(str, folders))}}
    told = with_portable_paths(StudySettings.model_validate(given)).vary["autoencoder"]
    assert told == ["one", "two"]
    read = [{"setting": "autoencoder", "read": one.name, "hash": fingerprint(str(one))} for one in folders]
    asked = ["study", "ioi", "--method", "head-coding", "--vary", "autoencoder=one, two"]
    facts = {"models": {"reference": "x"}, "read": read}
    (words,) = located([(asked, StudySettings)], facts, tmp_path / "somebody/study.csv", tmp_path / "runs")
    assert words[-1] == f"autoencoder={folders[0]}, {folders[1]}"
    shutil.copy(folders[0] / "cfg.json", folders[1])
    with pytest.raises(ValueError, match=r"autoencoder two with the hash .* holds something else. Not run"):
        located([(asked, StudySettings)], facts, tmp_path / "somebody/study.csv", tmp_path / "runs")


def test_what_jobs_read_for_settings_of_methods_is_told_with_its_hash() -> None:
    places = {"model": "/somebody/model", f"{OF_SETTING}autoencoder": "/somebody/one"}
    jobs = [Job(PROMPTS, {"model": "m", "autoencoder": hashed}, locations=places) for hashed in ("x", "y", "x")]
    told = [{"setting": "autoencoder", "read": "one", "hash": hashed} for hashed in ("x", "y")]
    assert _read(SimpleNamespace(work=[SimpleNamespace(jobs=jobs)])) == told  # pyright: ignore[reportArgumentType]


def test_a_candidate_that_cannot_be_read_is_passed_over_or_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No permission, as anyone but root would have none; a folder, a pipe and a broken link are no files."""
    here, there = tmp_path / "here", tmp_path / "there"
    for folder in (here, there):
        folder.mkdir()
        (folder / "own.jsonl").write_text(folder.name)
    sha256 = hashlib.sha256(b"there").hexdigest()
    facts = {"circuits": [{"prompts": {"file": "own.jsonl", "sha256": sha256}}]}

    def found() -> str:
        commands = [(["discover", "own.jsonl"], DiscoverSettings)]
        return located(commands, facts, there / "circuit.dot", tmp_path / "runs")[0][1]

    def read(path: Path) -> bytes:
        if path.absolute().parent in locked:
            raise PermissionError(13, "Permission denied", str(path))
        return path.read_bytes()

    monkeypatch.setattr("pipelines.cli.located.read_bytes", read)
    with chdir(here):
        locked = [here]
        assert found() == str(there / "own.jsonl")
        locked = [here, there]
        with pytest.raises(ValueError, match=r"Not readable: own.jsonl \(Permission denied\), .* Not run."):
            found()
        locked = []
        for make in (Path.mkdir, os.mkfifo, lambda path: path.symlink_to("nowhere")):
            Path("own.jsonl").unlink(missing_ok=True)
            make(Path("own.jsonl"))
            assert found() == str(there / "own.jsonl")
            Path("own.jsonl").rmdir() if Path("own.jsonl").is_dir() else Path("own.jsonl").unlink()


def test_what_is_no_model_is_passed_over_and_a_path_is_never_asked_of_the_hub(
    tmp_path: Path, new_model: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def hub(spec: str) -> Path:
        raise AssertionError(f"the hub was asked for {spec}")

    monkeypatch.setattr("circuits.model.sources._from_hub", hub)
    model = new_model(tmp_path / "kept/somebody/model")
    facts, file = {"circuit": scored(model)}, tmp_path / "kept/circuit.dot"
    (tmp_path / "here/somebody/model").mkdir(parents=True)

    def found(word: str) -> str:
        words = ["discover", "ioi", "--model", word, "--method", "eap"]
        return located([(words, DiscoverSettings)], facts, file, tmp_path / "runs")[0][3]

    with chdir(tmp_path / "here"):
        assert found("reference") == "reference"
        for word in ("./somebody/model", "somebody/model"):
            assert found(word) == str(model)
        model.rename(tmp_path / "kept/model")
        assert found("somebody/model") == str(tmp_path / "kept/model")
        shutil.rmtree(tmp_path / "kept/model")
        with pytest.raises(ValueError, match=r"somebody/model is no model. Not run"):
            found("./somebody/model")
        new_model(tmp_path / "kept/model", seed=7)
        with pytest.raises(ValueError, match=r"kept/model has others. Not run"):
            found("somebody/model")
        shutil.rmtree(tmp_path / "kept/model")
        Path("somebody/model").rmdir()
        with pytest.raises(ValueError, match=r"not here. Not run: put the model where the command says, some"):
            found("somebody/model")


def test_a_path_that_begins_with_a_hyphen_is_told_as_no_option(circuits: Command, home: Path, tmp_path: Path) -> None:
    (home / "own.jsonl").rename(home / "-own.jsonl")
    on = (str(home / "-own.jsonl"), "--model", str((home / "model").rename(home / "-model")))
    with chdir(tmp_path / "here"):
        circuits("discover", *on, "--method", "eap", "--edges", "12", "--name", "one")
        said = circuits("show", "runs/one", "--json").json["command"]
        assert said.startswith("circuits discover ./-own.jsonl --model ./-model ")
        again = circuits("rerun", "runs/one", "--runs", "again")
        assert again.exit_code == 0, again.stderr
    asked = DiscoverSettings(task="coco-objects", images=Path("-images"))
    assert "--images ./-images" in command_line("discover", asked)


def test_a_report_on_models_of_one_name_is_computed_again_from_each_of_them(
    circuits: Command, home: Path, tmp_path: Path, new_model: Callable[..., Path]
) -> None:
    models = {"one": home / "model", "two": new_model(home / "other/model", seed=7)}
    with chdir(tmp_path / "here"):
        for name, model in models.items():
            asked = (str(home / "own.jsonl"), "--model", str(model), "--method", "eap", "--edges", "12")
            circuits("discover", *asked, "--name", name)
        circuits("report", "one", "two", "--to", "markdown", "--out", "kept")
        said = circuits("show", "kept/report.md", "--json").json["command"]
        assert said.count("--model ./model ") == 2
        *made, _ = commands_of(Path("kept/report.md"), Path("runs"))
        assert [words[words.index("--model") + 1] for words in made] == [*map(str, models.values())]
        shutil.rmtree(models["two"])
        with pytest.raises(ValueError, match=r"model has others. Not run"):
            commands_of(Path("kept/report.md"), Path("runs"))
