"""Methods and ablations on prompts with pictures: against whole re-runs of the wrapped model with its pixel values."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from circuits.ablations import ABLATIONS, Ablation, Corrupt, ImageNoise, Noise
from circuits.data.images import Picture
from circuits.data.prompts import Prompt, PromptSet
from circuits.evaluation.faithfulness import circuit_values, component_circuit_values, measure_baseline
from circuits.methods import METHODS, ActivationPatching, CausalTracing, EdgeAttribution, ExactEdges
from circuits.metrics import METRICS
from circuits.model.batches import batches
from circuits.model.load import Model
from circuits.scores import ComponentScores, EdgeScores
from pipelines.engine.result_file import Result, decode, encode
from pipelines.runs.codec import prompts_from, prompts_meta, prompts_result
from tests.circuits.vision_models import image_pairs, random_picture, tiny_vlm
from tests.conftest import MEASURING, random_prompts, slow_case

LOGIT_DIFFERENCE = METRICS["logit-difference"]
HOOKS = {"head": "attn.hook_z", "attention": "hook_attn_out", "mlp": "hook_mlp_out", "residual": "hook_resid_pre"}
# Random models do no task, and a few epochs are enough here.
FEW = {"least_accuracy": 0, "epochs": 5, "trials": 2, "features": 12}
SETTINGS = {"head-coding": FEW, "code-pairs": FEW, "mask-learning": {"steps": 5}}
every_method = pytest.mark.parametrize("name", MEASURING)


def method_of(name: str) -> Any:
    return METHODS[name](**SETTINGS.get(name, {}))


def inputs(model: Model, prompt: Prompt, side: str = "clean") -> tuple[Tensor, dict[str, Any]]:
    """The wrapped model's own inputs for one side of a prompt."""
    shown = prompt.image if side == "clean" else prompt.corrupt_image or prompt.image
    pixels = {} if shown is None else dict(model.vision.pixels([shown]))
    return torch.tensor([getattr(prompt, side)]), pixels


def difference(logits: Tensor, prompt: Prompt) -> float:
    """The logit difference where the prompt is answered."""
    row = logits[0, prompt.answer_position]
    return float(row[list(prompt.answers)].mean() - row[list(prompt.wrong_answers)].mean())


def own_metric(model: Model, prompt: Prompt, side: str = "clean", hooks: Any = ()) -> float:
    """The logit difference of the wrapped model, one prompt at a time."""
    ids, pixels = inputs(model, prompt, side)
    with torch.no_grad():
        return difference(model.bridge.run_with_hooks(ids, fwd_hooks=list(hooks), **pixels), prompt)


def corrupt_values(model: Model, prompt: Prompt) -> Any:
    """What every component writes in the corrupt run of the wrapped model."""
    ids, pixels = inputs(model, prompt, "corrupt")
    names = tuple(HOOKS.values())
    return model.bridge.run_with_cache(ids, names_filter=lambda hook_name: hook_name.endswith(names), **pixels)[1]


def patched_metric(model: Model, prompt: Prompt, component: Any, positions: list[int], cache: Any) -> float:
    """The clean prompt with one component's value at some positions taken from those of the corrupt one."""
    name = f"blocks.{component.layer}.{HOOKS[component.kind]}"

    def patch(value: Tensor, hook: Any) -> Tensor:
        value = value.clone()
        if component.kind == "head":
            value[:, positions, component.index] = cache[name][:, positions, component.index]
        else:
            value[:, positions] = cache[name][:, positions]
        return value

    return own_metric(model, prompt, hooks=[(name, patch)])


# Every method


@every_method
def test_every_method_scores_prompts_with_pictures(name):
    model, prompts = tiny_vlm(), image_pairs(4)
    scores = method_of(name).score(model, prompts, metric=LOGIT_DIFFERENCE)
    assert scores.wiring == model.wiring
    assert len(scores.per_prompt) == len(prompts)
    assert np.isfinite(scores.per_prompt).all()
    assert np.abs(scores.per_prompt).max() > 0
    if method_of(name).result == "edges":
        assert isinstance(scores, EdgeScores)
        assert scores.per_prompt.shape == (4, model.wiring.n_edges)
    else:
        assert isinstance(scores, ComponentScores)
        assert scores.per_prompt.shape == (4, len(scores.positions), len(scores.components))
    assert scores.provenance.prompts_fingerprint == prompts.fingerprint


READS_NO_PICTURE = {"random"}


