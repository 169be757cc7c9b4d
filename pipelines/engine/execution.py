"""Where jobs are computed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator

from circuits.lookup import unknown
from circuits.model.device_names import require_device_name
from circuits.type_faults import fault_text
from circuits.visible_text import value_text

DEFAULT_STORE = Path("runs")
_ADDRESS = re.compile(r"([a-z][a-z0-9+]*://)?[^\s/:]+(:[^\s/:]+)*:\d{1,5}/?|inproc://\S+", re.IGNORECASE)

TLS = ("ca", "cert", "key")


def require_named(settings: type[BaseModel], given: Any, field: ValidationInfo) -> Any:
    """The value of a field as it was given. ValueError for an empty text where a path belongs: it would be taken for
    the current folder, and comes of a variable that is not set."""
    if given == "" and Path in (of := settings.model_fields[field.field_name or ""].annotation, *get_args(of)):
        raise ValueError("an empty name is no file and no folder; the current folder is '.'")
    return given


def validation_message(error: ValidationError) -> str:
    """What is wrong with which setting, one per line."""
    faults = []
    for fault in error.errors():
        named = [part for part in fault["loc"] if not isinstance(part, int)]
        where = ".".join("a key" if " at 0x" in str(part) else str(part) for part in named)
        faults.append(_said(where, fault) if where else fault_text(fault))
    return "\n".join(faults)


def _said(where: str, fault: Mapping[str, Any]) -> str:
    if fault["type"] == "missing":
        return f"{where} is missing: it has to be given."
    says = "holds" if isinstance(fault["loc"][-1], int) else "is"
    sentence = f"{where} {says} {value_text(fault['input'])}: {fault_text(fault)}"
    return sentence if sentence.endswith((".", "?")) else f"{sentence}."


class Execution(BaseModel):
    """Where a run is computed and kept; results do not depend on it, but for the rounding of CPU and GPU.

    >>> from pipelines import Execution
    >>> Execution(out="elsewhere", workers=2).device
    'cpu'
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    out: Path = Field(
        default=DEFAULT_STORE,
        description="Store: the folder that keeps runs and results.",
        json_schema_extra={"option": "--runs"},
    )
    workers: int | None = Field(default=None, ge=1, le=1024, description="Run on N processes of this computer.")
    scheduler: str | None = Field(default=None, description="Run on the Dask cluster at this address.")
    scheduler_tls: dict[str, Path] = Field(
        default_factory=dict,
        description="Of a tls:// scheduler, the files ca, cert and key (PEM): KEY=FILE, once for each.",
    )
    gpus: bool = Field(default=False, description="Run one process per visible GPU.")
    data: Literal["shared", "scheduler"] = Field(
        default="shared",
        description="How results reach workers and come back: shared (they see the store's folder) or scheduler.",
    )
    wait_for_workers: int = Field(
        default=20, ge=0, le=86400, description="Seconds without any worker after which a run on a cluster ends."
    )
    device: str = Field(default="cpu", description="Where the model runs: cpu, cuda, cuda:1, ...")

    def __init__(self, **given: Any) -> None:
        if wrong := [name for name in given if name not in type(self).model_fields]:
            raise ValueError(unknown(wrong[0], type(self).model_fields, "setting of Execution"))
        try:
            super().__init__(**given)
        except ValidationError as error:
            raise ValueError(validation_message(error)) from None

    @field_validator("*", mode="before")
    @classmethod
    def _is_named(cls, given: Any, field: ValidationInfo) -> Any:
        return require_named(cls, given, field)

    @field_validator("device")
    @classmethod
    def _is_device(cls, given: str) -> str:
        """Whether there is such a device here is asked by what computes: a finished run is read anywhere."""
        require_device_name(given)
        return given

    @field_validator("scheduler")
    @classmethod
    def _is_address(cls, given: str | None) -> str | None:
        if given is not None and not _ADDRESS.fullmatch(given):
            raise ValueError(f"{given!r} is no address; they look like 'tcp://host:8786'")
        return given

    @field_validator("scheduler_tls")
    @classmethod
    def _is_whole(cls, given: dict[str, Path]) -> dict[str, Path]:
        if given and set(given) != set(TLS):
            raise ValueError(f"has {', '.join(sorted(given))}; a cluster with TLS needs {', '.join(TLS)}, and no more")
        for name, path in given.items():
            if not path.is_file():
                raise ValueError(f"{name}: there is no file {path}")
        return given

    @model_validator(mode="after")
    def _has_address_for_tls(self) -> Execution:
        if self.scheduler_tls and not (self.scheduler or "").startswith("tls://"):
            raise ValueError(
                f"scheduler_tls is given, and scheduler is {self.scheduler}: it goes with an address that begins with tls://."
            )
        return self

    @model_validator(mode="after")
    def _has_use_for_all(self) -> Execution:
        if self.data == "scheduler" and self.scheduler is None:
            raise ValueError(
                "data is scheduler, and no scheduler is given: results travel through that of a cluster. Give its "
                "address (scheduler), or leave out data."
            )
        if "wait_for_workers" in self.model_fields_set and self._is_here:
            raise ValueError(
                "wait_for_workers is given, and no workers are asked for: give workers, gpus or scheduler, or leave it "
                "out."
            )
        return self

    @property
    def _is_here(self) -> bool:
        """Whether this process computes."""
        return self.scheduler is None and self.workers is None and not self.gpus

    @model_validator(mode="after")
    def _has_one_place(self) -> Execution:
        given = [name for name in ("workers", "scheduler", "gpus") if getattr(self, name) not in (None, False)]
        if len(given) > 1:
            raise ValueError(f"{' and '.join(given)} are different places to run: give one of them.")
        return self
