"""Everything that a page shows beside a run's circuit."""

from __future__ import annotations

from dataclasses import replace

from graphs.export.page.extras import CircuitExtras
from pipelines.discover.run import DiscoverRun
from pipelines.discover.sizes_tried import lost_sizes
from pipelines.page.codes import codes_of
from pipelines.page.prompts import prompts_of
from pipelines.page.sizes import curves, measured_parts
from pipelines.page.trace import tables_of
from pipelines.runs.method_settings import with_portable_paths
from pipelines.runs.options import command_line
from pipelines.runs.run import Run
from pipelines.runs.settings import PromptSettings
from pipelines.runs.shell_text import shell_word
from pipelines.trace.run import TraceRun


def extras_of(run: Run, label: str | None = None) -> CircuitExtras:
    """What the run has measured, and for the rest the command that would."""
    extras = CircuitExtras(
        label=label,
        scores=run.scores if bool(run.scores.measured.any()) else None,
        prompts=prompts_of(run),
        unmeasured=_unmeasured(run),
    )
    if isinstance(run, DiscoverRun):
        return replace(extras, measured=measured_parts(run), curves=curves(run), codes=codes_of(run))
    return replace(extras, trace=tables_of(run)) if isinstance(run, TraceRun) else extras


def _unmeasured(run: Run) -> dict[str, str]:
    """The commands that read off heads what a run does not; `export --with` then takes their folders. Of sizes, what
    the run has tried and not kept."""
    told = with_portable_paths(run.config)
    asked = PromptSettings(**{name: getattr(told, name) for name in PromptSettings.model_fields})
    commands = {
        "readings": f"{command_line('profile', asked)} --profiles direct-logit-attribution",
        "attention": command_line("attention", asked),  # of the head that is selected
    }
    if isinstance(run, DiscoverRun):
        commands["roles"] = f"circuits roles {shell_word(run.name)}"
        if (lost := lost_sizes(run.summary["choice"])) is not None:
            commands["sizes"] = lost
    return commands
