"""Train the bundled models again: `python -m circuits.reference.train [--out DIR] [--seed 0]`.

A GPT-2 of 4 layers learns five tasks at once from endless prompts, with the language-model loss on all tokens plus
extra weight on the answers (with the answers alone it stays at chance). Colored Objects needs a curriculum: a color
stands before its noun, so the model has to carry it onto the noun and to match the noun's two mentions, and neither
half pays alone. It begins with one noun among bare colors, where carrying suffices, and adds nouns as it succeeds.

Two models are written, each with its tokenizer and a model card of measured numbers: `model`, the last one, and
`early`, a checkpoint on the way that has solved IOI but answers Colored Objects right only about half the time.
The same seed gives the same prompts; other machines and numbers of threads round differently, so the weights differ.
"""

from __future__ import annotations

import argparse
import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import GPT2LMHeadModel

from circuits.data.prompts import PromptSet
from circuits.data.tokenizer import Tokenizer
from circuits.reference.card import Measured, Trained, model_card
from circuits.reference.data import Batch, ColoredObjectsPrompts, Draw, Stream, streams
from circuits.reference.held_out import held_out_prompts
from circuits.reference.parts import Recent, Shape, new_model, write
from circuits.reference.vocabulary import LEARNED, make_tokenizer

log = logging.getLogger(__name__)

COLORED_OBJECTS = "colored-objects"


@dataclass(frozen=True)
class Recipe(Shape):
    """Everything that training depends on, beside the seed."""

    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup_steps: int = 50
    answer_weight: float = 2.0
    prompts_per_step: Mapping[str, int] = field(
        default_factory=lambda: {"ioi": 160, "greater-than": 48, "docstring": 16, "induction": 64, COLORED_OBJECTS: 96}
    )
    window: int = 8  # steps over which accuracies on the prompts trained on are averaged
    solved_accuracy: float = 0.97  # a task this good gets `solved_share` of its prompts
    solved_share: float = 0.25
    # Nouns are added one at a time up to six, then three at a time.
    noun_stages: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 9, 12, 15, 17)
    stage_accuracy: float = 0.9
    report_every: int = 20
    # Whole prompts are learned within some 30 steps, and the early model is one of that time.
    checkpointed_steps: int = 60  # from the beginning of the last stage
    checkpoint_every: int = 2
    final_steps: int = 600  # after the last stage, on whole prompts; the learning rate falls to zero over the last half
    most_steps: int = 6000


@dataclass(frozen=True)
class Checkpoint:
    step: int
    weights: dict[str, Tensor]
    accuracy: dict[str, float]


class Curriculum:
    """Prompts of growing difficulty, in stages."""

    def __init__(self, stages: Sequence[Draw], recipe: Recipe, generator: np.random.Generator) -> None:
        self._stages, self._threshold, self._generator = stages, recipe.stage_accuracy, generator
        self._recent = Recent(recipe.window)
        self.stage = 0
        self._stream = Stream(stages[0], generator)

    @property
    def stages_left(self) -> int:
        """How many stages follow this one."""
        return len(self._stages) - 1 - self.stage

    @property
    def is_passed(self) -> bool:
        """Whether the last few steps were accurate enough for the next stage."""
        return self.stages_left > 0 and self._recent.reaches(self._threshold)

    def take(self, n: int) -> Batch:
        """The next `n` prompts of this stage."""
        return self._stream.take(n)

    def record(self, accuracy: float) -> None:
        """Note the accuracy of a step."""
        self._recent.add(accuracy)

    def go_on(self) -> None:
        """Open the next stage."""
        self.stage += 1
        self._stream = Stream(self._stages[self.stage], self._generator)
        self._recent.clear()


def curriculum_over_nouns(tokenizer: Tokenizer, recipe: Recipe, seed: int) -> Curriculum:
    """Colored Objects: test questions alone about ever more nouns, at last whole prompts about all of them."""
    stages = [
        *(ColoredObjectsPrompts(tokenizer, n, with_worked=False) for n in recipe.noun_stages),
        ColoredObjectsPrompts(tokenizer),
    ]
    return Curriculum(stages, recipe, np.random.default_rng([seed, 1000]))


