"""The prompts that a run's scores are of, as its model sees them."""

from __future__ import annotations

from circuits.data.answers import tokens_of
from circuits.data.prompt_files import PAIR, POSITIVE
from circuits.data.prompts import Prompt
from circuits.data.tokenizer import Tokenizer
from circuits.model.processors import load_tokenizer
from circuits.model.sources import find_model
from graphs.export.page.extras import ShownPrompt
from pipelines.engine.result_file import Result, decode
from pipelines.prompts.rows import token_texts
from pipelines.runs.codec import prompts_from
from pipelines.runs.run import SCORES, Run


def prompts_of(run: Run) -> tuple[ShownPrompt, ...]:
    """The prompts in the order of the run's scores; tokens by their ids where the model is not here any more."""
    path = run.folder / SCORES
    prompts = prompts_from(
        Result(decode(path.read_bytes(), key=f"{run.name}/{SCORES}", where=str(path)).meta["prompt_set"])
    )
    tokenizer, label = _tokenizer(run), PAIR if prompts.is_paired else POSITIVE
    return tuple(_shown(prompt, label, tokenizer) for prompt in prompts)


def _tokenizer(run: Run) -> Tokenizer | None:
    try:
        return load_tokenizer(find_model(run.config.model))
    except ValueError:
        return None


def _shown(prompt: Prompt, label: str, tokenizer: Tokenizer | None) -> ShownPrompt:
    def said(tokens: tuple[int, ...]) -> tuple[str, ...]:
        return tuple(token_texts(tokens, tokenizer))

    def answers(side: str) -> tuple[str, ...]:
        return tuple("".join(said(tuple(tokens_of(answer)))) for answer in getattr(prompt, side))

    corrupt = said(prompt.corrupt) if label == PAIR else None
    return ShownPrompt(
        label, said(prompt.clean), corrupt, dict(prompt.roles), answers("answers"), answers("wrong_answers")
    )
