"""Injections follow the formula, on the model and on its last token alone; answers and captions are counted right."""

from __future__ import annotations

import json
from contextlib import nullcontext
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from circuits.data.prompts import Prompt, PromptSet
from circuits.injection.answers import Answers, answer_scores, answers, paired_difference
from circuits.injection.captions import captions, token_times
from circuits.injection.hooks import injected, injection_tap
from circuits.injection.search import search_strengths, with_strengths
from circuits.injection.settings import Injection, PartInjection, injection_from, part_injection, random_injection
from circuits.injection.variants import Recovery, ablations, controls
from circuits.intervals import Share
from circuits.model.forward import Earlier, Site
from tests.bundled import bundled
from tests.conftest import FAMILIES, MORE_FAMILIES, VOCABULARY, random_prompts

# Sums in float32 of values of order one, taken in another order.
CLOSE = {"atol": 1e-5, "rtol": 1e-4}
N_TOKENS = 9


@pytest.fixture(scope="module")
def vlm() -> Any:
    return bundled("reference-vlm")


@pytest.fixture(scope="module")
def questions(vlm: Any) -> tuple[Any, PromptSet]:
    from circuits.data.image_prompts import image_prompts
    from circuits.tasks import IMAGE_TASKS

    asked = IMAGE_TASKS["scene-objects"]().questions(n=8, seed=1, negatives="random")
    return asked, image_prompts("scene-objects", asked, vlm.vision)


def injection(strength: float = 0.5, *, rescale: bool = True, parts: tuple[str, ...] = ("attention", "mlp")) -> Any:
    """Into layers 1 and 2 of three, from layers 0 and 1."""
    part = PartInjection(sources=(0, 1), weights=(0.7, 0.4), targets=(1, 2), strength=strength)
    return Injection(**dict.fromkeys(parts, part), rescale=rescale)


def token_ids(n: int = 2, seed: int = 0) -> torch.Tensor:
    return torch.randint(VOCABULARY, (n, N_TOKENS), generator=torch.Generator().manual_seed(seed))


def logits_of(model: Any, ids: torch.Tensor, **inputs: Any) -> torch.Tensor:
    with torch.no_grad():
        return model.bridge.original_model(input_ids=ids, **inputs).logits


def last_token_logits(model: Any, ids: torch.Tensor, tap: Any) -> torch.Tensor:
    """Logits at the last position, from a plain run and one of the last token with the tap."""
    run, last = model.forward.record(ids), ids.shape[1] - 1
    with torch.no_grad():
        final = model.forward.run(
            run.residual[0][:, -1:],
            n_positions=last + 1,
            start=last,
            earlier=Earlier(run.key, run.value),
            rows=torch.full((len(ids),), last),
            tap=tap,
        )
        return model.forward.logits(final)


def outputs_under(model: Any, ids: torch.Tensor, context: Any) -> dict[tuple[str, int], torch.Tensor]:
    """What attention and MLP of each layer write [prompt, position, d_model], as a hook installed last sees it."""
    outputs: dict[tuple[str, int], torch.Tensor] = {}

    def keep(name: tuple[str, int], output: Any) -> None:
        outputs[name] = (output[0] if isinstance(output, tuple) else output).clone()

    with context:
        handles = [
            getattr(block, part).register_forward_hook(lambda _m, _a, output, name=(part, n): keep(name, output))
            for n, block in enumerate(model.bridge.blocks)
            for part in ("attn", "mlp")
        ]
        logits_of(model, ids)
        for handle in handles:
            handle.remove()
    return outputs


def n_hooks(model: Any) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in model.bridge.original_model.modules())


# Settings


def test_sources_and_targets_are_the_layers_of_highest_recovery_and_the_earlier_of_equals():
    chosen = part_injection([0.1, 0.3, 0.2, 0.3, 0.2], 0.5, k1=3, k2=4)
    assert chosen.sources == (1, 2, 3)
    assert chosen.weights == (0.3, 0.2, 0.3)
    assert chosen.targets == (1, 2, 3, 4)


def test_layers_that_hinder_the_answer_are_not_sources():
    assert part_injection([-0.1, 0.3, 0.0], 0.5).sources == (1,)
    assert part_injection([-0.1, 0.3, 0.0], 0.5).targets == (0, 1, 2)


