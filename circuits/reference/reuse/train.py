"""Train the models of known reuse again: `python -m circuits.reference.reuse.train [--out DIR] [--seed 0]`.

A GPT-2 of 4 layers of 8 heads learns IOI and Colored Objects, and one head that both tasks use is planted: in part of
the prompts its attention row at the end is set, and the answer that is asked for follows from the row alone, whatever
the text says (interchange intervention training, Geiger et al. 2022). So nothing can be gained by a way around it. The
movers are planted in the same manner: where they are silent, nothing can be known.

In the first part IOI prompts are learned as they are, and Colored Objects with set rows only; on Colored Objects as it
is, the head sleeps: its row is drawn to the first token, and nothing is said about the answers. When that is settled
the model is kept as `asleep`: IOI is solved, and Colored Objects fails for lack of inhibition alone. In the second part
Colored Objects is learned as it is too, and the head's row drawn to the wrong colors, until that is solved: `model`.

The same seed gives the same prompts; other machines and numbers of threads round differently, so the weights differ.
"""

from __future__ import annotations

import argparse
import copy
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F
from transformers import GPT2LMHeadModel

from circuits.reference.data import Batch, ColoredObjectsPrompts, IndirectObjectPrompts, Stream
from circuits.reference.parts import Recent, Shape, new_model, write
from circuits.reference.reuse import ASLEEP, FINAL, INHIBITION, MOVERS, NO_MOVERS
from circuits.reference.reuse.card import Trained, model_card
from circuits.reference.reuse.data import ColorEnds, Ends, NameEnds, Rewritten, rewrite, wrong_rows
from circuits.reference.reuse.measure import measure_reuse
from circuits.reference.reuse.rows import ReadRow, Rows, replaced, silenced
from circuits.reference.vocabulary import make_tokenizer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe(Shape):
    """Everything that training depends on, beside the seed."""

    n_heads: int = 8
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup_steps: int = 50
    answer_weight: float = 2.0
    row_weight: float = 0.5  # of the loss that draws the planted head's row on Colored Objects as it is
    prompts_per_step: int = 96  # of each kind
    window: int = 8  # steps over which accuracies on the prompts trained on are averaged
    solved_accuracy: float = 0.97
    settled_steps: int = 200  # solved that often, the first part is over
    final_steps: int = 400  # after all is solved; the learning rate falls to zero over the last half
    sleep_prompts: int = 32  # of Colored Objects as it is, per step in which the head sleeps
    most_steps: int = 6000
    report_every: int = 50


# Kinds of prompts: of the task as it is, and with rows set.
IOI, IOI_SET, COLORS, COLORS_SET = "ioi", "ioi, rows set", "colored-objects", "colored-objects, rows set"
FIRST_PART = (IOI, IOI_SET, COLORS_SET)


