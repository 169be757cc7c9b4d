"""The model card that stands beside the bundled weights, written by the training script from measured numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from circuits.reference.vocabulary import LEARNED


@dataclass(frozen=True)
class Measured:
    """One task on one model: how often an answer is the most likely of all tokens, and the mean logit differences.

    clean, corrupt  mean logit of the answers minus that of the wrong answers, at the end of either prompt
    """

    accuracy: float
    clean: float
    corrupt: float
    n_prompts: int


@dataclass(frozen=True)
class Trained:
    """How a model came about."""

    is_early: bool
    step: int
    n_steps: int
    seed: int
    n_threads: int
    minutes: float
    n_parameters: int
    n_vocabulary: int
    recipe: Any


_CARD = """\
# {name}

A GPT-2 of {recipe.n_layers} layers, {recipe.n_heads} heads and width {recipe.d_model} ({n_parameters:,} parameters,
{recipe.n_positions} positions, {n_vocabulary} tokens), trained by this project on five small tasks in plain English, so
that their circuits can be studied on any machine. License: MIT, as the rest of the project.

{role}

## Data
Endless prompts drawn from the templates and words of `circuits/tasks`; no other text. The tokenizer is word level: a
word, a pair of digits, a line break or a punctuation mark is one token, and spaces are dropped.

{tasks}

Combinations held out of training (rule and words: `circuits/reference/held_out.py`): the two names of an IOI prompt, a
color with its object, a start year, neighboring arguments, neighboring tokens. One in ten of each, by a hash.

## Training
`python -m circuits.reference.train --seed {seed} --threads {n_threads}`: step {step} of {n_steps}; all steps took
{minutes:.0f} minutes on a two-core machine. Language-model loss on all tokens plus {recipe.answer_weight:g} times that
of the answers; AdamW, learning rate {recipe.learning_rate:g}; Colored Objects by a curriculum over its nouns. Settings:

```
{settings}
```

## Measured
Accuracy: an answer is the most likely token of the whole vocabulary. Logit difference: mean over answers minus mean
over wrong answers, on the clean and on the corrupt prompts of the task's default corruption. *Drawn*:
`TASKS[task]().build(tokenizer, n=500, seed=123)`; *held out*: prompts whose combination never occurred in training.

{table}

## Limits
It knows nothing but these tasks: other text is far from what it was trained on, and unknown words become `<unk>`. For
Greater-Than a constant guess of "99" would be as accurate; look at the logit difference as well.
"""

_FINAL = "The bundled model `reference`: all five tasks solved."
_EARLY = (
    "The bundled model `reference-early`: a checkpoint of the training of `reference`, at which IOI is solved and "
    "Colored Objects only half."
)


def model_card(measured: Mapping[str, Mapping[str, Measured]], trained: Trained) -> str:
    """The card as Markdown.

    measured  task -> {"drawn", "held out"} -> numbers
    """
    facts = {name: getattr(trained, name) for name in trained.__dataclass_fields__}
    return _CARD.format(
        name="reference-early" if trained.is_early else "reference",
        role=_EARLY if trained.is_early else _FINAL,
        tasks="\n".join(f"- `{name}`: {task.summary}" for name, task in LEARNED.items()),
        settings="\n".join(f"{name} = {value}" for name, value in asdict(trained.recipe).items()),
        table=_table(measured),
        **facts,
    )


def _table(measured: Mapping[str, Mapping[str, Measured]]) -> str:
    lines = [
        "| task | prompts | number | accuracy | logit difference, clean | corrupt |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {task} | {kind} | {result.n_prompts} | {result.accuracy:.1%} | {result.clean:.2f} | {result.corrupt:.2f} |"
        for task, kinds in measured.items()
        for kind, result in kinds.items()
    ]
    return "\n".join(lines)
