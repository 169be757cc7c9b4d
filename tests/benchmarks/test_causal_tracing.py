"""Speed of causal tracing beside TransformerLens' hooks, and of injection beside the plain model, within one run.

On a machine with a GPU, also the time and memory of tracing a model of LLaVA-1.5-7B's shape with random weights.
"""

from __future__ import annotations

import sys
import time
from contextlib import nullcontext
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from circuits.ablations import ImageNoise
from circuits.components import Component
from circuits.data.images import Picture
from circuits.data.prompts import Prompt, PromptSet
from circuits.injection.captions import token_times
from circuits.injection.hooks import injected
from circuits.injection.settings import injection_from
from circuits.methods.causal_tracing import CausalTracing
from circuits.metrics import METRICS
from circuits.model.load import Model, load_model, model_from_module
from circuits.tasks import IMAGE_TASKS
from tests.benchmarks.conftest import report, report_share, time_of

pytestmark = pytest.mark.benchmark

PROBABILITY = METRICS["answer-probability"]
NOISE = ImageNoise()


@pytest.fixture(scope="module")
def reference() -> Model:
    return load_model("reference-vlm")


def _hook_name(part: Component, n_layers: int) -> str:
    if part.kind != "residual":
        return f"blocks.{part.layer}.hook_{'attn' if part.kind == 'attention' else 'mlp'}_out"
    assert part.layer is not None
    return f"blocks.{part.layer}.hook_resid_pre" if part.layer < n_layers else f"blocks.{n_layers - 1}.hook_resid_post"


def test_tracing_all_layers_components_and_categories(reference: Model) -> None:
    """19 components x 7 categories, 64 prompts of 91 tokens; TransformerLens restores one cell in each full run."""
    model = reference
    prompts = IMAGE_TASKS["scene-objects"]().build(model.vision, n=64)
    (length,) = {len(prompt) for prompt in prompts}
    ids = torch.tensor([prompt.clean for prompt in prompts])
    answers = torch.tensor([prompt.answers[0] for prompt in prompts])
    clean = dict(model.vision.pixels([prompt.image for prompt in prompts]))
    corrupt = {"pixel_values": NOISE.noisy(clean["pixel_values"], prompts.prompts)}
    traces: dict[str, Any] = {}

    def ours() -> None:
        traces["ours"] = CausalTracing().trace(model, prompts, metric=PROBABILITY, ablation=NOISE)

    our_seconds = min(time_of(ours) for _ in range(2))
    scores = traces["ours"].scores
    masks = torch.zeros(len(scores.positions), len(prompts), length, dtype=torch.bool)
    for index, name in enumerate(scores.positions):
        for row, prompt in enumerate(prompts):
            masks[index, row, list(prompt.roles.get(name, ()))] = True

    def probability(logits: torch.Tensor) -> torch.Tensor:
        return logits[:, -1].float().softmax(-1).gather(1, answers[:, None])[:, 0]

    def theirs() -> None:
        values = np.zeros(scores.per_prompt.shape)
        names = [_hook_name(part, model.forward.n_layers) for part in scores.components]
        with torch.no_grad():
            _, cache = model.bridge.run_with_cache(ids, **clean)
            plain = probability(model.bridge(ids, **corrupt))
            for number, name in enumerate(names):
                kept = cache[name]
                for index, mask in enumerate(masks):

                    def restore(
                        value: torch.Tensor, hook: Any, mask: torch.Tensor = mask, kept: torch.Tensor = kept
                    ) -> torch.Tensor:
                        return torch.where(mask.unsqueeze(-1), kept, value)

                    logits = model.bridge.run_with_hooks(ids, fwd_hooks=[(name, restore)], **corrupt)
                    values[:, index, number] = (probability(logits) - plain).numpy()
        traces["theirs"] = values

    their_seconds = time_of(theirs)
    deviation = float(np.abs(traces["theirs"] - scores.per_prompt).max())
    assert deviation < 1e-5
    work = f"causal tracing, {scores.per_prompt[0].size} cells, 64 prompts"
    report(work, "TransformerLens, a cell a run", their_seconds, our_seconds, wanted=5, note=f"{deviation:.0e}")
    assert our_seconds < 120