def loss_and_accuracy(model: GPT2LMHeadModel, batch: Batch, answer_weight: float) -> tuple[Tensor, float]:
    """Mean loss over all tokens plus weighted mean loss over the answers, and the share of answers that are right."""
    ids = torch.from_numpy(batch.ids)
    positions = torch.from_numpy(batch.first)[:, None] + torch.arange(ids.shape[1] - 1)
    is_text = torch.from_numpy(batch.is_text[:, 1:])
    is_answer, following = torch.from_numpy(batch.is_answer[:, 1:])[is_text], ids[:, 1:][is_text]
    hidden = model.transformer(ids[:, :-1], position_ids=positions, use_cache=False).last_hidden_state
    logits = model.lm_head(hidden[is_text])
    losses = F.cross_entropy(logits, following, reduction="none")
    accuracy = (logits.detach()[is_answer].argmax(dim=-1) == following[is_answer]).float().mean().item()
    return losses.mean() + answer_weight * losses[is_answer].mean(), accuracy


@torch.no_grad()
def measure(model: GPT2LMHeadModel, prompts: PromptSet) -> Measured:
    """Accuracy over the whole vocabulary, and logit difference (mean over answers minus mean over wrong answers)."""
    right, differences = [], {"clean": [], "corrupt": []}
    lengths = sorted({len(prompt) for prompt in prompts})
    for length in lengths:
        group = [prompt for prompt in prompts if len(prompt) == length]
        for kind, values in differences.items():
            ids = torch.tensor([getattr(prompt, kind) for prompt in group])
            logits = model(ids, use_cache=False).logits[:, -1]
            for prompt, row in zip(group, logits, strict=True):
                values.append((row[list(prompt.answers)].mean() - row[list(prompt.wrong_answers)].mean()).item())
                if kind == "clean":
                    right.append(int(row.argmax()) in prompt.answers)
    return Measured(
        accuracy=float(np.mean(right)),
        clean=float(np.mean(differences["clean"])),
        corrupt=float(np.mean(differences["corrupt"])),
        n_prompts=len(prompts),
    )


