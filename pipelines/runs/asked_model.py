"""The model by the name that it was asked for, in the files of a run.

Results are kept by the content of a model. A folder with the same weights under another name finds them, with the name
of the model that they were computed on; what a run's files say is the name that its own command gave.
"""

from __future__ import annotations

from dataclasses import replace

from circuits.model.sources import find_model
from pipelines.runs.run import read_circuit
from pipelines.runs.run_plan import RunPlan
from pipelines.runs.settings import PromptSettings


def model_asked(config: PromptSettings) -> str:
    """What records and figures call the model of these settings."""
    return find_model(config.model).name


def graph_bytes(plan: RunPlan) -> bytes:
    """graph.json of a run whose jobs are done."""
    from graphs.export import exporter

    key, asked = plan.jobs.graph.key, model_asked(plan.config)
    text = plan.store.read(key).meta["graph"].encode()
    graph = read_circuit(text, str(plan.store.path(key)))
    if graph.provenance is None or graph.provenance.model == asked:
        return text
    return exporter("json").to_bytes(replace(graph, provenance=replace(graph.provenance, model=asked)))
