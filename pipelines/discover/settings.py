"""Settings of `circuits discover`."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from pipelines.runs.settings import CIRCUIT_SETTINGS, MOST, MOST_PARTS, NamedRunConfig

# With fewer prompts, a half is too few to choose a circuit on or to judge it.
FEWEST_TO_SPLIT = 16
RANKINGS = {"signed": "by signed score", "absolute": "by magnitude"}
"""The ways to rank edges and components, in words."""


class DiscoverSettings(NamedRunConfig):
    """Find the circuit of a task: measure, select, and check how faithful the circuit is.

    Repeating the command computes nothing new; after an interruption it resumes where it stopped.

    >>> from pipelines.discover.settings import DiscoverSettings
    >>> settings = DiscoverSettings(task="ioi", prompts=16, edges=40, ranking="signed")
    >>> settings.ranked_by, settings.splits(16)  # half of the prompts choose
    ('signed', True)
    """

    edges: int | None = Field(default=None, ge=1, le=MOST_PARTS, description="Keep N edges, grown along paths.")
    threshold: float | None = Field(
        default=None, ge=0, description="Keep what scores at least X, in the metric's units."
    )
    tolerance: float = Field(
        default=CIRCUIT_SETTINGS["tolerance"],
        gt=0,
        lt=1,
        description="Without --edges and --threshold: the smallest circuit as faithful as 1 minus this, or more.",
    )
    nodes: int | None = Field(
        default=None,
        ge=1,
        le=MOST_PARTS,
        description="Methods of heads and MLPs, and estimates of edges: keep the N highest. [the fewest faithful]",
    )
    position: str | None = Field(
        default=None, description="Methods of heads and MLPs: read scores at this role or position."
    )
    selection: str | None = Field(
        default=None, description="The rule that chooses the circuit (`circuits selections`). [grown, along paths]"
    )
    selection_settings: dict[str, Any] = Field(
        default_factory=dict,
        description="A setting of the rule, KEY=VALUE; repeat for more (`circuits selections NAME`).",
        json_schema_extra={"option": "--selection-set"},
    )
    greedy: bool = Field(default=False, description="Grow the circuit from the output, as EAP-IG does.")
    signed: bool = Field(default=False, description="The same as --ranking signed.")
    ranking: Literal["signed", "absolute"] | None = Field(
        default=None,
        description="Rank by signed score, or by magnitude. [the one that does better on the choosing prompts]",
    )
    judge_on: Literal["held-out", "same"] | None = Field(
        default=None,
        description="Judge the circuit on the half of the prompts that did not choose it, or on those that did. "
        f"[held-out from {FEWEST_TO_SPLIT} prompts on]",
    )
    curve: bool = Field(default=False, description="Also the faithfulness curve (CPR, CMD).")
    minimal: bool = Field(default=False, description="Drop edges until none can go alone, with a certificate.")
    minimal_rule: Literal["mean", "per-prompt"] = Field(
        default="mean",
        description="--minimal: what --tolerance bounds, mean faithfulness or how far each prompt's metric moves.",
    )
    minimal_runs: int = Field(
        default=2000, ge=1, le=MOST, description="--minimal: circuits run to find and certify it, at most."
    )
    minimal_others: int = Field(
        default=200, ge=0, le=MOST, description="--minimal: circuits run to find others as small, at most."
    )

    @model_validator(mode="after")
    def _minimizes_where_asked(self) -> DiscoverSettings:
        names = ("minimal_rule", "minimal_runs", "minimal_others")
        given = [name for name in names if getattr(self, name) != type(self).model_fields[name].default]
        if given and not self.minimal:
            raise ValueError(
                f"{' and '.join(given)} say how to minimize a circuit: give minimal too, or leave them out."
            )
        return self

    @property
    def ranked_by(self) -> str | None:
        """The ranking that was asked for. ValueError where two were."""
        if self.signed and self.ranking == "absolute":
            raise ValueError("signed and ranking=absolute are two rankings: give one of them.")
        return "signed" if self.signed else self.ranking

    def splits(self, n_prompts: int) -> bool:
        """Whether one half of the prompts chooses the circuit and the other judges it."""
        if self.judge_on == "held-out" and n_prompts < 2:
            raise ValueError("judge_on is held-out, and there is 1 prompt: give 2 or more, or judge_on=same.")
        return n_prompts >= FEWEST_TO_SPLIT if self.judge_on is None else self.judge_on == "held-out"
