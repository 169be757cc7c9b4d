"""The values of one varied setting, and the jobs that measure a method's scores at each; nothing is run here.

Of a run's jobs (`pipelines.discover.plan`) a study takes those that lead to the scores, and `baseline`, which
holds the unit of their cost. Selecting, evaluating and drawing circuits is left out.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from circuits.evaluation.known_circuit import KnownCircuit
from circuits.evaluation.published import PUBLISHED
from circuits.lookup import lookup, unknown
from circuits.methods import METHODS
from circuits.methods.component_base import ComponentMethod
from circuits.model.size_names import size_in
from circuits.model.sources import ModelSource, find_model
from circuits.tasks import IMAGE_TASKS, TASKS
from circuits.tasks.base import AnyTask
from pipelines.discover.known_circuit import known_circuit
from pipelines.discover.plan import Jobs, all_jobs
from pipelines.discover.settings import DiscoverSettings
from pipelines.engine.execute import Work
from pipelines.engine.execution import Execution
from pipelines.engine.job import Job
from pipelines.engine.plan import Plan
from pipelines.engine.result_file import canonical_json
from pipelines.engine.store import Store
from pipelines.runs.first_jobs import folder_begin, prompts_name
from pipelines.runs.method_settings import checked_ablation, checked_settings, make_method
from pipelines.runs.settings import ABLATION_ALIASES, CIRCUIT_SETTINGS
from pipelines.runs.settings_file import settings_from
from pipelines.runs.solved_file import with_numbers_solved
from pipelines.runs.task_settings import default_settings, task_settings
from pipelines.study.settings import StudySettings

# Which of a run's own settings can be varied; a method's or task's settings of the same name are left as they are.
RUN_KEYS = (
    *("model", "dtype", "method", "metric", "ablation", "noise", "corruption", "prompts", "seed", "position"),
    *("solved", "held_out"),
)


class Varied(NamedTuple):
    """One setting, as `--set` and options name it, and the values that were given."""

    key: str
    values: tuple[Any, ...]


class Case(NamedTuple):
    """One value of the varied setting, checked, with the run that it belongs to."""

    value: Any
    config: DiscoverSettings
    jobs: Jobs

    @property
    def before(self) -> tuple[Job, ...]:
        """What makes and checks the prompts."""
        return (*self.jobs.answered, self.jobs.prompts, self.jobs.check)

    @property
    def all(self) -> tuple[Job, ...]:
        """Every job that the value needs; a job comes after those it reads."""
        return (*self.before, *self.jobs.reference, self.jobs.baseline, *self.jobs.measured)


@dataclass(frozen=True)
class StudyPlan(Plan):
    """The values of one varied setting, the known circuit, and the store that keeps the scores."""

    varied: Varied
    cases: tuple[Case, ...]
    known: KnownCircuit
    store: Store
    target: Path

    @property
    def folder(self) -> Path:
        return self.target

    @property
    def work(self) -> Sequence[Work]:
        return (Work(self.store, tuple(study_jobs(self.cases)), f"study of {self.varied.key}"),)


def plan(settings: StudySettings, execution: Execution) -> StudyPlan:
    """The jobs of a study. ValueError where a setting, a value or the known circuit does not fit."""
    varied = varied_from(settings.vary)
    known, store = _known(settings.truth, execution), Store(execution.out)
    cases = _settled(study_cases(settings.of_runs, varied), store)
    if not all(store.has(job.key) for job in study_jobs(cases)):
        require_fit(cases, known)
    return StudyPlan(varied, cases, known, store, settings.folder or execution.out / _name(cases, varied, known))


def _settled(cases: Sequence[Case], store: Store) -> tuple[Case, ...]:
    """The cases, with the number of their prompts where that is how many of a file the model solves."""
    configs = with_numbers_solved([case.config for case in cases], store, all_jobs)
    return tuple(
        case if config is case.config else Case(case.value, config, all_jobs(config))
        for case, config in zip(cases, configs, strict=True)
    )


def _known(truth: KnownCircuit | str | Path | None, execution: Execution) -> KnownCircuit:
    circuit = known_circuit(truth, execution.out)
    if circuit is None:
        raise ValueError(
            "no known circuit is given, and a study ranks heads against one. Name a JSON file, a finished run or a "
            f"published circuit ({', '.join(PUBLISHED)}), such as --truth ioi."
        )
    return circuit


def _name(cases: Sequence[Case], varied: Varied, known: KnownCircuit) -> str:
    """The same folder for the same scores and the same known circuit."""
    config, keys = cases[0].config, [[job.key for job in case.jobs.scores] for case in cases]
    text = canonical_json([varied.key, [case.value for case in cases], keys, repr(known)])
    method = [] if varied.key == "method" else [config.method]
    digest = hashlib.sha256(text.encode()).hexdigest()[:8]
    return "-".join(["study", folder_begin(prompts_name(config)), *method, varied.key, digest])


def varied_from(given: Mapping[str, Sequence[Any]]) -> Varied:
    """The one setting that is varied; a ValueError for none, for several, and for one without values."""
    if len(given) != 1:
        problem = f"{len(given)} settings are varied: {', '.join(given)}" if given else "nothing is varied"
        raise ValueError(f"{problem}. Give one, as KEY=V1,V2,..., such as features=50,100,200.")
    ((key, values),) = given.items()
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise ValueError(f"the values of {key} are {values!r}: give a list of them.")
    if not values:
        raise ValueError(f"{key} has no values. Give some, as {key}=V1,V2,...")
    return Varied(key.replace("-", "_"), tuple(values))


def study_cases(given: Mapping[str, Any], varied: Varied) -> list[Case]:
    """The run of every value, in the order given.

    given  flat settings as in `settings_from`, without the varied one
    Raises a ValueError where a setting or value is unknown or does not fit, a value is given twice, or the method
    scores no heads.
    """
    settings_from(given, DiscoverSettings)
    _require_named(given, varied)
    _require_study(given, varied)
    cases, seen = [], set()
    for value in varied.values:
        config = settings_from(_with(given, varied.key, value), DiscoverSettings)[0]
        # No circuit is chosen, so no prompts are kept for a judgment.
        config = config.model_copy(update={"judge_on": "same"})
        case = Case(_checked(config, varied.key), config, all_jobs(config))
        _require_heads(config)
        if (text := canonical_json(case.value)) in seen:
            raise ValueError(f"{varied.key}={value} is given twice: leave one out.")
        seen.add(text)
        cases.append(case)
    return cases


def study_jobs(cases: Sequence[Case]) -> list[Job]:
    """Every job of all cases once; a job comes after those it reads or waits for.

    No model runs before the checks of all cases are over: a value that a method refuses is refused at once.
    """
    before = {job.key: job for case in cases for job in case.before}
    prompts_first = sorted(before.values(), key=lambda job: job.stage.name == "check")
    checks = tuple(job.key for job in prompts_first if job.stage.name == "check")
    rest = {job.key: job for case in cases for job in case.all if job.key not in before}
    return [*prompts_first, *(_waiting(job, checks) for job in rest.values())]


def require_fit(cases: Sequence[Case], known: KnownCircuit) -> None:
    """Raise a ValueError where the models differ in their heads, or the known circuit's cannot be ranked in them.

    Reads the models' configurations only. What they do not say (key-value heads, MLPs) is checked with the scores.
    """
    specs = dict.fromkeys(case.config.model for case in cases)
    shapes = {spec: shape for spec in specs if (shape := _shape(find_model(spec))) is not None}
    require_same({spec: f"{layers} layers of {heads} heads" for spec, (layers, heads) in shapes.items()})
    for shape in shapes.values():
        known.check_heads(*shape)


def require_same(wirings: Mapping[str, Any]) -> None:
    """Raise a ValueError where models differ; model -> how it is wired."""
    (first, expected), *others = wirings.items() or [("", None)]
    for model, wiring in others:
        if wiring != expected:
            raise ValueError(
                f"model {first!r} has {expected}, model {model!r} has {wiring}: one known circuit can only judge "
                "models that are wired alike. Study them one by one."
            )


def _require_study(given: Mapping[str, Any], varied: Varied) -> None:
    """Raise a ValueError for an unknown key, one that is given as well, and options that only choose circuits."""
    if varied.key in _single(given, varied.key):
        raise ValueError(f"{varied.key} is varied: leave out its single value.")
    holder_of(varied.key, _given(given, "method"), given.get("task"))


def holder_of(key: str, method: str, task: Any) -> str | None:
    """Where a run keeps a setting that can be varied: None for itself, else `settings` (of its method) or
    `task_settings`. ValueError for one that cannot be.

    Of settings of one name the run's goes before the method's, and that before the task's.
    """
    if key in RUN_KEYS:
        return None
    of_method = [field.name for field in dataclasses.fields(lookup(METHODS, method, "method")) if field.init]
    if key in of_method:
        return "settings"
    kind = task_kind(task)
    of_task = () if kind is None else default_settings(kind)
    if key in of_task:
        return "task_settings"
    if key in CIRCUIT_SETTINGS:
        raise ValueError(f"{key} chooses a circuit, and a study only ranks scores: vary something else.")
    named = f"setting of a run, of {method} or of {task}" if of_task else f"setting of a run or of {method}"
    raise ValueError(unknown(key, {*RUN_KEYS, *of_method, *of_task}, named))


def task_kind(task: Any) -> type[AnyTask] | None:
    """The task of this name; None where prompts come from a file."""
    return {**TASKS, **IMAGE_TASKS}.get(str(task))


def _given(given: Mapping[str, Any], name: str) -> Any:
    return given.get(name) or DiscoverSettings.model_fields[name].default


def _with(given: Mapping[str, Any], key: str, value: Any) -> dict[str, Any]:
    if key == "method":
        return {**given, key: value, "settings": _of_method(given.get("settings") or {}, str(value))}
    holder = holder_of(key, _given(given, "method"), given.get("task"))
    if holder is None:
        return {**given, key: value}
    return {**given, holder: {**(given.get(holder) or {}), key: value}}


def _of_method(settings: Mapping[str, Any], method: str) -> dict[str, Any]:
    """Settings for one of the varied methods: those of all, and those that name it, `head-coding.trials=2`."""
    own = {}
    for key, value in settings.items():
        of, is_named, name = key.rpartition(".")
        if not is_named or of.replace("_", "-") == method:
            own[name] = value
    return own


def _require_named(given: Mapping[str, Any], varied: Varied) -> None:
    """Raise a ValueError for a setting of a method that is not among the varied ones."""
    methods = [str(value) for value in varied.values] if varied.key == "method" else []
    for key in given.get("settings") or {}:
        of, is_named, _ = key.rpartition(".")
        if is_named and of.replace("_", "-") not in methods:
            raise ValueError(
                f"setting {key!r} is for {of.replace('_', '-')!r}, which is not varied. METHOD.KEY=VALUE goes with "
                "--vary method=METHOD,..."
            )


def _single(given: Mapping[str, Any], key: str) -> Collection[str]:
    """Names of the settings, of the kind of the varied one, that are given."""
    if key in ABLATION_ALIASES:
        return [name for name, of in ABLATION_ALIASES.items() if of in given.get("ablation_settings", ())]
    holder = holder_of(key, _given(given, "method"), given.get("task"))
    return given if holder is None else given.get(holder) or {}


def _checked(config: DiscoverSettings, key: str) -> Any:
    """The varied value as a method, task or run understands it, as a JSON value: a number for what YAML takes for
    text."""
    if key in ABLATION_ALIASES:
        return checked_ablation(config)["settings"][ABLATION_ALIASES[key]]
    holder, kind = holder_of(key, config.method, config.task), task_kind(config.task)
    if holder == "task_settings" and kind is not None:
        return {**default_settings(kind), **task_settings(kind, config.task_settings)}[key]
    return getattr(config, key) if holder is None else checked_settings(config.method, config.settings)[key]


def _require_heads(config: DiscoverSettings) -> None:
    made = make_method(config.method, config.settings)
    if isinstance(made, ComponentMethod) and "head" not in made.kinds:
        raise ValueError(
            f"{config.method}: kinds={', '.join(made.kinds)} scores no heads, and a study ranks heads. Add 'head' to "
            "the kinds."
        )


def _waiting(job: Job, checks: tuple[str, ...]) -> Job:
    """The job, after all checks."""
    return dataclasses.replace(job, after=tuple(dict.fromkeys((*job.after, *checks))))


def _shape(source: ModelSource) -> tuple[int, int] | None:
    """Layers and heads of a model, from its configuration; None where it does not say."""
    if source.format != "huggingface":
        shape = (size_in(source.config, "n_layers"), size_in(source.config, "n_heads"))
    else:
        from transformers import AutoConfig

        try:
            text = AutoConfig.from_pretrained(source.folder, trust_remote_code=False).get_text_config()
        except Exception:  # loading the model will say what is wrong
            return None
        shape = (getattr(text, "num_hidden_layers", None), getattr(text, "num_attention_heads", None))
    layers, heads = shape
    return (layers, heads) if isinstance(layers, int) and isinstance(heads, int) else None
