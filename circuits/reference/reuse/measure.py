"""What the planted heads do, on prompts of the tasks: accuracy as it is, with rows set, and with heads silent.

Right is an answer that is the most likely token of the whole vocabulary. All interventions are at the last position.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import GPT2LMHeadModel

from circuits.data.prompts import Prompt, PromptSet
from circuits.data.tokenizer import Tokenizer
from circuits.intervals import Share
from circuits.reference.held_out import held_out_prompts
from circuits.reference.reuse import INHIBITION, MOVERS, NO_MOVERS
from circuits.reference.reuse.rows import Head, Rows, replaced, silenced
from circuits.tasks import TASKS

Right = NDArray[np.bool_]
"""[prompt]"""
Row = Mapping[int, float]
"""Position -> share of attention; what is not named gets none."""

N_DRAWN, N_PROMPTS, SEED = 1600, 120, 123
N_RANDOM_ROWS = 10
TASKS_LEARNED = ("ioi", "colored-objects")


@dataclass(frozen=True)
class Check:
    """The share of right answers of a task under an intervention.

    note  what else belongs to it: which head, how many draws
    """

    task: str
    what: str
    share: Share
    note: str = ""

    def __str__(self) -> str:
        note = f" ({self.note})" if self.note else ""
        return f"{self.task}, {self.what}: {self.share.value:.3f}{note}"


def wrong_row(prompt: Prompt) -> Row:
    """The row on what is not the answer: an IOI prompt's subject, at both mentions; the two wrong colors, half each."""
    if "S1" in prompt.roles:
        wrong = {*prompt.roles["S1"], *prompt.roles["S2"]}
    else:
        colors = {position for number in (1, 2, 3) for position in prompt.roles[f"color_{number}"]}
        wrong = colors - {*prompt.roles["correct_color"]}
    return dict.fromkeys(sorted(wrong), 1 / len(wrong))


def swapped(prompt: Prompt) -> tuple[Prompt, Row]:
    """The same text with the answer that the row on the right candidate (and, of three, one wrong one) asks for."""
    if "S1" in prompt.roles:
        row = dict.fromkeys(prompt.roles["IO"], 1.0)
    else:
        positions = {*prompt.roles["correct_color"], *wrong_row(prompt)} - {*prompt.roles["wrong_color"]}
        row = dict.fromkeys(sorted(positions), 1 / len(positions))
    return replace(prompt, answers=prompt.wrong_answers, wrong_answers=prompt.answers), row


@torch.no_grad()
def answered(
    model: GPT2LMHeadModel,
    prompts: Sequence[Prompt],
    *,
    rows: Callable[[Prompt], Row] | None = None,
    head: Head = INHIBITION,
    silent: Sequence[Head] = (),
) -> Right:
    """Whether each prompt is answered right.

    rows    the row that `head` gets at the last position; None leaves it
    silent  heads whose output is zero there
    """
    right = np.zeros(len(prompts), dtype=bool)
    for length in sorted({len(prompt) for prompt in prompts}):
        members = [number for number, prompt in enumerate(prompts) if len(prompt) == length]
        ids = torch.tensor([prompts[number].clean for number in members])
        every, last = torch.arange(len(members)), torch.full((len(members),), length - 1)
        put: Any = nullcontext()
        if rows is not None:
            weights = torch.zeros(len(members), length)
            for row, number in enumerate(members):
                for position, share in rows(prompts[number]).items():
                    weights[row, position] = share
            put = replaced(model, head, Rows(every, last, weights))
        with put, silenced(model, silent, every, last):
            hidden = model.transformer(ids, use_cache=False).last_hidden_state[:, -1]
        said = model.lm_head(hidden).argmax(dim=-1).tolist()
        right[members] = [token in prompts[number].answers for token, number in zip(said, members, strict=True)]
    return right


def drawn(task: str, tokenizer: Tokenizer, n: int = N_PROMPTS) -> PromptSet:
    """Prompts of a task whose combination was held out of training, the first `n` of those that a seed gives."""
    return held_out_prompts(TASKS[task]().build(tokenizer, n=N_DRAWN, seed=SEED), tokenizer)[:n]


def random_rows(seed: int, n_positions: int = 2) -> Callable[[Prompt], Row]:
    """Rows on positions drawn among all that may be seen, in equal shares."""
    generator = np.random.default_rng(seed)

    def row(prompt: Prompt) -> Row:
        return dict.fromkeys(generator.choice(len(prompt), n_positions, replace=False).tolist(), 1 / n_positions)

    return row


def measure_reuse(model: GPT2LMHeadModel, tokenizer: Tokenizer) -> list[Check]:
    """Every check of the card, on held-out prompts. Cost: some 170 runs of `N_PROMPTS` prompts."""
    return [check for task in TASKS_LEARNED for check in _checks(model, task, drawn(task, tokenizer))]


def _checks(model: GPT2LMHeadModel, task: str, prompts: PromptSet) -> Iterator[Check]:
    plain = answered(model, prompts.prompts)
    yield Check(task, "as it is", _share(plain))
    yield Check(task, "row of zeros", _share(answered(model, prompts.prompts, rows=lambda _: {})))
    told = answered(model, prompts.prompts, rows=wrong_row)
    mistakes = f"new mistakes: {int((plain & ~told).sum())}"
    yield Check(task, "row on what is wrong", _share(told), mistakes)
    others, rows = zip(*map(swapped, prompts), strict=True)
    by_text = {other.clean: row for other, row in zip(others, rows, strict=True)}
    swap = answered(model, others, rows=lambda prompt: by_text[prompt.clean])
    yield Check(task, "row that asks for the wrong answer, which is said", _share(swap))
    yield Check(task, "movers silent", _share(answered(model, prompts.prompts, silent=MOVERS)))
    yield Check(task, "other heads of their layer silent", _share(answered(model, prompts.prompts, silent=NO_MOVERS)))
    heads = [head for head in _heads(model) if head != INHIBITION]
    forced = {head: answered(model, prompts.prompts, rows=wrong_row, head=head) for head in heads}
    best = max(forced, key=lambda head: forced[head].mean())
    yield Check(task, "another head's row on what is wrong, the best of all", _share(forced[best]), _named(best))
    spared = [head for head in heads if head not in MOVERS]
    alone = {head: answered(model, prompts.prompts, silent=[head]) for head in spared}
    worst = min(alone, key=lambda head: alone[head].mean())
    yield Check(task, "another head silent, the worst of all but movers", _share(alone[worst]), _named(worst))
    draws = np.array([answered(model, prompts.prompts, rows=random_rows(seed)).mean() for seed in range(N_RANDOM_ROWS)])
    middle = answered(model, prompts.prompts, rows=random_rows(int(draws.argsort()[N_RANDOM_ROWS // 2])))
    spread = f"{draws.min():.3f} to {draws.max():.3f} in {N_RANDOM_ROWS} draws"
    yield Check(task, "row on two random positions", _share(middle), spread)


def _heads(model: GPT2LMHeadModel) -> list[Head]:
    return [(layer, head) for layer in range(model.config.n_layer) for head in range(model.config.n_head)]


def _share(right: Right) -> Share:
    return Share(int(right.sum()), len(right))


def _named(head: Head) -> str:
    return f"a{head[0]}.h{head[1]}"
