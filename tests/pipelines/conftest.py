"""A tiny random native model, prompts for it, and the command line run on them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from tests.bundled import loaded_once

ROOT = Path(__file__).parents[2]
VOCABULARY, N_TOKENS, N_PROMPTS = 12, 6, 12
SHAPE = {"n_layers": 2, "d_model": 16, "d_head": 4, "n_heads": 2, "d_mlp": 8, "n_ctx": 16, "d_vocab": VOCABULARY}


class Tiny(NamedTuple):
    """A model folder and a prompt file for it."""

    model: Path
    prompts: Path

    @property
    def arguments(self) -> list[str]:
        """The start of a `discover` command."""
        return ["discover", str(self.prompts), "--model", str(self.model), "--prompts-per-job", "4"]

    def settings(self, **more: Any) -> dict[str, Any]:
        """The same as keywords of `discover()`."""
        return {"task": str(self.prompts), "model": str(self.model), "prompts_per_job": 4} | more


class Answer(NamedTuple):
    """Exit code and output of a command."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> dict[str, Any]:
        return json.loads(self.stdout)


def write_native_model(folder: Path, *, seed: int = 0, scale: float = 1.0) -> Path:
    """A random model in TransformerLens' native format: no norms, relu."""
    from safetensors.numpy import save_file

    draw = np.random.default_rng(seed)
    width, head, heads, mlp = SHAPE["d_model"], SHAPE["d_head"], SHAPE["n_heads"], SHAPE["d_mlp"]
    shapes: dict[str, tuple[int, ...]] = {
        "embed.W_E": (VOCABULARY, width),
        "pos_embed.W_pos": (SHAPE["n_ctx"], width),
        "unembed.W_U": (width, VOCABULARY),
        "unembed.b_U": (VOCABULARY,),
    }
    for layer in range(SHAPE["n_layers"]):
        block = f"blocks.{layer}"
        for port in "QKV":
            shapes[f"{block}.attn.W_{port}"] = (heads, width, head)
            shapes[f"{block}.attn.b_{port}"] = (heads, head)
        shapes |= {f"{block}.attn.W_O": (heads, head, width), f"{block}.attn.b_O": (width,)}
        shapes |= {f"{block}.mlp.W_in": (width, mlp), f"{block}.mlp.b_in": (mlp,)}
        shapes |= {f"{block}.mlp.W_out": (mlp, width), f"{block}.mlp.b_out": (width,)}
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: (draw.normal(size=shape) * 0.4 * scale).astype(np.float32) for name, shape in shapes.items()}
    save_file(weights, folder / "model.safetensors")
    config = SHAPE | {
        "d_vocab_out": VOCABULARY,
        "architecture": "TransformerLensNative",
        "act_fn": "relu",
        "attention_dir": "causal",
        "normalization_type": None,
        "positional_embedding_type": "standard",
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def write_prompts(path: Path, *, n_prompts: int = N_PROMPTS, seed: int = 0) -> Path:
    """Random pairs of equal length as token ids."""
    draw = np.random.default_rng(seed)
    lines = []
    for _ in range(n_prompts):
        clean, corrupt = (draw.integers(VOCABULARY, size=N_TOKENS).tolist() for _ in range(2))
        answer, wrong = draw.choice(VOCABULARY, size=2, replace=False).tolist()
        record = {"clean_ids": clean, "corrupt_ids": corrupt, "answer_ids": [answer], "wrong_answer_ids": [wrong]}
        lines.append(json.dumps(record))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """A tiny random model and 12 prompts, the same in every test of a session."""
    folder = tmp_path_factory.mktemp("tiny")
    return Tiny(write_native_model(folder / "model"), write_prompts(folder / "pairs.jsonl"))


@pytest.fixture(scope="session")
def new_model() -> Callable[..., Path]:
    """`new_model(folder, seed=1)` writes another tiny random model."""
    return write_native_model


@pytest.fixture(scope="session")
def new_prompts() -> Callable[..., Path]:
    """`new_prompts(path, n_prompts=200)` writes other random prompts."""
    return write_prompts


@pytest.fixture(scope="module", autouse=True)
def _figures(shared_fonts: None, few_figures: None) -> None:
    """Commands write many figures."""


@pytest.fixture(scope="module")
def bundled_once() -> Iterator[None]:
    """Commands are given bundled models that are loaded already. For files in which nobody looks at how one loads."""
    with loaded_once():
        yield


@pytest.fixture(scope="session")
def scheduler() -> Iterator[str]:
    """The address of a scheduler with one worker process, which loads torch once for the tests of all commands."""
    from pipelines.engine.cluster import connect
    from pipelines.engine.execution import Execution

    with connect(Execution(workers=1)) as client:
        yield str(client.scheduler.address)  # pyright: ignore[reportOptionalMemberAccess]


@pytest.fixture
def circuits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    """`circuits("discover", ...)`: the command in this process, in a folder of its own."""
    from typer.testing import CliRunner

    from pipelines.cli.main import app

    monkeypatch.chdir(tmp_path)
    # A busy machine takes longer, and says more: tests that want to hear of it ask for it.
    monkeypatch.setattr("pipelines.cli.phases.EVERY_S", 3600)

    def run(*arguments: str | Path) -> Answer:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture(scope="session")
def _folders_of_commands() -> dict[tuple[tuple[str, ...], ...], tuple[Path, list[Answer]]]:
    """What commands have left, and answered, in a folder that was empty."""
    return {}


@pytest.fixture
def computed(
    circuits: Callable[..., Answer],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    _folders_of_commands: dict[tuple[tuple[str, ...], ...], tuple[Path, list[Answer]]],
) -> Callable[..., list[Answer]]:
    """`computed(("discover", ...), ...)`: commands run once for all tests, and what they leave copied for this one."""

    def run(*commands: Sequence[str | Path]) -> list[Answer]:
        key = tuple(tuple(map(str, command)) for command in commands)
        if key not in _folders_of_commands:
            folder = tmp_path_factory.mktemp("computed")
            with chdir(folder):
                _folders_of_commands[key] = folder, [circuits(*command) for command in commands]
        folder, answers = _folders_of_commands[key]
        shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
        return answers

    return run


@pytest.fixture
def computed_run(computed: Callable[..., list[Answer]], tiny: Tiny) -> dict[str, Any]:
    """What `discover` has said as JSON of a run with default settings, whose files lie in this test's folder."""
    return computed((*tiny.arguments, "--json"))[0].json


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """`spawn("discover", ...)`: the command as a process of its own, with pipes."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str | Path) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "pipelines.cli.main", *map(str, arguments)]
        environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            # Shells let background jobs ignore Ctrl-C, and children inherit that.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  no threads here
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()
