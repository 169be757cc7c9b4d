"""What the documentation shows is what happens: its commands exist, its samples run and print what stands there."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from tests.conftest import ROOT

DOCS = ROOT / "docs"
PAGES = sorted(path.stem for path in DOCS.glob("*.md"))
# Pages whose samples take longest, and run what tests of their commands run as well.
LONG = (
    *("compare", "judge", "codes", "formats"),
    *("profiles", "roles", "influence", "remedies", "known_truth", "methods_compared", "paper_tables", "tasks"),
)
JOBS = ("discover", "compare", "judge", "trace", "codes", "edits", "export", "workers")


def _load() -> ModuleType:
    """docs/samples.py, which lies beside the pages and not in a package."""
    spec = importlib.util.spec_from_file_location("docs_samples", DOCS / "samples.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where a dataclass looks it up
    spec.loader.exec_module(module)
    return module


SAMPLES = _load()


def text(page: str) -> str:
    return (DOCS / f"{page}.md").read_text(encoding="utf-8")


@pytest.mark.usefixtures("shared_fonts", "few_figures")
@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=pytest.mark.slow) if page in LONG else page for page in SAMPLES.RUN]
)
def test_samples_print_what_the_page_shows(page):
    with SAMPLES.folder_for_samples() as folder:
        run_all([block for block in SAMPLES.samples(text(page)) if not block.is_pretrained])
        if page == "formats":
            assert not undocumented(
                path.name for path in folder.rglob("*") if path.is_file() and path.parent.parent.name != "jobs"
            )


def run_all(blocks: list[Any]) -> None:
    """Run the blocks that are run, one after the other in the folder that is open."""
    blocks = [block for block in blocks if block.is_run]
    assert any(block.language in ("bash", "python") for block in blocks)
    names = {"__name__": "__main__"}
    for block in blocks:
        printed = SAMPLES.run(block, names)
        if block.shown is not None:
            shown = SAMPLES.shortened(printed, block.shown)
            assert SAMPLES.is_same(shown, block.shown), f"{block.text}\nprints now\n{shown}"


@pytest.mark.slow
@pytest.mark.usefixtures("shared_fonts", "pretrained")
@pytest.mark.parametrize("page", SAMPLES.PRETRAINED)
def test_samples_on_the_pretrained_model_run(page):
    with SAMPLES.folder_for_samples():
        run_all(SAMPLES.samples(text(page)))


def test_every_page_whose_samples_are_run_is_known():
    """So that a block that is run nowhere is `sh`."""
    by_other_tests = {"quick_start", "command_line"}
    for page in set(PAGES) - by_other_tests:
        blocks = [block for block in SAMPLES.samples(text(page)) if block.is_run]
        assert any(not block.is_pretrained for block in blocks) <= (page in (*SAMPLES.RUN, *SAMPLES.PRETRAINED)), page
        assert any(block.is_pretrained for block in blocks) == (page in SAMPLES.PRETRAINED), page


def undocumented(names: Iterable[str]) -> list[str]:
    """The files that the page of formats does not name; of a figure that is there twice, the PDF."""
    return [name for name in names if f"`{name.replace('.svg', '.pdf')}`" not in text("formats")]


def test_every_file_that_a_command_writes_is_on_the_page_of_formats():
    files = [path for path in (ROOT / "pipelines").rglob("files.py") if "jobs" not in path.parts]
    written = {name for path in files for name in re.findall(r'"([a-z_-]+\.(?:json|csv|npz|html))"', path.read_text())}
    assert len(written) > 40
    assert not undocumented(sorted(written))


@pytest.mark.parametrize("page", PAGES)
def test_commands_have_options_that_exist(page):
    """Every command of every page is read as the command line reads it; none is run."""
    root = _root()
    for block in SAMPLES.samples(text(page)):
        for command in block.commands:
            if not any("$" in word for word in command.words):  # what a variable of the shell holds is not known here
                _read(root, command.words)


@cache
def _root() -> Any:
    from pipelines.cli.main import app

    return typer.main.get_command(app)


def _read(root: TyperGroup, words: list[str]) -> None:
    """Raise what click raises where a command, an option or its value is not known."""
    command, context, rest = root, root.make_context("circuits", list(words), resilient_parsing=False), list(words)
    while isinstance(command, TyperGroup):
        name, command, rest = command.resolve_command(context, rest)
        assert command is not None, shlex.join(words)
        context = command.make_context(name, list(rest), parent=context)


@pytest.mark.parametrize("page", PAGES)
def test_python_of_the_pages_is_python(page):
    for block in SAMPLES.samples(text(page)):
        if block.language == "python":
            compile(block.text, page, "exec")


def test_outputs_are_compared_by_what_they_say():
    same, shown = SAMPLES.is_same, "faithfulness 0.852 [0.834, 0.871]  46 edges  ioi-eap-ig-2572c791  6.8 s"
    assert same("│ 8.0 │ 0.33  │ 0      │\n│ x │", "│ 8.0 │ 0.20  │ 24   │\n│ x │")
    assert not same("│ 8.0 │ 0.33  │ 0      │\n│ x │", "│ 7.0 │ 0.20  │ 24   │\n│ x │")
    assert same("faithfulness   0.853 [0.833, 0.870]\n46 edges │ ioi-eap-ig-00000000  12 s", shown)
    assert same(shown.replace("6.8 s", "1 min 1 s"), shown)
    assert same(shown.replace("6.8 s", "1 h 2 min"), shown)
    assert not same(shown.replace("46", "47"), shown)
    assert not same(shown.replace("0.852", "0.952"), shown)
    assert not same(shown.replace("edges", "heads"), shown)
    assert not same(shown + " more", shown)
    assert not same(shown.replace("[0.834", "[-0.834"), shown)


def test_an_output_can_be_shown_in_part():
    assert SAMPLES.shortened("a\nb\nc\nd\ne\n", "1\n2\n...\n3\n") == "a\nb\n...\ne\n"
    assert SAMPLES.shortened("a \nb\n\n", None) == "a\nb\n"
    assert SAMPLES.shortened("a\nb\n", "a\n...\n") == "a\n...\n"


def test_blocks_are_found_with_what_they_print():
    page = "x\n\n```bash\ncircuits discover ioi \\\n    --edges 3  # few\n```\n\n```text\nout\n```\n\n"
    page += "```python\n1\n```\nno output\n"
    first, second = SAMPLES.samples(page)
    assert first.commands == [(["discover", "ioi", "--edges", "3"], None)]
    assert (first.shown, second.shown) == ("out\n", None)
    assert page[slice(*first.span)] == "out\n"


def block(text: str, language: str = "bash") -> Any:
    (found,) = SAMPLES.samples(f"```{language}\n{text}```\n")
    return found


def test_commands_have_their_variables_and_the_file_that_they_write():
    found = block("few='--prompts 4 --seed 1'\ncircuits tasks $few --json > tasks.json\n")
    assert found.commands == [(["tasks", "--prompts", "4", "--seed", "1", "--json"], "tasks.json")]
    with pytest.raises(ValueError, match="do: samples that are run are commands of circuits"):
        SAMPLES.run(block("for task in ioi; do\n    circuits discover $task\ndone\n"), {})
    assert block("dask scheduler\ncircuits status\n", "sh").commands == [(["status"], None)]


def test_what_commands_print_into_a_file_and_files_of_the_page_are_there():
    with SAMPLES.folder_for_samples() as folder:
        assert SAMPLES.run(block("circuits exports > formats.txt\n"), {}) == ""
        assert "graphml" in (folder / "formats.txt").read_text()
        assert SAMPLES.run(block("# own.yaml\ntask: ioi\n", "yaml"), {}) == ""
        assert (folder / "own.yaml").read_text() == "# own.yaml\ntask: ioi\n"
    assert not SAMPLES.samples("```yaml\ntask: ioi\n```\n")


def test_a_page_is_rewritten_with_what_its_samples_print(tmp_path):
    page = tmp_path / "page.md"
    page.write_text('```python\nprint("as", 2)\n```\n\n```text\nit was\n```\n\n```sh\ncircuits none\n```\n')
    SAMPLES.rewrite(page)
    assert "```text\nas 2\n```" in page.read_text()


def test_the_folder_of_samples_is_left(tmp_path):
    before = Path.cwd()
    with SAMPLES.folder_for_samples() as folder:
        assert Path.cwd() == folder.resolve()
        assert not list(folder.iterdir())
    assert Path.cwd() == before


def test_every_job_has_its_parts():
    for page in JOBS:
        headings = re.findall(r"^## (.+)$", text(page), flags=re.MULTILINE)
        assert {"The shortest command", "What can go wrong"} <= set(headings), page
        assert any(heading.startswith("In Python") for heading in headings), page
        assert "**What it answers.**" in text(page)


def messages() -> list[str]:
    """The texts of the code, each with `\\0` where a value stands."""
    texts = []
    for package in ("circuits", "graphs", "pipelines"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.JoinedStr):
                    parts = [part.value if isinstance(part, ast.Constant) else "\0" for part in node.values]
                    texts.append("".join(map(str, parts)))
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    texts.append(node.value)
    return texts


def test_every_message_that_is_explained_is_one_of_the_code():
    quoted = re.findall(r"^\| `(.+?)` \|", text("troubleshooting"), flags=re.MULTILINE)
    assert len(quoted) > 50
    said_by_code = messages()
    assert not [said for said in quoted if not any(_holds(message, said.split("...")) for message in said_by_code)]


def _holds(message: str, fragments: list[str]) -> bool:
    """Whether a text of the code holds these, one after the other: `...` is what it fills in, or what is left out."""
    at = 0
    for fragment in fragments:
        at = message.find(fragment, at)
        if at < 0:
            return False
        at += len(fragment)
    return True


def test_the_glossary_is_in_order_and_every_term_has_a_link():
    terms = re.findall(r"^\*\*(.+)\*\*\n: ((?:.+\n)+)", text("glossary"), flags=re.MULTILINE)
    assert len(terms) > 40
    names = [name.lower() for name, _ in terms]
    assert names == sorted(names)
    assert not [name for name, said in terms if not re.search(r"\]\([a-z_]+\.(?:md|rst)", said)]
