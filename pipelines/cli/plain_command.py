"""Help that tells of every command alike: no types of the code, and defaults in brackets behind the texts."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand


class PlainCommand(TyperCommand):
    """A command whose own options are told as those that are made from settings (`pipelines.cli.options`)."""

    def __init__(self, *args: Any, **given: Any) -> None:
        super().__init__(*args, **given)
        for parameter in self.params:
            _tell_plainly(parameter)


def _tell_plainly(parameter: Any) -> None:
    # What typer adds by itself: the type of an argument, and the range and the default of an option.
    if parameter.param_type_name == "argument":
        parameter.display_type_rich = lambda ctx: ""
    parameter._get_number_range_help_str = lambda: ""
    default = parameter.default
    if parameter.show_default and default is not None and not isinstance(default, bool) and parameter.help:
        parameter.show_default = False
        parameter.help = f"{parameter.help} [{default}]"
