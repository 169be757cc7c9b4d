"""Command: the one way to define and to run a command.

A command is a folder. Its `settings.py` says what can be asked for, `plan.py` which jobs that takes, `stages.py` what
they compute, `report.py` what their results say, `table.py` and `files.py` how that is shown and kept; its `command.py`
puts these together as a `Command` and offers them to Python.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from circuits.files import is_file, read_bytes, write_atomically
from circuits.model.phases import phase
from circuits.tasks.from_template import says_all
from circuits.visible_text import visible
from pipelines.engine.cluster import require_place
from pipelines.engine.execute import Counts, Interrupted, Work, compute_missing
from pipelines.engine.execution import DEFAULT_STORE, Execution
from pipelines.engine.heartbeat import Heartbeat
from pipelines.engine.job import Job
from pipelines.engine.plan import Plan, ResultsNeeded
from pipelines.engine.progress import short_owner, shown_by
from pipelines.engine.seal import ABOUT
from pipelines.engine.store import require_writable
from pipelines.engine.tqdm_bar import TqdmBar, is_watched
from pipelines.engine.watched_phase import counted_phase
from pipelines.forecast.line import forecast_before, line, prompt_jobs, require_possible, weights_with_prompts
from pipelines.reporting.report import Report
from pipelines.runs.about_file import about_file
from pipelines.runs.before_weights import before_weights
from pipelines.runs.caveats import with_size
from pipelines.runs.models_given import as_loaded, model_spec
from pipelines.runs.options import command_line
from pipelines.runs.origin import origin_of
from pipelines.runs.places import require_place_for_report, require_replaceable
from pipelines.runs.prompt_sources import prompt_source
from pipelines.runs.record import RECORD
from pipelines.runs.run import Run, store_folder
from pipelines.runs.settings import CommandSettings, PromptSettings
from pipelines.runs.settings_file import settings_from
from pipelines.runs.tasks_given import Given, task_given
from pipelines.runs.writing import was_left_behind, written_alone

if TYPE_CHECKING:
    from circuits.data.tokenizer import Tokenizer
    from pipelines.reporting.paper import PaperTable

_LOG = logging.getLogger(__name__)
_WARNED: set[tuple[str, str]] = set()
"""Folders of reports, and what was warned of them."""
AnySettings = TypeVar("AnySettings", bound=CommandSettings)
AnyPlan = TypeVar("AnyPlan", bound=Plan)
AnyReport = TypeVar("AnyReport", bound=Report)


@dataclass(frozen=True)
class Command(Generic[AnySettings, AnyPlan, AnyReport]):
    """A command of the workbench.

    name      what is typed after `circuits`
    settings  a pydantic model: its fields are the options, its docstring is the help
    plan      the jobs, without running a model; a ValueError for whatever can be refused before one runs, and
              `ResultsNeeded` where what there is to do depends on results that are not there yet
    report    what the stored results say, once every job is done; runs no model
    files     file name -> content, in the order in which they are written to the report's folder
    table     prints the report for people
    papers    name -> table for papers, of those that the settings' `paper_tables` names; None without any
    stored    the report of a finished run of the command, by what is in its folder, for `table` to print again; None of
              commands that make no runs
    """

    name: str
    settings: type[AnySettings]
    plan: Callable[[AnySettings, Execution], AnyPlan]
    report: Callable[[AnyPlan], AnyReport]
    files: Callable[[AnyPlan, AnyReport], Mapping[str, bytes]]
    table: Callable[[AnyReport], None]
    papers: Callable[[AnyReport], Mapping[str, PaperTable]] | None = None
    stored: Callable[[Any], AnyReport] | None = None


def run_command(
    command: Command[AnySettings, AnyPlan, AnyReport],
    settings: AnySettings,
    execution: Execution,
    *,
    shows_progress: bool = False,
    in_detail: bool = False,
    as_given: str | None = None,
    in_python: bool = False,
    on_planned: Callable[[], None] = lambda: None,
) -> AnyReport:
    """Compute what the stores lack, report, and write the report's files.

    in_detail   whether the progress that is shown says of every job when it begins, and what it took
    as_given    the command as it was typed, where it was
    in_python   whether a function was called, so that the same call continues what is interrupted
    on_planned  called once what was asked for is planned, which refuses most of what cannot be computed
    On Ctrl-C raises a KeyboardInterrupt with the command that continues. Nothing that was computed is lost.
    """

    def line() -> str:
        return as_given or resume_line(command.name, settings, execution)

    def resume() -> str:
        return f"the same call again; or on the command line: {line()}" if in_python else line()

    try:
        shown = _Shown(shows_progress, in_detail, told=set())
        return _run(command, settings, execution, shown, _Resume(line, resume), on_planned)
    except Interrupted:
        raise
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"interrupted; finished jobs are kept. Continue with: {resume()}") from None


def call(
    command: Command[AnySettings, AnyPlan, AnyReport], values: Mapping[str, Any], *, progress: bool | None
) -> AnyReport:
    """The report of a command, with its settings and those of `Execution` by their names: what functions call.

    progress  whether a bar is shown; None: where stderr is a terminal, or in a notebook
    A model may be given as an object (`pipelines.runs.models_given`), prompts too (`pipelines.runs.tasks_given`).
    What the report warns of is logged, once for a process: nobody is to take an unfaithful circuit for one that is not.
    """
    if "out" not in values and (own := _store_of_runs(values)) is not None:
        values = {**values, "out": own}
    store = _store_of(values)
    shows_progress = is_watched() if progress is None else progress
    values = {**as_loaded(values, command.settings), **values}
    if "model" in values:
        values["model"] = model_spec(values["model"], store)
    prompts = Given("")
    if "task" in values:
        prompts = task_given(values["task"], store, lambda: _tokenizer(command, values))
        values["task"] = prompts.spec
    is_planned = False

    def planned() -> None:
        nonlocal is_planned
        is_planned = True

    try:
        settings, execution = settings_from(values, command.settings)
        with shown_by(TqdmBar):
            report = run_command(
                command, settings, execution, shows_progress=shows_progress, in_python=True, on_planned=planned
            )
    finally:
        if not is_planned:
            prompts.take_back()
    _warn(report)
    return report


def _tokenizer(command: Command[Any, Any, Any], values: Mapping[str, Any]) -> Tokenizer | None:
    """The tokenizer of the model in a command's settings, or of the one that it has by default."""
    from circuits.model.tokenizers import tokenizer_of

    default = command.settings.model_fields["model"].default
    return tokenizer_of(values["model"] if isinstance(values.get("model"), str) else default)


