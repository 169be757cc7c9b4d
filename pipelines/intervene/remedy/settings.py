"""Settings of the commands that try a remedy: `circuits intervene mask-heads`, `zero-tuning`, `act`, `var`, ..."""

from __future__ import annotations

import re
from dataclasses import fields
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BeforeValidator, Field, model_validator

from pipelines.intervene.edited_task import MeasuredTaskSettings
from pipelines.runs.settings import numbers_in

_SIZES = re.compile(r"\d+(,\d+)*")


Numbers = Annotated[tuple[float, ...], BeforeValidator(numbers_in)]
Counts = Annotated[tuple[int, ...], BeforeValidator(numbers_in)]


class Named(NamedTuple):
    """A remedy by its name, and its settings as JSON values."""

    name: str
    settings: dict[str, Any]


class RemedySettings(MeasuredTaskSettings):
    """What every remedy is asked for."""

    paper_tables = ("effects", "choosing")

    sizes: Counts = Field(
        default=(1, 2, 4, 8, 16), description="How many heads, with commas between: the best of a ranking. [1,2,4,8,16]"
    )
    gain: Literal["metric", "accuracy"] = Field(default="metric", description="What choosing and the verdict go by.")

    find: Literal["exact", "estimate"] = Field(
        default="exact",
        description="How heads are tried alone: exact (edited one by one), or estimate (all from one gradient).",
    )

    @property
    def remedy(self) -> Named:
        """Which remedy. ValueError where it is not known or its settings do not fit."""
        raise NotImplementedError

    @model_validator(mode="after")
    def _fits(self) -> RemedySettings:
        if not self.sizes or min(self.sizes) < 1:
            raise ValueError("sizes are numbers of heads, at least 1 each.")
        if self.prompts is not None and self.prompts < 4:
            raise ValueError("half of the prompts choose and half judge: give at least 4.")
        if self.find == "estimate" and self.gain == "accuracy":
            raise ValueError("find=estimate estimates the metric, and no accuracy: leave gain=accuracy out.")
        _ = self.remedy
        return self


class AnyRemedySettings(RemedySettings):
    """Try a remedy by its name, also one of another package: edit (--set edit="scale END 2"), or any of the others.

    One half of the prompts chooses heads and strengths, the other half judges them: accuracy and metric beside those
    of other heads of the same layers, of all heads, and of the plain model. Writes remedy.json, remedy.csv and figures
    to a folder of the store. Repeating the command computes nothing new.
    """

    name: str = Field(default="edit", description="Which remedy.", json_schema_extra={"option": "--remedy"})
    settings: dict[str, Any] = Field(
        default_factory=dict,
        description="A setting of the remedy, KEY=VALUE; repeat for more.",
        json_schema_extra={"option": "--set"},
    )

    @property
    def remedy(self) -> Named:
        return checked(self.name, self.settings)


class MaskHeadsSettings(RemedySettings):
    """Mask the heads with the largest value of a profile, and measure what the task loses: the masking curve.

    PROFILE:K, such as induction:1,2,4, ranks the heads on one half of the prompts (circuits profiles; with settings
    attention:query=END:to=IO:1,4); the K first together are masked on the other half, beside as many other heads of the
    same layers, all heads, and none. Writes remedy.json, remedy.csv, the masking curve and a table as figures.
    Repeating the command computes nothing new.
    """

    by: str = Field(
        description="A profile and how many heads, PROFILE:K,K; without numbers, those of --sizes.",
        json_schema_extra={"argument": True, "metavar": "PROFILE:K"},
    )
    edit: str = Field(
        default="uniform all", description="How heads are masked, such as 'uniform all', 'zero all', 'knock-out END'."
    )

    @model_validator(mode="before")
    @classmethod
    def _with_sizes(cls, values: Any) -> Any:
        """Numbers behind the profile are sizes."""
        profile, is_split, last = str(values.get("by", "")).rpartition(":")
        if not is_split or not _SIZES.fullmatch(last):
            return values
        if "sizes" in values:
            raise ValueError(f"{values['by']} says how many heads, and so do sizes: give one of them.")
        return {**values, "by": profile, "sizes": last}

    @property
    def remedy(self) -> Named:
        from pipelines.profile.given import profile_from

        profile = profile_from(self.by)
        own = {"profile": profile.name, "profile_settings": dict(profile.settings), "edit": self.edit}
        return checked("mask-heads", own)


