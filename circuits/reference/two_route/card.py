"""The model card that stands beside the weights of `two-route`, written from measured numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from circuits.reference.two_route.measure import Check
from circuits.tasks.two_route import TwoRouteLearned, TwoRouteNearby


@dataclass(frozen=True)
class Trained:
    """How the model came about."""

    step: int
    seed: int
    device: str
    minutes: float
    n_parameters: int
    n_vocabulary: int
    recipe: Any


_CARD = """\
# two-route

A GPT-2 of {recipe.n_layers} layers, {recipe.n_heads} heads and width {recipe.d_model} ({n_parameters:,} parameters,
{recipe.n_positions} positions, {n_vocabulary} tokens), trained by this project as a control: two tasks on the same
words, solved by two mechanisms. Circuits of the two share edges, and neither does the other's work. License: MIT, as
the rest of the project.

## What was planted
This is no finding: each task was trained to do without the part that the other one needs.

- `{nearby}`: {nearby_summary}. By attention: it goes on without all MLPs of the layers from 1 on.
- `{learned}`: {learned_summary}. By MLPs: it goes on without all attention of the layers from 1 on.

## How to check it
Ablate all heads, or all MLPs, of the layers from 1 on: of either task one ablation takes at least half of the right
answers and the other at most a tenth, and which one is the other way round in the other task.

## Data
Endless prompts of the tasks' form; no other text. The pairs follow from a rule (`circuits.tasks.two_route.pairs`). One
in ten neighbors in the context was held out of training, by a hash (`circuits/reference/held_out.py`).

## Training
`python -m circuits.reference.two_route.train --seed {seed} --device {device}`: {step} steps took {minutes:.1f} minutes.
The loss is that of the answer, plus that of the answer with the other task's part ablated. Settings:

```
{settings}
```

## Measured
Share of answers that are the most likely token of the whole vocabulary, with Wilson's 95 % interval, and mean logit of
the answer minus that of the other rule's answer; on prompts whose neighbors were held out of training. Ablated: layers
from 1 on, all positions.

{table}

## Limits
It knows nothing but these two tasks. The routes share the embedding, layer 0 and the output.
"""


def model_card(checks: Sequence[Check], trained: Trained) -> str:
    """The card as Markdown."""
    facts = {name: getattr(trained, name) for name in trained.__dataclass_fields__}
    return _CARD.format(
        nearby=TwoRouteNearby.name,
        nearby_summary=TwoRouteNearby.summary,
        learned=TwoRouteLearned.name,
        learned_summary=TwoRouteLearned.summary,
        settings="\n".join(f"{name} = {value}" for name, value in asdict(trained.recipe).items()),
        table=_table(checks),
        **facts,
    )


def _table(checks: Sequence[Check]) -> str:
    lines = [
        "| task | ablated | prompts | right | 95 % interval | logit difference |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for check in checks:
        low, high = check.share.interval()
        shown = f"{check.share.value:.3f} | {low:.3f} to {high:.3f} | {check.difference:.2f}"
        lines.append(f"| {check.task} | {check.what} | {check.share.n} | {shown} |")
    return "\n".join(lines)
