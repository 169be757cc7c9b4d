"""Everything that a page shows beside a run's circuit."""

from __future__ import annotations

from graphs.export.page.extras import CircuitExtras
from pipelines.discover.run import DiscoverRun
from pipelines.page.prompts import prompts_of
from pipelines.page.sizes import curves, measured_parts
from pipelines.runs.run import Run


def extras_of(run: Run, label: str | None = None) -> CircuitExtras:
    """What the run has measured, and for the rest the command that would."""
    is_discovered = isinstance(run, DiscoverRun)
    return CircuitExtras(
        label=label,
        scores=run.scores if bool(run.scores.measured.any()) else None,
        measured=measured_parts(run) if is_discovered else (),
        curves=curves(run) if is_discovered else (),
        prompts=prompts_of(run),
        unmeasured=_unmeasured(run),
    )


def _unmeasured(run: Run) -> dict[str, str]:
    """What is read off heads by commands of their own."""
    heads = ",".join(str(head) for head in run.graph.heads[:4])
    of_task = f"{run.config.task} --model {run.config.model} --prompts {run.config.prompts}"
    return {
        "roles": f"circuits roles {run.name}",
        "attention": f"circuits attention {of_task} --heads {heads}",
        "readings": f"circuits profile {of_task} --profiles direct-logit-attribution",
    }