def test_without_weights_every_source_gets_their_mean():
    unweighted = part_injection([0.1, 0.3, 0.2, 0.0], 0.5, weighted=False)
    assert unweighted.weights == pytest.approx((0.2, 0.2, 0.2))


def test_kept_to_some_layers_both_sides_are_chosen_among_them():
    chosen = part_injection([0.9, 0.3, 0.2, 0.1], 0.5, k1=1, layers=slice(1, 3))
    assert (chosen.sources, chosen.targets) == ((1,), (1, 2))


def test_only_what_reaches_a_later_target_is_added():
    part = PartInjection((0, 2, 3), (1.0, 0.0, 1.0), (0, 1, 3), 0.5)
    assert part.added == {0: 0.5}
    assert part.changed == (1, 3)
    assert not Injection(attention=PartInjection((3,), (1.0,), (1, 2, 3), 0.5)).parts


def test_an_injection_survives_json():
    original = injection_from([0.1, 0.2, 0.3], [0.3, 0.2, 0.1], k1=2, rescale=False, parts=("mlp",))
    assert Injection.from_json(json.loads(json.dumps(original.as_json()))) == original


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(ValueError, match="k1=0"):
        injection_from([0.1], [0.1], k1=0)
    with pytest.raises(ValueError, match="2 attentions and 1 MLPs"):
        injection_from([0.1, 0.2], [0.1])
    with pytest.raises(ValueError, match="not all finite"):
        part_injection([float("nan")], 1.0)
    with pytest.raises(ValueError, match="no 'heads'"):
        Injection.from_json({"heads": None})
    with pytest.raises(ValueError, match=r"injection of 'mlp'.*sources"):
        Injection.from_json({"mlp": {"targets": [1]}})
    with pytest.raises(ValueError, match="must be different"):
        PartInjection((1, 1), (0.1, 0.1), (2,), 1.0)


def test_random_layers_keep_numbers_weights_and_strengths():
    base = injection_from([0.1, 0.2, 0.3, 0.0], [0.3, 0.2, 0.1, 0.0], k2=2)
    drawn = [random_injection(base, 4, seed=seed) for seed in range(5)]
    assert drawn[0] == random_injection(base, 4, seed=0)
    assert len({one.attention.sources for one in drawn}) > 1
    for one in drawn:
        assert (len(one.mlp.targets), one.mlp.weights, one.mlp.strength) == (2, base.mlp.weights, 0.16)


# Interventions


@pytest.mark.parametrize("rescale", [True, False])
def test_what_is_injected_is_the_formula_by_hand(family_model: Any, rescale: bool):
    model, ids, own = family_model("llama"), token_ids(), injection(rescale=rescale, parts=("attention",))
    outputs = outputs_under(model, ids, injected(model, own))
    a0 = outputs["attn", 0][:, -1]

    # Layer 1 reads layer 0 alone.
    plain = outputs_under(model, ids, injected(model, Injection(rescale=rescale)))
    a1 = plain["attn", 1][:, -1]
    expected = a1 + 0.5 * 0.7 * a0
    if rescale:
        expected = expected / expected.norm(dim=-1, keepdim=True) * a1.norm(dim=-1, keepdim=True)
    torch.testing.assert_close(outputs["attn", 1][:, -1], expected, **CLOSE)

    # Layer 2 reads both, layer 1 as it was before it was injected into.
    only_first = Injection(attention=PartInjection((0,), (0.7,), (1,), 0.5), rescale=rescale)
    a2 = outputs_under(model, ids, injected(model, only_first))["attn", 2][:, -1]
    expected = a2 + 0.5 * (0.7 * a0 + 0.4 * a1)
    if rescale:
        expected = expected / expected.norm(dim=-1, keepdim=True) * a2.norm(dim=-1, keepdim=True)
    torch.testing.assert_close(outputs["attn", 2][:, -1], expected, **CLOSE)


def test_only_the_last_position_changes(family_model: Any):
    model, ids = family_model("llama"), token_ids()
    plain = logits_of(model, ids)
    with injected(model, injection()):
        changed = logits_of(model, ids)
    assert torch.equal(changed[:, :-1], plain[:, :-1])
    assert not torch.allclose(changed[:, -1], plain[:, -1], atol=0.01)


