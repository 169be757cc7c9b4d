"""Settings of commands: prompts (`PromptSettings`), what every run has (`RunConfig`), and their names in version 0.1.

A setting is written once, as a pydantic field: its description is the help of its option, and its default the
option's. `json_schema_extra` says what the command line needs beside that (`pipelines.runs.options`). Where results
are computed is no setting but `Execution`: the same settings give the same bytes on any.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from circuits.data import templates
from circuits.data.records import FORMATS
from pipelines.engine.execution import require_named

DEFAULT_PROMPTS = 64
# Of files that hold prompts, or a template of them.
PROMPT_ENDINGS = (*FORMATS, *templates.ENDINGS)
# The most of anything that is drawn or run one by one: plans list such work, so that more would fill the memory.
MOST = 1_000_000
MOST_PARTS = 1_000_000_000  # edges and nodes of the largest models
LARGEST_SEED = 2**32 - 1  # that all generators of random numbers take
IMAGE_PATHS = ("images", "annotations")
LONGEST_RUN_NAME = 100
_RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_TAKEN_NAMES = ("jobs",)  # also where a file system takes capitals for the same letters
# What settings were called in version 0.1: records of such runs are read; new settings are refused.
RENAMED = {
    "parts": "kinds",
    "place": "position",
    "floor": "min_gap",
    "share": "min_recovery",
    "shown": "draw_images",
    "longest": "max_new_tokens",
    "most_lost": "max_accuracy_drop",
}
# Shorter names of settings of ablations.
ABLATION_ALIASES = {"noise": "sigma", "noise_at": "at", "schedule": "schedule"}
# Settings that choose or judge a circuit, with their defaults: in version 0.1 every run had them.
CIRCUIT_SETTINGS: Mapping[str, Any] = {
    **dict.fromkeys(("edges", "threshold", "nodes", "ranking", "judge_on")),
    **dict.fromkeys(("greedy", "signed", "curve"), False),
    "tolerance": 0.15,
    "selection_settings": {},
}


def require_current_names(names: Iterable[str], known: Collection[str]) -> None:
    """Raise a ValueError that gives the new name where a setting is called as it was in version 0.1."""
    for name in names:
        if name not in known and RENAMED.get(name) in known:
            raise ValueError(f"setting {name!r} is now called {RENAMED[name]!r}.")


def truth_value_as_number(given: Any, made: Any) -> bool | None:
    """A truth value that was given and became a number, such as `true` for how many prompts; None where none did."""
    if isinstance(given, bool):
        return given if type(made) in (int, float) else None
    if isinstance(given, list | tuple) and isinstance(made, list | tuple) and len(given) == len(made):
        found = (truth_value_as_number(*pair) for pair in zip(given, made, strict=True))
        return next((one for one in found if one is not None), None)
    return None


def names_in(value: Any) -> Any:
    """Names with commas between them, or several such texts, as one tuple without repeats; anything else as it is."""
    given = [value] if isinstance(value, str) else value
    if not isinstance(given, list | tuple):
        return value
    if any(not str(one).strip(" ,") for one in given):
        raise ValueError("it is empty, and names nothing. Leave it out, or name something.")
    return tuple(dict.fromkeys(name.strip() for one in given for name in str(one).split(",") if name.strip()))


def numbers_in(value: Any) -> Any:
    """Numbers with commas between them, or several, as one tuple of texts without repeats."""
    return names_in([value] if isinstance(value, int | float) else value)


class CommandSettings(BaseModel):
    """What a command is asked for. The docstring of a subclass is the help of its command.

    is_computed   whether the command computes jobs, and so takes the options of `Execution`
    paper_tables  the tables for papers that it prints with --to, the usual one first; a report may have fewer
    """

    # JSON, in which jobs and results are kept, has no infinity.
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    is_computed: ClassVar[bool] = True
    paper_tables: ClassVar[tuple[str, ...]] = ()

    @field_validator("*", mode="before")
    @classmethod
    def _is_named(cls, given: Any, field: ValidationInfo) -> Any:
        return require_named(cls, given, field)

    @field_validator("*", mode="before")
    @classmethod
    def _is_text(cls, given: Any) -> Any:
        if isinstance(given, str | Path):
            try:
                str(given).encode()
            except UnicodeEncodeError:
                raise ValueError(
                    "it holds bytes that are no text in UTF-8, which no result could name. Give the file, or the "
                    "folder, another name"
                ) from None
        return given

    @classmethod
    def known(cls) -> tuple[str, ...]:
        """Names of all settings, those that stand for another one included."""
        return tuple(cls.model_fields)


class PromptSettings(CommandSettings):
    """Which prompts, and the model that runs them: what every command on the prompts of a task is asked for.

    reads_texts  whether the command takes files of texts, which have no answers and no corrupt side
    """

    reads_texts: ClassVar[bool] = False
    task: str = Field(
        description="A task (`circuits tasks`), a prompt file (.jsonl, .json, .csv, .tsv) or a template (.yaml).",
        json_schema_extra={"argument": True},
    )
    model: str = Field(default="reference", description="Name (`circuits models`), Hugging Face id or folder.")
    prompts: int | None = Field(
        default=None, ge=1, le=MOST, description=f"How many prompts. [{DEFAULT_PROMPTS}; all of a file]"
    )
    seed: int = Field(default=0, ge=0, le=LARGEST_SEED, description="Seed for drawing the prompts.")
    corruption: str | None = Field(default=None, description="How prompts are corrupted (`circuits tasks`).")
    held_out: bool = Field(default=False, description="Prompts in the wordings that the task holds out.")
    task_settings: dict[str, Any] = Field(
        default_factory=dict,
        description="A setting of the task, KEY=VALUE, such as cue=16; repeat for more (`circuits tasks --details`).",
        json_schema_extra={"option": "--task-set"},
    )
    solved: bool = Field(
        default=False, description="Only prompts that the model answers correctly, drawn until there are enough."
    )
    images: Path | None = Field(default=None, description="Folder of the images that prompts ask about.")
    annotations: Path | None = Field(
        default=None, description="Where the objects are in the images: COCO's instances_*.json."
    )
    dtype: Literal["float32", "bfloat16"] = Field(
        default="float32", description="Number format of the model: float32 or bfloat16."
    )
    prompts_per_job: int | None = Field(
        default=None,
        ge=1,
        le=MOST,
        description="Prompts per unit of work: the most that a crash loses. [16; more of many on a small model]",
    )

    @property
    def prompt_file(self) -> Path | None:
        """The prompt file, if `task` is one and not the name of a task."""
        path = Path(self.task)
        return path if path.suffix.lower() in PROMPT_ENDINGS or "/" in self.task or path.is_file() else None

    @property
    def is_drawn(self) -> bool:
        """Whether prompts are drawn from a seed: those of a task, or of a template."""
        return self.prompt_file is None or self.prompt_file.suffix.lower() in templates.ENDINGS


class RunConfig(PromptSettings):
    """Everything that decides the result of a run, of whichever command.

    >>> from pipelines import RunConfig
    >>> config = RunConfig(task="ioi", model="reference", prompts=16, method="eap")
    >>> config.method, config.metric, config.ablation
    ('eap', 'logit-difference', 'corrupt')
    """

    method: str = Field(default="eap-ig", description="How heads, MLPs or edges are scored (`circuits methods`).")
    settings: dict[str, Any] = Field(
        default_factory=dict,
        description="A setting of the method, KEY=VALUE; repeat for more (`circuits methods NAME`).",
        json_schema_extra={"option": "--set"},
    )
    metric: str = Field(default="logit-difference", description="What is read from the logits (`circuits methods`).")
    ablation: str = Field(default="corrupt", description="What replaces ablated activations (`circuits methods`).")
    ablation_settings: dict[str, Any] = Field(
        default_factory=dict,
        description="A setting of the ablation, KEY=VALUE, such as sigma=3 for noise; repeat for more.",
        json_schema_extra={"option": "--ablation-set"},
    )

    @model_validator(mode="before")
    @classmethod
    def _as_named_today(cls, values: Any) -> Any:
        return cls.without_circuit_settings(with_ablation_settings(values)) if isinstance(values, Mapping) else values

    @classmethod
    def known(cls) -> tuple[str, ...]:
        return (*cls.model_fields, *ABLATION_ALIASES)

    @classmethod
    def without_circuit_settings(cls, values: Mapping[str, Any]) -> dict[str, Any]:
        """The settings without those that choose circuits, where this command has none; ValueError for one in use."""
        lacking = CIRCUIT_SETTINGS.keys() - cls.model_fields.keys()
        if used := [name for name in CIRCUIT_SETTINGS if name in lacking and differs(values, name)]:
            raise ValueError(cls.no_circuit(used))
        return {name: value for name, value in values.items() if name not in lacking}

    @classmethod
    def no_circuit(cls, used: Collection[str]) -> str:
        """Why this command takes no settings that choose or judge a circuit."""
        return f"{', '.join(used)} choose or judge a circuit, which this command does not: leave them out."


class NamedRunConfig(RunConfig):
    """The settings of a run that leaves a folder in the store, which can be given a name."""

    name: str | None = Field(
        default=None,
        description="What the run is called, and its folder. [from task, model, method and result]",
    )

    @property
    def called(self) -> str | None:
        """What titles, comparisons and pages call the run's prompts in place of their task: those of a file by the
        run's name, where it was given one."""
        return None if self.prompt_file is None else self.name

    @field_validator("name")
    @classmethod
    def _is_name(cls, given: str | None) -> str | None:
        if given is None:
            return None
        if not _RUN_NAME.fullmatch(given):
            raise ValueError("a run's name is made of letters, digits, '-' and '_', and begins with a letter or digit")
        if len(given) > LONGEST_RUN_NAME:
            raise ValueError(f"a run's name has at most {LONGEST_RUN_NAME} characters; this one has {len(given)}")
        if given.lower() in _TAKEN_NAMES:
            raise ValueError("the store keeps results of its own in a folder of that name: choose another one")
        return given


def differs(values: Mapping[str, Any], name: str) -> bool:
    """Whether a setting that chooses circuits is given and not at its default."""
    return name in values and values[name] not in (None, CIRCUIT_SETTINGS[name])


def with_ablation_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Settings in which `noise`, `noise_at` and `schedule` have become settings of the ablation."""
    current = {name: value for name, value in values.items() if name not in ABLATION_ALIASES}
    given = current.get("ablation_settings") or {}
    if not isinstance(given, Mapping):
        return current  # refused by its type
    of_ablation = dict(given)
    for name, key in ABLATION_ALIASES.items():
        if (value := values.get(name)) is None:
            continue
        if key in of_ablation and of_ablation[key] != value:
            raise ValueError(f"{name}={value} and the ablation's setting {key}={of_ablation[key]} are one: give one.")
        of_ablation[key] = value
    return current | ({"ablation_settings": of_ablation} if of_ablation else {})
