"""The jobs that give roles to the heads of a run.

the run's judging prompts --> name-tokens --> check-roles --> role-profiles  (one job per slice)
the run's judging prompts --> keep-end --> activation-patching at END       (one job per slice)
the run's judging prompts --> activation-patching, direct-effect            (one job per slice)
role-weights
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from circuits.profiles import WeightProfile
from circuits.tasks import TASKS
from graphs.roles import AT_END, DIRECT, EFFECTS, ROLES, TOTAL, RoleRule
from pipelines.discover.plan import Jobs
from pipelines.discover.run import DiscoverRun, jobs_of, require_circuit
from pipelines.discover.stages import measure
from pipelines.engine.execute import Work
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job, keys_of, short_digest
from pipelines.engine.plan import Plan
from pipelines.engine.stage import Stage
from pipelines.engine.store import Store
from pipelines.profile.given import profile_from
from pipelines.roles.settings import RolesSettings
from pipelines.roles.stages import CHECK, KEEP_END, NAME_TOKENS, PROFILE, WEIGH
from pipelines.runs.as_written import part_as_text, part_from
from pipelines.runs.method_settings import checked_settings, make_method, with_fingerprints
from pipelines.runs.run import Run, open_run, store_of

# Effect -> the method that measures it, and its settings. At roles, of prompts that have END alone.
_METHODS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    TOTAL: ("activation-patching", {"kinds": ["head"]}),
    AT_END: ("activation-patching", {"kinds": ["head"], "at": "roles"}),
    DIRECT: ("direct-effect", {"kinds": ["head"]}),
}


class RoleJobs(NamedTuple):
    """The jobs beside those of the run.

    profiles  one per slice of the prompts; none where no rule reads prompts' profiles
    effects   effect -> one job per slice
    """

    named: Job
    end: Job
    checked: Job
    profiles: tuple[Job, ...]
    weights: tuple[Job, ...]
    effects: Mapping[str, tuple[Job, ...]]

    @property
    def all(self) -> tuple[Job, ...]:
        of_effects = (job for jobs in self.effects.values() for job in jobs)
        return (self.named, self.end, self.checked, *self.profiles, *self.weights, *of_effects)


@dataclass(frozen=True)
class RolesPlan(Plan):
    """A run whose heads get roles, the rules, and the jobs.

    right, wrong  roles of words as `circuits intervene repair` takes them; None: tokens that are answers
    """

    run: DiscoverRun
    rules: tuple[RoleRule, ...]
    right: str | None
    wrong: str | None
    level: float
    of_run: Jobs
    jobs: RoleJobs
    store: Store

    @property
    def folder(self) -> Path:
        content = (keys_of(self.jobs.all), [part_as_text(rule) for rule in self.rules], self.level)
        return self.store.folder / f"roles-{self.run.name}-{short_digest(content)}"

    @property
    def work(self) -> Sequence[Work]:
        return (Work(self.store, (*self.of_run.all, *self.jobs.all), f"roles in {self.run.name}"),)


def plan(settings: RolesSettings, execution: Execution) -> RolesPlan:
    """The jobs. ValueError for a run that is unknown, unfinished or a trace, and for unknown rules and settings."""
    opened = settings.run if isinstance(settings.run, Run) else open_run(settings.run, out=execution.out)
    run = require_circuit(opened)
    rules = rules_from(settings.rules)
    own = TASKS.get(run.config.task)
    known = ("", "") if own is None else (own.right_roles, own.wrong_roles)
    right, wrong = settings.right or known[0] or None, settings.wrong or known[1] or None
    of_run = jobs_of(run)
    return RolesPlan(
        run,
        rules,
        right,
        wrong,
        settings.level,
        of_run,
        _jobs(of_run, rules, right, wrong),
        store_of(run, execution.out),
    )


def rules_from(texts: Sequence[str]) -> tuple[RoleRule, ...]:
    """The rules that are written so, each once; all with their defaults where none is given."""
    rules = dict.fromkeys(part_from(ROLES, text, "rule", "--rules") for text in texts or ROLES)
    names = [rule.name for rule in rules]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"rule {twice!r} is given twice, with different thresholds: give it once.")
    return tuple(rules)


def sources_of(rules: Sequence[RoleRule]) -> list[str]:
    """The profiles that rules read, as they are written, each once."""
    readings = [condition.reading for rule in rules for condition in rule.conditions]
    named = [name for reading in readings for name in reading.sources if name not in EFFECTS]
    return list(dict.fromkeys(named))


def _jobs(of_run: Jobs, rules: Sequence[RoleRule], right: str | None, wrong: str | None) -> RoleJobs:
    baseline = of_run.judged_baseline
    of_prompts = {"prompts": (of_run.judging.key,)}
    named = Job(NAME_TOKENS, {"right": right, "wrong": wrong}, of_prompts)
    end = Job(KEEP_END, {}, of_prompts)
    sources = sources_of(rules)
    of_weights = [text for text in sources if isinstance(profile_from(text), WeightProfile)]
    model = {name: baseline.settings[name] for name in ("model", "dtype")}
    at = {"model": baseline.locations["model"]}
    of_tokens = [text for text in sources if text not in of_weights]
    checked = Job(CHECK, model | {"profiles": of_tokens}, {"prompts": (named.key,)}, at, baseline.after)
    read = {"prompts": (named.key,), "check": (checked.key,)}
    slices = [job.settings["slice"] for job in of_run.judge]
    profiles = tuple(
        Job(PROFILE, model | {"slice": part}, read, at, baseline.after, weight=part[1] - part[0])
        for part in (slices if of_tokens else ())
    )
    weights = (Job(WEIGH, model | {"profiles": of_weights}, {}, at, baseline.after),) if of_weights else ()
    effects = {effect: _measured(of_run, effect, end if effect == AT_END else None) for effect in _METHODS}
    return RoleJobs(named, end, checked, profiles, weights, effects)


def _measured(of_run: Jobs, effect: str, prompts: Job | None) -> tuple[Job, ...]:
    """The jobs of an effect, one per slice of the prompts that judged the circuit."""
    name, settings = _METHODS[effect]
    method = {"name": name, "settings": checked_settings(name, settings)}
    stage, baseline = Stage(*make_method(name, method["settings"]).scored_in, measure), of_run.judged_baseline
    inputs = dict(baseline.inputs) | ({} if prompts is None else {"prompts": (prompts.key,)})
    asked = dict(baseline.settings) | {"method": with_fingerprints(method)}
    return tuple(
        Job(stage, asked | {"slice": part}, inputs, baseline.locations, baseline.after, weight=2 * (part[1] - part[0]))
        for part in (job.settings["slice"] for job in of_run.judge)
    )
