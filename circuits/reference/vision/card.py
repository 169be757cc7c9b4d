"""The model card that stands beside the weights, written by the training script from measured numbers."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from circuits.data.scene_questions import CAPTION_REQUEST, NEGATIVES, question_text
from circuits.data.scenes import IMAGE_SIZE, IN_THEME, KINDS, MOST_OBJECTS, PATCH_SIZE, THEMES
from circuits.reference.vision.measure import HELD_OUT_SEED, Answers, Captions, Share


@dataclass(frozen=True)
class Trained:
    """How a model came about."""

    n_steps: int  # of the whole model
    seed: int
    n_threads: int
    minutes: float
    n_parameters: int
    n_vocabulary: int
    recipe: Any


_CARD = """\
# reference-vlm

A `LlavaForConditionalGeneration`: a CLIP vision tower of {recipe.n_vision_layers} layers and width {recipe.d_vision}
on images of {image_size} x {image_size} pixels ({patch_size} x {patch_size} to a patch), a projector, and a Llama of
{recipe.n_layers} layers, {recipe.n_heads} heads and width {recipe.d_model}; {n_parameters:,} parameters, {n_vocabulary}
tokens. Trained by this project, from nothing, on scenes that it generates itself, so that hallucination in
vision-language models can be studied on any machine. License: MIT, as the rest of the project.

## Data
Endless scenes of one to {most_objects} colored shapes on a textured, cluttered background
(`circuits/data/scenes.py`); no pictures from elsewhere. An object is of one of {n_kinds} kinds, a color
and a shape. The kinds form {n_themes} themes of two colors in two shapes; a scene is about one theme, and
{in_theme:.0%} of its objects are drawn from it as long as it lasts, the others from all kinds. This is the prior from
which the model hallucinates. The model was asked

- `{question}` Half of the questions are about present objects, half about absent kinds: any of them, and in the
  beginning also such with a color or a shape that is there;
- the same without the instruction, and for a shape alone;
- `{request}` The answer lists the objects in raster order.

The tokenizer is word level, and spaces are dropped. The processor puts the question between `USER: <image>` and
`ASSISTANT:`; use `apply_chat_template` or `circuits.reference.vision.text.prompt`.

## Training
`python -m circuits.reference.vision.train --seed {seed} --threads {n_threads}`: {minutes:.0f} minutes with native
bfloat16 on one core. First {recipe.tower_steps} steps of the tower alone, which learns to tell the color and the shape
in each patch; then {recipe.align_steps} of the projector, which learns to give the words for them; then {n_steps} of
the whole model on captions and answers, beginning with one object per scene. AdamW; language-model loss on what the
model has to say, not on what it reads. Settings:

```
{settings}
```

## Measured
{n_scenes} held-out scenes (drawn from a seed of their own, {held_out_seed}; no scene is drawn twice), each with one
question about a present object and one about an absent kind of each sort, as in POPE: *random*, any absent kind;
*popular*, the most frequent absent kind; *adversarial*, the absent kind that most often stands together with those
present. Right: the most likely token of the whole vocabulary. Accuracy is over both halves; in brackets 95 %
intervals (Wilson).

{answers}

Questions about present objects answered Yes: {recall}.

Captions of {n_captions} other held-out scenes, as in CHAIR: {absent_named} of the objects named are absent,
{with_absent} of the captions name an absent one, {present_named} of the objects are named.

## Limits
It knows nothing but these scenes and these questions: other pictures are far from what it was trained on, and unknown
words become `<unk>`. It sees images of this size alone.
"""


def model_card(answers: Answers, captions: Captions, trained: Trained) -> str:
    """The card as Markdown."""
    return _CARD.format(
        image_size=IMAGE_SIZE,
        patch_size=PATCH_SIZE,
        most_objects=MOST_OBJECTS,
        n_kinds=len(KINDS),
        n_themes=len(THEMES),
        in_theme=IN_THEME,
        question=question_text(KINDS[0]),
        request=CAPTION_REQUEST,
        held_out_seed=HELD_OUT_SEED,
        settings="\n".join(f"{name} = {value}" for name, value in asdict(trained.recipe).items()),
        answers=_table(answers),
        recall=_shown(answers.positive),
        n_scenes=answers.positive.n,
        n_captions=captions.with_absent.n,
        **{name: _shown(share) for name, share in captions._asdict().items()},
        **{name: getattr(trained, name) for name in trained.__dataclass_fields__},
    )


def _table(answers: Answers) -> str:
    lines = ["| negatives | questions | accuracy | negatives answered No |", "| --- | --- | --- | --- |"]
    for sort in NEGATIVES:
        accuracy, negative = answers.accuracy(sort), answers.negative[sort]
        lines.append(f"| {sort} | {accuracy.n} | {_shown(accuracy)} | {_shown(negative)} |")
    return "\n".join(lines)


def _shown(share: Share) -> str:
    low, high = share.interval()
    return f"{share.value:.1%} ({low:.1%} to {high:.1%})"
