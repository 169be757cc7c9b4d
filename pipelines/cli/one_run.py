"""Errors of arguments: several runs where a command takes one, and --out where a command writes nothing of its own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from pipelines.cli.plain_command import PlainCommand

_LISTED = 8
_OF_HASH = "?" * 8
OUT = "--out"
STORE_IS_RUNS = (
    "the folder that keeps runs is --runs in every command. --out names what a command writes beside it, a file or a "
    "folder, and this one writes nothing beside it."
)


class OneRunCommand(PlainCommand):
    """A command of the workbench: arguments that it has no place for are told apart, runs from mistakes."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The arguments left over, of which there are none; a usage error where there are some."""
        given = list(args)  # it is emptied while it is read
        if self._lacks(OUT) and any(argument.partition("=")[0] == OUT for argument in given):
            ctx.fail(STORE_IS_RUNS)
        ctx.allow_extra_args = True
        rest = super().parse_args(ctx, args)
        if ctx.args and not ctx.resilient_parsing:
            ctx.fail(left_over(ctx.args, given))
        return rest

    def _lacks(self, flag: str) -> bool:
        return all(flag not in parameter.opts for parameter in self.params)


def left_over(extra: list[str], given: list[str]) -> str:
    """What is wrong with arguments that a command has no place for.

    extra  those arguments
    given  all that was typed after the command's name, patterns replaced by what they match
    """
    if not any(map(_is_run, extra)):
        return f"unexpected argument{'s' if len(extra) > 1 else ''}: {' '.join(extra)}"
    runs = [argument for argument in given if _is_run(argument)]
    more = f"\n  and {len(runs) - _LISTED} more" if len(runs) > _LISTED else ""
    listed = "".join(f"\n  {run}" for run in runs[:_LISTED])
    several = "one run is expected, and the pattern matched several; give the name of one of them:"
    return f"{several}{listed}{more}{_closer_pattern(runs)}"


def _closer_pattern(runs: list[str]) -> str:
    """The pattern of the first run's kind, where the one that was given matched several kinds, as `ioi-eap-*` matches
    `ioi-eap-ig-...`: names of runs end in eight characters of a hash."""
    kinds = sorted({kind for run in runs if (kind := _kind(run)) is not None})
    return f"\n{kinds[0]}{_OF_HASH} matches those of one kind alone." if len(kinds) > 1 else ""


def _kind(run: str) -> str | None:
    """A run's name without its hash; None where it was given one that ends otherwise."""
    ended = re.fullmatch(r"(.*-)[0-9a-f]{8}/?", run)
    return None if ended is None else ended[1]


def _is_run(argument: str) -> bool:
    return (Path(argument) / "run.json").is_file()
