"""Causal tracing: its laws, against hooks on plain transformers modules, by hand, and recovery rates by arithmetic."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from circuits.ablations import Ablation, Corrupt, ImageNoise, Noise
from circuits.components import Component, Wiring
from circuits.data.prompts import END, Prompt, PromptSet
from circuits.effects.paired_runs import each_pair
from circuits.effects.patching import layers_of, patched_metrics, windowed_metrics
from circuits.intervals import ratio_t_interval, t_interval
from circuits.methods import CausalTracing
from circuits.methods.component_base import components_of
from circuits.metrics import METRICS, Metric
from circuits.model.load import Model
from circuits.recovery import MIN_GAP, Trace
from circuits.reference.vision import MODEL
from circuits.scores import ComponentScores, Provenance
from circuits.tasks.scene_objects import SceneObjects
from tests.bundled import bundled
from tests.circuits.vision_models import MOVER, bright_questions, bright_vlm, image_pairs, random_vlm, tiny_vlm
from tests.conftest import mostly_slow, random_module, random_prompts, slow_case

LOGIT_DIFFERENCE, PROBABILITY = METRICS["logit-difference"], METRICS["answer-probability"]
FAMILIES = ("gpt2", "llama", "neox")
ALL_PARTS = ("residual", "attention", "mlp", "head")
every_family = pytest.mark.parametrize("family", FAMILIES)


# An independent witness: hooks on the modules of transformers, one prompt and one restoration at a time.


class Site(NamedTuple):
    """Where a value is: what enters a layer (`residual`), or what its attention's output projection or MLP returns."""

    kind: str
    layer: int


class Restored(NamedTuple):
    """A value put in at some positions; of one head alone where `head` is given."""

    value: Tensor
    positions: Sequence[int]
    head: int | None = None


