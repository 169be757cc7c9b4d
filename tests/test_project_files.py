"""The files around the code say what is so: contributing, changes, citation, hooks, pinned versions."""

from __future__ import annotations

import re
import tomllib

import pytest
import yaml

from pipelines.runs.settings import RENAMED
from tests.conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
CHANGELOG = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def recipe(target: str) -> list[str]:
    """The commands of a make target, with variables as they are by default."""
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    commands = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", text, flags=re.MULTILINE)
    assert commands is not None
    values = {"$(BIN)": ".venv/bin", "$(MAKE)": "make"}
    lines = [line.strip() for line in commands[1].splitlines()]
    return [re.sub(r"\$\(\w+\)", lambda name: values[name[0]], line) for line in lines]


def test_hooks_run_what_make_check_runs():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    hooks = [hook for repo in config["repos"] for hook in repo["hooks"]]
    assert [hook["entry"] for hook in hooks] == recipe("check")
    # Local hooks of the environment: nothing is fetched, and the versions are those of constraints.txt.
    assert {repo["repo"] for repo in config["repos"]} == {"local"}
    assert {(hook["language"], hook["pass_filenames"], hook["always_run"]) for hook in hooks} == {
        ("system", False, True)
    }
    assert config["default_install_hook_types"] == ["pre-commit", "pre-push"]
    stages = [hook.get("stages", config["default_stages"]) for hook in hooks]
    assert stages == [["pre-commit"]] * (len(hooks) - 1) + [["pre-push"]]


def test_the_citation_is_of_this_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0"
    assert citation["version"] == PROJECT["version"]
    assert citation["license"] == PROJECT["license"]
    assert citation["authors"] == [{"name": "The circuit-workbench developers"}]
    assert citation["abstract"] == PROJECT["description"]
    assert citation["keywords"] == PROJECT["keywords"]
    assert {"message", "title", "type"} <= citation.keys()


def test_the_changelog_begins_with_what_is_unreleased_and_has_this_version():
    versions = re.findall(r"^## (\S+)(?: - (\d{4}-\d\d-\d\d))?$", CHANGELOG, flags=re.MULTILINE)
    assert versions[0] == ("Unreleased", "")
    assert all(date for _, date in versions[1:])
    assert PROJECT["version"] in dict(versions)


@pytest.mark.parametrize(("before", "now"), RENAMED.items())
def test_the_changelog_lists_settings_that_were_renamed(before, now):
    assert f"| `{before}` | `{now}` |" in CHANGELOG


def test_the_changelog_says_where_modules_are_now():
    table = CHANGELOG.partition("imports from inside have to follow:")[2].partition("\n## ")[0]
    rows = re.findall(r"^  \| (.*) \| (.*) \|$", table, flags=re.MULTILINE)[2:]
    assert len(rows) > 20
    for _, now in rows:
        room = ""
        for name in re.findall(r"`(\.?[a-z][a-z_.]+)`", now):
            # `.images` is beside the module that was named in full before it
            module = f"{room}{name}" if name.startswith(".") else name
            room = module.rpartition(".")[0]
            path = ROOT / module.replace(".", "/")
            assert path.is_dir() or path.with_suffix(".py").is_file(), module


def test_the_guide_names_files_that_exist():
    paths = re.findall(r"`((?:circuits|graphs|pipelines|tests)/[\w/.]*)`", CONTRIBUTING)
    assert len(paths) > 20
    assert not [path for path in paths if "NAME" not in path and not (ROOT / path).exists()]


def test_the_guide_walks_through_a_run_in_ten_steps():
    walk = CONTRIBUTING.partition("## The walk of a run")[2].partition("\n## ")[0]
    assert re.findall(r"^(\d+)\. ", walk, flags=re.MULTILINE) == [str(number) for number in range(1, 11)]


def test_the_guide_says_where_each_kind_of_thing_is_added():
    table = CONTRIBUTING.partition("## Where to add")[2].partition("\n## ")[0]
    kinds = re.findall(r"^\| an? ([a-z ]+) \|", table, flags=re.MULTILINE)
    assert {"method", "task", "metric", "export", "command", "model family"} <= set(kinds)


@pytest.mark.parametrize("extra", ["clusters", "dev", "docs"])
def test_every_package_that_make_installs_is_pinned(extra):
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pinned = {line.partition("==")[0].lower().replace("_", "-") for line in lines if "==" in line}
    entries = [*PROJECT["dependencies"], *PROJECT["optional-dependencies"][extra]]
    wanted = {re.split(r"[<>=]", entry)[0].lower().replace("_", "-") for entry in entries}
    assert wanted <= pinned
