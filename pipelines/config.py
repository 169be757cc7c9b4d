"""What a run computes (`RunConfig`) and where it runs (`Execution`); read from options and from a YAML file.

The two are separate because results depend on the first only: the same RunConfig gives the same bytes on any
`Execution`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from circuits.naming import unknown
from circuits.reference import BUNDLED

DEFAULT_PROMPTS = 64
IMAGE_PATHS = ("images", "annotations")


class RunConfig(BaseModel):
    """Everything that decides the result of a run."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str = Field(description="a task by name, or a prompt file (.jsonl)")
    corruption: str | None = Field(
        None, description="how the task corrupts its prompts; None is the task's own default"
    )
    model: str = Field(default="reference", description="bundled name, Hugging Face id or local directory")
    dtype: Literal["float32", "bfloat16"] = Field(default="float32", description="precision the model runs in")
    method: str = Field(default="eap", description="how components or edges are scored")
    settings: dict[str, Any] = Field(default_factory=dict, description="settings of the method")
    metric: str = Field(default="logit-difference", description="what is measured in the logits")
    ablation: str = Field(default="corrupt", description="what an ablated component outputs")
    noise: float | None = Field(
        default=None,
        gt=0,
        description="with ablation noise or image-noise: noise level, in standard deviations of embeddings or pixels",
    )
    noise_at: str | None = Field(default=None, description="with ablation noise: role whose embeddings get it")
    schedule: Literal["additive", "diffusion"] | None = Field(
        default=None, description="with ablation image-noise: whether noise is added, or pixels keep their variance"
    )
    images: Path | None = Field(default=None, description="folder of the images that prompts ask about")
    annotations: Path | None = Field(default=None, description="where objects are in them (COCO's instances_*.json)")
    prompts: int | None = Field(
        default=None, ge=1, description=f"how many prompts; None is {DEFAULT_PROMPTS}, or all of a prompt file"
    )
    seed: int = Field(default=0, ge=0, description="seed for drawing the prompts")
    edges: int | None = Field(default=None, ge=1, description="keep the K highest edges")
    threshold: float | None = Field(
        default=None, ge=0, description="keep edges that score at least T, in the metric's units"
    )
    nodes: int | None = Field(default=None, ge=1, description="component methods: keep the N highest components")
    position: str | None = Field(default=None, description="component methods: read scores at this role or position")
    greedy: bool = Field(
        default=False, description="grow the circuit from the output instead of taking the highest edges"
    )
    signed: bool = Field(default=False, description="rank by signed score instead of magnitude: supporting parts only")
    tolerance: float = Field(
        default=0.15,
        gt=0,
        description="with neither edges nor threshold: keep the smallest circuit whose faithfulness is 1 +- this",
    )
    curve: bool = Field(default=False, description="also measure faithfulness at the MIB budgets (CPR, CMD)")
    prompts_per_job: int = Field(default=16, ge=1, description="prompts per unit of work: the most that a crash loses")

    @property
    def prompt_file(self) -> Path | None:
        """The prompt file, if `task` is one and not the name of a task."""
        path = Path(self.task)
        return path if path.suffix == ".jsonl" or "/" in self.task or path.is_file() else None


class Execution(BaseModel):
    """Where a run is computed and kept; results do not depend on it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    out: Path = Field(default=Path("runs"), description="folder of the run store")
    workers: int | None = Field(default=None, ge=1, description="run on this many local processes")
    scheduler: str | None = Field(default=None, description="run on the Dask cluster at this address")
    gpus: bool = Field(default=False, description="run on one local process per visible GPU")
    device: str = Field(default="cpu", description="cpu, cuda, cuda:1, ...")

    @model_validator(mode="after")
    def _has_one_place(self) -> Execution:
        given = [name for name in ("workers", "scheduler", "gpus") if getattr(self, name)]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are different places to run: give one of them.")
        return self


class Settings(NamedTuple):
    """What to run, and where."""

    run: RunConfig
    execution: Execution


def read_yaml(path: Path, config: type[RunConfig] = RunConfig) -> dict[str, Any]:
    """The settings in a YAML file, flat, as `settings_from` takes them; those of `config` and `Execution`."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"cannot read the settings file {path}: {error}") from None
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {error}") from None
    if not isinstance(content, dict) or not all(isinstance(key, str) for key in content):
        raise ValueError(f"{path} holds {type(content).__name__}, expected lines such as 'method: eap'.")
    values = {key.replace("-", "_"): value for key, value in content.items()}
    try:
        require_known(values, config)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    return values


