"""Plug-ins: an installed package adds one of each, used from the command line and in worker processes."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuits.methods.registry import METHODS
from circuits.registry import OWN, Registry, subclass_of

SOURCE = Path(__file__).parents[2] / "plugin"
PACKAGE, PROJECT = SOURCE / "example_workbench", tomllib.loads((SOURCE / "pyproject.toml").read_text())
ROOT = Path(__file__).parents[3]
Command = Callable[..., Any]


def content(package: Path, project: dict[str, Any]) -> dict[str, bytes]:
    """What the example package is installed as: its modules, and what says who it is and what it adds."""
    name, version = project["project"]["name"].replace("-", "_"), project["project"]["version"]
    info = f"{name}-{version}.dist-info"
    groups = project["project"]["entry-points"]
    lines = [line for group, entries in groups.items() for line in (f"[{group}]", *_assigned(entries), "")]
    files = {f"{package.name}/{path.name}": path.read_bytes() for path in sorted(package.glob("*.py"))}
    files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n".encode()
    files[f"{info}/WHEEL"] = b"Wheel-Version: 1.0\nGenerator: by-hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files[f"{info}/entry_points.txt"] = "\n".join(lines).encode()
    record = "".join(f"{file},sha256={_digest(data)},{len(data)}\n" for file, data in files.items())
    return files | {f"{info}/RECORD": f"{record}{info}/RECORD,,\n".encode()}


def install(folder: Path) -> Path:
    """The example package put into a folder as pip puts it there; the folder."""
    site = folder / "site"
    for file, data in content(PACKAGE, PROJECT).items():
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).write_bytes(data)
    return site


def install_by_pip(folder: Path) -> Path:
    """The same by pip, from a wheel that is made by hand: building one would fetch setuptools."""
    site, wheel = folder / "site", folder / f"{PACKAGE.name}-{PROJECT['project']['version']}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for file, data in content(PACKAGE, PROJECT).items():
            archive.writestr(file, data)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(site)]
    subprocess.run([*pip, str(wheel)], check=True)
    return site


def _assigned(entries: dict[str, str]) -> list[str]:
    return [f"{name} = {value}" for name, value in entries.items()]


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")


USE = """
import json, sys
from pathlib import Path
from matplotlib.figure import Figure
from typer.testing import CliRunner
from pipelines.cli.main import app
from pipelines.engine.cluster import connect
from pipelines.engine.execution import Execution
from graphs.figures import canvas

