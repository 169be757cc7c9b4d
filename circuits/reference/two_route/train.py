"""Train the control of two routes again: `python -m circuits.reference.two_route.train [--out DIR] [--seed 0]`.

A small GPT-2 learns two rules on the same words, told apart by a cue. Left alone, it comes near to two routes; here
each rule is also trained with the other's part taken away, all MLPs or all attention from layer 1 on, so that it does
without it.

The same seed gives the same prompts; other machines and numbers of threads round differently, so the weights differ.
"""

from __future__ import annotations

import argparse
import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import GPT2LMHeadModel

from circuits.reference.parts import Shape, new_model, write
from circuits.reference.two_route import MODEL
from circuits.reference.two_route.ablated import ATTENTION, MLPS, ablated
from circuits.reference.two_route.card import Trained, model_card
from circuits.reference.two_route.data import CUES, Draws, make_tokenizer
from circuits.reference.two_route.measure import BOTH, held_out, measure_routes
from circuits.tasks.two_route import LEARNED, NEARBY

log = logging.getLogger(__name__)

NOT_NEEDED = {NEARBY: MLPS, LEARNED: ATTENTION}
"""What each rule learns to do without."""


@dataclass(frozen=True)
class Recipe(Shape):
    """Everything that training depends on, beside the seed."""

    n_positions: int = 16
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup_steps: int = 50
    prompts_per_step: int = 256  # of each rule
    ablated_weight: float = 0.3
    steps: int = 2000  # the learning rate falls to zero over the last half
    report_every: int = 100


class Training:
    """A model under training."""

    def __init__(self, recipe: Recipe, seed: int, device: str = "cpu") -> None:
        self.recipe, self.step, self._device = recipe, 0, device
        self.tokenizer = make_tokenizer()
        model: Any = new_model(recipe, len(self.tokenizer), seed)
        self.model: GPT2LMHeadModel = model.to(device)
        self._draws = Draws(self.tokenizer, np.random.default_rng([seed, 4000]))
        self._optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )

    def run(self) -> None:
        """Train to the end."""
        while self.step < self.recipe.steps:
            accuracy = self.train_step()
            if self.step % self.recipe.report_every == 0:
                shown = " ".join(f"{cue} {share:.2f}" for cue, share in accuracy.items())
                log.info("step %d: accuracy in training %s", self.step, shown)

    def train_step(self) -> dict[str, float]:
        """One step on prompts of both rules; returns each one's accuracy on them, before the step."""
        recipe = self.recipe
        falling = 2 * (recipe.steps - self.step) / recipe.steps
        for group in self._optimizer.param_groups:
            group["lr"] = recipe.learning_rate * min((self.step + 1) / recipe.warmup_steps, falling, 1.0)
        self._optimizer.zero_grad()
        accuracy = {}
        for cue in CUES:
            batch = self._draws.take(cue, recipe.prompts_per_step)
            ids, answers = (torch.from_numpy(part).to(self._device) for part in batch)
            logits = self._logits(ids)
            accuracy[cue] = (logits.detach().argmax(dim=-1) == answers).float().mean().item()
            F.cross_entropy(logits, answers).backward()
            with ablated(self.model, NOT_NEEDED[cue]):
                (recipe.ablated_weight * F.cross_entropy(self._logits(ids), answers)).backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self._optimizer.step()
        self.step += 1
        return accuracy

    def _logits(self, ids: Tensor) -> Tensor:
        return self.model.lm_head(self.model.transformer(ids, use_cache=False).last_hidden_state[:, -1])


def save(model: GPT2LMHeadModel, folder: Path, trained: Trained) -> None:
    """Write the model, its tokenizer and its card into `folder`."""
    tokenizer = make_tokenizer()
    write(model, tokenizer, folder)
    checks = list(measure_routes(model, [held_out(task, tokenizer) for task in BOTH]))
    for check in checks:
        log.info("%s", check)
    (folder / "README.md").write_text(model_card(checks, trained), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the bundled control of two routes.")
    parser.add_argument("--out", type=Path, default=MODEL, help="folder that gets the model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2, help="other numbers of threads round differently")
    parser.add_argument("--device", default="cpu", help="such as cuda; other devices round differently")
    asked = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(asked.threads)
    recipe, started = Recipe(), time.monotonic()
    training = Training(recipe, asked.seed, asked.device)
    training.run()
    model = training.model.eval().cpu()
    trained = Trained(
        step=training.step,
        seed=asked.seed,
        device=asked.device,
        minutes=(time.monotonic() - started) / 60,
        n_parameters=model.num_parameters(),
        n_vocabulary=model.config.vocab_size,
        recipe=recipe,
    )
    save(model, asked.out, trained)


if __name__ == "__main__":
    main()