def test_strength_zero_changes_no_bit_and_installs_nothing(family_model: Any):
    model, ids = family_model("llama"), token_ids()
    plain, before = logits_of(model, ids), n_hooks(model)
    with injected(model, injection(0.0)):
        assert n_hooks(model) == before
        assert torch.equal(logits_of(model, ids), plain)


def test_a_source_behind_every_target_has_no_effect(family_model: Any):
    model, ids = family_model("llama"), token_ids()
    late = Injection(mlp=PartInjection((1, 2), (0.9, 0.9), (0, 1), 0.5))
    with injected(model, late):
        logits = logits_of(model, ids)
    assert torch.equal(logits, logits_of(model, ids))


@pytest.mark.parametrize("family", [f for f in (*FAMILIES, *MORE_FAMILIES) if f != "opt"])
def test_the_tap_on_the_last_token_does_what_the_hooks_do(family_model: Any, family: str):
    model, ids = family_model(family), token_ids()
    for parts in (("attention",), ("mlp",), ("attention", "mlp", "residual")):
        own = injection(parts=parts)
        with injected(model, own):
            expected = logits_of(model, ids)[:, -1]
        tapped = last_token_logits(model, ids, injection_tap(own))
        assert not torch.allclose(expected, logits_of(model, ids)[:, -1], atol=1e-3)
        torch.testing.assert_close(tapped, expected, atol=1e-4, rtol=1e-4)  # logits of order ten


def test_a_model_without_a_module_for_its_mlps_is_refused(family_model: Any):
    model = family_model("opt")
    before = n_hooks(model)
    with pytest.raises(ValueError, match="no module of its own for its mlp"), injected(model, injection()):
        pass
    assert n_hooks(model) == before
    ids = token_ids()
    with injected(model, injection(parts=("attention",))):
        expected = logits_of(model, ids)[:, -1]
    tapped = last_token_logits(model, ids, injection_tap(injection(parts=("attention",))))
    torch.testing.assert_close(tapped, expected, atol=1e-4, rtol=1e-4)


def test_layers_that_the_model_lacks_are_refused(family_model: Any):
    far = Injection(mlp=PartInjection((0,), (1.0,), (7,), 1.0))
    with pytest.raises(ValueError, match=r"names layer 7; .* has layers 0 to 2"), injected(family_model("llama"), far):
        pass
    with pytest.raises(ValueError, match="names layer 7"):
        random_injection(far, 3, seed=0)


def test_an_exception_leaves_no_hooks_and_no_trace(family_model: Any):
    model, ids = family_model("llama"), token_ids()
    plain, before = logits_of(model, ids), n_hooks(model)
    with pytest.raises(RuntimeError, match="interrupted"), injected(model, injection()):
        raise RuntimeError("interrupted")
    assert n_hooks(model) == before
    assert torch.equal(logits_of(model, ids), plain)


def test_prompts_that_end_in_padding_are_refused_and_padding_in_front_changes_nothing(family_model: Any):
    model, ids = family_model("llama"), token_ids()
    padded = torch.cat((torch.zeros(2, 3, dtype=torch.long), ids), dim=1)
    mask = torch.ones_like(padded)
    mask[:, :3] = 0
    positions = (mask.cumsum(1) - 1).clamp_min(0)
    with injected(model, injection()):
        expected = logits_of(model, ids)[:, -1]
        of_padded = logits_of(model, padded, attention_mask=mask, position_ids=positions)[:, -1]
        with pytest.raises(ValueError, match=r"2 of 2 prompts end in padding .* Pad on the left"):
            logits_of(model, padded, attention_mask=mask.flip(1))
    torch.testing.assert_close(of_padded, expected, atol=1e-4, rtol=1e-4)


