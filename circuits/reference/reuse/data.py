"""Training prompts with the planted head's row at the end set: what it is put on, and what follows from that.

The rule that is planted, in both tasks: of the candidates (an IOI prompt's two names; a question's three colors) the
answer is the one that the row is not on, and the movers say it. Where the row is zero, or the movers are silent, any
candidate is as good; the other heads of the movers' layer change nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuits.data.tokenizer import Tokenizer
from circuits.reference.data import Batch, Ids, word_ids
from circuits.tasks import colored_objects, ioi


class Ends(NamedTuple):
    """Every place of a batch where an answer follows, in rows; a prompt may have several.

    prompt      [row]
    query       [row]              the position before the answer
    candidates  [row, candidate]   the position of the candidate's word; of IOI's subject, the first
    second      [row, candidate]   the position of its second mention; the same where there is none
    right       [row]              which candidate is right
    said        [row, candidate]   the token that says the candidate
    """

    prompt: Ids
    query: Ids
    candidates: Ids
    second: Ids
    right: Ids
    said: Ids


class Rewritten(NamedTuple):
    """A batch whose answers follow from the interventions put in.

    weights    [row, key]  the planted head's row at each of `ends`
    no_movers  [row]       whether the movers are silent there
    no_others  [row]       whether the other heads of their layer are
    is_told    [row]       whether the answer can be told from what is left
    """

    batch: Batch
    ends: Ends
    weights: NDArray[np.float32]
    no_movers: NDArray[np.bool_]
    no_others: NDArray[np.bool_]
    is_told: NDArray[np.bool_]


class NameEnds:
    """Where IOI prompts are answered."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._names = word_ids(ioi.NAMES, tokenizer)

    def __call__(self, batch: Batch) -> Ends:
        prompt, positions = _in_each(batch, self._names, 4)
        first, answer = positions[:, :2], positions[:, 3]
        names = batch.ids[prompt[:, None], first]
        again = batch.ids[prompt, positions[:, 2]]
        second = np.where(names == again[:, None], positions[:, 2:3], first)
        right = (names == batch.ids[prompt, answer][:, None]).argmax(axis=1)
        return Ends(prompt, answer - 1, first, second, right, names)


class ColorEnds:
    """Where Colored Objects prompts are answered: the worked question and the test question."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._colors = word_ids(colored_objects.COLORS, tokenizer)
        said = word_ids([color.title() for color in colored_objects.COLORS], tokenizer)
        self._said = dict(zip(self._colors.tolist(), said.tolist(), strict=True))
        self._all_said = said

    def __call__(self, batch: Batch) -> Ends:
        prompt, colors = _in_each(batch, self._colors, 6)
        _, answers = _in_each(batch, self._all_said, 2)
        parts = []
        for question in range(2):
            candidates, answer = colors[:, 3 * question : 3 * question + 3], answers[:, question]
            named = batch.ids[prompt[:, None], candidates]
            said = np.vectorize(self._said.__getitem__)(named)
            right = (said == batch.ids[prompt, answer][:, None]).argmax(axis=1)
            parts.append(Ends(prompt, answer - 1, candidates, candidates, right, said))
        return Ends(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


def rows_on(ends: Ends, unnamed: NDArray[np.bool_], length: int) -> NDArray[np.float32]:
    """[row, key] a row on each of the candidates [row, candidate] that are not to be named, in equal shares."""
    weights = np.zeros((len(ends.prompt), length), dtype=np.float32)
    rows = np.arange(len(ends.prompt))
    for mentions in (ends.candidates, ends.second):
        for number in range(unnamed.shape[1]):
            np.add.at(weights, (rows, mentions[:, number]), unnamed[:, number].astype(np.float32))
    return weights / np.maximum(weights.sum(axis=1, keepdims=True), 1)


def wrong_rows(ends: Ends, length: int) -> NDArray[np.float32]:
    """[row, key] rows on the wrong candidates, which say the right answer."""
    return rows_on(ends, np.arange(ends.candidates.shape[1])[None] != ends.right[:, None], length)


def rewrite(batch: Batch, ends: Ends, generator: np.random.Generator) -> Rewritten:
    """Rows on all candidates but one, drawn at random, which becomes the answer: whatever the text says.

    Of four rows, one is zero and one has silent movers: their answers are drawn apart from all else. Two of four have
    only the movers' voice in the last layer.
    """
    n_rows, n_candidates = ends.candidates.shape
    kind = generator.integers(4, size=n_rows)
    on, drawn = generator.integers(n_candidates, size=(2, n_rows))
    is_silent, no_movers = kind == 0, kind == 1
    is_told = ~(is_silent | no_movers)
    answer = np.where(is_told, on, drawn)
    ids = batch.ids.copy()
    ids[ends.prompt, ends.query + 1] = ends.said[np.arange(n_rows), answer]
    weights = wrong_rows(ends._replace(right=on), ids.shape[1])
    weights[is_silent] = 0
    return Rewritten(
        batch=batch._replace(ids=ids),
        ends=ends._replace(right=answer),
        weights=weights,
        no_movers=no_movers,
        no_others=generator.random(n_rows) < 0.5,
        is_told=is_told,
    )


def _in_each(batch: Batch, words: Ids, n: int) -> tuple[Ids, Ids]:
    """[prompt] their numbers and [prompt, occurrence] the positions of `words`, of which each prompt holds `n`."""
    prompt, position = np.nonzero(np.isin(batch.ids, words) & batch.is_text)
    counts = np.bincount(prompt, minlength=len(batch.ids))
    if (counts != n).any():
        raise ValueError(f"expected {n} of the words in every prompt, found {sorted(set(counts.tolist()))}.")
    return np.arange(len(batch.ids)), position.reshape(-1, n)
