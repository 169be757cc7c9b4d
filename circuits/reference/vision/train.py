"""Train the bundled vision-language model again: `python -m circuits.reference.vision.train [--out DIR] [--seed 0]`.

As with LLaVA, the vision tower comes first: alone, it learns to tell for each patch the color and the shape of the
object there. Then the projector learns to give the words for them. (Learned through the language model alone, shapes
stay on a plateau for thousands of steps.) Then tower, projector and Llama learn together, on endless scenes: the
language-model loss on captions that list a scene's objects, and on the answers to questions about it. This begins with
one object per scene and goes on to two, three and four as the answers become right. Until then, one negative in two has
a color or a shape that is there, without which the model is long content to look for the color alone. From then on
negatives are drawn among all absent kinds. So what stands together in scenes stands together in the right answers too,
and the model keeps that as a prior.

Activations are in bfloat16, weights and their updates in float32; with native bfloat16 that is twice as fast.
The same seed gives the same scenes; other machines and numbers of threads round differently, so the weights differ.
"""

from __future__ import annotations

import argparse
import copy
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import CLIPVisionConfig, LlamaConfig, LlavaConfig, LlavaForConditionalGeneration

from circuits.data.scene_questions import Question
from circuits.data.scenes import (
    COLORS,
    IMAGE_SIZE,
    MOST_OBJECTS,
    N_PATCHES,
    PATCH_SIZE,
    SHAPES,
    Image,
    Scene,
    draw_scenes,
    images,
)
from circuits.data.tokenizer import Tokenizer
from circuits.reference.parts import Recent
from circuits.reference.vision import MODEL
from circuits.reference.vision.card import Trained, model_card
from circuits.reference.vision.data import Batch, Rows, draw_questions, draw_shape_question, patch_labels
from circuits.reference.vision.measure import HELD_OUT_SEED, measure_answers, measure_captions
from circuits.reference.vision.text import END, IMAGE, PIXEL_MEAN, PIXEL_SPREAD, START, make_processor, make_tokenizer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Recipe:
    """Everything that training depends on, beside the seed."""

    n_vision_layers: int = 3
    d_vision: int = 96
    d_vision_mlp: int = 192
    n_layers: int = 6
    d_model: int = 128
    d_mlp: int = 256
    n_heads: int = 4  # of the tower and of the language model
    n_positions: int = 128
    scenes_per_step: int = 48
    tower_scenes_per_step: int = 64
    tower_steps: int = 2600  # of the tower alone
    tower_falling_steps: int = 1000  # the last ones of them, over which the learning rate falls to zero
    align_steps: int = 400  # of the projector alone, the learning rate falling over the last half
    early_similar: int = 1  # negatives per scene with a color or a shape that is there, before the most objects
    short_questions: int = 3  # per scene, about kinds, without the instruction; one more has it
    answer_weight: float = 1.0
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup_steps: int = 100
    window: int = 20  # steps over which the accuracy on the questions trained on is averaged
    stage_accuracy: float = 0.88
    final_steps: int = 1100  # from the first one with the most objects per scene
    falling_steps: int = 1000  # the last ones of them
    most_steps: int = 8000
    report_every: int = 20  # steps of the whole model; ten times as many of the tower alone


class StepAccuracy(NamedTuple):
    """Shares of right tokens in one training step, before its update."""

    answers: float
    captions: float