@pytest.mark.parametrize("name", sorted(set(MEASURING) - READS_NO_PICTURE))
def test_every_method_sees_the_picture(name):
    """The same words about other pictures give other scores."""
    model, prompts = tiny_vlm(), image_pairs(4)
    others = PromptSet(
        "others",
        tuple(
            replace(p, image=random_picture(50 + 2 * n), corrupt_image=random_picture(51 + 2 * n))
            for n, p in enumerate(prompts)
        ),
    )
    first, second = (
        method_of(name).score(model, chosen, metric=LOGIT_DIFFERENCE).per_prompt for chosen in (prompts, others)
    )
    assert np.abs(first - second).max() > 1e-4


PER_PROMPT = sorted(name for name in MEASURING if method_of(name).per_prompt)


@pytest.mark.parametrize("name", PER_PROMPT)
def test_a_prompt_scores_the_same_in_any_batch(name):
    """Text and pictures mixed, of two lengths: each prompt by itself gives what all together give."""
    model, prompts = tiny_vlm(), mixed()
    method = method_of(name)
    together = method.score(model, prompts, metric=LOGIT_DIFFERENCE)
    size = np.abs(together.per_prompt).max()
    for number in range(0, len(prompts), 3):
        alone = method.score(model, prompts[number : number + 1], metric=LOGIT_DIFFERENCE)
        expected = together.per_prompt[number]
        if isinstance(alone, ComponentScores):
            expected = expected[[together.positions.index(position) for position in alone.positions]]
        np.testing.assert_allclose(alone.per_prompt[0], expected, atol=2e-5 * size)


def mixed() -> PromptSet:
    """Prompts that differ in picture, in words or in both, and text-only ones, some as long as those with pictures."""
    shown, both = image_pairs(4), image_pairs(3, text_differs=True, seed=1)
    words = tuple(replace(prompt, corrupt_image=None) for prompt in image_pairs(3, text_differs=True, seed=2))
    text = random_prompts(3, length=22, shared_prefix=4, vocabulary=3)
    assert {len(prompt) for prompt in text} & {len(prompt) for prompt in shown}
    return PromptSet("mixed", (*shown, *both, *words, *(replace(p, roles=shown.prompts[0].roles) for p in text)))


# Against whole re-runs


@pytest.mark.parametrize("build", [("llama",), ("mistral",), ("llama", "siglip", "full")], ids="-".join)
def test_clean_and_corrupt_runs_are_those_of_the_wrapped_model(build):
    model, prompts = tiny_vlm(*build), mixed()
    baseline = measure_baseline(model, prompts, metric=LOGIT_DIFFERENCE)
    for side, values in (("clean", baseline.clean), ("corrupt", baseline.ablated)):
        expected = [own_metric(model, prompt, side) for prompt in prompts]
        np.testing.assert_allclose(values, expected, atol=5e-5)
    assert np.abs(baseline.clean - baseline.ablated).min() > 1e-3


def test_the_probability_of_several_answers_is_their_sum():
    model = tiny_vlm()
    prompts = PromptSet("three", tuple(replace(prompt, answers=(4, 9, 20)) for prompt in image_pairs(2)))
    baseline = measure_baseline(model, prompts, metric=METRICS["answer-probability"])
    for prompt, probability in zip(prompts, baseline.clean, strict=True):
        ids, pixels = inputs(model, prompt)
        with torch.no_grad():
            row = model.bridge(ids, **pixels)[0, prompt.answer_position].softmax(-1)
        assert probability == pytest.approx(float(row[4] + row[9] + row[20]), abs=1e-6)
        assert probability > 1e-3


@pytest.mark.parametrize(
    ("family", "at"),
    [("llama", "roles"), ("qwen2", "all"), *map(slow_case, [("llama", "all"), ("qwen2", "roles")])],
)
def test_patches_equal_whole_reruns(family, at):
    model, prompts = tiny_vlm(family), mixed()[::2]
    scores = ActivationPatching(at=at).score(model, prompts, metric=LOGIT_DIFFERENCE)
    clean = [own_metric(model, prompt) for prompt in prompts]
    caches = [corrupt_values(model, prompt) for prompt in prompts]
    for column, component in enumerate(scores.components[:-1]):  # the final stream has no bridge hook
        for row, position in enumerate(scores.positions):
            if (column + row) % 3:
                continue  # a third of them are checked
            expected = [
                before
                - patched_metric(
                    model, p, component, list(p.roles[position]) if at == "roles" else [*range(len(p))], cache
                )
                for p, before, cache in zip(prompts, clean, caches, strict=True)
            ]
            np.testing.assert_allclose(scores.per_prompt[:, row, column], expected, atol=5e-5)
    assert np.abs(scores.per_prompt).max() > 0.1


