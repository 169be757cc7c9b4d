"""Options of the command line, made from the fields of settings (`pipelines.runs.options`)."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.cli.docstring import described
from pipelines.cli.output import Output
from pipelines.engine.execution import Execution
from pipelines.runs.options import Option, negative, options_of
from pipelines.runs.settings import CommandSettings, RunConfig
from pipelines.runs.settings_file import parse_assignments, parse_lists, read_yaml

Json = Annotated[bool, typer.Option("--json", help="Print exactly one JSON object.")]


def path_named(name: str | Path) -> Path:
    """A path that was given by a name. An empty one would be the folder in which the command runs."""
    if not str(name).strip():
        raise typer.BadParameter("an empty name is no file and no folder.")
    return Path(name)


def file_or_stdout(name: str) -> str:
    """The name of a file to write, which is no empty one; - is stdout."""
    return str(path_named(name))


Runs = Annotated[
    Path,
    typer.Option("--runs", help="Store: the folder that keeps runs and results.", parser=path_named, metavar="PATH"),
]
_CONFIG = Annotated[
    Path | None,
    typer.Option("--config", help="YAML file with settings; options given here override it.", metavar="FILE"),
]
Run = Callable[[Mapping[str, Any], Output], None]
_TO = Annotated[
    str | None,
    typer.Option("--to", help="Print a table for a paper instead: latex, markdown or csv.", metavar="FORMAT"),
]
_NUMBERS = Annotated[
    str | None,
    typer.Option(metavar="STYLE", help="With --to: brackets, as .85 [.81, .89]; or uncertainty, as .85(4). [brackets]"),
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Say nothing of what is under way; errors and warnings stay.")]
_VERBOSE = Annotated[
    bool, typer.Option("--verbose", help="Say of every job when it begins, and what time and memory it took.")
]
# What the value of an option is called where its setting does not say it.
_VALUES: Mapping[type, str | None] = {bool: None, int: "N", float: "X", str: "TEXT", Path: "PATH"}
# Shorter options for settings of the ablation.
_ALIASES: Mapping[str, Any] = {
    "noise": Annotated[
        float | None,
        typer.Option(
            metavar="X", help="Ablations noise, image-noise: size in standard deviations of embeddings or pixels. [3]"
        ),
    ],
    "noise_at": Annotated[
        str | None, typer.Option(metavar="ROLE", help="Ablation noise: only on the embeddings of this role. [all]")
    ],
    "schedule": Annotated[
        str | None,
        typer.Option(metavar="KIND", help="Ablation image-noise: additive, or diffusion (pixels keep their variance)."),
    ],
}


def with_options(run: Run, settings: type[CommandSettings]) -> Callable[..., None]:
    """A function that typer makes a command of: the options of `settings`, which it hands to `run` with the output's.

    Only what was given is handed over, by the names of the settings.
    """
    reads_files = issubclass(settings, RunConfig)
    options = options_of(settings) + _of_execution(settings)
    of_output = _output_of(settings)

    def command(**given: Any) -> None:
        output = Output(**{name: given.pop(name) for name in of_output})
        config = given.pop("config", None)
        values = read_yaml(config, settings) if config is not None else {}
        for option in options:
            if (value := given.pop(option.name)) not in (None, [], ()):
                values[option.name] = _merged(values.get(option.name), value, option)
        run(values | {name: value for name, value in given.items() if value is not None}, output)

    parameters = [_parameter(option, reads_files) for option in options]
    if reads_files:
        parameters += [_named("config", _CONFIG), *(_named(name, of) for name, of in _ALIASES.items())]
    parameters += [_named("as_json", Json, default=False), *_of_papers(settings)]
    parameters += [_named("quiet", Quiet, default=False)]
    parameters += [_named("verbose", _VERBOSE, default=False)] if settings.is_computed else []
    command.__doc__ = described(settings)
    command.__signature__ = inspect.Signature(parameters)  # pyright: ignore[reportFunctionMemberAccess]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return command


def _output_of(settings: type[CommandSettings]) -> tuple[str, ...]:
    """The fields of `Output` that the command has options for."""
    of_papers = ("to", "table", "numbers") if settings.paper_tables else ()
    return ("as_json", "quiet", *of_papers, *(("verbose",) if settings.is_computed else ()))


def _of_papers(settings: type[CommandSettings]) -> list[inspect.Parameter]:
    """The options of tables for papers, where the command has some."""
    if not settings.paper_tables:
        return []
    known = f"{', '.join(settings.paper_tables)}. [{settings.paper_tables[0]}]"
    table = Annotated[str | None, typer.Option(help=f"With --to, which table: {known}", metavar="NAME")]
    return [_named("to", _TO), _named("table", table), _named("numbers", _NUMBERS)]


def _of_execution(settings: type[CommandSettings]) -> list[Option]:
    options = options_of(Execution)
    return options if settings.is_computed else [option for option in options if option.name == "out"]


def _merged(before: Any, value: Any, option: Option) -> Any:
    """What was given as the setting's value; of several settings, those of a file that were not given stay."""
    if option.form == "assignments":
        return {**(before or {}), **parse_assignments(value, option.flag)}
    if option.form == "lists":
        return parse_lists(value, option.flag)
    return value


def _parameter(option: Option, reads_files: bool) -> inspect.Parameter:
    if option.is_argument:
        return _argument(option, is_required=option.is_required and not reads_files)
    flag = f"{option.flag}/{negative(option.flag)}" if option.default is True else option.flag
    parser = _path if option.type is Path and option.form == "value" else None
    info = typer.Option(flag, help=option.help, metavar=option.metavar or _VALUES[option.type], parser=parser)
    of_one = list[str] if option.form in ("list", "assignments", "lists") else option.type
    if option.is_required:
        return _named(option.name, Annotated[of_one, info], default=inspect.Parameter.empty)
    return _named(option.name, Annotated[of_one | None, info])


def _path(given: str) -> Path:
    """A path as it was given; an empty text, as of a shell variable that is not set, would be the current folder."""
    if not given:
        raise typer.BadParameter("an empty name is no file and no folder; the current folder is '.'.")
    return Path(given)


def _argument(option: Option, *, is_required: bool) -> inspect.Parameter:
    info = typer.Argument(help=option.help, metavar=option.metavar or option.name.upper())
    of_one = list[str] if option.form == "list" else str
    annotation = Annotated[of_one, info] if is_required else Annotated[of_one | None, info]
    return _named(option.name, annotation, default=inspect.Parameter.empty if is_required else None)


def _named(name: str, annotation: Any, *, default: Any = None) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