def new_model(recipe: Recipe, tokenizer: Tokenizer, seed: int) -> LlavaForConditionalGeneration:
    """An untrained model."""
    torch.manual_seed(seed)
    vocabulary = tokenizer.get_vocab()
    vision = CLIPVisionConfig(
        image_size=IMAGE_SIZE,
        patch_size=PATCH_SIZE,
        hidden_size=recipe.d_vision,
        intermediate_size=recipe.d_vision_mlp,
        num_hidden_layers=recipe.n_vision_layers,
        num_attention_heads=recipe.n_heads,
        projection_dim=recipe.d_model,
    )
    text = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=recipe.d_model,
        intermediate_size=recipe.d_mlp,
        num_hidden_layers=recipe.n_layers,
        num_attention_heads=recipe.n_heads,
        num_key_value_heads=recipe.n_heads,
        max_position_embeddings=recipe.n_positions,
        bos_token_id=vocabulary[START],
        eos_token_id=vocabulary[END],
        pad_token_id=vocabulary[END],
    )
    config = LlavaConfig(
        vision_config=vision,
        text_config=text,
        image_token_index=vocabulary[IMAGE],
        # All patches without the class token, after the tower's last layer.
        vision_feature_select_strategy="default",
        vision_feature_layer=-1,
        image_seq_length=N_PATCHES,
    )
    model = LlavaForConditionalGeneration(config)
    # Attention written out: in bfloat16 that is faster than the fused kernel.
    model.set_attn_implementation("eager")
    return model


def to_pixels(pictures: Image) -> Tensor:
    """[image, channel, row, column] the pixel values that the processor makes of [image, row, column, channel]."""
    return (torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255 - PIXEL_MEAN) / PIXEL_SPREAD


def said_logits(model: LlavaForConditionalGeneration, rows: Rows, batch: Batch, pixels: Tensor) -> Tensor:
    """[said token, word] logits at the positions of `batch.is_said`, scene by scene.

    pixels  [scene, channel, row, column]
    """
    dtype = model.lm_head.weight.dtype
    features: Any = model.get_image_features(pixel_values=pixels.to(dtype))
    seen = torch.stack(list(features.pooler_output))
    text = model.get_input_embeddings()(torch.from_numpy(batch.ids))
    before, behind = text[:, : rows.first_patch], text[:, rows.first_patch + N_PATCHES :]
    sees = torch.from_numpy(rows.sees)
    hidden = model.model.language_model(
        inputs_embeds=torch.cat([before, seen, behind], dim=1),
        attention_mask=torch.zeros(sees.shape, dtype=dtype).masked_fill(~sees, torch.finfo(dtype).min)[None, None],
        position_ids=torch.from_numpy(rows.positions)[None],
        use_cache=False,
    ).last_hidden_state
    return model.lm_head(hidden[torch.from_numpy(batch.is_said)]).float()


class MixedPrecision:
    """Float32 weights with their optimizer, and a bfloat16 copy of the module to run."""

    def __init__(self, module: torch.nn.Module, recipe: Recipe) -> None:
        self._weights = list(module.parameters())
        self._optimizer = torch.optim.AdamW(self._weights, weight_decay=recipe.weight_decay)
        self.half: Any = copy.deepcopy(module).bfloat16()

    def update(self, loss: Tensor, learning_rate: float) -> None:
        """Step the float32 weights by the gradients of the copy, and copy them back."""
        loss.backward()
        for weight, half in zip(self._weights, self.half.parameters(), strict=True):
            weight.grad = None if half.grad is None else half.grad.float()
            half.grad = None
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate
        torch.nn.utils.clip_grad_norm_(self._weights, 1.0)
        self._optimizer.step()
        with torch.no_grad():
            for weight, half in zip(self._weights, self.half.parameters(), strict=True):
                half.copy_(weight)


def scheduled(step: int, steps_left: int | None, falling_steps: int, recipe: Recipe) -> float:
    """The learning rate of a step: it rises, stays, and falls to zero over the last steps."""
    falling = 1.0 if steps_left is None else steps_left / falling_steps
    return recipe.learning_rate * min((step + 1) / recipe.warmup_steps, falling, 1.0)