def test_an_exact_edge_from_the_input_to_the_logits_is_the_change_of_the_embeddings():
    """By hand: only the last norm reads it; the clean final stream gets the corrupt embedding in place of its own."""
    model, prompts = tiny_vlm(), image_pairs(3, text_differs=True)
    scores = ExactEdges().score(model, prompts, metric=LOGIT_DIFFERENCE)
    (number,) = [n for n, edge in enumerate(model.wiring.edges) if str(edge) == "input->logits"]
    for row, prompt in enumerate(prompts):
        embedded = [model.forward.embed(*inputs(model, prompt, side)) for side in ("clean", "corrupt")]
        final = model.forward.record(*inputs(model, prompt)).residual[-1]
        metrics = [
            difference(model.forward.logits(stream), prompt) for stream in (final, final - embedded[0] + embedded[1])
        ]
        assert scores.per_prompt[row, number] == pytest.approx(metrics[0] - metrics[1], abs=5e-5)
    assert np.abs(scores.per_prompt[:, number]).min() > 1e-3


def test_an_exact_edge_between_heads_is_a_rerun_through_hooks():
    """a0.h1->m0 alone: the MLP of layer 0 reads the corrupt output of that head, and the rest of the model follows."""
    model, prompts = tiny_vlm(), image_pairs(3)
    scores = ExactEdges().score(model, prompts, metric=LOGIT_DIFFERENCE)
    (number,) = [n for n, edge in enumerate(model.wiring.edges) if str(edge) == "a0.h1->m0"]
    weight_o = model.forward.layers[0].head_weights_o[1]
    mlp = model.bridge.blocks[0].mlp
    for row, prompt in enumerate(prompts):
        z = []
        for side in ("clean", "corrupt"):
            ids, pixels = inputs(model, prompt, side)
            _, cache = model.bridge.run_with_cache(
                ids, names_filter=lambda name: name == "blocks.0.attn.hook_z", **pixels
            )
            z.append(cache["blocks.0.attn.hook_z"][:, :, 1])
        change = (z[1] - z[0]) @ weight_o
        norm, held = model.bridge.blocks[0].ln2.original_component, {}

        def note(value, hook, held=held):
            held["read"] = value

        def put_in(value, hook, held=held, change=change, norm=norm):
            return mlp.original_component(norm(held["read"] + change))

        hooks = [("blocks.0.hook_resid_mid", note), ("blocks.0.hook_mlp_out", put_in)]
        expected = own_metric(model, prompt) - own_metric(model, prompt, hooks=hooks)
        assert scores.per_prompt[row, number] == pytest.approx(expected, abs=5e-5)
    assert np.abs(scores.per_prompt[:, number]).max() > 1e-3


@pytest.mark.parametrize("ablation", ABLATIONS)
def test_all_edges_give_the_clean_run_and_none_the_ablated_run(ablation):
    model, prompts, chosen = tiny_vlm(), image_pairs(), ABLATIONS[ablation]()
    baseline = measure_baseline(model, prompts, metric=LOGIT_DIFFERENCE, ablation=chosen)
    edges = np.stack([np.ones(model.wiring.n_edges, dtype=bool), np.zeros(model.wiring.n_edges, dtype=bool)])
    for values in (
        circuit_values(model, prompts, edges, metric=LOGIT_DIFFERENCE, ablation=chosen),
        component_circuit_values(
            model, prompts, edges[:, : len(model.wiring.writers)], metric=LOGIT_DIFFERENCE, ablation=chosen
        ),
    ):
        np.testing.assert_allclose(values[0], baseline.clean, atol=5e-5)
        np.testing.assert_allclose(values[1], baseline.ablated, atol=5e-5)
    assert np.abs(baseline.clean - baseline.ablated).min() > 1e-3


# Prompts


def test_prompts_first_differ_where_the_image_stands_or_where_the_words_do():
    prompt = image_pairs(1, text_differs=True).prompts[0]
    assert prompt.first_difference == 2
    assert replace(prompt, corrupt_image=None).first_difference == 18
    assert replace(prompt, corrupt_image=prompt.image).first_difference == 18
    assert replace(prompt, corrupt_image=Picture(prompt.image.fingerprint)).first_difference == 18
    assert replace(prompt, corrupt=(9, *prompt.corrupt[1:])).first_difference == 0
    same = replace(prompt, corrupt=prompt.clean, corrupt_image=None)
    assert same.first_difference == len(prompt)


