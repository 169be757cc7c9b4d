"""Help is in the words of those who use it: no types of the code, and one text for one thing in all commands."""

from __future__ import annotations

import re

import pytest
from typer.testing import CliRunner

from tests.pipelines.cli.leaves import COMMANDS, help_of, options_of

# Options that mean the same wherever they are. Their defaults, in brackets, may differ.
SHARED = (
    "--model",
    "--metric",
    "--runs",
    "--device",
    "--workers",
    "--scheduler",
    "--dtype",
    "--json",
    "--quiet",
    "--verbose",
)
# Words of the code, or second names for attention heads and MLPs.
NOT_FOR_USERS = r"MHSA|FFN|[Mm]ulti-head|feed-forward|[Cc]omponent|[A-Z][a-z]+(Settings|Plan|Report|Method)\b"


def whole_help(command: str) -> str:
    found = COMMANDS[command]
    told = [parameter.help or "" for parameter in found.params if getattr(parameter, "help", None)]
    # Names of tables are those of the files.
    return " ".join([found.help or "", *(text for text in told if not text.startswith("With --to, which table"))])


@pytest.mark.parametrize("command", COMMANDS)
def test_no_word_of_the_code_is_in_the_help(command: str):
    assert re.findall(NOT_FOR_USERS, whole_help(command)) == []
    unnamed = [flag for flag, option in options_of(command).items() if not option.is_flag and option.metavar is None]
    assert unnamed == []


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_is_explained_and_commands_that_are_named_exist(command: str):
    assert [flag for flag, told in help_of(command).items() if not told.strip()] == []
    named = re.findall(r"`circuits\s+([a-z-]+)", whole_help(command))
    assert set(named) <= {name.split()[0] for name in COMMANDS}


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_one_form_in_all_commands(command: str):
    from pipelines.cli.main import app

    shown = CliRunner().invoke(app, [*command.split(), "--help"]).stdout
    # Types of the code, ranges and defaults as they come of themselves, and other words for what may come again.
    assert re.findall(r"<\w+|default:|\d<=|[a-z]>=|may be (?:repeated|given)", shown) == []
    arguments = re.findall(r"^  (\S+)  ", shown.partition("Arguments:")[2].partition("Options:")[0], flags=re.MULTILINE)
    assert all(name == name.upper() for name in arguments)


@pytest.mark.parametrize("flag", ["--metric", "--set", "--truth", "--heads"])
def test_what_stands_for_an_option_s_value_is_the_same_everywhere(flag: str):
    shown = {options_of(command)[flag].metavar for command in COMMANDS if flag in options_of(command)}
    assert len(shown - {"N"}) == 1, shown


@pytest.mark.parametrize("flag", SHARED)
def test_an_option_of_several_commands_has_one_text(flag: str):
    texts = {told[flag].partition(" [")[0]: command for command in COMMANDS if flag in (told := help_of(command))}
    texts.pop("Measure this model: name (`circuits models`), Hugging Face id or folder.", None)
    assert len(texts) == 1, texts


def test_help_lists_every_command_once_by_what_it_is_for():
    from pipelines.cli.main import app
    from pipelines.cli.sections import SECTIONS

    told = [name for names in SECTIONS.values() for name in names]
    assert sorted(told) == sorted({name.split()[0] for name in COMMANDS})
    listed = CliRunner().invoke(app, ["--help"]).stdout.partition("Prompts and models:")[2]
    assert re.findall(r"^  ([a-z]+) ", listed, flags=re.MULTILINE) == told


@pytest.mark.parametrize("group", ["", *sorted({name.split()[0] for name in COMMANDS if " " in name})])
def test_the_summary_of_every_command_of_a_list_is_told_in_full(group: str):
    from pipelines.cli.main import app

    shown = CliRunner().invoke(app, [*group.split(), "--help"], terminal_width=80).stdout
    assert "..." not in shown.partition("Options:")[2]
    assert shown.count("(") == shown.count(")")  # a point within a sentence, as in "et al.", ends a summary
    assert max(map(len, shown.splitlines())) <= 80
    told = " ".join(shown.split())
    for name, command in COMMANDS.items():
        if name.startswith(f"{group} ") or (not group and " " not in name):
            paragraph = " ".join((command.help or "").split("\n\n")[0].split())
            summary = re.split(r"(?<=\.) ", paragraph)[0]
            assert summary.rstrip(".") in told, name