class Training:
    """A model under training, with everything that changes from step to step."""

    def __init__(self, recipe: Recipe, seed: int) -> None:
        self.recipe, self.step, self.solved = recipe, 0, set[str]()
        self.tokenizer = make_tokenizer()
        self.model = new_model(recipe, len(self.tokenizer), seed)
        self._optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self._streams = streams(self.tokenizer, seed)
        self.curriculum = curriculum_over_nouns(self.tokenizer, recipe, seed)
        self._recent = {task: Recent(recipe.window) for task in self._streams}
        self._completed_at: int | None = None
        self._watched = {name: task().build(self.tokenizer, n=200, seed=seed + 1) for name, task in LEARNED.items()}

    @property
    def steps_left(self) -> int | None:
        """How many steps remain; None as long as the curriculum is not through."""
        if self._completed_at is None:
            return None
        return self._completed_at + self.recipe.final_steps - self.step

    def run(self) -> list[Checkpoint]:
        """Train to the end; returns checkpoints from the time when Colored Objects was being learned."""
        checkpoints = []
        while self.steps_left != 0:
            if self.step == self.recipe.most_steps:
                raise RuntimeError(
                    f"not learned after {self.step} steps. Solved: {sorted(self.solved)}; Colored Objects is at stage "
                    f"{self.curriculum.stage} of its curriculum. Try another seed."
                )
            accuracy = self.train_step()
            if self.step % self.recipe.report_every == 0:
                self._report(accuracy)
            if self._is_checkpointed:
                checkpoints.append(self._checkpoint())
        return checkpoints

    @property
    def _is_checkpointed(self) -> bool:
        if self._completed_at is None or self.step > self._completed_at + self.recipe.checkpointed_steps:
            return False
        return self.step % self.recipe.checkpoint_every == 0

    def _checkpoint(self) -> Checkpoint:
        reached = {task: measure(self.model, self._watched[task]).accuracy for task in ("ioi", COLORED_OBJECTS)}
        weights = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        log.info("step %d: checkpoint with %s", self.step, _shown(reached))
        return Checkpoint(self.step, weights, reached)

    def _report(self, accuracy: Mapping[str, float]) -> None:
        log.info("step %d: accuracy in training %s", self.step, _shown(accuracy))
        if self.step % (5 * self.recipe.report_every) == 0:
            for task, prompts in self._watched.items():
                log.info("step %d: %s %s", self.step, task, measure(self.model, prompts))

    def train_step(self) -> dict[str, float]:
        """One step on prompts of every task; returns each task's accuracy on them, before the step."""
        for group in self._optimizer.param_groups:
            group["lr"] = self._learning_rate()
        self._optimizer.zero_grad()
        accuracy = {}
        for task, batch in self._batches():
            loss, accuracy[task] = loss_and_accuracy(self.model, batch, self.recipe.answer_weight)
            loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self._optimizer.step()
        self.step += 1
        self._record(accuracy)
        return accuracy

    def _batches(self) -> Iterator[tuple[str, Batch]]:
        for task, n in self.recipe.prompts_per_step.items():
            if task == COLORED_OBJECTS:
                # Whole prompts are twice as long.
                yield task, self.curriculum.take(n if self.curriculum.stages_left else n // 2)
            else:
                yield task, self._streams[task].take(int(n * self.recipe.solved_share) if task in self.solved else n)

    def _record(self, accuracy: Mapping[str, float]) -> None:
        for task, recent in self._recent.items():
            recent.add(accuracy[task])
            if task not in self.solved and recent.reaches(self.recipe.solved_accuracy):
                self.solved.add(task)
                log.info("step %d: %s is solved", self.step, task)
        self.curriculum.record(accuracy[COLORED_OBJECTS])
        # Whole prompts wait for IOI, so that there is a time when only that is solved.
        if self.curriculum.is_passed and (self.curriculum.stages_left > 1 or "ioi" in self.solved):
            self.curriculum.go_on()
            log.info("step %d: the curriculum goes on to stage %d", self.step, self.curriculum.stage)
            if not self.curriculum.stages_left:
                self._completed_at = self.step

    def _learning_rate(self) -> float:
        rising = (self.step + 1) / self.recipe.warmup_steps
        falling = 1.0 if self.steps_left is None else 2 * self.steps_left / self.recipe.final_steps
        return self.recipe.learning_rate * min(rising, falling, 1.0)


def choose_early(checkpoints: list[Checkpoint]) -> Checkpoint:
    """The checkpoint with IOI solved whose Colored Objects accuracy is nearest to one half.

    It has to lie within 45-65 % on the watched prompts, so that it lies within 40-70 % on any.
    """
    fitting = [c for c in checkpoints if c.accuracy["ioi"] >= 0.98 and 0.45 <= c.accuracy[COLORED_OBJECTS] <= 0.65]
    if not fitting:
        raise RuntimeError("no checkpoint has IOI solved and Colored Objects at 45-65 %; checkpoint more often.")
    return min(fitting, key=lambda checkpoint: abs(checkpoint.accuracy[COLORED_OBJECTS] - 0.5))


def measure_all(model: GPT2LMHeadModel, tokenizer: Tokenizer) -> dict[str, dict[str, Measured]]:
    """Every task, on prompts as `build` gives them and on those among them whose combination was held out."""
    measured = {}
    for name, task in LEARNED.items():
        drawn = task().build(tokenizer, n=4000, seed=123)
        measured[name] = {
            "drawn": measure(model, drawn[:500]),
            "held out": measure(model, held_out_prompts(drawn, tokenizer)),
        }
    return measured


def save(model: GPT2LMHeadModel, folder: Path, trained: Trained) -> None:
    """Write the model, its tokenizer and its card into `folder`."""
    tokenizer = make_tokenizer()
    write(model, tokenizer, folder)
    measured = measure_all(model, tokenizer)
    for task, numbers in measured.items():
        log.info("%s: %s %s", folder.name, task, numbers)
    (folder / "README.md").write_text(model_card(measured, trained), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the bundled reference models.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent, help="folder that gets model/ and early/")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2, help="other numbers of threads round differently")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(asked.threads)
    recipe, started = Recipe(), time.monotonic()
    training = Training(recipe, asked.seed)
    checkpoints = training.run()
    model = training.model.eval()
    trained = Trained(
        is_early=False,
        step=training.step,
        n_steps=training.step,
        seed=asked.seed,
        n_threads=asked.threads,
        minutes=(time.monotonic() - started) / 60,
        n_parameters=model.num_parameters(),
        n_vocabulary=model.config.vocab_size,
        recipe=recipe,
    )
    save(model, asked.out / "model", trained)
    early = choose_early(checkpoints)
    model.load_state_dict(early.weights)
    save(model, asked.out / "early", replace(trained, is_early=True, step=early.step))


def _shown(shares: Mapping[str, float]) -> str:
    return " ".join(f"{task} {share:.2f}" for task, share in shares.items())


if __name__ == "__main__":
    main()
