"""The README's commands and code run as they stand, in order, in one empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


COMMANDS = [line.split("  #")[0].strip() for block in blocks("bash") for line in block.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("readme")


def run(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    # The scripts of this environment come first, as after activating it.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    shell = ["bash", "-c", command]
    return subprocess.run(
        shell, cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False
    )


def test_the_readme_shows_commands_of_every_kind():
    assert {command.split()[0] for command in COMMANDS} == {"make", "circuits"}
    assert len(COMMANDS) > 10


@pytest.mark.slow
def test_every_circuits_command_runs(folder):
    (folder / "pairs.jsonl").write_text(blocks("json")[0])
    for command in COMMANDS:
        if command.startswith("circuits "):
            done = run(command, folder)
            assert done.returncode == 0, f"{command}\n{done.stderr[-2000:]}"
    assert (folder / "reuse.pdf").read_bytes().startswith(b"%PDF")
    assert (folder / "ioi.pdf").read_bytes().startswith(b"%PDF")
    assert "\\section{Methods}" in (folder / "appendix" / "appendix.tex").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_every_piece_of_code_runs(number, folder):
    script = folder / f"piece{number}.py"
    script.write_text(blocks("python")[number])
    done = run(f"python {script}", folder)
    assert done.returncode == 0, done.stderr[-2000:]


def test_every_make_target_exists():
    for command in COMMANDS:
        if command.startswith("make "):
            done = subprocess.run(
                [*command.split(), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr


def test_the_example_prompt_is_read(family_model, tmp_path):
    """Its keys are read, and it is one JSON object on one line; the test makes its own word-level tokenizer."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    from circuits.data.prompt_files import read_prompts

    line = blocks("json")[0]
    words = sorted(set(re.findall(r"\w+|[^\w\s]", line)))
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate([*words, "?"])}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    path = tmp_path / "own.jsonl"
    path.write_text(line)
    prompt = read_prompts(path, PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="?")).prompts[0]
    assert prompt.roles["IO"] == (3,)
    assert prompt.clean[9] != prompt.corrupt[9]


def test_every_module_in_the_layout_exists():
    layout = re.search(r"\n```\n(circuits/ .*?)```", README, flags=re.DOTALL)
    assert layout is not None
    sections = re.split(r"^(circuits|graphs|pipelines)/", layout[1], flags=re.MULTILINE)[1:]
    assert sections[::2] == ["circuits", "graphs", "pipelines"]
    for package, text in zip(sections[::2], sections[1::2], strict=True):
        for name in re.findall(r"\b[a-z_]+(?:\.py|/)", text):
            assert (ROOT / package / name).exists(), f"{package}/{name}"