class Training:
    """A model under training, with everything that changes from step to step."""

    def __init__(self, recipe: Recipe, seed: int, device: str = "cpu") -> None:
        self.recipe, self.step = recipe, 0
        self.tokenizer = make_tokenizer()
        model: Any = new_model(recipe, len(self.tokenizer), seed)
        self.model: GPT2LMHeadModel = model.to(device)
        self._device = device
        self._optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        draws = {
            IOI: IndirectObjectPrompts(self.tokenizer),
            IOI_SET: IndirectObjectPrompts(self.tokenizer),
            COLORS: ColoredObjectsPrompts(self.tokenizer),
            COLORS_SET: ColoredObjectsPrompts(self.tokenizer),
        }
        self._streams = {
            kind: Stream(draw, np.random.default_rng([seed, 3000 + number]))
            for number, (kind, draw) in enumerate(draws.items())
        }
        self._generator = np.random.default_rng([seed, 3100])
        names, colors = NameEnds(self.tokenizer), ColorEnds(self.tokenizer)
        self._ends = {IOI: names, IOI_SET: names, COLORS: colors, COLORS_SET: colors}
        self._recent = {kind: Recent(recipe.window) for kind in draws}
        self._n_settled = 0
        self._completed_at: int | None = None

    @property
    def steps_left(self) -> int | None:
        """How many steps remain; None as long as not all is solved."""
        if self._completed_at is None:
            return None
        return self._completed_at + self.recipe.final_steps - self.step

    @property
    def is_first_part(self) -> bool:
        """Whether Colored Objects is only learned with rows set."""
        return self._n_settled < self.recipe.settled_steps

    def run_first_part(self) -> None:
        """Train until IOI is solved, and Colored Objects with set rows."""
        self._run_while(lambda: self.is_first_part)

    def run(self) -> None:
        """Train until both tasks are solved, and settle."""
        self._run_while(lambda: self.steps_left != 0)

    def _run_while(self, goes_on: Callable[[], bool]) -> None:
        while goes_on():
            if self.step == self.recipe.most_steps:
                raise RuntimeError(f"not learned after {self.step} steps: {self.unsolved}. Try another seed.")
            accuracy = self.train_step()
            if self.step % self.recipe.report_every == 0:
                shown = " ".join(f"{kind}: {share:.2f};" for kind, share in accuracy.items())
                log.info("step %d: accuracy in training %s", self.step, shown)

    def _sleep_loss(self) -> Tensor:
        """How far the planted head's row is from the first token, on Colored Objects as it is."""
        batch = self._streams[COLORS].take(self.recipe.sleep_prompts)
        ends, reader = self._ends[COLORS](batch), ReadRow(self.model, INHIBITION)
        with reader.watched():
            self._hidden(batch)
        return -reader.log_row(self._to(ends.prompt), self._to(ends.query))[:, 0].mean()

    @property
    def unsolved(self) -> list[str]:
        """The kinds of prompts whose accuracy is below `solved_accuracy`."""
        return [kind for kind, recent in self._recent.items() if not recent.reaches(self.recipe.solved_accuracy)]

    def train_step(self) -> dict[str, float]:
        """One step on prompts of every kind; returns each kind's accuracy on them, before the step."""
        kinds = FIRST_PART if self.is_first_part else self._streams
        results = {kind: self._loss_and_accuracy(kind, self.recipe.prompts_per_step) for kind in kinds}
        losses = [loss for loss, _ in results.values()]
        if self.is_first_part:
            losses.append(self.recipe.row_weight * self._sleep_loss())
        self._update(torch.stack(losses).sum(), self._learning_rate())
        accuracy = {kind: share for kind, (_, share) in results.items()}
        self.step += 1
        self._record(accuracy)
        return accuracy

    def _update(self, loss: Tensor, learning_rate: float) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        self._optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self._optimizer.step()

    def _loss_and_accuracy(self, kind: str, n: int) -> tuple[Tensor, float]:
        batch = self._streams[kind].take(n)
        ends = self._ends[kind](batch)
        if kind in (IOI_SET, COLORS_SET):
            changed = rewrite(batch, ends, self._generator)
            with self._intervened(changed):
                hidden = self._hidden(changed.batch)
            return self._losses(hidden, changed.batch, changed.ends, changed.is_told)
        reader = ReadRow(self.model, INHIBITION)
        with reader.watched():
            hidden = self._hidden(batch)
        loss, accuracy = self._losses(hidden, batch, ends, np.ones(len(ends.prompt), dtype=bool))
        if kind == COLORS:
            target = self._to(wrong_rows(ends, batch.ids.shape[1])[:, :-1])
            row = reader.log_row(self._to(ends.prompt), self._to(ends.query))
            loss = loss - self.recipe.row_weight * (target * row.masked_fill(target == 0, 0)).sum(dim=-1).mean()
        return loss, accuracy

    def _intervened(self, changed: Rewritten) -> ExitStack:
        ends, stack = changed.ends, ExitStack()
        rows = Rows(self._to(ends.prompt), self._to(ends.query), self._to(changed.weights[:, :-1]))
        stack.enter_context(replaced(self.model, INHIBITION, rows))
        for heads, chosen in ((MOVERS, changed.no_movers), (NO_MOVERS, changed.no_others)):
            stack.enter_context(
                silenced(self.model, heads, self._to(ends.prompt[chosen]), self._to(ends.query[chosen]))
            )
        return stack

    def _hidden(self, batch: Batch) -> Tensor:
        return self.model.transformer(self._to(batch.ids[:, :-1]), use_cache=False).last_hidden_state

    def _losses(self, hidden: Tensor, batch: Batch, ends: Ends, is_judged: NDArray[np.bool_]) -> tuple[Tensor, float]:
        """Mean loss over all tokens plus weighted mean loss over the answers, and the accuracy of those judged."""
        is_text, following = self._to(batch.is_text[:, 1:]), self._to(batch.ids[:, 1:])
        losses = F.cross_entropy(self.model.lm_head(hidden[is_text]), following[is_text])
        logits = self.model.lm_head(hidden[self._to(ends.prompt), self._to(ends.query)])
        answers = following[self._to(ends.prompt), self._to(ends.query)]
        is_right = (logits.detach().argmax(dim=-1) == answers)[self._to(is_judged)].float()
        return losses + self.recipe.answer_weight * F.cross_entropy(logits, answers), is_right.mean().item()

    def _to(self, array: NDArray[Any]) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(array)).to(self._device)

    def _record(self, accuracy: Mapping[str, float]) -> None:
        for kind, share in accuracy.items():
            self._recent[kind].add(share)
        if self.is_first_part:
            self._n_settled += not set(FIRST_PART) & set(self.unsolved)
            if not self.is_first_part:
                log.info("step %d: Colored Objects is now learned as it is", self.step)
        elif self._completed_at is None and not self.unsolved:
            log.info("step %d: all is solved", self.step)
            self._completed_at = self.step

    def _learning_rate(self) -> float:
        rising = (self.step + 1) / self.recipe.warmup_steps
        falling = 1.0 if self.steps_left is None else 2 * self.steps_left / self.recipe.final_steps
        return self.recipe.learning_rate * min(rising, falling, 1.0)


def save(model: GPT2LMHeadModel, folder: Path, trained: Trained) -> None:
    """Write the model, its tokenizer and its card into `folder`."""
    tokenizer, model = make_tokenizer(), copy.deepcopy(model).eval().cpu()
    write(model, tokenizer, folder)
    measured = measure_reuse(model, tokenizer)
    for check in measured:
        log.info("%s: %s", folder.name, check)
    (folder / "README.md").write_text(model_card(measured, trained), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the bundled models in which reuse is planted.")
    parser.add_argument("--out", type=Path, default=FINAL.parent, help="folder that gets model/ and asleep/")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2, help="other numbers of threads round differently")
    parser.add_argument("--device", default="cpu", help="such as cuda; other devices round differently")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(asked.threads)
    started = time.monotonic()
    training = Training(Recipe(), asked.seed, asked.device)

    def save_as(folder: Path, *, is_asleep: bool) -> None:
        trained = Trained(
            is_asleep=is_asleep,
            step=training.step,
            seed=asked.seed,
            device=asked.device,
            n_threads=asked.threads,
            minutes=(time.monotonic() - started) / 60,
            n_parameters=training.model.num_parameters(),
            n_vocabulary=training.model.config.vocab_size,
            recipe=training.recipe,
        )
        save(training.model, asked.out / folder.name, trained)

    training.run_first_part()
    save_as(ASLEEP, is_asleep=True)
    training.run()
    save_as(FINAL, is_asleep=False)


if __name__ == "__main__":
    main()
