"""The examples in docstrings run as they stand: in an empty folder, which each can fill and the next one reads.

What has to have one is what the reference lists: each function and class of `docs/api.rst`, and each method and
property of a class whose members it shows. Of these, an example of the class will do that uses them.
"""

from __future__ import annotations

import contextlib
import doctest
import functools
import importlib
import inspect
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file

from circuits.cached import cached_property
from tests.conftest import ROOT
from tests.test_docs_samples import undocumented

PACKAGES = ("circuits", "graphs", "pipelines")
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
_LISTED = re.compile(r"^\.\. auto(?:function|class):: (\S+)\n((?:   :.+\n)*)", re.MULTILINE)


class Listed(NamedTuple):
    """A name of the reference, what it stands for, and the members that are shown of it."""

    name: str
    value: Any
    members: dict[str, Any]

    @property
    def package(self) -> str:
        return self.name.split(".")[0]


def resolved(name: str) -> Any:
    module, _, attribute = name.rpartition(".")
    return getattr(importlib.import_module(module), attribute)


def function_of(member: Any) -> Any:
    """The function of a method or a property; None for what is neither."""
    if isinstance(member, (classmethod, staticmethod)):
        return member.__func__
    found = member.fget if isinstance(member, property) else member
    found = found.func if isinstance(found, cached_property) else found
    return found if inspect.isfunction(found) else None


def members_of(kind: type, *, inherited: bool) -> dict[str, Any]:
    """The public methods and properties of a class, those of its bases only if `inherited`."""
    of = [base for base in kind.__mro__ if base is kind or (inherited and base.__module__.split(".")[0] in PACKAGES)]
    members = {name: function_of(value) for base in of for name, value in vars(base).items() if name[0] != "_"}
    return {name: value for name, value in members.items() if value is not None}


def listed() -> list[Listed]:
    """The functions and classes of the reference."""
    found = []
    for name, options in _LISTED.findall((ROOT / "docs" / "api.rst").read_text(encoding="utf-8")):
        value, left_out = resolved(name), re.search(r":exclude-members: (.+)", options)
        members = members_of(value, inherited=":inherited-members:" in options) if ":members:" in options else {}
        for member in left_out[1].split(", ") if left_out else ():
            del members[member]
        found.append(Listed(name, value, members))
    return found


REFERENCE = listed()


def examples(name: str, value: Any) -> list[doctest.DocTest]:
    """The examples of a function, of a class and its methods, or at the top of a module."""
    is_module = inspect.ismodule(value)
    finder = doctest.DocTestFinder(recurse=not is_module, exclude_empty=True)
    # Nothing is there before an example starts: it imports what it uses, as a reader would have to.
    return [test for test in finder.find(value, name, globs={}) if test.examples]


def is_shown(member: str, function: Any, of_class: str) -> bool:
    """Whether a member has an example of its own, or the example of its class uses it."""
    return ">>>" in (function.__doc__ or "") or re.search(rf"\.{member}\b", of_class) is not None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("examples")


@pytest.mark.parametrize("package", PACKAGES)
def test_everything_in_the_reference_has_an_example(package):
    of_package = [entry for entry in REFERENCE if entry.package == package]
    assert len(of_package) > 20
    assert not [entry.name for entry in of_package if ">>>" not in (entry.value.__doc__ or "")]


def test_every_member_that_the_reference_shows_has_a_docstring_and_an_example():
    members = [(entry, name, function) for entry in REFERENCE for name, function in entry.members.items()]
    assert len(members) > 150
    assert not [
        f"{entry.name}.{name}"
        for entry, name, function in members
        if not inspect.getdoc(getattr(entry.value, name)) or not is_shown(name, function, entry.value.__doc__)
    ]


def test_a_member_without_example_would_be_noticed():
    def function():
        """No example."""

    assert not is_shown("means", function, ">>> scores.means_of(3)")
    assert is_shown("means", function, ">>> scores.means.shape")


def remembered(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, which gives what it gave before where it is called again with the same arguments.

    Examples of a function and of what it returns make the same calls. A run or a report is known by its text.
    """
    results: dict[str, Any] = {}

    @functools.wraps(function)
    def call(*args: Any, **settings: Any) -> Any:
        key = repr((args, sorted(settings.items())))
        if key not in results:
            results[key] = function(*args, **settings)
        return results[key]

    return call


@pytest.mark.usefixtures("shared_fonts", "few_figures")
@pytest.mark.parametrize("package", PACKAGES)
def test_examples_give_what_they_show(package, folder, monkeypatch):
    monkeypatch.chdir(folder)
    found = examples(package, importlib.import_module(package))
    found += [test for entry in REFERENCE if entry.package == package for test in examples(entry.name, entry.value)]
    assert found
    _share_results(monkeypatch)
    report = io.StringIO()
    runner = doctest.DocTestRunner(optionflags=FLAGS, verbose=False)
    for test in found:
        with contextlib.redirect_stderr(io.StringIO()):
            runner.run(test, out=report.write)
    assert not runner.failures, report.getvalue()
    assert runner.tries == sum(len(test.examples) for test in found)
    if package == "pipelines":
        check_files(folder)


# How the files that commands leave are opened with other packages; the rest is drawn, or written to be read.
OPENED_WITH: dict[str, Callable[[Path], Any]] = {
    ".json": lambda path: json.loads(path.read_text(encoding="utf-8")),
    ".csv": lambda path: distinct(pd.read_csv(path, header=None, nrows=1, dtype=str).iloc[0].tolist()),
    ".npz": lambda path: dict(np.load(path, allow_pickle=False)),
    ".safetensors": load_file,
}
READ_BY_EYE = {".pdf", ".svg", ".html", ".md", ".bib", ".yaml"}


def distinct(names: list[str]) -> list[str]:
    """The names of columns, each there once."""
    assert len(set(names)) == len(names), names
    return names


def check_files(folder: Path) -> None:
    """All that the examples of nearly every command have left is on the page of formats, and opens by itself."""
    files = [path for path in (folder / "runs").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {*OPENED_WITH, *READ_BY_EYE}
    for path in files:
        if open_ := OPENED_WITH.get(path.suffix):
            assert len(open_(path)), path
    data = {path.name for path in files if path.suffix in OPENED_WITH and "jobs" not in path.relative_to(folder).parts}
    assert len(data) > 40
    assert not undocumented(data)


def _share_results(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the functions of `pipelines` remember their results, `load_model` its models, and a long search its end."""
    import circuits
    import circuits.evaluation.minimal
    import pipelines

    searches = (circuits.evaluation.minimal, ("minimal_circuit",))
    for package, names in ((pipelines, pipelines.__all__), (circuits, ("load_model",)), searches):
        for name in names:
            if inspect.isfunction(function := getattr(package, name)):
                monkeypatch.setattr(package, name, remembered(function))
