"""Help that tells of every command alike: no types of the code, and defaults in brackets behind the texts."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperCommand

from circuits.type_faults import fault_text

_SHOWN = 80


class PlainCommand(TyperCommand):
    """A command whose own options are told as those that are made from settings (`pipelines.cli.options`)."""

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        for parameter in self.params:
            _tell_plainly(parameter)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """What is left of the arguments; a usage error, which says what was given, for a value that is none."""
        try:
            return super().parse_args(ctx, args)
        except typer.BadParameter as error:
            error.message = _with_value(error)
            raise


def _with_value(error: typer.BadParameter) -> str:
    """What is wrong with the value of an option; what was given, where typer says only what it should have been."""
    from pydantic import ValidationError

    if not isinstance(error.__cause__, ValidationError):
        return error.message
    (fault, *_) = error.__cause__.errors()
    given = repr(fault["input"])
    shown = given if len(given) <= _SHOWN else f"{given[:_SHOWN]}... ({len(given) - 2:,} characters)"
    return f"{shown}: {fault_text(fault)}."


def _tell_plainly(parameter: Any) -> None:
    # What typer adds by itself: the type of an argument, and the range and the default of an option.
    if parameter.param_type_name == "argument":
        parameter.display_type_rich = lambda ctx: ""
    parameter._get_number_range_help_str = lambda: ""
    default = parameter.default
    if parameter.show_default and default is not None and not isinstance(default, bool) and parameter.help:
        parameter.show_default = False
        parameter.help = f"{parameter.help} [{default}]"
