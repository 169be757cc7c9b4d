"""The prompts that a run's scores are of, as its model sees them."""

from __future__ import annotations

from circuits.data.prompt_lines import NEGATIVE
from circuits.data.readable import ReadablePrompt
from graphs.export.page.extras import ShownPrompt
from pipelines.runs.run import Run


def prompts_of(run: Run) -> tuple[ShownPrompt, ...]:
    """The prompts in the order of the run's scores; tokens by their ids where the model is not here any more."""
    return tuple(_shown(prompt) for prompt in run.prompts if prompt.label != NEGATIVE)


def _shown(prompt: ReadablePrompt) -> ShownPrompt:
    return ShownPrompt(
        prompt.label,
        prompt.tokens,
        prompt.corrupt_tokens,
        dict(prompt.roles),
        prompt.answers,
        prompt.wrong_answers,
    )