def settings_from(values: Mapping[str, Any]) -> Settings:
    """Checked settings from flat values (`task`, `method`, `workers`, ...); what is left out gets its default.

    Raises a ValueError that names the known key nearest to an unknown one, or the value that does not fit.
    """
    require_known(values)
    if values.get("task") is None:
        raise ValueError("no task is given. Name a task (`circuits tasks` lists them) or a prompt file, such as 'ioi'.")
    run = {key: value for key, value in values.items() if key in RunConfig.model_fields}
    execution = {key: value for key, value in values.items() if key in Execution.model_fields}
    try:
        return Settings(run=RunConfig(**run), execution=Execution(**execution))
    except ValidationError as error:
        raise ValueError(validation_message(error)) from None


def execution_from(values: Mapping[str, Any]) -> Execution:
    """Checked settings of where to compute; ValueErrors as in `settings_from`."""
    for key in values:
        if key not in Execution.model_fields:
            raise ValueError(unknown(key, Execution.model_fields, "setting"))
    try:
        return Execution(**values)
    except ValidationError as error:
        raise ValueError(validation_message(error)) from None


def as_yaml(config: RunConfig) -> str:
    """The YAML file of a run: `read_yaml` reads it back."""
    return yaml.safe_dump(config.model_dump(mode="json", exclude_none=True), sort_keys=False, allow_unicode=True)


def with_absolute_paths(config: RunConfig) -> RunConfig:
    """The same settings with absolute paths, so that they can be reused from another folder."""
    task = str(config.prompt_file.absolute()) if config.prompt_file else config.task
    is_folder = config.model not in BUNDLED and Path(config.model).is_dir()
    model = str(Path(config.model).absolute()) if is_folder else config.model
    settings = dict(config.settings)
    if settings.get("autoencoder") is not None:
        settings["autoencoder"] = str(Path(settings["autoencoder"]).absolute())
    absolute = {name: None if (path := getattr(config, name)) is None else path.absolute() for name in IMAGE_PATHS}
    return config.model_copy(update={"task": task, "model": model, "settings": settings, **absolute})


def parse_assignments(assignments: list[str]) -> dict[str, Any]:
    """Method settings given as `key=value`; values are read as YAML, so that `5`, `0.1`, `true` and `[a, b]` work."""
    settings: dict[str, Any] = {}
    for assignment in assignments:
        key, equals, value = assignment.partition("=")
        if not equals or not key:
            raise ValueError(f"--set got {assignment!r}, expected KEY=VALUE, such as --set steps=5.")
        try:
            settings[key.strip().replace("-", "_")] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ValueError(f"--set {key}: {value!r} cannot be read: {error}") from None
    return settings


def require_known(values: Mapping[str, Any], config: type[RunConfig] = RunConfig) -> None:
    """Raise a ValueError, with the nearest known name, if a setting belongs to neither `config` nor `Execution`."""
    known = [*config.model_fields, *Execution.model_fields]
    for key in values:
        if key not in known:
            raise ValueError(unknown(key, known, "setting"))


def validation_message(error: ValidationError) -> str:
    """What is wrong with which setting, one per line."""
    faults = []
    for fault in error.errors():
        where = ".".join(str(part) for part in fault["loc"])
        message = fault["msg"].removeprefix("Value error, ")
        faults.append(f"{where} is {fault['input']!r}: {message}." if where else message)
    return "\n".join(faults)
