"""The tokenizer of `two-route`, and its training prompts, drawn thousands at a time.

Held out of training: neighbors in the context whose CRC-32 is divisible by ten (`circuits.reference.held_out`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from circuits.data.tokenizer import Tokenizer
from circuits.reference.data import Ids, distinct, word_ids
from circuits.reference.held_out import is_held_out
from circuits.reference.vocabulary import END_OF_TEXT, UNKNOWN
from circuits.tasks.two_route import LEARNED, N_CONTEXT, NEARBY, WORDS, pairs

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

CUES = (NEARBY, LEARNED)


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Special tokens, the two cues and the words; what stands between spaces is a token."""
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import WhitespaceSplit
    from transformers import PreTrainedTokenizerFast

    tokens = {token: number for number, token in enumerate((END_OF_TEXT, UNKNOWN, *CUES, *WORDS))}
    tokenizer = Tokenizer(WordLevel(tokens, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        unk_token=UNKNOWN,
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        pad_token=END_OF_TEXT,
        clean_up_tokenization_spaces=False,
    )


class Batch(NamedTuple):
    """ids [prompt, position] and the answer [prompt] behind each."""

    ids: Ids
    answers: Ids


class Draws:
    """Endless prompts of both cues."""

    def __init__(self, tokenizer: Tokenizer, generator: np.random.Generator) -> None:
        self._generator = generator
        partner = pairs()
        self._words, self._cues = word_ids(WORDS, tokenizer), word_ids(CUES, tokenizer)
        self._partner = np.array([WORDS.index(partner[word]) for word in WORDS])
        self._held_out = np.array([[is_held_out(word, behind) for behind in WORDS] for word in WORDS])

    def take(self, cue: str, n: int) -> Batch:
        """`n` new prompts of a cue."""
        context = distinct(self._generator, len(WORDS), (3 * n, N_CONTEXT))
        context = context[~self._held_out[context[:, :-1], context[:, 1:]].any(axis=1)][:n]
        if len(context) < n:
            raise RuntimeError(f"only {len(context)} of {n} prompts are left without held-out neighbors; draw more.")
        rows, at = np.arange(n), self._generator.integers(N_CONTEXT - 1, size=n)
        asked = context[rows, at]
        answers = context[rows, at + 1] if cue == NEARBY else self._partner[asked]
        cues = np.full((n, 1), self._cues[CUES.index(cue)])
        ids = np.concatenate([cues, self._words[context], self._words[asked][:, None]], axis=1)
        return Batch(ids, self._words[answers])
