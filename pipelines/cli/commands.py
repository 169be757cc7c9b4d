"""COMMANDS: the commands that are folders of `pipelines`; `offers` has those of other packages as well.

The settings of a command are imported for its help, everything else when it runs. Another package offers a command by
an entry point `circuit_workbench.commands` whose value is a `pipelines.command.Command`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from circuits.model.phases import phase
from circuits.registry import OWN, PREFIX, installed
from circuits.visible_text import visible
from pipelines.runs.settings import CommandSettings

if TYPE_CHECKING:
    from pipelines.cli.output import Output
    from pipelines.command import Command

# Name -> the class of its settings. Beside that module stands `command`, whose COMMAND is run; where commands differ in
# their settings alone, COMMAND has one for each class.
COMMANDS = {
    "discover": "pipelines.discover.settings:DiscoverSettings",
    "trace": "pipelines.trace.settings:TraceSettings",
    "intervene iri": "pipelines.intervene.settings:IriSettings",
    "intervene edit": "pipelines.intervene.edit.settings:EditSettings",
    "intervene repair": "pipelines.intervene.repair.settings:RepairSettings",
    "intervene rank": "pipelines.intervene.rank.settings:RankSettings",
    "intervene concept": "pipelines.intervene.concept.settings:ConceptSettings",
    **{
        f"intervene {name}": f"pipelines.intervene.remedy.settings:{settings}"
        for name, settings in {
            "mask-heads": "MaskHeadsSettings",
            "zero-tuning": "ZeroTuningSettings",
            "act": "ActSettings",
            "var": "VarSettings",
            "vhr": "VhrSettings",
            "remedy": "AnyRemedySettings",
        }.items()
    },
    "compare": "pipelines.compare.settings:CompareSettings",
    "attention": "pipelines.attention.settings:AttentionSettings",
    "roles": "pipelines.roles.settings:RolesSettings",
    "profile": "pipelines.profile.settings:ProfileSettings",
    "reads": "pipelines.reads.settings:ReadsSettings",
    "effects": "pipelines.effects.settings:EffectsSettings",
    "influence": "pipelines.influence.settings:InfluenceSettings",
    "report": "pipelines.report.settings:ReportSettings",
    "reuse": "pipelines.reuse.settings:ReuseSettings",
    "cluster": "pipelines.cluster.settings:ClusterSettings",
    "evaluate": "pipelines.evaluate.settings:EvaluateSettings",
    "study": "pipelines.study.settings:StudySettings",
    "reproduce reuse": "pipelines.reproduce.settings:ReuseSettings",
    "orders": "pipelines.orders.settings:OrdersSettings",
    "tasks": "pipelines.tasks.settings:TasksSettings",
    "codes": "pipelines.codes.settings:CodesSettings",
}
# What groups of commands have in common.
GROUPS = {
    "intervene": "Change a model as it answers, and measure what that does.",
    "reproduce": "Measure published results again, beside the published numbers.",
}


class Offer(NamedTuple):
    """A command on offer.

    load    imports what it needs to run
    origin  the package that it comes from
    """

    settings: type[CommandSettings]
    load: Callable[[], Command[Any, Any, Any]]
    origin: str


def offers() -> dict[str, Offer]:
    """Every command by name. One of another package that cannot be used is named in a warning."""
    offered = {name: Offer(_imported(path), partial(_command_beside, path), OWN) for name, path in COMMANDS.items()}
    for name, origin, load in installed(f"{PREFIX}.commands"):
        try:
            command = cast("Command[Any, Any, Any]", load())
            if command.name in offered:
                raise ValueError(f"there is a command {command.name!r} already")
            offered[command.name] = Offer(command.settings, partial(_itself, command), origin)
        except Exception as error:
            sys.stderr.write(f"warning: command {name!r} of {origin} cannot be used: {visible(str(error))}\n")
    return offered


def _imported(path: str) -> Any:
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def _command_beside(path: str) -> Command[Any, Any, Any]:
    """The command whose settings are at `path`."""
    module, _, name = path.partition(":")
    found = import_module(f"{module.rpartition('.')[0]}.command").COMMAND
    return found[name] if isinstance(found, Mapping) else found


def _itself(command: Command[Any, Any, Any]) -> Command[Any, Any, Any]:
    return command


def run(name: str, offer: Offer, values: Mapping[str, Any], output: Output) -> None:
    """Run the command of this name with the settings that were given, and print what it reports."""
    from pipelines.cli.output import print_json
    from pipelines.cli.phases import say_first
    from pipelines.cli.sections import typed_command
    from pipelines.engine.execution import DEFAULT_STORE

    output.check(offer.settings)
    if not output.quiet:
        say_first(name, f"looking up what is stored in {values.get('out', DEFAULT_STORE)}")

    with phase(f"importing what {name} takes"):
        from pipelines.command import resume_line, run_command
        from pipelines.reporting.tables import print_line
        from pipelines.runs.about_file import facts_beside
        from pipelines.runs.settings_file import settings_from

        command = offer.load()
    settings, execution = settings_from(values, offer.settings)
    report = run_command(
        command,
        settings,
        execution,
        shows_progress=not output.quiet,
        in_detail=output.verbose,
        as_given=typed_command(),
    )
    for warning in (text for text in report.warnings if text not in report.told):
        sys.stderr.write(f"warning: {visible(warning)}\n")
    if output.as_json:
        print_json(report.to_dict() | report.spent)
        return
    if output.to is not None:
        assert command.papers is not None
        again, about = resume_line(command.name, settings, execution), facts_beside(report.folder) or {}
        sys.stdout.write(visible(output.paper(command.papers(report), again, about)))
        return
    command.table(report)
    print_line(report.last_line)
