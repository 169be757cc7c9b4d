"""The examples in docstrings run as they stand: in an empty folder, which each can fill and the next one reads."""

from __future__ import annotations

import contextlib
import doctest
import importlib
import inspect
import io
from pathlib import Path
from typing import Any

import pytest

PACKAGES = ("circuits", "graphs", "pipelines")
# Methods of a class that users meet as instances, from a table of the package (`TASKS["ioi"]().build`).
BEHIND_TABLES = {"circuits": {"Method": "circuits.methods.base", "Task": "circuits.tasks.base"}}
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def public(package: str) -> dict[str, Any]:
    """What a package offers, by name; functions and classes only."""
    offered = dict.fromkeys(importlib.import_module(package).__all__, package) | BEHIND_TABLES.get(package, {})
    values = {name: getattr(importlib.import_module(module), name) for name, module in offered.items()}
    return {name: value for name, value in values.items() if inspect.isfunction(value) or inspect.isclass(value)}


def examples(name: str, value: Any) -> list[doctest.DocTest]:
    """The examples of a function, of a class and its methods, or at the top of a module."""
    is_module = inspect.ismodule(value)
    finder = doctest.DocTestFinder(recurse=not is_module, exclude_empty=True)
    # Nothing is there before an example starts: it imports what it uses, as a reader would have to.
    return [test for test in finder.find(value, name, globs={}) if test.examples]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("examples")


@pytest.mark.parametrize("package", PACKAGES)
def test_every_public_function_has_an_example(package):
    functions = {name: value for name, value in public(package).items() if inspect.isfunction(value)}
    assert functions
    assert not [name for name, value in functions.items() if not examples(name, value)]


def test_every_name_of_circuits_has_an_example():
    assert not [name for name, value in public("circuits").items() if not examples(name, value)]


@pytest.mark.usefixtures("shared_fonts")
@pytest.mark.parametrize("package", PACKAGES)
def test_examples_give_what_they_show(package, folder, monkeypatch):
    monkeypatch.chdir(folder)
    found = examples(package, importlib.import_module(package))
    found += [test for name, value in public(package).items() for test in examples(f"{package}.{name}", value)]
    assert found
    report = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    for test in found:
        with contextlib.redirect_stderr(io.StringIO()):
            runner.run(test, out=report.write)
    assert not runner.failures, report.getvalue()
    assert runner.tries == sum(len(test.examples) for test in found)
