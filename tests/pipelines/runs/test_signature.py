"""Functions show the settings of their commands: in signatures, docstrings and types, from one place."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import pipelines
import pipelines.keywords
from pipelines.cli import keywords as keywords_file
from pipelines.engine.execution import Execution
from pipelines.runs.settings import ABLATION_ALIASES, RunConfig
from pipelines.runs.signature import asked_of
from tests.conftest import ROOT

OFFERED = {name: getattr(pipelines, name) for name in pipelines.__all__}
FUNCTIONS = {name: value for name, value in OFFERED.items() if inspect.isfunction(value)}
ASKED = {name: asked for name, value in FUNCTIONS.items() if (asked := asked_of(value)) is not None}
# What a function does not pass on, or calls otherwise.
LEFT_OUT: dict[str, set[str]] = {"compare": {"align"}}
ONLY = {"compare_published": {"folder", "out"}, "align_heads": {"seed", "folder", "out"}}


def parameters(name: str) -> dict[str, inspect.Parameter]:
    return dict(inspect.signature(FUNCTIONS[name]).parameters)


def test_no_function_takes_just_anything():
    assert len(ASKED) > 20
    for name in FUNCTIONS:
        assert not [one for one in parameters(name).values() if one.kind is one.VAR_KEYWORD], name


@pytest.mark.parametrize("name", sorted(ASKED))
def test_every_setting_is_a_keyword_with_its_default(name):
    fields = {key: field for kind in ASKED[name].kinds for key, field in reversed(kind.model_fields.items())}
    is_run = any(issubclass(kind, RunConfig) for kind in ASKED[name].kinds)
    expected = {*fields, *(ABLATION_ALIASES if is_run else ())}
    expected |= set(Execution.model_fields) if any(kind.is_computed for kind in ASKED[name].kinds) else {"out"}
    expected = (expected - LEFT_OUT.get(name, set())) & ONLY.get(name, expected)
    found = parameters(name)
    # `by` of align_heads is `align` of the command; what is written in a signature has its own types and defaults.
    own = set(found) - {one.name for one in ASKED[name].keywords}
    assert expected - set(found) == set()
    assert set(found) - expected - {"progress", "by", "name", "subjects", "runs"} == set()
    for one in ASKED[name].keywords:
        field = fields.get(one.name) or Execution.model_fields.get(one.name)
        if field is None or one.name in own or field.is_required():
            continue
        assert found[one.name].default == one.default
        if len(ASKED[name].kinds) == 1:
            default = field.get_default(call_default_factory=True)
            assert found[one.name].default == (str(default) if isinstance(default, Path) else default)


@pytest.mark.parametrize("name", sorted(ASKED))
def test_the_docstring_lists_every_setting(name):
    lines = (FUNCTIONS[name].__doc__ or "").splitlines()
    listed = [line.split()[0] for line in lines[lines.index("Settings, by keyword:") + 2 :]]
    assert listed == [one.name for one in ASKED[name].keywords]


@pytest.mark.parametrize("name", sorted(ASKED))
def test_type_checkers_know_the_same_keywords(name):
    typed = getattr(pipelines.keywords, keywords_file.class_name(name))
    assert set(typed.__annotations__) == {one.name for one in ASKED[name].keywords}


def test_the_types_are_as_they_are_written():
    written = keywords_file.TARGET.read_text(encoding="utf-8")
    assert written == keywords_file.text(), "run `make keywords`"


def test_a_keyword_that_is_not_known_is_refused_with_the_nearest():
    wrong: dict[str, Any] = {"edgs": 3}
    with pytest.raises(ValueError, match=r"no setting 'edgs'\..*Did you mean 'edges'\?"):
        pipelines.discover("ioi", **wrong)


def test_help_speaks_python(capsys):
    help(pipelines.discover)
    shown = capsys.readouterr().out
    assert "edges: int | None = None" in shown
    assert 'ranking: Literal["signed", "absolute"] | None = None' in shown
    assert "KEY=VALUE" not in shown
    assert "--tolerance" not in shown


@pytest.mark.slow
def test_a_wrong_keyword_is_an_error_for_type_checkers(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from pipelines import discover, profile\n"
        "discover('ioi', edges=40, out='runs', progress=False, settings={'steps': 5})\n"
        "profile('induction', profiles='induction,copying')\n"
        "discover('ioi', edgs=40)\n"
        "discover('ioi', edges='many')\n"
    )
    pyright = Path(sys.executable).with_name("pyright")
    command = [str(pyright), "--pythonpath", sys.executable, str(script)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    faults = [line for line in done.stdout.splitlines() if " - error: " in line]
    assert [line.split("script.py:")[1].split(":")[0] for line in faults] == ["4", "5"], done.stdout