def patch_loss(color: Tensor, shape: Tensor, there: Tensor) -> Tensor:
    """Mean loss over patches, where those with an object and those without weigh the same.

    color, shape  [scene, patch, color or shape]  logits; the last one stands for no object
    there         [scene, patch, 2]               the numbers of the right ones
    """
    losses = F.cross_entropy(color.flatten(0, 1).float(), there[..., 0].flatten(), reduction="none")
    losses = losses + F.cross_entropy(shape.flatten(0, 1).float(), there[..., 1].flatten(), reduction="none")
    is_object = there[..., 1].flatten() < len(SHAPES)
    return losses[is_object].mean() + losses[~is_object].mean()


def train_tower(model: LlavaForConditionalGeneration, recipe: Recipe, generator: np.random.Generator) -> None:
    """Teach the vision tower, in place, the color and the shape in each patch, by a readout that is then dropped."""
    readout = torch.nn.Linear(recipe.d_vision, len(COLORS) + 1 + len(SHAPES) + 1)
    precision = MixedPrecision(torch.nn.ModuleDict({"tower": model.model.vision_tower, "readout": readout}), recipe)
    half = precision.half
    for step in range(recipe.tower_steps):
        scenes = draw_scenes(generator, recipe.tower_scenes_per_step)
        patches = half["tower"](to_pixels(images(scenes)).bfloat16()).last_hidden_state[:, 1:]
        color, shape = half["readout"](patches).split([len(COLORS) + 1, len(SHAPES) + 1], dim=-1)
        loss = patch_loss(color, shape, torch.from_numpy(patch_labels(scenes)))
        precision.update(loss, scheduled(step, recipe.tower_steps - step, recipe.tower_falling_steps, recipe))
        if (step + 1) % (10 * recipe.report_every) == 0:
            log.info("tower, step %d: loss %.3f", step + 1, loss.item())


