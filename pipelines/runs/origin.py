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

from circuits.files import portable, real_path
from circuits.model.sources import is_path
from circuits.versions import versions
from pipelines.engine.plan import Plan
from pipelines.runs.asked_model import graph_bytes
from pipelines.runs.method_settings import OF_SETTING, with_portable_paths
from pipelines.runs.options import command_line
from pipelines.runs.run import Run, open_run, prompt_use, read_circuit
from pipelines.runs.run_plan import RunPlan
from pipelines.runs.settings import CommandSettings
from pipelines.runs.shell_text import AND
from pipelines.runs.stages import PROMPTS, SOLVED_PROMPTS

if TYPE_CHECKING:
    from graphs import CircuitGraph


def origin_of(
    name: str, settings: CommandSettings, plan: Plan, content: Mapping[str, Any], *, out: Path
) -> dict[str, Any]:
    """The facts about a command's results, as plain values, once its jobs are done.

    content  what its report holds
    out      the store in which runs are looked up by name
    """
    from graphs.export.about import circuit_facts

    runs = _runs(settings, out)
    named = _by_name(settings, runs, out)
    commands = [command_that_made(run) for run in runs] + [command_line(name, named)]
    circuits = [{"run": run.name, **circuit_facts(run.circuit)} for run in runs]
    circuits += [circuit_facts(graph) for graph in _own_circuit(plan, content)]
    facts: dict[str, Any] = {
        "command": AND.join(dict.fromkeys(commands)),
        "version": versions().get("circuit-workbench"),
        "settings": named.model_dump(mode="json", exclude_none=True, exclude={"folder"}, fallback=str),
        "models": _models(plan),
        "prompts": list(_prompts(plan)),
        "read": _read(plan),
        "circuits": circuits,
    }
    return {key: value for key, value in facts.items() if value}


def command_that_made(run: Run) -> str:
    """The command that makes a run again, as files tell it that others read: no path says where they lay."""
    return command_line(run.command, with_portable_paths(run.config))


def _references(settings: CommandSettings) -> dict[str, tuple[Any, ...]]:
    """The settings that runs are given in, such as `runs` and `truth`, and what was given: those of type `Any`."""
    given = {
        name: getattr(settings, name)
        for name, field in type(settings).model_fields.items()
        if field.annotation in (Any, tuple[Any, ...])
    }
    return {name: value if isinstance(value, tuple) else (value,) for name, value in given.items() if value is not None}


def _runs(settings: CommandSettings, out: Path) -> list[Run]:
    """The runs that a command was given, each once; whatever else it was given in their place is left out."""
    opened: dict[Path, Run] = {}
    for one in (one for given in _references(settings).values() for one in given):
        try:
            run = one if isinstance(one, Run) else open_run(one, out=out)
        except ValueError:  # a published circuit, a comparison, another file
            continue
        opened.setdefault(real_path(run.folder), run)
    return list(opened.values())


def _by_name(settings: CommandSettings, runs: Sequence[Run], out: Path) -> CommandSettings:
    """The settings with what is in the store by its name there, other paths as others may read them, and without a
    folder."""
    changes: dict[str, Any] = {"folder": None} if "folder" in type(settings).model_fields else {}
    names, store = {real_path(run.folder): run.name for run in runs}, real_path(out)

    def named(given: Any) -> str:
        if not isinstance(given, str | Path):
            return str(getattr(given, "name", given))
        path = real_path(Path(given))
        if path in names:
            return names[path]
        if path.is_relative_to(store):
            return path.relative_to(store).as_posix()
        return portable(given) if path.exists() else str(given)

    for name, given in _references(settings).items():
        by_name = tuple(map(named, given))
        changes[name] = by_name if isinstance(getattr(settings, name), tuple) else by_name[0]
    return with_portable_paths(settings).model_copy(update=changes)


def _own_circuit(plan: Plan, content: Mapping[str, Any]) -> Iterator[CircuitGraph]:
    """The circuit of a run that is being made."""
    if isinstance(plan, RunPlan):
        graph = read_circuit(graph_bytes(plan), str(plan.store.path(plan.jobs.graph.key)))
        yield replace(graph, prompts=prompt_use(content, plan.config))


def _models(plan: Plan) -> dict[str, str]:
    """Name of every model, or its folder as others may read it, that jobs ran -> the fingerprint of its weights."""
    found: dict[str, str] = {}
    for job in (job for part in plan.work for job in part.jobs):
        if "model" in job.locations and isinstance(fingerprint := job.settings.get("model"), str):
            name = _model(job.locations["model"])
            # Two folders may have one name.
            found[name if found.get(name, fingerprint) == fingerprint else f"{name} ({fingerprint})"] = fingerprint
    return found


def _model(spec: str) -> str:
    return portable(spec) if is_path(spec) else spec


def _read(plan: Plan) -> list[dict[str, str]]:
    """What jobs read for settings of methods that are paths: the setting, what lay there by name, and its hash."""
    found: dict[tuple[str, str, str], None] = {}
    for job in (job for part in plan.work for job in part.jobs):
        for place, path in job.locations.items():
            name = place.removeprefix(OF_SETTING)
            if place.startswith(OF_SETTING) and isinstance(hashed := job.settings.get(name), str):
                found[name, Path(path).name, hashed] = None
    return [dict(zip(("setting", "read", "hash"), one, strict=True)) for one in found]


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
            read = {}
            if "file" in job.locations:
                read = {"file": Path(job.locations["file"]).name, "sha256": job.settings["file"]}
            drawn = {"n": len(made["prompts"]), "drawn": made.get("n_drawn"), "solved": made.get("n_kept")}
            yield {key: value for key, value in (asked | read | drawn).items() if value is not None}