def _warn(report: Report) -> None:
    """Log what the report warns of, where that was not said before."""
    for warning in report.warnings:
        if warning not in report.told and (said := (str(report.folder), warning)) not in _WARNED:
            _WARNED.add(said)
            _LOG.warning("%s: %s", report.folder.name, warning)


def _store_of_runs(values: Mapping[str, Any]) -> Path | None:
    """The store of the runs among a command's settings, where they are given as objects and are all in one."""
    given = [one for value in values.values() for one in (value if isinstance(value, list | tuple) else (value,))]
    folders = {run.folder.parent for run in given if isinstance(run, Run)}
    (folder, *others) = folders or {None}
    return folder if folder is not None and not others and (folder / "store.json").is_file() else None


def _store_of(values: Mapping[str, Any]) -> Path:
    return store_folder(values.get("out", DEFAULT_STORE))


class _Shown(NamedTuple):
    """What is said of the jobs while they are computed."""

    progress: bool
    details: bool
    told: set[str]
    """What was said of the prompts."""


class _Resume(NamedTuple):
    """What continues a command that is interrupted: a line for a shell, and what is said."""

    line: Callable[[], str]
    words: Callable[[], str]


def _run(
    command: Command[AnySettings, AnyPlan, AnyReport],
    settings: AnySettings,
    execution: Execution,
    shown: _Shown,
    resume: _Resume,
    on_planned: Callable[[], None],
) -> AnyReport:
    began, before = time.monotonic(), Counts(0, 0, 0)
    try:
        plan = _planned(command, settings, execution)
    except ResultsNeeded as needed:
        _say_before(needed.with_readers, settings, shown)
        before = _compute(needed.work, execution, resume, shown)
        plan = _planned(command, settings, execution)
    on_planned()
    if isinstance(folder := getattr(settings, "folder", None), Path):
        require_place_for_report(folder)
    _require_writable_unless_done(plan)
    missing = [(part.store, job) for part in plan.work for job in part.missing]
    if any("model" in job.locations for _, job in missing):
        require_place(execution)
    try:
        _say_before(plan.work, settings, shown)
        counts = _compute(plan.work, execution, resume, shown, plan=plan)
        with _seen_as_running(plan.work if counts.n_computed else ()):
            with counted_phase("making the report of what was computed"):
                report = _with_number_of_prompts(command.report(plan), settings)
            with phase("drawing figures and making the files of the report"):
                files = _files(command, settings, execution, plan, report)
            with phase(f"writing {len(files)} files in {report.folder}"):
                _write(report.folder, files)
    except KeyboardInterrupt:
        # Before its check has passed there is no folder. Where none can be made, there is none to list.
        with contextlib.suppress(OSError, ValueError):
            plan.begin(resume.line())
        raise
    except Exception as error:
        plan.end(error, resume.line(), computed=[job for store, job in missing if store.has(job.key)])
        raise
    plan.end(None, resume.line())
    return replace(
        report,
        csv_files={Path(name).stem: data for name, data in files.items() if name.endswith(".csv") and data},
        n_jobs=counts.n_jobs,
        n_computed=before.n_computed + counts.n_computed,
        n_by_others=before.n_by_others + counts.n_by_others,
        seconds=time.monotonic() - began,
        told=frozenset(shown.told),
    )