def test_runs_begin_at_the_image_where_the_words_before_it_agree():
    model = tiny_vlm()
    starts = {
        batch.prompts[0].image is None: batch.start
        for batch in batches(PromptSet("p", mixed().prompts[:4]), model.forward)
    }
    assert starts == {False: 2}
    after = image_pairs(3, text_differs=True, seed=2)
    words = PromptSet("words", tuple(replace(prompt, corrupt_image=None) for prompt in after))
    assert {batch.start for batch in batches(words, model.forward)} == {18}
    assert {batch.start for batch in batches(words, model.forward, shares_prefix=False)} == {0}


def test_positions_before_the_image_score_exactly_zero():
    prompts = image_pairs(n_before=4)
    scores = ActivationPatching(at="positions").score(tiny_vlm(), prompts, metric=LOGIT_DIFFERENCE)
    assert (scores.per_prompt[:, :4] == 0).all()
    assert scores.measured[:, :4].all()
    assert (np.abs(scores.per_prompt[:, 4:20]).max(axis=(0, 2)) > 0).all()


def test_text_and_pictures_are_never_in_one_batch():
    for batch in batches(mixed(), tiny_vlm().forward):
        assert len({prompt.image is None for prompt in batch.prompts}) == 1


def test_swapped_prompts_exchange_pictures_and_words_and_back():
    prompt = image_pairs(1, text_differs=True).prompts[0]
    swapped = prompt.swapped()
    assert (swapped.image, swapped.corrupt_image) == (prompt.corrupt_image, prompt.image)
    assert (swapped.clean, swapped.corrupt) == (prompt.corrupt, prompt.clean)
    assert swapped.swapped() == prompt
    alone = replace(prompt, corrupt_image=None)
    assert (alone.swapped().image, alone.swapped().corrupt_image) == (prompt.image, None)


def test_restoring_is_corrupting_with_pictures_and_words_exchanged():
    model, prompts = tiny_vlm(), mixed()
    restored = ActivationPatching(direction="restore").score(model, prompts, metric=LOGIT_DIFFERENCE)
    exchanged = ActivationPatching().score(model, prompts.swapped(), metric=LOGIT_DIFFERENCE)
    np.testing.assert_allclose(restored.per_prompt, -exchanged.per_prompt, atol=5e-5)


def test_the_fingerprint_of_prompts_depends_on_their_pictures():
    prompts = image_pairs(2)
    other = PromptSet("other", (replace(prompts.prompts[0], corrupt_image=random_picture(9)), prompts.prompts[1]))
    assert prompts.fingerprint != other.fingerprint
    known = [replace(p, image=Picture(p.image.fingerprint), corrupt_image=p.corrupt_image) for p in prompts]
    assert PromptSet("known", tuple(known)).fingerprint == prompts.fingerprint


# Ablations


def test_pairs_that_show_the_same_are_refused_by_corrupt():
    good = image_pairs(2).prompts
    prompts = PromptSet("same", (good[0], replace(good[1], corrupt_image=None)))
    with pytest.raises(ValueError, match=r"1 of 2 prompts shows the same image and text.*prompt 1\).*'image-noise'"):
        ActivationPatching().score(tiny_vlm(), prompts, metric=LOGIT_DIFFERENCE)
    ActivationPatching().score(tiny_vlm(), prompts, metric=LOGIT_DIFFERENCE, ablation=ImageNoise())


def test_noise_on_images_is_refused_for_text():
    prompts = PromptSet("mixed", (*image_pairs(1), *random_prompts(2, vocabulary=3)))
    with pytest.raises(ValueError, match=r"puts noise on images, and 2 of 3 prompts have none \(the first is prompt 1"):
        EdgeAttribution().score(tiny_vlm(), prompts, metric=LOGIT_DIFFERENCE, ablation=ImageNoise())


