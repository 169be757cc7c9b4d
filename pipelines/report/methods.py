"""What was done, in sentences in the past tense: of prompts, metric, scores and ablation, which all runs have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from circuits.ablations import ABLATIONS
from circuits.citations import Citation
from circuits.components import Wiring
from circuits.methods import METHODS
from circuits.metrics import METRICS
from circuits.numbers import count_text
from circuits.scores import Provenance
from circuits.solved import kept_of_drawn
from circuits.tasks import IMAGE_TASKS, TASKS
from graphs.export.latex_text import number
from pipelines.reporting.document.pieces import cite
from pipelines.runs.settings import RunConfig

_SIGN = (
    "A score was the metric of the clean run minus that of the run without the part: parts with positive scores "
    "supported the behavior"
)
_SCORES_ARE = {
    "measured": f"{_SIGN}; effects were measured, not estimated.",
    "estimated": f"{_SIGN}; effects were estimated from gradients.",
    "learned": "Scores were weights of a mask that was trained, no effects.",
    "counted": "Scores were counts, no effects.",
    "drawn": "Scores were drawn at random.",
}
INTERVALS = (
    "Intervals are 95 %: Wilson's of shares of prompts answered correctly, else t intervals over prompts; that of "
    "faithfulness is of a ratio of means."
)


def model_sentence(wiring: Wiring, provenance: Provenance) -> str:
    """The model, its shape, its precision and the hash of its weights."""
    return (
        f"The model was `{provenance.model}`, with {count_text(wiring.n_layers, 'layer')} of "
        f"{count_text(wiring.n_heads, 'head')}, in "
        f"{provenance.dtype} (hash of configuration and weights: `{provenance.model_fingerprint[:12]}`)."
    )


def prompt_sentences(config: RunConfig, summary: Mapping[str, Any]) -> Iterator[str]:
    """Where prompts came from, what was corrupted, and whether the model does the task."""
    name, task, n = summary["task"], task_of(config), summary["n_prompts"]
    if task is None:
        yield f"{n} prompts were read from `{Path(config.task).name}`."
    else:
        corruption = config.corruption or next(iter(task.corruptions))
        wordings = ", in the wordings that the task holds out" if config.held_out else ""
        yield (
            f"{n} prompts of the task `{name}`{cite(task.cites)} ({task.summary}) were drawn with seed {config.seed}"
            f"{wordings}. In corrupt prompts, {_lower(task.corruptions[corruption])} (corruption `{corruption}`)."
        )
    if summary["solved"] is not None:
        kept = kept_of_drawn(summary["solved"])
        yield f"Only prompts of `{name}` that the model answers correctly were kept: {kept}."
    elif summary["accuracy"] is not None:
        yield (
            f"The model answered {_share(summary, 'accuracy')} of the prompts of `{name}` correctly, where chance is "
            f"{number(summary['chance'])}."
        )


def metric_sentence(config: RunConfig, summary: Mapping[str, Any]) -> str:
    """The metric, and its values on clean and on ablated runs."""
    metric = summary["metric"]
    clean, corrupt = (_share(metric, name) for name in ("clean", "corrupt"))
    return (
        f"The metric was `{config.metric}` ({METRICS[config.metric].summary}): {clean} on clean prompts of "
        f"`{summary['task']}`, and {corrupt} with every part ablated."
    )


def score_sentences(provenance: Provenance, *, of: str) -> Iterator[str]:
    """How parts were scored, and what stood in the place of an ablated one.

    of  what has scores: edges or components
    """
    name, settings = provenance.method, _settings(provenance.settings)
    method, ablation = METHODS.get(name), provenance.ablation.partition("(")[0]
    told = "" if method is None else f"{cite(method.cites)}: {method.summary}"
    yield f"{of} were scored by `{name}`{told}{settings}. {_SCORES_ARE.get(str(provenance.scores_are), '')}".rstrip()
    if ablation in ABLATIONS:
        known = ABLATIONS[ablation]
        yield f"Ablation was `{provenance.ablation}`{cite(known.cites)}: {known.summary}."


def cited_by(config: RunConfig, provenance: Provenance) -> Iterator[Citation]:
    """The papers that the sentences above cite."""
    task, method, ablation = task_of(config), METHODS.get(provenance.method), provenance.ablation.partition("(")[0]
    for cites in (task, method, ABLATIONS.get(ablation)):
        if cites is not None:
            yield from cites.cites


def task_of(config: RunConfig) -> Any:
    """The class of a run's task; None for a prompt file, and for the task of a package that is not installed."""
    return TASKS.get(config.task) or IMAGE_TASKS.get(config.task)


def halves_sentence(summary: Mapping[str, Any], chosen: str) -> str:
    """Which prompts chose, and which judged."""
    n, choosing = summary["n_prompts"], summary["n_choosing"]
    if summary["judged_on"] == "same":
        return f"The same {n} prompts of `{summary['task']}` chose {chosen} and judged it."
    return (
        f"{choosing} of the {n} prompts of `{summary['task']}` chose {chosen}, and the {n - choosing} others judged it."
    )


def software_sentence(versions: Mapping[str, str]) -> str:
    """The packages, with their versions."""
    return f"Computed with {', '.join(f'{name} {version}' for name, version in versions.items())}."


def _share(values: Mapping[str, Any], name: str) -> str:
    low, high = values[f"{name}_interval"] or (None, None)
    return number(values[name], low, high)


def _settings(settings: Mapping[str, Any]) -> str:
    shown = ", ".join(f"`{name}={value}`" for name, value in settings.items() if value is not None)
    return f", with {shown}" if shown else ""


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