@dataclass(frozen=True)
class Witness:
    """A plain transformers module. A layer's parts are given by where the family keeps them."""

    module: Any
    layers: Any
    norm_final: Any
    projection: str
    n_heads: int

    def _seams(self) -> dict[Site, tuple[Any, bool]]:
        """Module and whether the value is its input (else its output)."""
        modules = {
            Site("residual", number): (layer, True) for number, layer in enumerate([*self.layers, self.norm_final])
        }
        for number, layer in enumerate(self.layers):
            projection = layer.get_submodule(self.projection)
            modules[Site("head", number)] = (projection, True)
            modules[Site("attention", number)] = (projection, False)
            modules[Site("mlp", number)] = (layer.mlp, False)
        return modules

    def _run(self, inputs: Mapping[str, Tensor], change: Any) -> Tensor:
        """The logits [position, token]; `change(site, value)` sees every value and may return another."""

        def at_input(site: Site) -> Any:
            def hook(_module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
                if args:
                    return (change(site, args[0]), *args[1:]), kwargs
                return args, kwargs | {"hidden_states": change(site, kwargs["hidden_states"])}

            return hook

        handles = [
            module.register_forward_pre_hook(at_input(site), with_kwargs=True)
            if is_input
            else module.register_forward_hook(lambda _module, _args, out, site=site: change(site, out))
            for site, (module, is_input) in self._seams().items()
        ]
        try:
            with torch.no_grad():
                return self.module(**inputs, use_cache=False).logits[0]
        finally:
            for handle in handles:
                handle.remove()

    def values(self, inputs: Mapping[str, Tensor]) -> dict[Site, Tensor]:
        """Every value of a plain run."""
        held: dict[Site, Tensor] = {}

        def note(site: Site, value: Tensor) -> Tensor:
            held[site] = value.clone()
            return value

        self._run(inputs, note)
        return held

    def logits(self, inputs: Mapping[str, Tensor], restored: Mapping[Site, Restored]) -> Tensor:
        """The logits [position, token] with some values put in."""

        def put_in(site: Site, value: Tensor) -> Tensor:
            if site not in restored:
                return value
            given, positions, head = restored[site]
            value, given = value.clone(), given.to(value)
            columns = slice(None)
            if head is not None:
                width = value.shape[-1] // self.n_heads
                columns = slice(head * width, (head + 1) * width)
            value[:, list(positions), columns] = given[:, list(positions), columns]
            return value

        return self._run(inputs, put_in)


def witness_of(family: str) -> Witness:
    """A second copy of the module that a loaded model wraps."""
    if family == "vlm":
        return _vlm_witness(random_vlm())
    if family == "reference-vlm":
        from transformers import AutoModelForImageTextToText

        return _vlm_witness(AutoModelForImageTextToText.from_pretrained(MODEL).eval())
    module = random_module(family)
    if family == "gpt2":
        return Witness(module, module.transformer.h, module.transformer.ln_f, "attn.c_proj", 4)
    if family == "neox":
        return Witness(module, module.gpt_neox.layers, module.gpt_neox.final_layer_norm, "attention.dense", 4)
    return Witness(module, module.model.layers, module.model.norm, "self_attn.o_proj", 4)


def _vlm_witness(module: Any) -> Witness:
    text = module.model.language_model
    return Witness(module, text.layers, text.norm, "self_attn.o_proj", 4)


def inputs_of(model: Model, prompt: Prompt, side: str) -> dict[str, Tensor]:
    """The module's inputs for one side of a prompt."""
    shown = prompt.image if side == "clean" else prompt.corrupt_image or prompt.image
    pixels = {} if shown is None else dict(model.vision.pixels([shown]))
    return {"input_ids": torch.tensor([getattr(prompt, side)]), **pixels}


def read(metric: Metric, logits: Tensor, prompt: Prompt) -> float:
    """The two metrics used here, by their definitions."""
    row = logits[prompt.answer_position]
    if metric is PROBABILITY:
        return float(row.softmax(-1)[list(prompt.answers)].sum())
    return float(row[list(prompt.answers)].mean() - row[list(prompt.wrong_answers)].mean())


def restoration(part: Component, clean: Mapping[Site, Tensor], positions: Sequence[int], window: int = 1) -> dict:
    """What is put in for one component: for attention and MLPs, in the layers that ROME's code takes as its window."""
    layers = [part.layer]
    if part.kind in ("attention", "mlp") and window > 1:
        n_layers = max(site.layer for site in clean)  # the final norm counts as one more
        layers = [*range(max(0, part.layer - window // 2), min(n_layers, part.layer - (-window // 2)))]
    return {Site(part.kind, n): Restored(clean[Site(part.kind, n)], positions, part.index) for n in layers}


def witnessed(
    witness: Witness,
    model: Model,
    prompts: PromptSet,
    scores: ComponentScores,
    metric: Metric,
    *,
    window: int = 1,
    ablation: Ablation | None = None,
    positions: Sequence[str] | None = None,
) -> np.ndarray:
    """metric(restored) - metric(corrupt) [prompt, position, component] by the witness; NaN where a prompt lacks it."""
    effects = np.full(scores.per_prompt.shape, np.nan)
    for number, prompt in enumerate(prompts):
        clean = witness.values(inputs_of(model, prompt, "clean"))
        inputs, noise = _corrupted(model, prompts[number : number + 1], ablation)
        corrupt = read(metric, witness.logits(inputs, noise), prompt)
        for row, position in enumerate(scores.positions):
            where = _positions(prompt, position)
            if not where or (positions is not None and position not in positions):
                continue
            for column, part in enumerate(scores.components):
                put_in = noise | restoration(part, clean, where, window)
                if part == Component("residual", 0) and noise:
                    put_in = {
                        Site("residual", 0): _mixed(noise[Site("residual", 0)], clean[Site("residual", 0)], where)
                    }
                effects[number, row, column] = read(metric, witness.logits(inputs, put_in), prompt) - corrupt
    return effects


def _positions(prompt: Prompt, position: str) -> Sequence[int]:
    if position == "all":
        return range(len(prompt))
    if position.isdigit():
        return [int(position)] if int(position) < len(prompt) else []
    return prompt.roles.get(position, ())


def _corrupted(
    model: Model, prompt: PromptSet, ablation: Ablation | None
) -> tuple[dict[str, Tensor], dict[Site, Restored]]:
    """Inputs of the corrupt run, and the noisy embeddings that are put in where noise is the corruption."""
    (one,) = prompt
    if ablation is None or isinstance(ablation, Corrupt):
        return inputs_of(model, one, "corrupt"), {}
    inputs = inputs_of(model, one, "clean")
    if isinstance(ablation, ImageNoise):
        return inputs | {"pixel_values": ablation.noisy(inputs["pixel_values"], [one])}, {}
    embedded: list[Tensor] = []
    each_pair(model, prompt, LOGIT_DIFFERENCE, ablation, lambda pair: embedded.append(pair.ablated.residual[0]))
    return inputs, {Site("residual", 0): Restored(embedded[0], range(len(one)))}


def _mixed(noise: Restored, clean: Tensor, where: Sequence[int]) -> Restored:
    value = noise.value.clone()
    value[:, list(where)] = clean[:, list(where)]
    return Restored(value, noise.positions)


def model_and_prompts(family: str, family_model: Any) -> tuple[Model, PromptSet]:
    if family == "vlm":
        return tiny_vlm(), image_pairs(2)
    return family_model(family), random_prompts(3, shared_prefix=3)


# Laws


@pytest.mark.parametrize("family", [*FAMILIES, "vlm"])
def test_restoring_the_whole_stream_brings_everything_back_at_every_layer(family, family_model):
    model, prompts = model_and_prompts(family, family_model)
    trace = CausalTracing(at="all", kinds=("residual",)).trace(model, prompts, metric=LOGIT_DIFFERENCE)
    np.testing.assert_allclose(
        trace.scores.per_prompt[:, 0], np.tile(trace.gaps[:, None], (1, model.wiring.n_layers + 1)), atol=5e-5
    )
    assert np.abs(trace.gaps).min() > 1e-2


@pytest.mark.parametrize("window", [1, 2])
@pytest.mark.parametrize("family", [*FAMILIES, "vlm"])
def test_restoring_where_nothing_reads_brings_nothing_back(family, window, family_model):
    """After the answer position, and in the last layer anywhere before it."""
    model, prompts = model_and_prompts(family, family_model)
    placed = tuple(
        replace(p, answer_position=len(p) - 2, roles={"after": (len(p) - 1,), "before": (len(p) - 3,)}) for p in prompts
    )
    scores = CausalTracing(kinds=ALL_PARTS, window=window).score(
        model, PromptSet("placed", placed), metric=LOGIT_DIFFERENCE
    )
    assert scores.measured.all()
    assert np.abs(scores.at("after").per_prompt).max() < 2e-5
    last = model.wiring.n_layers - 1
    whole = {Component("residual", last + 1)} | {c for c in scores.components if c.kind == "head" and c.layer == last}
    columns = [number for number, component in enumerate(scores.components) if component in whole]
    assert np.abs(scores.at("before").per_prompt[:, 0, columns]).max() < 2e-5
    assert np.abs(scores.at("before").per_prompt).max() > 1e-2


@pytest.mark.parametrize("window", [1, 3])
@pytest.mark.parametrize("family", [*FAMILIES, "vlm"])
def test_tokens_before_any_difference_bring_nothing_back(family, window, family_model):
    model, prompts = model_and_prompts(family, family_model)
    n_shared = min(prompt.first_difference for prompt in prompts)
    scores = CausalTracing(at="positions", window=window).score(model, prompts, metric=LOGIT_DIFFERENCE)
    assert n_shared >= 2
    assert np.abs(scores.per_prompt[:, :n_shared]).max() < 2e-5
    assert scores.measured[:, :n_shared].all()
    assert np.abs(scores.per_prompt[:, n_shared]).max() > 1e-2


def test_a_prompt_that_lacks_a_role_is_not_measured_there(family_model):
    first, second = random_prompts(2, shared_prefix=3)
    prompts = PromptSet("roles", (first, replace(second, roles={"only": (4,)})))
    trace = CausalTracing(window=2).trace(family_model("llama"), prompts, metric=LOGIT_DIFFERENCE)
    measured = {
        position: trace.scores.at(position).measured[:, 0].all(-1).tolist() for position in trace.scores.positions
    }
    assert measured == {"first": [True, False], "only": [False, True], "last-two": [True, False], END: [True, True]}
    assert np.isnan(trace.per_prompt(-100)[0, trace.scores.positions.index("only")]).all()


@pytest.mark.parametrize("family", [*FAMILIES, "vlm"])
def test_the_trace_keeps_the_metric_of_clean_and_corrupt_runs(family, family_model):
    model, prompts = model_and_prompts(family, family_model)
    witness = witness_of(family)
    trace = CausalTracing().trace(model, prompts, metric=PROBABILITY)
    for side in ("clean", "corrupt"):
        expected = [read(PROBABILITY, witness.logits(inputs_of(model, p, side), {}), p) for p in prompts]
        np.testing.assert_allclose(getattr(trace, side), expected, atol=1e-5)


# Against the witness


@pytest.mark.parametrize(
    ("family", "at"),
    mostly_slow(
        itertools.product([*FAMILIES, "vlm"], ["all", "roles"]),
        [("gpt2", "all"), ("gpt2", "roles"), ("llama", "roles"), ("neox", "all"), ("vlm", "roles")],
    ),
)
def test_stacked_restorations_are_whole_reruns_of_the_plain_module(family, at, family_model):
    model, prompts = model_and_prompts(family, family_model)
    scores = CausalTracing(at=at, kinds=ALL_PARTS).score(model, prompts, metric=LOGIT_DIFFERENCE)
    expected = witnessed(witness_of(family), model, prompts, scores, LOGIT_DIFFERENCE)
    assert (np.isfinite(expected) == scores.measured).all()
    np.testing.assert_allclose(scores.per_prompt, np.nan_to_num(expected), atol=1e-4)
    assert np.abs(expected).max() > 0.1


@pytest.mark.parametrize(
    ("family", "window"),
    [
        *(("gpt2", 10), ("llama", 2), ("neox", 3), ("vlm", 2)),
        *map(slow_case, [("gpt2", 2), ("gpt2", 3), ("vlm", 3)]),
    ],
)
def test_windows_of_layers_are_whole_reruns_of_the_plain_module(family, window, family_model):
    model, prompts = model_and_prompts(family, family_model)
    scores = CausalTracing(kinds=ALL_PARTS, window=window).score(model, prompts, metric=LOGIT_DIFFERENCE)
    expected = witnessed(witness_of(family), model, prompts, scores, LOGIT_DIFFERENCE, window=window)
    np.testing.assert_allclose(scores.per_prompt, np.nan_to_num(expected), atol=1e-4)


def test_a_window_over_all_layers_is_the_same_around_any_middle(family_model):
    model, prompts = family_model("gpt2"), random_prompts(3)
    scores = CausalTracing(kinds=("attention", "mlp"), at="all", window=6).score(
        model, prompts, metric=LOGIT_DIFFERENCE
    )
    of_kind = {kind: [n for n, c in enumerate(scores.components) if c.kind == kind] for kind in ("attention", "mlp")}
    for columns in of_kind.values():
        values = scores.per_prompt[:, 0, columns]
        np.testing.assert_allclose(values, np.tile(values[:, :1], (1, 3)), atol=1e-5)
    assert np.abs(scores.per_prompt).max() > 0.1


def test_a_window_is_that_of_the_published_code():
    """Of layer l of n, ROME takes range(max(0, l - w // 2), min(n, l - (-w // 2)))."""
    for middle in range(12):
        for window in range(1, 15):
            expected = range(max(0, middle - window // 2), min(12, middle - (-window // 2)))
            assert range(*layers_of(middle, window, 12)) == expected
            assert middle in expected
    assert layers_of(6, 10, 48) == (1, 11)


@pytest.mark.parametrize("family", [*FAMILIES, "vlm"])
def test_a_window_of_one_layer_is_a_patch(family, family_model):
    model, prompts = model_and_prompts(family, family_model)
    parts = list(components_of(model.wiring, ("attention", "mlp")))
    checked = []

    def compare(pair) -> None:
        for role in ("first", "image", "word", "last-two", END):
            mask = pair.batch.positions_of(role)
            runs = (model.forward, pair, pair.ablated, pair.clean, mask, parts)
            with torch.no_grad():
                windowed, expected = windowed_metrics(*runs, 1), patched_metrics(*runs)
            torch.testing.assert_close(windowed, expected, atol=2e-5, rtol=1e-5)
            checked.append(float((windowed - pair.metric_of(model.forward, pair.ablated)).abs().max()))

    each_pair(model, prompts, LOGIT_DIFFERENCE, Corrupt(), compare)
    assert max(checked) > 0.1


@pytest.mark.slow
def test_the_bundled_model_is_traced_as_whole_reruns_of_it():
    """Every kind of component at three of the roles, and windows under noise."""
    model = bundled("reference-vlm")
    prompts = SceneObjects().build(model.vision, n=1)
    witness = witness_of("reference-vlm")
    for window, ablation in ((1, Corrupt()), (3, ImageNoise(sigma=2))):
        method = CausalTracing(kinds=ALL_PARTS if window == 1 else ("attention", "mlp"), window=window)
        scores = method.score(model, prompts, metric=PROBABILITY, ablation=ablation)
        assert set(scores.positions) >= {"object-visual", "textual-object", END}
        expected = witnessed(
            witness,
            model,
            prompts,
            scores,
            PROBABILITY,
            window=window,
            ablation=ablation,
            positions=("object-visual", "textual-object", END),
        )
        effects = np.where(np.isnan(expected), np.nan, scores.per_prompt)
        np.testing.assert_allclose(effects, expected, atol=2e-4)
        assert np.nanmax(np.abs(expected)) > 0.1


# Noise


SUBJECT = Noise(sigma=3, at="subject")


def subjects(n: int = 3) -> PromptSet:
    """Text whose third and fourth tokens are the subject."""
    return PromptSet(
        "facts", tuple(replace(p, roles={"subject": (2, 3), "last": (len(p) - 1,)}) for p in random_prompts(n))
    )


@pytest.mark.parametrize(
    ("family", "window"), mostly_slow(itertools.product(FAMILIES, [1, 3]), [("gpt2", 3), ("llama", 1), ("neox", 3)])
)
def test_noise_at_the_subject_is_traced_as_whole_reruns_of_the_plain_module(family, window, family_model):
    model, prompts = family_model(family), subjects()
    scores = CausalTracing(kinds=ALL_PARTS, window=window).score(
        model, prompts, metric=LOGIT_DIFFERENCE, ablation=SUBJECT
    )
    expected = witnessed(witness_of(family), model, prompts, scores, LOGIT_DIFFERENCE, window=window, ablation=SUBJECT)
    np.testing.assert_allclose(scores.per_prompt, np.nan_to_num(expected), atol=1e-4)


@every_family
def test_restoring_the_subject_where_it_enters_takes_all_noise_away(family, family_model):
    trace = CausalTracing(kinds=("residual",)).trace(
        family_model(family), subjects(), metric=LOGIT_DIFFERENCE, ablation=SUBJECT
    )
    np.testing.assert_allclose(trace.scores.at("subject").per_prompt[:, 0, 0], trace.gaps, atol=5e-5)
    assert np.abs(trace.gaps).min() > 1e-2


@pytest.mark.parametrize("schedule", ["additive", "diffusion"])
def test_noise_on_the_image_is_traced_as_whole_reruns_of_the_plain_module(schedule):
    model, prompts, ablation = tiny_vlm(), image_pairs(2), ImageNoise(sigma=2, schedule=schedule)
    scores = CausalTracing(kinds=ALL_PARTS).score(model, prompts, metric=LOGIT_DIFFERENCE, ablation=ablation)
    expected = witnessed(witness_of("vlm"), model, prompts, scores, LOGIT_DIFFERENCE, ablation=ablation)
    np.testing.assert_allclose(scores.per_prompt, np.nan_to_num(expected), atol=1e-4)


@pytest.mark.parametrize("ablation", [SUBJECT, Noise(seed=7)], ids=str)
def test_several_samples_are_the_mean_of_single_draws(ablation, family_model):
    model, prompts = family_model("llama"), subjects()
    method = CausalTracing(samples=3)
    together = method.trace(model, prompts, metric=LOGIT_DIFFERENCE, ablation=ablation)
    single = [
        CausalTracing().trace(
            model, prompts, metric=LOGIT_DIFFERENCE, ablation=replace(ablation, seed=ablation.seed + n)
        )
        for n in range(3)
    ]
    np.testing.assert_allclose(
        together.scores.per_prompt, np.mean([one.scores.per_prompt for one in single], axis=0), atol=1e-6
    )
    np.testing.assert_allclose(together.corrupt, np.mean([one.corrupt for one in single], axis=0), atol=1e-6)
    np.testing.assert_allclose(together.clean, single[0].clean, atol=1e-6)
    assert np.ptp([one.corrupt for one in single], axis=0).min() > 1e-3
    assert together.scores.provenance.settings["samples"] == 3
    assert together.scores.provenance.ablation == ablation.described(prompts)


def test_samples_of_image_noise_are_the_mean_of_single_draws():
    model, prompts, noise = tiny_vlm(), image_pairs(2), ImageNoise(seed=4, schedule="diffusion")
    together = CausalTracing(samples=2).score(model, prompts, metric=PROBABILITY, ablation=noise)
    single = [
        CausalTracing().score(model, prompts, metric=PROBABILITY, ablation=replace(noise, seed=seed)).per_prompt
        for seed in (4, 5)
    ]
    np.testing.assert_allclose(together.per_prompt, np.mean(single, axis=0), atol=1e-6)


# The model written by hand


def rates(trace: Trace, position: str) -> dict[str, list[float]]:
    """Component -> RR of each prompt at a position."""
    per_prompt = trace.per_prompt(0.1)[:, trace.scores.positions.index(position)]
    return {str(c): per_prompt[:, n].tolist() for n, c in enumerate(trace.scores.components)}


@pytest.fixture(scope="module")
def bright() -> Trace:
    return CausalTracing(kinds=ALL_PARTS).trace(bright_vlm(), bright_questions(), metric=LOGIT_DIFFERENCE)


def test_the_hand_model_says_yes_to_bright_and_no_to_dark(bright):
    np.testing.assert_allclose(bright.clean, -bright.corrupt, rtol=1e-3)
    assert bright.clean.min() > 5


def test_only_the_head_that_moves_the_image_brings_the_answer_back_at_the_last_token(bright):
    by_component = rates(bright, END)
    assert by_component.pop(MOVER) == pytest.approx([1, 1], abs=1e-5)
    assert by_component.pop("a1") == pytest.approx([1, 1], abs=1e-5)
    assert by_component.pop("r2") == pytest.approx([1, 1], abs=1e-5)
    assert by_component.keys() == {"r0", "r1", "a0.h0", "a0.h1", "a0", "m0", "a1.h0", "m1"}
    for values in by_component.values():
        assert values == pytest.approx([0, 0], abs=1e-5)


def test_hidden_states_move_from_the_object_s_tokens_to_the_last_one_in_that_layer(bright):
    """r1 enters the layer of the head, r2 leaves it."""
    by_position = {position: rates(bright, position) for position in bright.scores.positions}
    assert [by_position["object-visual"][name][0] for name in ("r0", "r1", "r2")] == pytest.approx([1, 1, 0], abs=1e-5)
    assert [by_position[END][name][0] for name in ("r0", "r1", "r2")] == pytest.approx([0, 0, 1], abs=1e-5)
    for position in by_position.keys() - {"object-visual", END}:
        assert np.abs(list(by_position[position].values())).max() < 1e-5


def test_half_of_the_object_s_tokens_bring_back_half(bright):
    """The head takes the mean over the image: each patch counts alike, up to its share of the attention."""
    prompts = bright_questions()
    placed = [
        replace(p, roles={"half": p.roles["object-visual"][: len(p.roles["object-visual"]) // 2]}) for p in prompts
    ]
    trace = CausalTracing(kinds=("residual",)).trace(
        bright_vlm(), PromptSet("half", tuple(placed)), metric=LOGIT_DIFFERENCE
    )
    assert rates(trace, "half")["r0"] == pytest.approx([0.5, 0.5], abs=1e-3)


def test_noise_on_the_image_is_brought_back_by_the_same_head():
    trace = CausalTracing(kinds=("head",), samples=2).trace(
        bright_vlm(), bright_questions(), metric=LOGIT_DIFFERENCE, ablation=ImageNoise()
    )
    scores = trace.scores.at(END)
    for column, component in enumerate(scores.components):
        expected = trace.gaps if str(component) == MOVER else np.zeros(2)
        np.testing.assert_allclose(scores.per_prompt[:, 0, column], expected, atol=1e-5)
    assert np.abs(trace.gaps).min() > 0.1


# Settings


def test_corruptions_in_which_nothing_can_be_restored_are_refused(family_model):
    from circuits.ablations import ABLATIONS

    for name in ("zero", "mean", "position-mean"):
        with pytest.raises(ValueError, match=f"causal-tracing of restoring needs a whole run.*{name!r}"):
            CausalTracing().trace(
                family_model("gpt2"), random_prompts(2), metric=LOGIT_DIFFERENCE, ablation=ABLATIONS[name]()
            )


def test_samples_of_what_is_not_drawn_are_refused(family_model):
    with pytest.raises(ValueError, match="samples=2 draws noise several times, and ablation 'corrupt' draws none"):
        CausalTracing(samples=2).score(family_model("gpt2"), random_prompts(2), metric=LOGIT_DIFFERENCE)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"window": 0}, "window=0: give 1 or more"),
        ({"samples": 0}, "samples=0: give 1 or more"),
        ({"window": 2, "kinds": ("residual", "head")}, "window=2 is for attention and MLP outputs.*residual, head"),
        ({"kinds": ("query",)}, "Known: residual, attention, mlp, head"),
        ({"kinds": ()}, "Known: residual"),
        ({"at": "tokens"}, "Known: all, roles, positions"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, said):
    with pytest.raises(ValueError, match=f"causal-tracing: .*{said}"):
        CausalTracing(**settings)


def test_a_component_circuit_cannot_be_chosen_from_what_is_no_component():
    with pytest.raises(ValueError, match="scores nothing that a circuit is made of"):
        CausalTracing(kinds=("residual", "attention")).check_selection(END)


# Recovery rates


def trace_of(scores: Any, clean: Any, corrupt: Any, measured: Any = None) -> Trace:
    """A trace of given numbers: scores [prompt, position, component]."""
    values = np.asarray(scores, dtype=np.float32)
    components = tuple(Component("residual", layer) for layer in range(values.shape[2]))
    positions = tuple(f"position{number}" for number in range(values.shape[1]))
    known = np.ones(values.shape, dtype=bool) if measured is None else np.asarray(measured)
    provenance = Provenance("causal-tracing", {}, "answer-probability", "m", "f", "t", "p")
    component_scores = ComponentScores(Wiring(3, 1, 1), components, positions, values, known, provenance)
    return Trace(component_scores, np.asarray(clean, dtype=float), np.asarray(corrupt, dtype=float))


@pytest.fixture
def three() -> Trace:
    """Gaps 0.8, 0.4 and 0.05; two components at one position."""
    return trace_of([[[0.4, 0.8]], [[0.1, 0.0]], [[0.04, -0.05]]], clean=[0.9, 0.6, 0.35], corrupt=[0.1, 0.2, 0.3])


def test_the_rates_of_every_prompt_are_shares_of_its_own_gap(three):
    np.testing.assert_allclose(three.gaps, [0.8, 0.4, 0.05])
    np.testing.assert_allclose(three.per_prompt(0)[:, 0], [[0.5, 1], [0.25, 0], [0.8, -1]], rtol=1e-6)
    np.testing.assert_allclose(three.per_prompt()[:, 0], [[0.5, 1], [0.25, 0], [np.nan, np.nan]], rtol=1e-6)


def test_the_ratio_of_means_weighs_prompts_by_their_gap(three):
    recovery = three.ratio_of_means()
    np.testing.assert_allclose(recovery.values, [[0.54 / 1.25, 0.75 / 1.25]], rtol=1e-6)
    assert recovery.n_prompts.tolist() == [3]


def test_the_mean_of_ratios_weighs_prompts_alike_and_leaves_small_gaps_out(three):
    recovery = three.mean_of_ratios()
    np.testing.assert_allclose(recovery.values, [[(0.5 + 0.25) / 2, (1 + 0) / 2]], rtol=1e-6)
    assert recovery.n_prompts.tolist() == [2]
    every = three.mean_of_ratios(0.01)
    np.testing.assert_allclose(every.values, [[(0.5 + 0.25 + 0.8) / 3, 0]], rtol=1e-6, atol=1e-7)
    assert every.n_prompts.tolist() == [3]


def test_prompts_below_the_floor_are_listed(three):
    assert three.below() == three.below(MIN_GAP) == [2]
    assert three.below(0.5) == [1, 2]
    assert three.below(0.01) == []
    worse = trace_of(np.zeros((2, 1, 1)), clean=[0.1, 0.9], corrupt=[0.4, 0.1])
    assert worse.below() == [0]


def test_both_averages_agree_where_all_gaps_are_alike():
    draw = np.random.default_rng(0)
    trace = trace_of(draw.normal(size=(9, 2, 3)), clean=np.full(9, 0.9), corrupt=np.full(9, 0.4))
    one, other = trace.ratio_of_means(), trace.mean_of_ratios()
    for of_means, of_ratios in zip(one, other, strict=True):
        np.testing.assert_allclose(of_means, of_ratios, rtol=1e-9)


@pytest.fixture
def many() -> Trace:
    """Forty prompts with gaps from 0.2 to 0.9, of which the first thirty have the second position."""
    draw = np.random.default_rng(1)
    gaps = draw.uniform(0.2, 0.9, size=40)
    scores = gaps[:, None, None] * draw.normal([0.6, 0.1], 0.3, size=(40, 2, 2))
    measured = np.ones(scores.shape, dtype=bool)
    measured[30:, 1] = False
    corrupt = draw.uniform(0, 0.1, size=40)
    return trace_of(np.where(measured, scores, 0), clean=corrupt + gaps, corrupt=corrupt, measured=measured)


def test_intervals_are_those_of_the_prompts_that_have_the_position(many):
    of_means, of_ratios = many.ratio_of_means(), many.mean_of_ratios()
    assert of_means.n_prompts.tolist() == of_ratios.n_prompts.tolist() == [40, 30]
    for index, n in enumerate((40, 30)):
        scores, gaps = many.scores.per_prompt[:n, index].astype(float), many.gaps[:n]
        np.testing.assert_allclose(of_means.values[index], scores.mean(axis=0) / gaps.mean())
        np.testing.assert_allclose([of_means.low[index], of_means.high[index]], ratio_t_interval(scores, gaps))
        ratios = scores / gaps[:, None]
        np.testing.assert_allclose(of_ratios.values[index], ratios.mean(axis=0))
        np.testing.assert_allclose([of_ratios.low[index], of_ratios.high[index]], t_interval(ratios))


def test_a_position_is_averaged_over_the_prompts_that_have_it():
    measured = np.ones((3, 2, 1), dtype=bool)
    measured[1:, 1] = False
    trace = trace_of([[[0.2], [0.3]], [[0.1], [0]], [[0.3], [0]]], [0.9, 0.9, 0.9], [0.4, 0.4, 0.4], measured)
    for recovery in (trace.ratio_of_means(), trace.mean_of_ratios()):
        np.testing.assert_allclose(recovery.values, [[0.4], [0.6]], rtol=1e-6)
        assert recovery.n_prompts.tolist() == [3, 1]
        # One prompt says nothing about others.
        assert (recovery.low[1, 0], recovery.high[1, 0]) == (-np.inf, np.inf)
    np.testing.assert_allclose(trace.per_prompt()[:, 1, 0], [0.6, np.nan, np.nan], rtol=1e-6)


def test_a_position_that_no_prompt_has_and_one_whose_prompts_are_below_the_floor_have_no_rate():
    measured = np.ones((2, 3, 1), dtype=bool)
    measured[:, 1] = False
    measured[0, 2] = False
    trace = trace_of(np.full((2, 3, 1), 0.02) * measured, [0.9, 0.45], [0.4, 0.4], measured)
    recovery = trace.mean_of_ratios()
    assert recovery.n_prompts.tolist() == [1, 0, 0]
    assert np.isnan(recovery.values[:, 0]).tolist() == [False, True, True]
    assert np.isnan(trace.ratio_of_means().values[:, 0]).tolist() == [False, True, False]


def test_without_a_prompt_above_the_floor_there_is_no_rate():
    trace = trace_of(np.full((2, 1, 2), 0.01), [0.45, 0.43], [0.4, 0.4])
    recovery = trace.mean_of_ratios()
    assert recovery.n_prompts.tolist() == [0]
    assert all(np.isnan(values).all() for values in (recovery.values, recovery.low, recovery.high))
    np.testing.assert_allclose(trace.ratio_of_means().values, [[0.02 / 0.08] * 2], rtol=1e-5)


@pytest.mark.parametrize(("clean", "corrupt"), [([0.4, 0.5], [0.5, 0.6]), ([0.4, 0.6], [0.5, 0.5]), ([0.5], [0.5])])
@pytest.mark.filterwarnings("error")
def test_prompts_on_average_no_better_clean_than_corrupt_have_no_rate(clean, corrupt):
    recovery = trace_of(np.full((len(clean), 1, 1), 0.1), clean, corrupt).ratio_of_means()
    assert all(np.isnan(values).all() for values in (recovery.values, recovery.low, recovery.high))
    assert recovery.n_prompts.tolist() == [len(clean)]


@pytest.mark.filterwarnings("error")
def test_a_rate_whose_mean_gap_may_be_zero_has_no_bounded_interval():
    recovery = trace_of([[[0.6]], [[0.0]]], clean=[1, 0], corrupt=[0, 0.4]).ratio_of_means()
    assert recovery.values[0, 0] == pytest.approx(0.3 / 0.3)
    assert (recovery.low[0, 0], recovery.high[0, 0]) == (-np.inf, np.inf)


def test_a_gap_of_zero_is_never_divided_by():
    trace = trace_of(np.full((2, 1, 1), 0.1), [0.5, 0.9], [0.5, 0.4])
    with np.errstate(all="raise"):
        rates_of_prompts = trace.per_prompt(0)
    np.testing.assert_allclose(rates_of_prompts[:, 0, 0], [np.nan, 0.2], rtol=1e-6)
    assert trace.mean_of_ratios(0).n_prompts.tolist() == [1]
