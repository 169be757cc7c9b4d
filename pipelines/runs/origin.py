"""What the files of every command say of themselves: where their numbers came from, and the command that makes them.

One text for all, put together here from the settings, the runs and the jobs of a command. Figures carry it inside
(`graphs.figures.canvas.saying`), and about.json in their folder holds it for the files beside it
(`pipelines.runs.about_file`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic.fields import FieldInfo

from circuits.versions import versions
from pipelines.engine.plan import Plan
from pipelines.runs.method_settings import absolute_paths
from pipelines.runs.options import command_line
from pipelines.runs.run import Run, open_run, prompt_use, read_circuit
from pipelines.runs.run_plan import RunPlan
from pipelines.runs.settings import CommandSettings, PromptSettings
from pipelines.runs.stages import PROMPTS, SOLVED_PROMPTS

if TYPE_CHECKING:
    from graphs import CircuitGraph

AND = " && "
"""Between the commands that are run one after the other, as in a shell."""


def origin_of(
    name: str, settings: CommandSettings, plan: Plan, content: Mapping[str, Any], *, out: Path
) -> dict[str, Any]:
    """The facts about a command's results, as plain values, once its jobs are done.

    content  what its report holds
    out      the store in which runs are looked up by name
    """
    from graphs.export.about import circuit_facts

    runs = _runs(settings, out)
    named = _by_name(settings, runs)
    commands = [command_line(run.command, run.config) for run in runs] + [command_line(name, named)]
    circuits = [{"run": run.name, **circuit_facts(run.graph)} for run in runs]
    circuits += [circuit_facts(graph) for graph in _own_circuit(plan, content)]
    facts: dict[str, Any] = {
        "command": AND.join(dict.fromkeys(commands)),
        "version": versions().get("circuit-workbench"),
        "settings": named.model_dump(mode="json", exclude_none=True, exclude={"folder"}),
        "models": _models(plan),
        "prompts": list(_prompts(plan)),
        "circuits": circuits,
    }
    return {key: value for key, value in facts.items() if value}


def _runs(settings: CommandSettings, out: Path) -> list[Run]:
    """The runs that a command was given, whichever setting takes them; what it was given in their place is left out."""
    opened: dict[Path, Run] = {}
    for given in _open_values(settings).values():
        for one in given if isinstance(given, tuple) else (given,):
            try:
                run = one if isinstance(one, Run) else open_run(one, out=out)
            except ValueError:  # a published circuit, a comparison, another file, or none at all
                continue
            opened.setdefault(run.folder.resolve(), run)
    return list(opened.values())


def _open_values(settings: CommandSettings) -> dict[str, Any]:
    """Settings that take runs beside their names, and others what stands in their place."""
    every = ((name, getattr(settings, name)) for name, field in type(settings).model_fields.items() if _is_open(field))
    return {name: value for name, value in every if isinstance(value, Run | str | Path | tuple)}


def _is_open(field: FieldInfo) -> bool:
    return field.annotation is Any or field.annotation == tuple[Any, ...]


def _by_name(settings: CommandSettings, runs: Sequence[Run]) -> CommandSettings:
    """The settings with runs by their names and paths that hold everywhere, and without a folder of their own."""
    changes: dict[str, Any] = {"folder": None} if "folder" in type(settings).model_fields else {}
    changes |= absolute_paths(settings) if isinstance(settings, PromptSettings) else {}
    names = {str(run.folder.resolve()): run.name for run in runs}

    def named(given: Any) -> Any:
        if isinstance(given, Run):
            return given.name
        return names.get(str(Path(given).resolve()), str(given)) if isinstance(given, str | Path) else given

    for name, value in _open_values(settings).items():
        changes[name] = tuple(map(named, value)) if isinstance(value, tuple) else named(value)
    return settings.model_copy(update=changes)


def _own_circuit(plan: Plan, content: Mapping[str, Any]) -> Iterator[CircuitGraph]:
    """The circuit of a run that is being made."""
    if isinstance(plan, RunPlan):
        text = plan.store.read(plan.jobs.graph.key).meta["graph"]
        graph = read_circuit(text.encode(), str(plan.store.path(plan.jobs.graph.key)))
        yield replace(graph, prompts=prompt_use(content, plan.config))


def _models(plan: Plan) -> dict[str, str]:
    """Name or folder of every model that jobs ran -> the fingerprint of its weights."""
    jobs = (job for part in plan.work for job in part.jobs)
    return {
        job.locations["model"]: job.settings["model"]
        for job in jobs
        if "model" in job.locations and isinstance(job.settings.get("model"), str)
    }


def _prompts(plan: Plan) -> Iterator[dict[str, Any]]:
    """The prompts of every task: how many, drawn with which seed, corrupted how, and of how many that were solved."""
    said = set()
    for part in plan.work:
        for job in part.jobs:
            if job.stage not in (PROMPTS, SOLVED_PROMPTS) or job.key in said:
                continue
            said.add(job.key)
            made = part.store.read(job.key).meta
            asked = {key: job.settings.get(key) for key in ("task", "name", "corruption", "seed")}
            drawn = {"n": len(made["prompts"]), "drawn": made.get("n_drawn"), "solved": made.get("n_kept")}
            yield {key: value for key, value in (asked | drawn).items() if value is not None}
