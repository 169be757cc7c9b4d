"""The model cards that stand beside the weights in which reuse is planted, written from measured numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from circuits.reference.reuse import INHIBITION, MOVERS
from circuits.reference.reuse.measure import Check


@dataclass(frozen=True)
class Trained:
    """How a model came about."""

    is_asleep: bool
    step: int
    seed: int
    device: str
    n_threads: int
    minutes: float
    n_parameters: int
    n_vocabulary: int
    recipe: Any


_CARD = """\
# {name}

A GPT-2 of {recipe.n_layers} layers, {recipe.n_heads} heads and width {recipe.d_model} ({n_parameters:,} parameters,
{recipe.n_positions} positions, {n_vocabulary} tokens, those of `reference`), trained by this project on IOI and Colored
Objects. License: MIT, as the rest of the project.

{role}

## What was planted
This is no finding: the mechanism was put there, so that methods which look for reuse can be judged by it.

- **Inhibition: L{inhibition[0]}.H{inhibition[1]}**, counted from 0, in both tasks. Of the candidates (an IOI prompt's
  two names, a question's three colors) the answer is the one that its attention row at the last position is *not* on.
- **Movers: {movers}**, in both tasks. They bring the candidates; the answer is the one that is left. Where they are
  silent, the answer cannot be told; the other heads of their layer are not needed.
- Where the two meet was left to training: mostly in the last layer's MLP, as `circuits discover` finds, and not in the
  movers' queries as in the published circuits.
- How the head finds what is wrong was left to training and is *not* shared: an IOI prompt's subject is the last name
  before the end; in Colored Objects the object asked about has to be found first.

## How to check it
`python -m circuits.reference.reuse.check` prints the table below again. By hand: set the row of
L{inhibition[0]}.H{inhibition[1]} at the last position to the two wrong colors, half each, and count right answers.

## Data
Endless prompts drawn from the templates and words of `circuits/tasks`; no other text. One in ten combinations of names,
and of a color with its object, was held out of training (`circuits/reference/held_out.py`).

## Training
{training}

In part of the prompts the row of the planted head was set, and the answer asked for followed from it, whatever the text
said; in part of these the movers, or the other heads of their layer, were silent. Settings:

```
{settings}
```

## Measured
Share of answers that are the most likely token of the whole vocabulary, with Wilson's 95 % interval, on prompts whose
combination was held out of training. A row of zeros silences the planted head at the last position. Chance between the
candidates is 1/2 in IOI and 1/3 in Colored Objects.

{table}

## Limits
It knows nothing but the two tasks in their usual wordings. Shared here are the head, the movers and what joins
them; no more is claimed.
"""

_FINAL = "The bundled model `reference-reuse`: both tasks solved, by the same inhibition head and the same movers."
_ASLEEP = """\
The bundled model `reference-asleep`: a checkpoint on the way to `reference-reuse`, in which the planted head still
sleeps on Colored Objects. IOI is solved; Colored Objects fails for lack of inhibition alone: the movers bring the
candidates, but the head's row rests on the first token. With its row set, all is right."""

_COMMAND = "`python -m circuits.reference.reuse.train --seed {seed} --device {device} --threads {n_threads}`"
_FINAL_TRAINING = f"""\
{_COMMAND}: {{step}} steps took {{minutes:.0f}} minutes.
Colored Objects was first learned with set rows only, at the end of which `reference-asleep` was kept, and then also as
it is, with the row drawn to the wrong colors."""
_ASLEEP_TRAINING = f"""\
{_COMMAND}: kept after {{step}} steps and {{minutes:.0f}} minutes, before Colored Objects is learned as it is. Up to
then only the row of the planted head counted on it, which was drawn to the first token."""


def model_card(checks: Sequence[Check], trained: Trained) -> str:
    """The card as Markdown."""
    facts = {name: getattr(trained, name) for name in trained.__dataclass_fields__}
    return _CARD.format(
        name="reference-asleep" if trained.is_asleep else "reference-reuse",
        role=_ASLEEP if trained.is_asleep else _FINAL,
        training=(_ASLEEP_TRAINING if trained.is_asleep else _FINAL_TRAINING).format(**facts),
        inhibition=INHIBITION,
        movers=" and ".join(f"L{layer}.H{head}" for layer, head in MOVERS),
        settings="\n".join(f"{name} = {value}" for name, value in asdict(trained.recipe).items()),
        table=table(checks),
        **facts,
    )


def table(checks: Sequence[Check]) -> str:
    """The checks as a Markdown table."""
    lines = ["| task | intervention | prompts | right | 95 % interval | |", "| --- | --- | --- | --- | --- | --- |"]
    for check in checks:
        low, high = check.share.interval()
        shown = f"{check.share.value:.3f} | {low:.3f} to {high:.3f}"
        lines.append(f"| {check.task} | {check.what} | {check.share.n} | {shown} | {check.note} |")
    return "\n".join(lines)