@contextmanager
def _seen_as_running(work: Sequence[Work]) -> Iterator[None]:
    """While its files are made, a command whose jobs are all done is not taken for one that was interrupted."""
    with Heartbeat([part.store for part in work]) as heartbeat:
        if work:
            heartbeat.beat(work[-1].owner, 1.0, None)
        yield


def _planned(command: Command[AnySettings, AnyPlan, Any], settings: AnySettings, execution: Execution) -> AnyPlan:
    with phase("planning what is to be computed"):
        return command.plan(settings, execution)


def _say_before(work: Sequence[Work], settings: CommandSettings, shown: _Shown) -> None:
    """Say once what is to know of the prompts, before a model is loaded. ValueError where what is asked for refuses
    them."""
    with phase("reading the prompts as tokens"):
        said = before_weights(work, settings)
    for owner, text in said:
        if shown.progress and text not in shown.told:
            kind = "note" if says_all(text) else "warning"
            sys.stderr.write(f"{short_owner(owner)}: {kind}: {visible(text)}\n")
            shown.told.add(text)


def _with_number_of_prompts(report: AnyReport, settings: CommandSettings) -> AnyReport:
    """The report with a warning where a file or a template has fewer prompts than were asked for; that these are all
    which a template makes was said before, and warns of nothing."""
    report = replace(report, warnings=tuple(text for text in report.warnings if not says_all(text)))
    if not isinstance(settings, PromptSettings) or settings.prompts is None or settings.prompt_file is None:
        return report
    if settings.solved:  # how many are solved is known to the report alone
        return report
    n_prompts = prompt_source(settings)[1]
    return replace(report, warnings=tuple(with_size(report.warnings, settings, n_prompts)))


def _files(
    command: Command[AnySettings, AnyPlan, AnyReport],
    settings: AnySettings,
    execution: Execution,
    plan: AnyPlan,
    report: AnyReport,
) -> dict[str, bytes]:
    """The report's files, which say where they came from: figures inside, all others in about.json."""
    from graphs.export.about import MARK, facts_text
    from graphs.figures.canvas import each_drawn_once, saying

    facts = origin_of(command.name, settings, plan, report.content(), out=execution.out)
    with saying(MARK, facts_text(facts)), each_drawn_once():
        files = dict(command.files(plan, report))
    keys = dict.fromkeys(job.key for part in plan.work for job in part.jobs)
    return {**files, ABOUT: about_file(facts, files, list(keys))}