@pytest.mark.parametrize(
    "ablation", [ImageNoise(), ImageNoise(schedule="diffusion"), Noise(), Noise(at="image")], ids=str
)
def test_a_prompt_has_the_same_noise_in_any_batch_and_order(ablation):
    model, prompts = tiny_vlm(), image_pairs(6)
    together = measure_baseline(model, prompts, metric=LOGIT_DIFFERENCE, ablation=ablation)
    backwards = PromptSet("backwards", prompts.prompts[::-1])
    turned = measure_baseline(model, backwards, metric=LOGIT_DIFFERENCE, ablation=ablation)
    np.testing.assert_allclose(turned.ablated[::-1], together.ablated, atol=5e-5)
    for number in (0, 3):
        alone = measure_baseline(model, prompts[number : number + 1], metric=LOGIT_DIFFERENCE, ablation=ablation)
        assert alone.ablated[0] == pytest.approx(together.ablated[number], abs=5e-5)


def test_the_same_picture_has_the_same_noise_under_another_question():
    model, (prompt,) = tiny_vlm(), image_pairs(1)
    other = replace(prompt, clean=(*prompt.clean[:-1], 7))
    values = model.vision.pixels([prompt.image, other.image])["pixel_values"]
    noisy = ImageNoise().noisy(values, (prompt, other))
    assert torch.equal(noisy[0], noisy[1])
    assert not torch.equal(noisy[0], ImageNoise(seed=1).noisy(values, (prompt, other))[0])


@pytest.fixture
def large() -> tuple[Tensor, tuple[Prompt, Prompt]]:
    """Pixel values of two pictures of 3 x 64 x 64: one at full, one at a tenth of the contrast."""
    prompts = image_pairs(2).prompts
    values = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    return torch.stack((values[0] + 1, 0.1 * values[1] - 2)), (prompts[0], prompts[1])


@pytest.mark.parametrize("sigma", [0.5, 3.0])
def test_noise_is_added_in_deviations_of_each_image(sigma, large):
    """12,288 numbers: the sampled deviation is right to within 2 %, and the mean to within 4 % of a deviation."""
    values, prompts = large
    added = ImageNoise(sigma=sigma).noisy(values, prompts) - values
    spread = values.std(dim=(1, 2, 3))
    assert (added.std(dim=(1, 2, 3)) / spread).tolist() == pytest.approx([sigma, sigma], rel=0.02)
    assert (added.mean(dim=(1, 2, 3)) / spread / sigma).tolist() == pytest.approx([0, 0], abs=0.04)
    assert float((added[0] / spread[0] - added[1] / spread[1]).abs().mean()) > 0.5 * sigma


@pytest.mark.parametrize("sigma", [0.5, 3.0])
def test_diffusion_keeps_the_variance_of_the_pixels(sigma, large):
    values, prompts = large
    noisy = ImageNoise(sigma=sigma, schedule="diffusion").noisy(values, prompts)
    ratio = noisy.std(dim=(1, 2, 3)) / values.std(dim=(1, 2, 3))
    assert ratio.tolist() == pytest.approx([1, 1], rel=0.02)
    additive = ImageNoise(sigma=sigma).noisy(values, prompts)
    torch.testing.assert_close(noisy, additive / (1 + sigma**2) ** 0.5)


@pytest.mark.parametrize("schedule", ["additive", "diffusion"])
def test_the_run_with_noise_is_that_of_the_wrapped_model_on_noisy_pixels(schedule):
    model, prompts = tiny_vlm(), image_pairs()
    ablation = ImageNoise(sigma=1.5, schedule=schedule)
    baseline = measure_baseline(model, prompts, metric=LOGIT_DIFFERENCE, ablation=ablation)
    expected = []
    for prompt in prompts:
        ids, pixels = inputs(model, prompt)
        with torch.no_grad():
            logits = model.bridge(ids, pixel_values=ablation.noisy(pixels["pixel_values"], [prompt]))
        expected.append(difference(logits, prompt))
    np.testing.assert_allclose(baseline.ablated, expected, atol=5e-5)
    assert np.abs(baseline.clean - baseline.ablated).min() > 1e-3


def test_settings_of_image_noise_that_are_not_known_are_refused():
    with pytest.raises(ValueError, match=r"schedule='linear'\. Known: additive, diffusion"):
        ImageNoise(schedule="linear")
    with pytest.raises(ValueError, match=r"image-noise: sigma=-1.*positive"):
        ImageNoise(sigma=-1)


