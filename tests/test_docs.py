"""The documentation: every public name, command and format has its place, and docstrings become what sphinx reads."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest
import typer

from graphs.export.document import COMPARISON_VERSION, VERSION
from tests.conftest import ROOT
from tests.test_docs_samples import SAMPLES
from tests.test_readme import is_shown_of

DOCS = ROOT / "docs"
PACKAGES = ("circuits", "graphs", "pipelines")
DIRECTIVES = re.findall(r"^\.\. auto(?:module|class|function):: (\S+)$", (DOCS / "api.rst").read_text(), re.MULTILINE)


def page(name: str) -> str:
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def plain_docstrings() -> ModuleType:
    """The sphinx extension, which lies beside the pages and not in a package."""
    spec = importlib.util.spec_from_file_location("plain_docstrings", DOCS / "plain_docstrings.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_in_the_api_reference(package):
    text = (DOCS / "api.rst").read_text()
    offered = importlib.import_module(package).__all__
    assert not [name for name in offered if f"{package}.{name}" not in DIRECTIVES and f"``{name}``" not in text]


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_name_is_completed_in_a_fresh_interpreter(package):
    code = f"import {package}, sys; print(sorted(dir({package}))); print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names, has_torch = map(ast.literal_eval, run.stdout.splitlines())
    assert set(importlib.import_module(package).__all__) <= set(names)
    assert has_torch is False, "completion imports nothing"


@pytest.mark.parametrize("package", ["circuits", "pipelines"])
def test_nothing_but_public_names_is_completed(package):
    module = importlib.import_module(package)
    assert [name for name in dir(module) if not name.startswith("__")] == sorted(module.__all__)
    assert "__doc__" in dir(module)


@pytest.mark.parametrize("name", DIRECTIVES)
def test_the_api_reference_names_what_exists(name):
    if name in PACKAGES:
        return
    module, _, attribute = name.rpartition(".")
    assert getattr(importlib.import_module(module), attribute).__doc__


def test_every_page_is_in_the_table_of_contents():
    lists = re.findall(r"```{toctree}\n.*?\n\n(.*?)```", page("index"), flags=re.DOTALL)
    listed = [name for of_caption in lists for name in of_caption.split()]
    pages = {path.stem for path in DOCS.iterdir() if path.suffix in (".md", ".rst")} - {"index"}
    assert sorted(listed) == sorted(pages)


def test_every_command_is_on_the_command_line_page():
    from pipelines.cli.main import app

    commands = vars(typer.main.get_command(app))["commands"]
    assert len(commands) > 10
    assert not [name for name in commands if f"`circuits {name}" not in page("command_line")]


def test_every_file_format_is_on_its_page_with_its_version():
    documented = dict(re.findall(r"^\| `(circuit-[a-z-]+)` \| (\d+) \|", page("formats"), flags=re.MULTILINE))
    written = {
        name
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        for name in re.findall(r'"(circuit-(?:workbench-[a-z-]+|graph|comparison))"', path.read_text(encoding="utf-8"))
    }
    assert written == set(documented)
    reports = (ROOT / "pipelines").glob("*/report.py")
    versions = dict.fromkeys(written, "1")
    versions |= {"circuit-graph": str(VERSION), "circuit-comparison": str(COMPARISON_VERSION)}
    for path in reports:
        versions |= dict(re.findall(r'Format\("([a-z-]+)", (\d+)\)', path.read_text(encoding="utf-8")))
    assert documented == versions


def test_the_prompt_files_shown_are_read(tmp_path):
    from circuits.data.prompt_files import read_prompts

    lines = [line for line in page("formats").splitlines() if line.startswith('{"clean_ids"')]
    assert len(lines) == 1
    (tmp_path / "pairs.jsonl").write_text(lines[0])
    assert read_prompts(tmp_path / "pairs.jsonl").prompts[0].clean == (5, 7, 5)


def test_a_column_of_names_becomes_a_list_of_definitions(plain_docstrings):
    lines = [
        "What `x` gives.",
        "",
        "first, second  the *two* numbers |x|,",
        "               and `a",
        "               b`",
        "third          another",
        "Raises a ValueError of `kind`s.",
        "",
        "    formula = x_1",
        "",
        ">>> 1 + 1",
        "2",
    ]
    assert plain_docstrings.as_rst(lines) == [
        "What \\ ``x``\\  gives.",
        "",
        "",
        "``first, second``",
        "    the *two* numbers \\|x\\|, and \\ ``a b``\\ ",
        "",
        "``third``",
        "    another",
        "",
        "Raises a ValueError of \\ ``kind``\\ s.",
        "",
        "",
        "::",
        "",
        "        formula = x_1",
        "",
        ">>> 1 + 1",
        "2",
        "",
    ]


def test_settings_classes_list_their_fields(plain_docstrings):
    from pipelines import Execution, RunConfig

    entries = plain_docstrings.settings_entries(RunConfig)
    assert "seed  Seed for drawing the prompts." in entries
    assert len(entries) == len(RunConfig.model_fields)
    assert plain_docstrings.settings_entries(Path) == []
    assert plain_docstrings.settings_entries(Execution)


@pytest.mark.slow
def test_the_quick_start_runs_as_it_stands(tmp_path):
    samples = SAMPLES.samples(page("quick_start"))
    assert [sample.language for sample in samples].count("python") == 2
    assert len([sample for sample in samples if sample.shown is not None]) == 2
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    for sample in samples:
        commands = [line for line in sample.text.splitlines() if line.startswith("circuits ")]
        code = [sys.executable, "-c", sample.text]
        printed = ""
        for arguments in [code] if sample.language == "python" else [["bash", "-c", command] for command in commands]:
            done = subprocess.run(arguments, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{arguments[-1]}\n{done.stderr[-2000:]}"
            printed += done.stdout
        assert is_shown_of(printed, sample.shown or ""), printed
    assert (tmp_path / "reuse.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.slow
def test_the_documentation_builds_without_warnings(tmp_path):
    pytest.importorskip("sphinx", reason="needs the extra 'docs' (make docs)")
    build = [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet", str(DOCS), str(tmp_path)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "Find the circuit of a task" in (tmp_path / "api.html").read_text(encoding="utf-8")


def test_the_template_shown_gives_prompts(tmp_path):
    from circuits import read_template
    from tests.circuits.tasks.tokenizers import tokenizer_of

    (block,) = re.findall(r"```yaml\n(.*?)```", page("own_prompts"), flags=re.DOTALL)
    (tmp_path / "agreement.yaml").write_text(block)
    prompts = read_template(tmp_path / "agreement.yaml").build(tokenizer_of("bytes"), n=40)
    assert prompts.roles == ("S", "A", "END")