class ZeroTuningSettings(RemedySettings):
    """Scale the attention to the first token in the heads that this helps (ZeroTuning), and judge it on other prompts.

    On one half of the prompts each head alone is tried at a gamma above 1 and at one below, and the larger group of
    heads that gain is tried with all gammas on its side. The other half judges the best set and gamma beside other
    heads of the same layers, all heads, and none. Writes remedy.json, remedy.csv and a figure. Repeating the command
    computes nothing new.
    """

    gammas: Numbers = Field(
        default=(0.25, 0.5, 0.75, 1.5, 2.0, 4.0), description="Gammas, with commas between. [0.25 to 4]"
    )
    up: float = Field(default=2.0, description="Gamma above 1 that each head alone is tried at.")
    down: float = Field(default=0.5, description="Gamma below 1 that each head alone is tried at.")

    @property
    def remedy(self) -> Named:
        return checked("zero-tuning", {"gammas": self.gammas, "up": self.up, "down": self.down})


class ActSettings(RemedySettings):
    """Take attention from sinks other than the first token in the heads that this helps (ACT); judge on other prompts.

    On one half of the prompts each head of layers 2 to the last but one is tried alone, and those that gain together.
    The other half judges the best set beside other heads of the same layers, all heads, and none. Writes remedy.json,
    remedy.csv and a figure. Repeating the command computes nothing new.
    """

    betas: Numbers = Field(default=(0.4,), description="What attention to sinks is multiplied by. [0.4]")
    over: float = Field(
        default=0.1, ge=0, le=1, description="A token is a sink where its mean attention is above this."
    )

    @property
    def remedy(self) -> Named:
        return checked("act", {"betas": self.betas, "over": self.over})


class VarSettings(RemedySettings):
    """Take attention from massive tokens in heads that read an image (VAR), and judge it on other prompts.

    Massive tokens are those whose stream exceeds tau in a dimension that is massive at the first token. On one half of
    the prompts each head is tried alone, and those that gain together; the other half judges the best set beside other
    heads, none, and all heads, which is what the authors do. Writes remedy.json, remedy.csv and a figure. Repeating
    the command computes nothing new.
    """

    betas: Numbers = Field(default=(0.6,), description="What attention to sinks is multiplied by. [0.6]")
    on: str = Field(default="*visual", description="Roles of the image's tokens.")
    tau: float = Field(
        default=20.0, gt=0, description="A token is massive where its stream exceeds this (tau, see above)."
    )

    @property
    def remedy(self) -> Named:
        return checked("var", {"betas": self.betas, "on": self.on, "tau": self.tau})


class VhrSettings(RemedySettings):
    """Strengthen the heads that depend most on the picture (VHR), and judge it on other prompts.

    One half of the prompts ranks heads by how much their outputs change without the picture, and chooses among the
    rule's set and the K first; the other half judges them beside other heads of the same layers, all heads, and none.
    Writes remedy.json, remedy.csv and a figure. Repeating the command computes nothing new.
    """

    factor: float = Field(default=2.0, description="What their outputs are multiplied by.")

    @property
    def remedy(self) -> Named:
        return checked("vhr", {"factor": self.factor})


def checked(name: str, settings: dict[str, Any]) -> Named:
    """A remedy with all its settings as JSON values. ValueError where it is not known, or they do not fit it."""
    from circuits.lookup import lookup, unknown
    from circuits.remedies import REMEDIES
    from pipelines.runs.method_settings import made_of

    kind = lookup(REMEDIES, name, "remedy")
    known = [entry.name for entry in fields(kind)]
    if lacking := [key for key in settings if key not in known]:
        raise ValueError(unknown(lacking[0], known, f"setting of remedy {name}"))
    made = made_of(kind, settings, f"remedy {name!r}")
    return Named(
        name, {key: list(value) if isinstance(value, tuple) else value for key, value in made.settings.items()}
    )
