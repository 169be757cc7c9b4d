"""Settings of `circuits cluster`."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from pipelines.runs.settings import LARGEST_SEED, CommandSettings


class ClusterSettings(CommandSettings):
    """Ask whether the prompts of a run use one circuit, or several: clusters of prompts from the scores that it stored.

    Prompts are as far apart as the sets of edges that hold most of their score. There are as many clusters as halves
    of the prompts predict of each other; one where none can be predicted. Half of the prompts then chooses a circuit
    for each cluster, the others go to the nearest one, and each circuit is run there beside the one circuit of all.
    Writes clusters.json, clusters.csv and a figure. Repeating the command computes nothing new.
    """

    paper_tables = ("clusters",)
    run: Any = Field(
        description="Run: a folder, or a name within --runs.", json_schema_extra={"argument": True, "metavar": "RUN"}
    )
    share: float = Field(
        default=0.9, gt=0, lt=1, description="A prompt's edges: the fewest that hold this share of its total |score|."
    )
    strength: float = Field(
        default=0.95, gt=0.5, le=1, description="How well the clusters of one half must be predicted by the other's."
    )
    most: int = Field(default=5, ge=2, le=50, description="Clusters to look for, at most.")
    seed: int = Field(default=0, ge=0, le=LARGEST_SEED, description="Seed for drawing the halves.")