def align_projector(
    model: LlavaForConditionalGeneration, tokenizer: Tokenizer, recipe: Recipe, generator: np.random.Generator
) -> None:
    """Make the projector, in place, turn each patch into the words for what is there.

    It learns to have a large product with the embeddings of the color and of the shape, or of `<image>` where no
    object is; the embeddings learn too, the tower does not. The language model can then match what it sees with what
    it reads as it matches equal words.
    """
    vocabulary = tokenizer.get_vocab()
    colors, shapes = ([vocabulary[word] for word in (*words, IMAGE)] for words in (COLORS, SHAPES))
    parts = {"projector": model.model.multi_modal_projector, "words": model.get_input_embeddings()}
    precision = MixedPrecision(torch.nn.ModuleDict(parts), recipe)
    half, tower = precision.half, copy.deepcopy(model.model.vision_tower).bfloat16()
    for step in range(recipe.align_steps):
        scenes = draw_scenes(generator, recipe.tower_scenes_per_step)
        with torch.no_grad():
            patches = tower(to_pixels(images(scenes)).bfloat16()).last_hidden_state[:, 1:]
        seen, words = half["projector"](patches), half["words"].weight
        loss = patch_loss(seen @ words[colors].T, seen @ words[shapes].T, torch.from_numpy(patch_labels(scenes)))
        precision.update(loss, scheduled(step, recipe.align_steps - step, recipe.align_steps // 2, recipe))
        if (step + 1) % (10 * recipe.report_every) == 0:
            log.info("projector, step %d: loss %.3f", step + 1, loss.item())


class Training:
    """A model under training, with everything that changes from step to step."""

    def __init__(self, model: LlavaForConditionalGeneration, recipe: Recipe, seed: int) -> None:
        self.recipe, self.step, self.most_objects = recipe, 0, 1
        self._precision = MixedPrecision(model, recipe)
        self._rows = Rows(make_tokenizer(), recipe.short_questions)
        self._generator = np.random.default_rng([seed, 2000])
        self._recent = Recent(recipe.window)
        self._completed_at: int | None = None

    @property
    def _is_early(self) -> bool:
        return self.most_objects < MOST_OBJECTS

    @property
    def steps_left(self) -> int | None:
        """How many steps remain; None as long as scenes have yet to get more objects."""
        if self._completed_at is None:
            return None
        return self._completed_at + self.recipe.final_steps - self.step

    def run(self) -> None:
        """Train to the end."""
        while self.steps_left != 0:
            if self.step == self.recipe.most_steps:
                raise RuntimeError(
                    f"not learned after {self.step} steps: still at {self.most_objects} objects per scene. "
                    "Try another seed or more steps."
                )
            accuracy = self.train_step()
            if self.step % self.recipe.report_every == 0:
                log.info("step %d: up to %d objects, %s", self.step, self.most_objects, accuracy)

    def train_step(self) -> StepAccuracy:
        """One step on new scenes."""
        scenes = draw_scenes(self._generator, self.recipe.scenes_per_step, self.most_objects)
        questions = [self._draw_questions(scene) for scene in scenes]
        batch = self._rows.batch(scenes, questions)
        logits = said_logits(self._precision.half, self._rows, batch, to_pixels(images(scenes)))
        following, is_answer = (torch.from_numpy(part[batch.is_said]) for part in (batch.following, batch.is_answer))
        losses = F.cross_entropy(logits, following, reduction="none")
        loss = losses.mean() + self.recipe.answer_weight * losses[is_answer].mean()
        self._precision.update(loss, scheduled(self.step, self.steps_left, self.recipe.falling_steps, self.recipe))
        is_right = (logits.detach().argmax(dim=-1) == following).float()
        accuracy = StepAccuracy(is_right[is_answer].mean().item(), is_right[~is_answer].mean().item())
        self.record(accuracy)
        return accuracy

    def _draw_questions(self, scene: Scene) -> list[Question]:
        n_similar = self.recipe.early_similar if self._is_early else 0
        about_kinds = draw_questions(self._generator, scene.kinds, self._rows.n_questions, n_similar=n_similar)
        return [draw_shape_question(self._generator, scene.kinds), *about_kinds]

    def record(self, accuracy: StepAccuracy) -> None:
        """Note the accuracy of a step, and go on to more objects where the last ones were good enough."""
        self.step += 1
        self._recent.add(accuracy.answers)
        if self._is_early and self._recent.reaches(self.recipe.stage_accuracy):
            self.most_objects += 1
            self._recent.clear()
            if not self._is_early:
                self._completed_at = self.step
            log.info("step %d: up to %d objects from now on", self.step, self.most_objects)


def save(model: LlavaForConditionalGeneration, folder: Path, trained: Trained) -> None:
    """Write the model, its processor and its card of measured numbers into `folder`."""
    model.save_pretrained(folder)
    processor = make_processor()
    processor.save_pretrained(folder)
    for file in folder.iterdir():
        file.chmod(0o644)  # weights are written for their owner alone
    generator = np.random.default_rng(HELD_OUT_SEED)
    answers = measure_answers(model, processor, generator, n_scenes=2000)
    captions = measure_captions(model, processor, generator, n_scenes=500)
    log.info("%s %s", answers, captions)
    (folder / "README.md").write_text(model_card(answers, captions, trained), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Train the bundled vision-language model.")
    parser.add_argument("--out", type=Path, default=MODEL, help="folder that gets the model")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="other numbers of threads round differently")
    asked = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(asked.threads)
    started = time.monotonic()
    recipe, tokenizer = Recipe(), make_tokenizer()
    model = new_model(recipe, tokenizer, asked.seed)
    train_tower(model, recipe, np.random.default_rng([asked.seed, 1000]))
    align_projector(model, tokenizer, recipe, np.random.default_rng([asked.seed, 1500]))
    training = Training(model, recipe, asked.seed)
    training.run()
    model.set_attn_implementation("sdpa")
    trained = Trained(
        n_steps=training.step,
        seed=asked.seed,
        n_threads=asked.threads,
        minutes=(time.monotonic() - started) / 60,
        n_parameters=model.num_parameters(),
        n_vocabulary=len(tokenizer),
        recipe=recipe,
    )
    save(model.eval(), asked.out, trained)


if __name__ == "__main__":
    main()
