"""What functions of `pipelines` take by keyword, for type checkers: written by `make keywords`.

A setting and its default are in `settings.py` of the command concerned; `help()` of a function shows both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Required, TypedDict

if TYPE_CHECKING:
    import pandas as pd
    from torch import nn

    from circuits import Model, PromptSet, ReadablePrompts
    from pipelines.runs.run import Run

    AnyModel = str | Path | Model | nn.Module
    AnyRun = str | Path | Run
    AnyTask = str | Path | PromptSet | ReadablePrompts | Sequence[Mapping[str, Any] | Sequence[Any]] | pd.DataFrame


class ExecutionKeywords(TypedDict, total=False):
    out: str | Path
    workers: int | None
    scheduler: str | None
    scheduler_tls: Mapping[str, str | Path]
    gpus: bool
    data: Literal["shared", "scheduler"]
    wait_for_workers: int
    device: str


class PromptKeywords(TypedDict, total=False):
    model: AnyModel
    prompts: int | None
    seed: int
    corruption: str | None
    held_out: bool
    task_settings: Mapping[str, Any]
    solved: bool
    images: str | Path | None
    annotations: str | Path | None
    dtype: Literal["float32", "bfloat16"]
    prompts_per_job: int | None


class RunKeywords(PromptKeywords, total=False):
    method: str
    settings: Mapping[str, Any]
    metric: str
    ablation: str
    ablation_settings: Mapping[str, Any]
    noise: float | None
    noise_at: str | None
    schedule: str | None


class AddConceptKeywords(PromptKeywords, ExecutionKeywords, total=False):
    layer: Required[int]
    at: str
    read: str | None
    strengths: float | str | Sequence[float]
    concept: str | None
    baseline: str | None
    random: int
    generate: int
    metric: str


class AlignHeadsKeywords(TypedDict, total=False):
    seed: int
    folder: str | Path | None
    out: str | Path


class AttentionKeywords(PromptKeywords, ExecutionKeywords, total=False):
    heads: Required[Sequence[str]]
    prompt: int
    row: str


class ClusterKeywords(ExecutionKeywords, total=False):
    share: float
    strength: float
    most: int
    seed: int


class CompareKeywords(ExecutionKeywords, total=False):
    overlap_only: bool
    draws: int
    seed: int
    folder: str | Path | None
    across_models: bool


class ComparePublishedKeywords(TypedDict, total=False):
    folder: str | Path | None
    out: str | Path


class DiscoverKeywords(RunKeywords, ExecutionKeywords, total=False):
    name: str | None
    edges: int | None
    threshold: float | None
    tolerance: float
    nodes: int | None
    position: str | None
    selection: str | None
    selection_settings: Mapping[str, Any]
    greedy: bool
    signed: bool
    ranking: Literal["signed", "absolute"] | None
    judge_on: Literal["held-out", "same"] | None
    curve: bool
    minimal: bool
    minimal_rule: Literal["mean", "per-prompt"]
    minimal_runs: int
    minimal_others: int


class EditHeadsKeywords(PromptKeywords, ExecutionKeywords, total=False):
    metric: str
    random: int
    heads: Sequence[str]
    edit: str | Sequence[str]


class EffectsKeywords(PromptKeywords, ExecutionKeywords, total=False):
    metric: str
    ablation: str
    ablation_settings: Mapping[str, Any]
    options: str
    correct: str


class EvaluateKeywords(ExecutionKeywords, total=False):
    random: int
    knockouts: int
    resamples: int
    thorough: bool
    hypotheses: int
    random_curve: int
    seed: int
    folder: str | Path | None


class ExplainCodesKeywords(ExecutionKeywords, total=False):
    trial: int
    heads: int | None
    folder: str | Path | None


class InfluenceKeywords(ExecutionKeywords, total=False):
    model: AnyModel
    heads: str | None
    circuit: AnyRun | None
    edit: str | Sequence[str]
    random: int
    tokens: int | None
    profile_task: str | None
    task_settings: Mapping[str, Any]
    profile_prompts: int
    seed: int
    dtype: Literal["float32", "bfloat16"]
    prompts_per_job: int


class InterveneKeywords(ExecutionKeywords, total=False):
    questions: int
    validation: int
    lambda_attention: float | None
    lambda_mlp: float | None
    k1: int
    k2: int
    chosen_by: str
    max_accuracy_drop: float
    random: int
    ablations: bool
    captions: int
    synonyms: str | Path | None
    max_new_tokens: int
    repeats: int
    folder: str | Path | None


class LabelHeadsKeywords(ExecutionKeywords, total=False):
    rules: str | Sequence[str]
    right: str | None
    wrong: str | None
    level: float


class MeasureOrdersKeywords(ExecutionKeywords, total=False):
    model: AnyModel
    questions: int
    metric: str
    seed: int
    held_out: bool
    task_settings: Mapping[str, Any]
    dtype: Literal["float32", "bfloat16"]
    prompts_per_job: int


class MeasureTasksKeywords(ExecutionKeywords, total=False):
    prompts: int
    seed: int
    dtype: Literal["float32", "bfloat16"]
    details: bool


class ProfileKeywords(PromptKeywords, ExecutionKeywords, total=False):
    profiles: str | Sequence[str]
    contrast: str | Sequence[str]


class RankCurveKeywords(PromptKeywords, ExecutionKeywords, total=False):
    heads: Required[Sequence[str]]
    key: str
    query: str
    sides: Literal["query", "key", "value"] | str | Sequence[Literal["query", "key", "value"]]
    ranks: int | str | Sequence[int]
    random: int
    metric: str


class ReadsKeywords(PromptKeywords, ExecutionKeywords, total=False):
    heads: Required[Sequence[str]]
    key: Required[str]
    query: str
    minus: str | None
    pairs: int


class RepairKeywords(PromptKeywords, ExecutionKeywords, total=False):
    metric: str
    random: int
    heads: Sequence[str]
    edit: str | Sequence[str]
    like: AnyRun | None
    find: Literal["behavior", "effect"]
    candidates: int
    most: int
    least: float
    movers: int
    right: str | None
    wrong: str | None
    like_right: str | None
    like_wrong: str | None


class ReportReuseKeywords(TypedDict, total=False):
    repair: str | Path | None
    folder: str | Path | None
    out: str | Path


class ReproduceReuseKeywords(ExecutionKeywords, total=False):
    prompts: int
    top: float
    control: bool
    between: bool
    seed: int
    dtype: Literal["float32", "bfloat16"]
    prompts_per_job: int
    folder: str | Path | None


class StudyKeywords(RunKeywords, ExecutionKeywords, total=False):
    position: str | None
    folder: str | Path | None


class TraceKeywords(RunKeywords, ExecutionKeywords, total=False):
    name: str | None
    position: str | None
    min_recovery: float
    min_gap: float
    draw_images: int


class TryRemedyKeywords(PromptKeywords, ExecutionKeywords, total=False):
    metric: str
    random: int
    sizes: Sequence[int]
    gain: Literal["metric", "accuracy"]
    find: Literal["exact", "estimate"]
    by: str
    edit: str
    gammas: Sequence[float]
    up: float
    down: float
    betas: Sequence[float]
    over: float
    on: str
    tau: float
    factor: float
    settings: Mapping[str, Any]


class WriteReportKeywords(TypedDict, total=False):
    to: str
    numbers: str
    title: str | None
    folder: str | Path | None
    out: str | Path
