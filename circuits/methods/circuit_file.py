"""The circuit in a file of EAP-IG or the MIB benchmark (`circuits.mib_file`), to be judged and compared as a run."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from circuits.ablations import Ablation
from circuits.data.prompts import PromptSet
from circuits.files import read_bytes
from circuits.methods.base import Method, path_setting
from circuits.methods.registry import register
from circuits.methods.stages import MethodStage, Results, StageInputs
from circuits.metrics import Metric
from circuits.mib_file import MibCircuit, read_mib
from circuits.result import Result
from circuits.scores import EdgeScores

if TYPE_CHECKING:
    from circuits.model.load import Model


def _fingerprint(path: str) -> str:
    """The hash of a file that holds a circuit."""
    read_mib(path)
    return hashlib.sha256(read_bytes(Path(path))).hexdigest()


def _read(file: str | None, *, whole: bool) -> MibCircuit:
    """The circuit in a file; with `whole` its scores alone, which do not depend on what is in its circuit."""
    if file is None:
        raise ValueError("circuit-file reads a circuit from a file, and none is given: --set file=CIRCUIT.json.")
    circuit = read_mib(file)
    if not whole:
        circuit.require_edges()
        return circuit
    if not circuit.measured.any():
        raise ValueError(f"{file} has no scores of edges: leave out whole, and its circuit is read.")
    return replace(circuit, in_circuit=np.zeros_like(circuit.in_circuit))


def read_circuit_file(inputs: StageInputs) -> Result:
    """The scores of a file and its circuit [edge], on the wiring of the model. ValueError for another model's."""
    settings = inputs.settings
    circuit = _read(settings["file"], whole=settings["whole"])
    own = circuit.on(inputs.model().wiring, any_of_group=settings["any_of_group"])
    # What is not in the circuit counts as not measured, so that no rule takes it in.
    measured = own.measured if settings["whole"] else own.in_circuit
    return Result({}, {"scores": np.where(measured, own.scores, 0).astype(np.float32), "measured": measured})


READ = MethodStage("circuit-file", 1, read_circuit_file)


@register
@dataclass(frozen=True)
class CircuitFile(Method):
    """Read the scores of edges from a file of EAP-IG or MIB; runs no model, and all prompts have the same scores.

    By default only the edges of the file's circuit are read, and all of them are the circuit (but those on no path).
    With `whole`, the scores of all edges are read, and a circuit is chosen by them as for other methods. Scores keep
    the sign that they have in the file: EAP-IG's are those of a loss where it was given one. An edge of the circuit
    without a score scores 0.

    file          the JSON file
    whole         read the scores of all edges, not the circuit of the file
    any_of_group  where heads share keys and values, and the file has edges into those of single heads: an edge is in
                  the circuit where it is for any of its heads. Else they have to agree
    """

    name = "circuit-file"
    summary = "the circuit in a file of EAP-IG or MIB, or the scores in it; runs no model"
    scores_are = "given"
    result = "edges"
    is_shared_across_prompts = True
    in_metric_units = False
    scored_in = ("file-scores", 1)

    file: str | None = path_setting(_fingerprint)
    whole: bool = False
    any_of_group: bool = False

    @property
    def default_selection(self) -> Mapping[str, Any]:
        """All edges that are read: those of the file's circuit. ValueError where it has none."""
        _read(self.file, whole=self.whole)
        return {} if self.whole else {"threshold": 0.0, "ranking": "absolute"}

    def score_stages(self) -> Sequence[MethodStage]:
        return (replace(READ, settings={name: getattr(self, name) for name in ("file", "whole", "any_of_group")}),)

    def scores_from(
        self, results: Results, model: Model, prompts: PromptSet, *, metric: Metric, ablation: Ablation
    ) -> EdgeScores:
        """The scores of the file [prompt, edge], the same for all prompts."""
        (read,) = results[READ.name]
        scores = np.tile(read.arrays["scores"], (len(prompts), 1))
        provenance = self.provenance(model, prompts, metric, ablation)
        return EdgeScores(model.wiring, scores, read.arrays["measured"], provenance)