def _require_writable_unless_done(plan: Plan) -> None:
    """Raise a ValueError where the report's folder cannot be written, and something is still to be computed."""
    try:
        require_writable(plan.folder)
    except ValueError:
        if not plan.folder.is_dir() or any(part.missing for part in plan.work):
            raise


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write what differs from what is there. Where a whole report is there and cannot be written, a warning says so."""
    if all(_holds(folder / name, data) for name, data in files.items()) and not was_left_behind(folder):
        return
    if not is_file(folder / ABOUT) and not is_file(folder / RECORD) and not was_left_behind(folder):
        # No report is there yet: what is in its place is somebody's own.
        for name, data in files.items():
            require_replaceable(folder / name, data)
    try:
        with written_alone(folder):
            for name, data in files.items():
                if not _holds(folder / name, data):
                    write_atomically(folder / name, data)
    except ValueError as error:
        if not all(is_file(folder / name) for name in files):
            raise
        _LOG.warning("the files in %s stay as they are: %s", folder, error)


def _holds(path: Path, data: bytes) -> bool:
    try:
        return read_bytes(path) == data
    except OSError:
        return False


def resume_line(name: str, settings: CommandSettings, execution: Execution) -> str:
    """The command line that does the same."""
    return command_line(name, settings, execution)


def _compute(
    work: Sequence[Work],
    execution: Execution,
    resume: _Resume,
    shown: _Shown,
    *,
    plan: Plan | None = None,
) -> Counts:
    """Compute what the stores lack of the work; the plan's folder is begun once its check has passed.

    Where progress is shown, what the plan announces after a job is said on stderr, and what long work will take once
    there are prompts. ValueError, before any is measured, where not even one prompt fits into the memory.
    """
    check = None if plan is None else plan.check
    to_make = set() if plan is None else set(prompt_jobs(plan))
    to_weigh, n_to_weigh = set(to_make), len(to_make)
    owners = {job.key: part.owner for part in work for job in part.jobs}

    def on_done(job: Job) -> None:
        if plan is None:
            return
        if check is not None and job.key == check.key:
            plan.begin(resume.line())
        if job.key in to_make:
            # With the first prompts; the others are about as long.
            to_make.clear()
            _forecast(plan, execution, shown, short_owner(owners[job.key]))
        if shown.progress and (announcement := plan.announcement(job)) is not None:
            sys.stderr.write(f"{short_owner(owners[job.key])}: {announcement}\n")

    for part in work:
        try:
            part.store.prepare()
        except ValueError:
            if not part.store.folder.is_dir() or part.missing:
                raise
            part.store.require_known()

    def weights_after(job: Job) -> Mapping[str, float]:
        if plan is None:
            return {}
        weights: Mapping[str, float] = {}
        if job.key in to_weigh:
            to_weigh.remove(job.key)
            # With the first prompts, which stand for the others, and with all of them.
            if len(to_weigh) in (n_to_weigh - 1, 0):
                weights = weights_with_prompts(plan)
        return {**weights, **plan.weights_after(job)}

    outlook = "" if plan is None else plan.outlook
    return compute_missing(
        work,
        execution,
        resume=resume.words,
        shows_progress=shown.progress,
        in_detail=shown.details,
        outlook=outlook,
        weights_after=weights_after,
        on_done=on_done,
    )


def _forecast(plan: Plan, execution: Execution, shown: _Shown, owner: str) -> None:
    """Say, in the owner's name, what long work will take, and refuse what cannot fit.

    Of workers elsewhere the memory is not known.
    """
    if execution.scheduler is not None or (forecast := forecast_before(plan, execution)) is None:
        return
    require_possible(forecast)
    if shown.progress and (text := line(forecast)) is not None:
        sys.stderr.write(f"{owner}: {text}\n")
