"""Every command says what it does before it imports what takes seconds, and every line has a name to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from circuits.registry import OWN
from pipelines import discover, trace
from pipelines.cli.commands import offers
from pipelines.cluster.plan import LEAST_PROMPTS
from pipelines.engine import execute
from pipelines.engine.progress import short_owner
from pipelines.trace import files

ROOT = Path(__file__).parents[3]
HEAVY = ("torch", "transformers", "transformer_lens", "dask", "scipy", "networkx", "matplotlib")
IOI = ("ioi", "--prompts", "4")
HEADS = ("--heads", "a1.h0")
# Command -> arguments that it can begin with. Words in capitals are runs of the fixture `store`.
BEGINNINGS: Mapping[str, Sequence[str]] = {
    "discover": IOI,
    "trace": IOI,
    "intervene iri": ("--run", "TRACE", "--questions", "4", "--validation", "4"),
    "intervene edit": (*IOI, *HEADS, "--edit", "uniform END"),
    "intervene repair": (*IOI, *HEADS, "--model", "reference-early"),
    "intervene rank": (*IOI, *HEADS),
    "intervene concept": (*IOI, "--layer", "2", "--at", "END"),
    "intervene mask-heads": (*IOI, "induction:1,2"),
    **{f"intervene {name}": IOI for name in ("zero-tuning", "act", "remedy")},
    **{f"intervene {name}": ("scene-objects", "--model", "reference-vlm", "--prompts", "4") for name in ("var", "vhr")},
    "compare": ("RUN", "OTHER"),
    "attention": (*IOI, *HEADS),
    "roles": ("RUN",),
    "profile": IOI,
    "reads": (*IOI, *HEADS, "--key", "IO"),
    "effects": IOI,
    "influence": ("texts.txt", *HEADS),
    "cluster": ("RUN",),
    "evaluate": ("RUN", "OTHER"),
    "study": (*IOI, "--vary", "method=eap,eap-ig", "--truth", "RUN"),
    "reproduce reuse": ("--model", "reference", "--prompts", "4"),
    "orders": ("colored-objects", "--questions", "2"),
    "tasks": ("--model", "reference", "--prompts", "4"),
    "codes": ("CODES",),
}
# Begins a command, and says of every line on stderr which heavy modules were there when it was written.
WATCHED = """
import json, sys
class Watched:
    def __init__(self, stream): self.stream = stream
    def write(self, text):
        self.stream.write(json.dumps([text, [name for name in {heavy!r} if name in sys.modules]]) + "\\n")
    def flush(self): self.stream.flush()
    def isatty(self): return False
sys.stderr = Watched(sys.stderr)
sys.argv = ["circuits", *json.loads(sys.argv[1])]
from {module} import main
main()
"""
# The same of all commands, each in a fork of one process, and none of which gets further than its first line.
ALL = """
import json, os, sys
from pipelines.cli import main
class Watched:
    def __init__(self, name): self.name = name
    def write(self, text):
        there = [name for name in {heavy!r} if name in sys.modules]
        os.write(2, (json.dumps([self.name, text, there]) + "\\n").encode())
        os._exit(0)
    def isatty(self): return False
for name, arguments in json.loads(sys.argv[1]).items():
    if (child := os.fork()) == 0:
        sys.stderr = Watched(name)
        main.app([*name.split(), *arguments])
    os.waitpid(child, 0)
