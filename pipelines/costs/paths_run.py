"""What path patching runs, as its settings say it or its stages find it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from circuits.data.prompts import END
from circuits.methods.path_stages import stages_from
from pipelines.costs.shape import Shape


def as_paths(shape: Shape, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of path patching that are those of the last of some stages. Which heads a stage reads is not known
    before: they are taken to lie half-way through the model and three quarters."""
    stage = stages_from(settings["lines"])[-1]
    layers = sorted({shape.n_layers // 2, 3 * shape.n_layers // 4})
    read = tuple(f"a{layer}.h0<{port}>" for layer in layers for _, port in stage.read_from)
    how = {name: settings[name] for name in ("between", "freeze_mlps")}
    return {"receivers": read or stage.into, "at": stage.at, **how}


def is_patched_everywhere(settings: Mapping[str, Any]) -> bool:
    """Whether path patching may run more than one position of a prompt: all but END."""
    reads_elsewhere = any(name.endswith(("<k>", "<v>")) for name in settings["receivers"])
    return settings["at"] != END and (settings["at"] is not None or reads_elsewhere)