def test_noise_at_a_role_is_that_of_all_positions_at_its_own_and_nothing_elsewhere():
    model, prompts = tiny_vlm(), image_pairs(6)
    for batch in batches(prompts, model.forward, shares_prefix=False):
        clean = model.forward.record(batch.clean, batch.clean_pixels(model.forward))
        at_role, everywhere = (
            ablation.ablated(model.forward, batch, clean).residual[0] - clean.residual[0]
            for ablation in (Noise(at="early"), Noise())
        )
        where = batch.positions_of("early")
        assert where.sum(1).tolist() == [2] * len(batch)
        torch.testing.assert_close(at_role[where], everywhere[where])
        assert not at_role[~where].any()
        assert everywhere[~where].all(-1).any()


def test_noise_at_a_missing_role_is_refused():
    with pytest.raises(
        ValueError, match="noise is to be added at role 'subject'; the prompts of 'pictures' have the r"
    ):
        Noise(at="subject").check(image_pairs())
    first, second = image_pairs(2).prompts
    prompts = PromptSet("some", (first, replace(second, roles={})))
    with pytest.raises(ValueError, match=r"role 'word', which 1 of 2 prompts lacks \(the first is prompt 1\)"):
        Noise(at="word").check(prompts)


@pytest.mark.parametrize("ablation", [Noise(at="image"), ImageNoise(schedule="diffusion", seed=2)], ids=str)
def test_the_record_of_noise_names_its_settings(ablation):
    record = (
        CausalTracing()
        .score(tiny_vlm(), image_pairs(2), metric=LOGIT_DIFFERENCE, ablation=ablation)
        .provenance.ablation
    )
    expected = {
        "noise": "noise(sigma=3.0, seed=0, at=image)",
        "image-noise": "image-noise(sigma=3.0, seed=2, schedule=diffusion)",
    }
    assert record == expected[ablation.name]


@pytest.mark.parametrize("ablation", ABLATIONS)
def test_an_ablated_run_begins_where_the_batch_does(ablation):
    chosen: Ablation = ABLATIONS[ablation]()
    model, prompts = tiny_vlm(), image_pairs(3)
    fitted = chosen.fitted(model, prompts)
    for batch in batches(prompts, model.forward, shares_prefix=chosen.shares_prefix):
        clean = model.forward.record(batch.clean, batch.clean_pixels(model.forward))
        run = fitted.ablated(model.forward, batch, clean)
        assert run.start == batch.start == (2 if isinstance(chosen, Corrupt) else 0)
        assert run.residual[0].shape[1] == batch.n_positions - batch.start


# Stored prompts


def test_prompts_with_pictures_come_back_from_a_file():
    prompts = mixed()
    stored = decode(encode(prompts_result(prompts), key="k", stage="prompts"), key="k", where="here")
    loaded = prompts_from(stored)
    assert loaded == prompts
    for before, after in zip(prompts, loaded, strict=True):
        for picture, other in ((before.image, after.image), (before.corrupt_image, after.corrupt_image)):
            assert (picture is None) == (other is None)
            if picture is not None:
                np.testing.assert_array_equal(picture.pixels(), other.pixels())


def test_a_picture_that_stands_in_several_prompts_is_stored_once():
    prompt = image_pairs(1).prompts[0]
    prompts = PromptSet("twice", (prompt, prompt, prompt.swapped()))
    result = prompts_result(prompts)
    assert len(result.meta["pictures"]) == len(result.arrays["picture_stops"]) == 2
    assert result.arrays["pictures"].tobytes() == prompt.image.data + prompt.corrupt_image.data


def test_without_its_arrays_a_prompt_set_is_the_same_and_has_no_pixels():
    prompts = mixed()
    for meta in (prompts_result(prompts).meta, prompts_meta(prompts)):
        loaded = prompts_from(Result(meta))
        assert loaded == prompts
        assert loaded.fingerprint == prompts.fingerprint
        with pytest.raises(ValueError, match="known by its fingerprint only"):
            loaded.prompts[0].image.pixels()


def test_prompts_of_text_are_stored_as_before():
    prompts = random_prompts(2)
    result = prompts_result(prompts)
    assert result == Result(prompts_meta(prompts))
    assert prompts_from(result) == prompts


def test_pictures_of_which_some_are_known_by_their_fingerprint_only_come_back():
    prompt = image_pairs(1).prompts[0]
    prompts = PromptSet("some", (replace(prompt, corrupt_image=Picture(prompt.corrupt_image.fingerprint)),))
    loaded = prompts_from(prompts_result(prompts))
    assert loaded == prompts
    np.testing.assert_array_equal(loaded.prompts[0].image.pixels(), prompt.image.pixels())
