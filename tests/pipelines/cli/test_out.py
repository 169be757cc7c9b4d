"""`--runs` is the store and `--out` what a command writes beside it, in every command."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.cli.commands import offers
from pipelines.engine.execution import Execution
from pipelines.runs.options import options_of
from tests.pipelines.cli.leaves import COMMANDS, help_of

(STORE_HELP,) = (option.help for option in options_of(Execution) if option.name == "out")


# Those that write one file where --out says; all others with an --out write a folder.
WRITE_A_FILE = {"export", "draw"}


def test_every_command_is_looked_at():
    assert offers().keys() <= COMMANDS.keys()
    assert COMMANDS.keys() >= {"export", "draw", "rerun", "status", "clean", "view", "prompts check"}


@pytest.mark.parametrize("command", COMMANDS)
def test_runs_is_the_store_and_nothing_else(command: str):
    told = help_of(command)
    assert told.get("--runs", STORE_HELP).partition(" [")[0] == STORE_HELP.partition(" [")[0]
    same = [flag for flag, said in told.items() if "store:" in said.lower() and flag != "--runs"]
    assert not same


@pytest.mark.parametrize("command", COMMANDS)
def test_out_is_what_the_command_writes(command: str):
    settings = offers()[command].settings if command in offers() else None
    writes_a_folder = settings is not None and "folder" in settings.model_fields
    told = help_of(command).get("--out")
    assert (told is not None) == (writes_a_folder or command in WRITE_A_FILE)
    if told is not None:
        assert told.startswith("Folder for " if writes_a_folder else "File to write")


@pytest.mark.parametrize(
    "command", [name for name in COMMANDS if "--out" not in help_of(name) and "--runs" in help_of(name)]
)
@pytest.mark.parametrize("spelling", [["--out", "elsewhere"], ["--out=elsewhere"]])
def test_the_store_s_former_name_leads_to_the_new_one(command: str, spelling: list[str], circuits):
    answer = circuits(*command.split(), *spelling)
    assert answer.exit_code == 2
    assert "the folder that keeps runs is --runs in every command" in answer.stderr


def test_a_folder_is_not_called_like_a_file(circuits, tiny):
    run = circuits(*tiny.arguments, "--method", "eap", "--edges", "20", "--json").json["run"]
    for command in (("compare", run, run, "--overlap-only"), ("evaluate", run), ("report", run, "--to", "latex")):
        answer = circuits(*command, "--out", "mine.svg")
        assert answer.exit_code == 2
        assert "mine.svg would be a folder, as several files are written, and has the name of a file" in answer.stderr
        assert not Path("mine.svg").exists()
    assert circuits("compare", run, run, "--overlap-only", "--out", "mine.v2").exit_code == 0