def circuits(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, (arguments, result.output, result.exception)
    return result.stdout

def discovered(*arguments):
    return json.loads(circuits("discover", *arguments, "--json"))

if __name__ == "__main__":
    model, prompts = sys.argv[1:]
    given = ["--model", model, "--edges", "20"]
    noisy = ["--ablation", "soft-noise", "--ablation-set", "sigma=0.25", "--metric", "negated-answer-logit"]
    told = {
        "rows": json.loads(circuits("methods", "--json")),
        "tasks": json.loads(circuits("tasks", "--json"))["tasks"],
        "selections": json.loads(circuits("selections", "--json"))["selections"],
        "profiles": json.loads(circuits("profiles", "--json"))["profiles"],
    }
    # One worker process runs all models, so that this one need not load torch too.
    canvas._drawn = lambda draw: Figure((1, 1))  # nobody looks at figures here
    with connect(Execution(workers=1)) as client:
        worker = ["--scheduler", client.scheduler.address]
        told["ours"] = discovered(prompts, "--method", "eap", *worker, *given, *noisy)
        told["theirs"] = discovered(prompts, "--method", "doubled-eap", *worker, *given, *noisy)
        chosen = ["--selection", "short-paths", "--selection-set", "direct=false"]
        told["short"] = discovered(prompts, "--method", "eap", *worker, "--model", model, *chosen, *noisy)
        back = ["--profiles", "tokens-back:back=1,previous-token", "--model", model, *worker]
        told["profiled"] = json.loads(circuits("profile", prompts, *back, "--json"))
        longer = ["--task-set", "different=5"]
        told["again"] = discovered("first-again", "--prompts", "4", "--edges", "5", *longer, *worker)
    run = told["theirs"]["run"]
    told["lengths"] = json.loads(circuits("lengths", run, "--json"))
    told["names"] = Path(circuits("export", run, "--to", "names").strip()).read_text()
    told["help"] = circuits("lengths", "--help")
    print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def told(tiny: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the commands answer where the example package is installed, and in which folder they ran."""
    folder = tmp_path_factory.mktemp("plugins")
    site = install(folder)
    (folder / "use.py").write_text(USE)
    environment = os.environ | {"PYTHONPATH": f"{site}{os.pathsep}{ROOT}"}
    command = [sys.executable, "use.py", str(tiny.model), str(tiny.prompts)]
    ran = subprocess.run(command, check=False, cwd=folder, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return json.loads(ran.stdout) | {"folder": folder}


@pytest.mark.slow
def test_pip_installs_the_package_as_these_tests_do(tmp_path: Path):
    by_hand = content(PACKAGE, PROJECT)
    site = install_by_pip(tmp_path)
    for file, data in by_hand.items():
        if not file.endswith("RECORD"):
            assert (site / file).read_bytes() == data


def test_lists_say_which_package_each_comes_from(told: dict[str, Any]):
    origins = {
        row[sort]: row["from"]
        for sort, rows in (("method", "methods"), ("metric", "metrics"), ("ablation", "ablations"))
        for row in told["rows"][rows]
    }
    theirs = {name for name, origin in origins.items() if origin == "example_workbench 1.2"}
    assert theirs == {"doubled-eap", "negated-answer-logit", "soft-noise"}
    assert {origins[name] for name in origins.keys() - theirs} == {OWN}
    assert {row["task"]: row["from"] for row in told["tasks"]}["first-again"] == "example_workbench 1.2"
    assert {row["selection"]: row["from"] for row in told["selections"]}["short-paths"] == "example_workbench 1.2"
    assert {row["profile"]: row["from"] for row in told["profiles"]}["tokens-back"] == "example_workbench 1.2"


def test_a_method_metric_and_ablation_of_another_package_run_in_a_worker_process(told: dict[str, Any]):
    ours, theirs = told["ours"], told["theirs"]
    assert theirs["ablation"] == "soft-noise(sigma=0.25, seed=0)"
    assert theirs["metric"] == ours["metric"] | {"name": "negated-answer-logit"}
    scores = [
        np.load(told["folder"] / "runs" / answer["run"] / "scores.npz")["per_prompt"] for answer in (ours, theirs)
    ]
    np.testing.assert_array_equal(scores[1], 2 * scores[0])
    assert scores[0].any()


def test_a_profile_of_another_package_reads_every_head(told: dict[str, Any]):
    means: dict[str, list[float]] = {}
    for row in told["profiled"]["heads"]:
        means.setdefault(row["profile"], []).append(row["mean"])
    assert means["tokens-back:back=1"] == pytest.approx(means["previous-token"])


def test_a_selection_of_another_package_chooses_the_circuit_with_its_settings(told: dict[str, Any]):
    circuit = told["short"]["circuit"]
    assert circuit["selection"] == {"name": "short-paths", "direct": False}
    assert circuit["n_edges"] > 0
    edges = json.loads((told["folder"] / "runs" / told["short"]["run"] / "graph.json").read_text())["edges"]
    assert len(edges) == circuit["n_edges"]
    assert "input->logits" not in json.dumps(edges)


def test_a_task_of_another_package_gives_a_circuit(told: dict[str, Any]):
    assert told["again"]["task"] == "first-again(different=5)"
    listed = next(row for row in told["tasks"] if row["task"] == "first-again")
    assert listed["settings"] == {"different": 3}
    assert told["again"]["n_prompts"] == 4


def test_a_command_of_another_package_has_its_own_options_jobs_and_files(told: dict[str, Any]):
    lengths = told["lengths"]
    assert (lengths["format"], lengths["version"]) == ("example-lengths", 1)
    assert lengths["lengths"] == [6] * 12
    assert lengths["jobs"] == {"total": 2, "computed": 1}
    kept = Path(lengths["folder"]) / "lengths.json"
    assert json.loads((told["folder"] / kept).read_text())["lengths"] == lengths["lengths"]
    assert "How many tokens the prompts of a run have." in told["help"]


def test_an_export_of_another_package_writes_the_circuit(told: dict[str, Any]):
    assert len(told["names"].split()) == told["theirs"]["circuit"]["n_edges"] > 0


def test_a_script_registers_its_own(circuits: Command, tiny: Any, monkeypatch: pytest.MonkeyPatch):
    from circuits.methods.random import RandomScores

    assert "shifted-random" not in METHODS
    # What is registered here is gone for the tests that follow.
    for name in ("_things", "_origins"):
        monkeypatch.setattr(METHODS, name, dict(getattr(METHODS, name)))

    @dataclass(frozen=True)
    class Shifted(RandomScores):
        name = "shifted-random"

    METHODS.register(Shifted)
    assert METHODS.origin("shifted-random") == __name__
    summary = circuits(*tiny.arguments, "--method", "shifted-random", "--edges", "3", "--json").json
    assert summary["method"] == "shifted-random"


def test_a_taken_name_is_refused_by_the_name_of_who_has_it():
    with pytest.raises(ValueError, match=r"'eap' of circuit_workbench.methods is registered already, by circuit-work"):
        METHODS.register(type("Other", (METHODS["eap"],), {}))
    with pytest.raises(ValueError, match=r"cannot be one of circuit_workbench.methods"):
        METHODS.register(dict)


def test_a_broken_package_is_named_and_leaves_the_others_usable(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def broken() -> object:
        raise ImportError("no module named 'gone'")

    def entries(group: str) -> list[tuple[str, str, Callable[[], object]]]:
        assert group == "circuit_workbench.words"
        fine = type("Fine", (str,), {"name": "fine"})
        return [("bad", "other 0.1", broken), ("odd", "other 0.1", lambda: 5), ("fine", "good 2.0", lambda: fine)]

    monkeypatch.setattr("circuits.registry.installed", entries)
    words: Registry[type[str]] = Registry("words", subclass_of(str))
    assert list(words) == ["fine"]
    assert words.origin("fine") == "good 2.0"
    assert "other 0.1: 'bad' of circuit_workbench.words cannot be used: no module named 'gone'" in caplog.text
    assert "'odd' of circuit_workbench.words cannot be used: 5 cannot be one of" in caplog.text
