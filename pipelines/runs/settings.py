"""What a run computes (`RunConfig`) and where it runs (`Execution`); read from options and from a YAML file.

The two are separate because results depend on the first only: the same RunConfig gives the same bytes on any
`Execution`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

DEFAULT_PROMPTS = 64
IMAGE_PATHS = ("images", "annotations")
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


def require_current_names(names: Iterable[str], known: Collection[str]) -> None:
    """Raise a ValueError that gives the new name where a setting is called as it was in version 0.1."""
    for name in names:
        if name not in known and RENAMED.get(name) in known:
            raise ValueError(f"setting {name!r} is now called {RENAMED[name]!r}.")


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