"""


def computed() -> list[str]:
    return [name for name, offer in offers().items() if offer.settings.is_computed and offer.origin == OWN]


def run_python(code: str, given: Any, folder: Path) -> str:
    """What a process of its own writes on stderr."""
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    command = [sys.executable, "-c", code, json.dumps(given)]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return done.stderr


def test_every_command_has_a_beginning_here():
    assert set(computed()) == BEGINNINGS.keys()


def test_every_command_says_what_it_does_before_it_imports_what_takes_seconds(tmp_path: Path):
    said = [json.loads(line) for line in run_python(ALL.format(heavy=HEAVY), BEGINNINGS, tmp_path).splitlines()]
    assert said == [[name, f"{name}: looking up what is stored in runs\n", []] for name in BEGINNINGS]


def test_commands_that_compute_nothing_say_so_too(tiny: Any, tmp_path: Path):
    """Those that read prompts, and those that read what is stored: all commands of settings, and those that draw."""
    prompts, model = str(tiny.prompts), str(tiny.model)
    given = {
        "prompts check": [prompts, "--model", model],
        "prompts show": [prompts, "--model", model],
        "export": ["one", "--to", "csv", "--beside", "other"],
        "draw": ["methods", "one"],
        **{name: ["one", "other"] for name in offers() if name not in BEGINNINGS},
    }
    said = [json.loads(line) for line in run_python(ALL.format(heavy=HEAVY), given, tmp_path).splitlines()]
    assert said == [
        ["prompts check", f"prompts check: {prompts} as {model} sees it\n", []],
        ["prompts show", f"prompts show: {prompts} as {model} sees it\n", []],
        ["export", "export: reading one, other\n", []],
        ["draw", "draw: reading one\n", []],
        ["report", "report: looking up what is stored in runs\n", []],
        ["reuse", "reuse: looking up what is stored in runs\n", []],
    ]


@pytest.mark.slow
def test_a_whole_command_says_so_too(tiny: Any, tmp_path: Path):
    given = ["discover", str(tiny.prompts), "--model", str(tiny.model), "--method", "eap", "--edges", "5"]
    lines = run_python(WATCHED.format(heavy=HEAVY, module="pipelines.cli.main"), given, tmp_path).splitlines()
    written, there = json.loads(lines[0])
    assert (written.partition(": ")[0], there) == ("discover", [])
    assert "torch" in json.loads(lines[-1])[1]


def test_the_demo_says_what_it_does_first(tmp_path: Path):
    (tmp_path / "demo").write_text("a file is in the way, so that it ends soon")
    code = WATCHED.format(heavy=HEAVY, module="pipelines.cli.demo").replace(
        "main()\n", "\ntry: main()\nexcept ValueError: pass\n"
    )
    written, there = json.loads(run_python(code, [], tmp_path).splitlines()[0])
    assert (written, there) == ("demo: two circuits of the model reference-reuse, and what they share, in demo/\n", [])


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """Runs to begin with, by the words of `BEGINNINGS`."""
    folder = tmp_path_factory.mktemp("runs")
    about = {"prompts": 4, "out": folder}
    coding = {"trials": 1, "epochs": 2, "features": 10}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "figures_of", lambda *_: {})  # nobody looks at these
        traced = trace("scene-objects", model="reference-vlm", prompts=2, out=folder)
    runs = {
        "RUN": discover("ioi", method="eap", edges=40, prompts=2 * LEAST_PROMPTS, out=folder),
        "OTHER": discover("colored-objects", method="eap", edges=40, **about),
        "CODES": discover("ioi", method="head-coding", settings=coding, **about),
        "TRACE": traced,
    }
    return {word: str(run.folder) for word, run in runs.items()}


@pytest.mark.parametrize("command", BEGINNINGS)
def test_every_line_of_progress_names_what_it_belongs_to(
    command: str, store: Mapping[str, str], circuits: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
):
    """Jobs are said to begin, to wait and to end without being computed, as none of that takes a model."""
    owners = []

    def pretend(part: Any, execution: Any, at_once: Any, told: Any, *_: Any) -> None:
        owners.append(part.owner)
        for job in part.jobs:
            told.begun(job)
            told.waits("nobody is there")
            told.reached(job, 0.5, 1.0, "")
            told.done(job, 1.0)
        raise SystemExit  # enough is written

    monkeypatch.setattr(execute, "_compute", pretend)
    Path("texts.txt").write_text("David left the bridge .\n\nMartin left the store .\n")
    given = [store.get(word, word) for word in BEGINNINGS[command]]
    first, *lines = circuits(*command.split(), *given).stderr.splitlines()
    assert first == f"{command}: looking up what is stored in runs"
    (owner,) = owners
    assert len(lines) > 2
    assert [line for line in lines if short_owner(owner)[:20] not in line] == []