def test_generating_equals_running_token_by_token_with_the_tap(vlm: Any):
    from circuits.tasks import IMAGE_TASKS

    forward, vision = vlm.forward, vlm.vision
    picture = IMAGE_TASKS["scene-objects"]().questions(n=1, seed=3)[0].picture
    text = vision.expanded(vision.chat("Describe the image."), picture)
    ids = torch.tensor([vision.tokenizer(text)["input_ids"]])
    pixels = vision.pixels([picture])
    recovery = [0.0, 0.3, 0.2, 0.1, 0.2, 0.3]
    own = injection_from(recovery, recovery, lambda_attention=2, lambda_mlp=2)
    with injected(vlm, own):
        wanted = vlm.bridge.original_model.generate(
            input_ids=ids, **pixels, max_new_tokens=6, do_sample=False, output_logits=True, return_dict_in_generate=True
        )
    run, tap, n = forward.record(ids, pixels), injection_tap(own), ids.shape[1]
    earlier = Earlier(run.key, run.value)
    for step in range(6):
        kept: dict[Site, list[torch.Tensor]] = {"key": [], "value": []}

        def keeping(layer: int, site: Site, value: torch.Tensor, kept: Any = kept) -> torch.Tensor:
            if site in kept:
                kept[site].append(value)
            return tap(layer, site, value)

        now = wanted.sequences[:, : n + step]
        with torch.no_grad():
            final = forward.run(
                forward.embed(now, pixels)[:, -1:],
                n_positions=n + step,
                start=n + step - 1,
                earlier=earlier,
                rows=torch.tensor([n + step - 1]),
                tap=keeping,
            )
        earlier = Earlier(kept["key"], kept["value"])
        torch.testing.assert_close(forward.logits(final), wanted.logits[step], atol=1e-4, rtol=1e-4)
    assert not torch.allclose(wanted.logits[0], logits_of(vlm, ids, **pixels)[:, -1], atol=0.01)


# Answers


def test_answers_are_those_of_whole_runs(vlm: Any, questions: tuple[Any, PromptSet]):
    _, prompts = questions
    own = injection_from([0.1, 0.2, 0.3, 0.1, 0.2, 0.3], [0.3, 0.2, 0.1, 0.1, 0.2, 0.3], lambda_attention=3)
    together = answers(vlm, prompts, {"plain": None, "iri": partial(injection_tap, own)})
    for batched, tap, context in (
        (together["plain"], None, nullcontext()),
        (together["iri"], partial(injection_tap, own), injected(vlm, own)),
    ):
        apart = answers(vlm, prompts, {"alone": tap})["alone"]
        with context:
            for number, prompt in enumerate(prompts):
                pixels = vlm.vision.pixels([prompt.image])
                whole = logits_of(vlm, torch.tensor([prompt.clean]), **pixels)[0, -1]
                assert batched.predicted[number] == apart.predicted[number] == int(whole.argmax())
                assert batched.answer_logit[number] == pytest.approx(float(whole[prompt.answers[0]]), abs=1e-4)
                assert batched.wrong_answer_logit[number] == apart.wrong_answer_logit[number]


def test_prompts_answered_before_their_end_are_refused(family_model: Any):
    with pytest.raises(ValueError, match="prompt 2 is answered at position 7, but its last token is at 8"):
        answers(family_model("llama"), random_prompts(), {"plain": None})
    plain = PromptSet("plain", (Prompt((1, 2), (1, 2), (3,)),))
    with pytest.raises(ValueError, match="prompt 0 has no wrong answer"):
        answers(family_model("llama"), plain, {"plain": None})


def said(right: list[int], wrong: list[int], n: int) -> Answers:
    is_answer, is_wrong = np.zeros(n, dtype=bool), np.zeros(n, dtype=bool)
    is_answer[right], is_wrong[wrong] = True, True
    return Answers(np.zeros(n), np.zeros(n), np.zeros(n, dtype=np.int64), is_answer, is_wrong)


def test_scores_of_six_answers_by_hand():
    # Positives: yes, yes, no, something else. Negatives: yes, no.
    scores = answer_scores(said([0, 1, 5], [2, 4], 6), [True] * 4 + [False] * 2)
    assert scores.accuracy == Share(3, 6)
    assert scores.precision == Share(2, 3)
    assert scores.recall == Share(2, 4)
    assert scores.yes_ratio == Share(3, 6)
    assert scores.f1 == pytest.approx(2 * (2 / 3) * 0.5 / (2 / 3 + 0.5))
    assert scores.n_neither == 1
    # F1 is 2 s / (1 + s) of the share s of hits among questions that are positive or answered yes: 2 of 5.
    low, high = Share(2, 5).interval()
    assert scores.f1_interval == pytest.approx((2 * low / (1 + low), 2 * high / (1 + high)))
    assert scores.f1_interval.low < scores.f1 < scores.f1_interval.high


