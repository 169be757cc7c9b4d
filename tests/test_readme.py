"""The README's commands and code, and the tour of commands, run as they stand, in order, in one empty folder."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.test_docs_samples import SAMPLES

README = (ROOT / "README.md").read_text(encoding="utf-8")
TOUR = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
ROOMS = ("circuits", "graphs", "pipelines")


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


# What a block prints, as the README has it: by the text of the block.
SHOWN = {sample.text: sample.shown for sample in SAMPLES.samples(README) if sample.shown is not None}
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
    assert len(COMMANDS) >= 10


def is_shown_of(printed: str, shown: str) -> bool:
    """Whether the lines shown are printed: each run of them, between lines `...`, in one piece and in their order."""
    lines = printed.splitlines()
    for piece in re.split(r"^\.\.\.\n", shown, flags=re.MULTILINE):
        n = len(piece.splitlines())
        starts = (at for at in range(len(lines) - n + 1) if SAMPLES.is_same("\n".join(lines[at : at + n]), piece))
        at = next(starts, None)
        if at is None:
            return False
        lines = lines[at + n :]
    return True


def test_pieces_of_an_output_are_found_in_order():
    assert is_shown_of("a\nb 0.50\nc\nd\n", "...\nb 0.51\n...\nd\n")
    assert not is_shown_of("a\nb 0.50\nc\nd\n", "...\nd\n...\nb 0.50\n")
    assert not is_shown_of("a\nb 0.50\n", "b 0.90\n")


@pytest.mark.slow
def test_every_circuits_command_runs_and_prints_what_is_shown(folder):
    assert any("compare" in block for block in SHOWN)
    for block in blocks("bash") + blocks("bash", TOUR):
        printed = ""
        for command in block.splitlines():
            if command.startswith("circuits "):
                done = run(command, folder)
                assert done.returncode == 0, f"{command}\n{done.stderr[-2000:]}"
                printed += done.stdout
        assert is_shown_of(printed, SHOWN.get(block, "")), printed
    assert provenance(folder / "reuse.svg") == provenance(ROOT / "docs" / "reuse.svg")
    assert (folder / "ioi.pdf").read_bytes().startswith(b"%PDF")
    assert "\\section{Methods}" in (folder / "appendix" / "appendix.tex").read_text()


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_every_piece_of_code_runs(number, folder):
    script = folder / f"piece{number}.py"
    script.write_text(blocks("python")[number])
    done = run(f"python {script}", folder)
    assert done.returncode == 0, done.stderr[-2000:]
    assert is_shown_of(done.stdout, SHOWN.get(blocks("python")[number], "")), done.stdout


def provenance(picture: Path) -> list[str]:
    """What a picture says of how it was made, but for versions and what is rounded otherwise elsewhere."""
    lines = run(f"circuits show {picture}", picture.parent).stdout.splitlines()
    assert lines
    return [line for line in lines if "version" not in line and not re.search(r"\d\.\d{4}", line)]


def test_every_make_target_exists():
    for command in COMMANDS:
        if command.startswith("make "):
            done = subprocess.run(
                [*command.split(), "--dry-run"], cwd=ROOT, capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, done.stderr


def layout_of(text: str) -> dict[str, str]:
    """The rooms of the layout that a page shows, each with what it says of it."""
    (layout,) = re.findall(r"\n```\n(circuits/ .*?)```", text, flags=re.DOTALL)
    parts = re.split(r"^(circuits|graphs|pipelines)/", layout, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_every_module_in_the_layout_exists():
    layout = layout_of(CONTRIBUTING)
    assert tuple(layout) == ROOMS
    for package, text in layout.items():
        for name in re.findall(r"\b[a-z_]+(?:\.py|/)", text):
            assert (ROOT / package / name).exists(), f"{package}/{name}"


def test_the_picture_of_the_rooms_has_folders_that_exist_and_all_of_those_that_measure():
    layout = layout_of(README)
    assert tuple(layout) == ROOMS
    shown = {package: set(re.findall(r"\b[a-z_]+\b", text.split("  no torch")[0])) for package, text in layout.items()}
    for package, names in shown.items():
        for name in names:
            assert (ROOT / package / name).is_dir(), f"{package}/{name}"
    assert {path.parent.name for path in (ROOT / "circuits").glob("*/__init__.py")} == shown["circuits"]