def _llava(
    n_layers: int, width: int, n_heads: int, *, vision_layers: int, vision_width: int, image: int, patch: int
) -> Any:
    """A random LLaVA of the given size, and its processor with the bundled model's vocabulary."""
    import transformers as tf

    from circuits.reference.vision.text import CHAT_TEMPLATE, IMAGE, make_tokenizer

    tokenizer = make_tokenizer()
    vision = tf.CLIPVisionConfig(
        hidden_size=vision_width,
        intermediate_size=4 * vision_width,
        num_hidden_layers=vision_layers,
        num_attention_heads=vision_width // 64,
        image_size=image,
        patch_size=patch,
    )
    text = tf.LlamaConfig(
        vocab_size=32_064,
        hidden_size=width,
        intermediate_size=int(width * 2.6875),
        num_hidden_layers=n_layers,
        num_attention_heads=n_heads,
        max_position_embeddings=4096,
    )
    config = tf.LlavaConfig(vision_config=vision, text_config=text)
    config.image_token_id = tokenizer.convert_tokens_to_ids(IMAGE)
    config._attn_implementation = "eager"
    pictures = tf.CLIPImageProcessorPil(size={"shortest_edge": image}, crop_size={"height": image, "width": image})
    processor = tf.LlavaProcessor(
        pictures,
        tokenizer,
        patch_size=patch,
        vision_feature_select_strategy="default",
        num_additional_image_tokens=1,
        chat_template=CHAT_TEMPLATE,
    )
    return config, processor


def _times(model: Model, picture: Picture, repeats: int) -> dict[str, float]:
    n_layers = model.forward.n_layers
    rates = np.linspace(0.01, 0.3, n_layers).tolist()
    injection = injection_from(rates, rates)
    contexts = {"plain": nullcontext, "iri": partial(injected, model, injection)}
    measured = token_times(model, picture, contexts, repeats=repeats)
    return {name: times.per_token_s for name, times in measured.items()}


@pytest.mark.parametrize("size", ["reference-vlm", "12 layers, d=768"])
def test_time_per_token_under_injection(size: str, reference: Model) -> None:
    """3 sources and 6 or 10 targets, attention and MLP outputs; tokens take turns with those of the plain model."""
    import transformers as tf

    picture = IMAGE_TASKS["scene-objects"]().questions(n=1)[0].picture
    model = reference
    if size != "reference-vlm":
        config, processor = _llava(12, 768, 12, vision_layers=4, vision_width=256, image=112, patch=14)
        torch.manual_seed(0)
        model = model_from_module(tf.LlavaForConditionalGeneration(config).eval(), processor=processor)
    seconds = _times(model, picture, repeats=40)
    plain, changed = (1000 * seconds[name] for name in ("plain", "iri"))
    report_share(
        f"a token under injection, {size}", "a token of the plain model", plain, changed, wanted=1.05, unit="ms"
    )


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="measured only on a GPU")
def test_tracing_a_model_of_seven_billion_parameters() -> None:
    """LLaVA-1.5-7B's shape in bfloat16: 576 image tokens, 97 components x 7 categories, 4 prompts."""
    import transformers as tf

    config, processor = _llava(32, 4096, 32, vision_layers=24, vision_width=1024, image=336, patch=14)
    with torch.device("cuda"):
        torch.set_default_dtype(torch.bfloat16)
        module = tf.LlavaForConditionalGeneration(config).eval()
        torch.set_default_dtype(torch.float32)
    model = model_from_module(module, processor=processor)
    prompts = _seven_categories(model, n=4)
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    began = time.perf_counter()
    traced = CausalTracing().trace(model, prompts, metric=PROBABILITY, ablation=NOISE)
    torch.cuda.synchronize()
    seconds, peak = (time.perf_counter() - began) / len(prompts), torch.cuda.max_memory_allocated() / 1e9
    n_cells = traced.scores.per_prompt[0].size
    sys.stdout.write(
        f"\n| tracing, LLaVA-1.5-7B's shape, {n_cells} cells | {seconds:.1f} s a prompt | {peak:.1f} GB |\n"
    )


def _seven_categories(model: Model, n: int) -> PromptSet:
    """Random words around a random picture, a part of which is the object."""
    generator = np.random.default_rng(0)
    prompts = []
    for _ in range(n):
        picture = Picture.from_pixels(generator.integers(0, 256, (480, 640, 3), dtype=np.uint8))
        n_image = model.vision.n_tokens(picture)
        words = generator.choice(range(4, 32_000), size=24).tolist()
        ids = (*words[:4], *[model.vision.image_token_id] * n_image, *words[4:])
        stop = 4 + n_image
        roles = {
            "early-visual": range(4, 204),
            "object-visual": range(204, 260),
            "late-visual": range(260, stop),
            "early-textual": (*range(4), *range(stop, stop + 4)),
            "textual-object": range(stop + 4, stop + 6),
            "late-textual": range(stop + 6, len(ids) - 1),
        }
        chosen = {name: tuple(positions) for name, positions in roles.items()}
        prompts.append(Prompt(ids, ids, (words[0],), (words[1],), -1, chosen, picture, None, (4, stop)))
    return PromptSet("random", tuple(prompts))