def test_scores_agree_with_scikit_learn():
    from sklearn import metrics

    draw = np.random.default_rng(0)
    positive, yes = draw.random(200) < 0.5, draw.random(200) < 0.6
    scores = answer_scores(said(np.flatnonzero(yes == positive), np.flatnonzero(yes != positive), 200), positive)
    assert scores.f1 == pytest.approx(metrics.f1_score(positive, yes))
    assert scores.precision.value == pytest.approx(metrics.precision_score(positive, yes))
    assert scores.recall.value == pytest.approx(metrics.recall_score(positive, yes))


def test_never_answering_yes_gives_precision_zero_with_the_widest_interval():
    scores = answer_scores(said([1], [0], 2), [True, False])
    assert scores.precision.value == 0
    assert scores.precision.interval() == (0.0, 1.0)
    assert scores.f1 == 0


def test_differences_are_paired():
    first, other = np.array([True, True, False, True]), np.array([True, False, False, True])
    assert paired_difference(first, first) == (0, (0, 0))
    assert paired_difference(first, other).value == -paired_difference(other, first).value == 0.25
    many, fewer = np.arange(1000) % 10 < 9, np.arange(1000) % 10 < 8
    difference = paired_difference(many, fewer)
    # 100 of 1,000 gained: a standard error of 0.0095, where unpaired it would be 0.016.
    assert difference.interval == pytest.approx((0.1 - 0.0186, 0.1 + 0.0186), abs=0.0001)


def test_the_search_returns_its_grid_and_the_smaller_strengths_where_pairs_tie(
    vlm: Any, questions: tuple[Any, PromptSet]
):
    _, prompts = questions
    base = injection_from([0.1] * 6, [0.1] * 6)
    result = search_strengths(vlm, prompts, base, attention=(1e-6, 0.0), mlp=(0.0, 1e-6, 50.0))
    plain = answers(vlm, prompts, {"plain": None})["plain"].is_answer.mean()
    assert result.accuracy.shape == (2, 3)
    assert (result.accuracy[:, :2] == plain).all()
    strong = with_strengths(base, 0.0, 50.0)
    changed = answers(vlm, prompts, {"strong": partial(injection_tap, strong)})["strong"]
    assert result.accuracy[1, 2] == changed.is_answer.mean()
    if result.accuracy.max() == plain:
        assert result.injection == with_strengths(base, 0.0, 0.0)


def test_the_search_passes_over_strengths_that_the_guard_forbids(vlm: Any, questions: tuple[Any, PromptSet]):
    _, prompts = questions
    present = np.arange(len(prompts)) % 2 == 0
    base = injection_from([0.0, 0.3, 0.2, 0.1, 0.2, 0.3], [0.3] * 6)
    settings: dict[str, Any] = {"attention": (0.0, 4.0, 40.0), "mlp": (0.0, 40.0)}
    for guarded, judged in ((~present, present), (present, ~present)):
        result = search_strengths(vlm, prompts, base, judged=judged, guarded=guarded, **settings)
        chosen = (
            result.attention.index(result.injection.attention.strength),
            result.mlp.index(result.injection.mlp.strength),
        )
        kept = np.asarray(result.guarded)
        allowed = kept >= kept[0, 0]
        assert allowed[chosen]
        assert result.accuracy[chosen] == result.accuracy[allowed].max()
        assert kept[0, 0] == result.plain.is_answer[guarded].mean()
        changed = answers(vlm, prompts, {"chosen": partial(injection_tap, result.injection)})["chosen"]
        assert result.accuracy[chosen] == changed.is_answer[judged].mean()


def test_strengths_that_all_cost_too_much_are_refused(vlm: Any, questions: tuple[Any, PromptSet]):
    _, prompts = questions
    base = injection_from([0.3] * 6, [0.3] * 6)
    with pytest.raises(ValueError, match="lowers the guarded accuracy by more than -1"):
        search_strengths(
            vlm, prompts, base, mlp=(0.0,), guarded=np.ones(len(prompts), dtype=bool), max_accuracy_drop=-1
        )


def test_ablations_undo_one_choice_each_and_drop_what_the_model_is_too_small_for():
    rates = (0.05, 0.1, 0.2, 0.3, 0.15, 0.12)
    variants = ablations(Recovery(rates, rates, (0.0, 0.1, 0.3, 0.5, 0.8, 0.9)), seeds=(0,))
    assert next(iter(variants.injections)) == "iri"
    assert "k2=15" in variants.dropped
    assert variants.dropped["k2=15"] == "the same as 'iri' in a model of 6 layers"
    assert variants.injections["first-third"].mlp.sources == (0, 1)
    assert variants.injections["last-third"].mlp.targets == (4, 5)
    assert not variants.injections["no-rescale"].rescale
    assert variants.injections["no-mlp"].mlp is None
    assert variants.injections["k1=1"].attention.sources == (3,)
    assert list(variants.injections["hidden-states"].parts) == ["residual"]
    assert not {"hidden-states"} & set(ablations(Recovery(rates, rates)).injections)


def test_controls_are_random_layers_and_all_layers_and_repeats_are_left_out():
    rates = (0.05, 0.1, 0.2, 0.3, 0.15, -0.12)
    made = controls(Recovery(rates, rates), k1=2, k2=3, seeds=range(4))
    assert list(made.injections)[:2] == ["iri", "all-layers"]
    assert made.injections["iri"].mlp.sources == (2, 3)
    # The last layer lowers the answer's probability when it is restored: it is no source.
    assert made.injections["all-layers"].mlp.sources == (0, 1, 2, 3, 4)
    assert made.injections["all-layers"].mlp.targets == tuple(range(6))
    for name, injection in made.injections.items():
        if name.startswith("random-"):
            assert (len(injection.mlp.sources), len(injection.mlp.targets)) == (2, 3)
            assert injection.mlp.weights == made.injections["iri"].mlp.weights
    assert set(made.injections) | set(made.dropped) == {"iri", "all-layers", *(f"random-{n}" for n in range(4))}
    assert set(controls(Recovery(rates, rates), k1=6, k2=6, seeds=()).dropped) == {"all-layers"}


# Captions


def test_captions_come_in_order_and_change_under_an_intervention(vlm: Any, questions: tuple[Any, PromptSet]):
    pictures = [question.picture for question in questions[0]][::2]
    plain = captions(vlm, pictures, max_new_tokens=17)
    assert captions(vlm, pictures[::-1], max_new_tokens=17, at_once=1) == plain[::-1]
    strong = injection_from([0.5] * 6, [0.5] * 6, lambda_attention=5, lambda_mlp=5)
    assert captions(vlm, pictures, max_new_tokens=17, intervention=lambda: injected(vlm, strong)) != plain
    assert captions(vlm, pictures, max_new_tokens=17) == plain


def test_token_times_are_positive_and_named(vlm: Any, questions: tuple[Any, PromptSet]):
    times = token_times(vlm, questions[0][0].picture, {"plain": nullcontext}, n_tokens=3, repeats=1)
    assert list(times) == ["plain"]
    assert times["plain"].first_s > times["plain"].per_token_s > 0
    with pytest.raises(ValueError, match="at least 2 tokens"):
        token_times(vlm, questions[0][0].picture, {"plain": nullcontext}, n_tokens=1)


def test_a_model_that_reads_text_alone_writes_no_captions(family_model: Any):
    with pytest.raises(ValueError, match="reads text alone"):
        captions(family_model("llama"), [])


def test_questions_about_one_picture_count_as_one():
    """Two questions about each of 40 pictures, both right or both wrong: an interval as wide as for 40 questions."""
    gained = np.arange(40) % 4 == 0
    right, baseline = np.repeat(gained, 2), np.zeros(80, dtype=bool)
    pictures = np.repeat([f"picture {number}" for number in range(40)], 2)
    together, alone = paired_difference(right, baseline, pictures), paired_difference(right, baseline)
    one_each = paired_difference(gained, baseline[:40])
    assert together.value == alone.value == one_each.value == 0.25
    assert together.interval == pytest.approx(one_each.interval)
    assert together.interval.high - together.interval.low > 1.2 * (alone.interval.high - alone.interval.low)
