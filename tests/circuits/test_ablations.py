"""Laws of ABLATIONS, and their values against what TransformerLens hooks give."""

from __future__ import annotations

import itertools
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from circuits.ablations import ABLATIONS, Mean, Noise, PositionMean, Zero
from circuits.data.prompts import Prompt, PromptSet
from circuits.evaluation.faithfulness import circuit_values, component_circuit_values, measure_baseline
from circuits.methods import ActivationPatching, EdgeAttribution, ExactEdges, PathPatching
from circuits.metrics import METRICS
from circuits.model.batches import batches
from circuits.model.bridge import _bridge
from circuits.model.load import load_model
from tests.circuits.hand_models import QUESTION, detector_prompts, write_averager, write_detector
from tests.conftest import mostly_slow, random_module, random_prompts, slow_case

LOGIT_DIFFERENCE = METRICS["logit-difference"]
FAMILIES = ("gpt2", "llama", "neox", "qwen3")
# Ablations that give components fixed values, rather than those of another run.
GIVEN = ("zero", "mean", "position-mean")

every_family = pytest.mark.parametrize("family", FAMILIES)


def given_to(*families: str):
    """Every family with one kind of given values, and one family with every kind: the same code puts them in."""
    cases = [*((family, "position-mean") for family in families), ("gpt2", "zero"), ("gpt2", "mean")]
    return pytest.mark.parametrize(("family", "ablation"), cases)


# Noise on images is tested with models that read them.
WITHOUT_IMAGES = [name for name in ABLATIONS if name != "image-noise"]
every_ablation = pytest.mark.parametrize("ablation", WITHOUT_IMAGES)


def site_of(component) -> str:
    """The bridge's hook for what a component writes (for a head: its z)."""
    if component.kind == "input":
        return "blocks.0.hook_resid_pre"
    return f"blocks.{component.layer}." + ("attn.hook_z" if component.kind == "head" else "hook_mlp_out")


def independent_values(model, prompts, ablation: str) -> dict[str, torch.Tensor]:
    """Hook -> what is put in there [position, ...], from whole caches of one prompt at a time."""
    sites = {site_of(writer) for writer in model.wiring.writers}
    caches = [
        model.bridge.run_with_cache(torch.tensor([prompt.clean]), names_filter=lambda name: name in sites)[1]
        for prompt in prompts
    ]
    longest = max(map(len, prompts))
    values = {}
    for site in sites:
        seen = [cache[site][0] for cache in caches]
        if ablation == "zero":
            values[site] = torch.zeros(longest, *seen[0].shape[1:])
        elif ablation == "mean":
            values[site] = torch.cat(seen).mean(0).expand(longest, *seen[0].shape[1:])
        else:
            at = [torch.stack([one[position] for one in seen if position < len(one)]) for position in range(longest)]
            values[site] = torch.stack([values_there.mean(0) for values_there in at])
    return values


def hooked_metric(model, prompt: Prompt, components, values: dict[str, torch.Tensor]) -> float:
    """The logit difference with the values of some components put in through the bridge's hooks."""

    def hook_for(component):
        def put_in(value, hook):
            value, given = value.clone(), values[site_of(component)][: len(prompt)]
            if component.kind == "head":
                value[:, :, component.index] = given[:, component.index]
            else:
                value[:] = given
            return value

        return site_of(component), put_in

    with torch.no_grad():
        logits = model.bridge.run_with_hooks(
            torch.tensor([prompt.clean]), fwd_hooks=[hook_for(component) for component in components]
        )
    row = logits[0, prompt.answer_position]
    return float(row[prompt.answers[0]] - row[prompt.wrong_answers[0]])


@pytest.mark.parametrize(
    ("family", "ablation"),
    mostly_slow(
        itertools.product(FAMILIES, WITHOUT_IMAGES),
        [*(("gpt2", name) for name in WITHOUT_IMAGES), ("llama", "mean"), ("neox", "zero"), ("qwen3", "position-mean")],
    ),
)
def test_all_edges_give_the_clean_run_and_none_the_ablated_run(family, ablation, family_model):
    model, prompts = family_model(family), random_prompts(shared_prefix=3)
    chosen = ABLATIONS[ablation]()
    baseline = measure_baseline(model, prompts, metric=LOGIT_DIFFERENCE, ablation=chosen)
    edges = np.stack([np.ones(model.wiring.n_edges, dtype=bool), np.zeros(model.wiring.n_edges, dtype=bool)])
    components = edges[:, : len(model.wiring.writers)]
    for values in (
        circuit_values(model, prompts, edges, metric=LOGIT_DIFFERENCE, ablation=chosen),
        component_circuit_values(model, prompts, components, metric=LOGIT_DIFFERENCE, ablation=chosen),
    ):
        np.testing.assert_allclose(values[0], baseline.clean, atol=2e-5)
        np.testing.assert_allclose(values[1], baseline.ablated, atol=2e-5)
    assert np.abs(baseline.clean - baseline.ablated).min() > 1e-3


@pytest.mark.parametrize(
    ("family", "ablation"),
    mostly_slow(
        itertools.product([*FAMILIES, "gemma2"], GIVEN),
        [*((family, "position-mean") for family in (*FAMILIES, "gemma2")), ("gpt2", "zero"), ("gpt2", "mean")],
    ),
)
def test_the_ablated_run_is_that_of_the_bridge_with_every_component_hooked(family, ablation, family_model):
    model, prompts = family_model(family), random_prompts(3, shared_prefix=3)
    values = independent_values(model, prompts, ablation)
    baseline = measure_baseline(model, prompts, metric=LOGIT_DIFFERENCE, ablation=ABLATIONS[ablation]())
    expected = [hooked_metric(model, prompt, model.wiring.writers, values) for prompt in prompts]
    np.testing.assert_allclose(baseline.ablated, expected, atol=2e-5)


@given_to(*FAMILIES, "gemma2")
def test_patching_a_component_is_putting_its_ablated_value_into_the_bridge(family, ablation, family_model):
    model, prompts = family_model(family), random_prompts(3, shared_prefix=3)
    values = independent_values(model, prompts, ablation)
    clean = np.array([hooked_metric(model, prompt, (), values) for prompt in prompts])
    scores = ActivationPatching(kinds=("head", "mlp")).score(
        model, prompts, metric=LOGIT_DIFFERENCE, ablation=ABLATIONS[ablation]()
    )
    for column, component in enumerate(scores.components):
        patched = [hooked_metric(model, prompt, (component,), values) for prompt in prompts]
        np.testing.assert_allclose(scores.per_prompt[:, 0, column], clean - patched, atol=5e-5)
    assert np.abs(scores.per_prompt).max(axis=(0, 1)).min() > 1e-3


@pytest.mark.parametrize("family", ["gpt2", "neox", "llama", *map(slow_case, ["opt", "qwen2"])])
def test_zero_and_folded_zero_are_those_of_raw_and_of_processed_weights(family, family_model):
    """TransformerLens folds the norms, centers what is written, and moves value biases into the attention's output."""
    model, prompts = family_model(family), random_prompts(2, shared_prefix=3)
    processed = _bridge(random_module(family), None)
    processed.enable_compatibility_mode(disable_warnings=True)
    has_biases = family != "llama"
    for ablation, bridge in (("zero", model.bridge), ("zero-folded", processed)):
        hooked = SimpleNamespace(bridge=bridge, wiring=model.wiring)
        values = independent_values(hooked, prompts, "zero")
        scores = ActivationPatching(kinds=("head", "mlp")).score(
            model, prompts, metric=LOGIT_DIFFERENCE, ablation=ABLATIONS[ablation]()
        )
        for row, prompt in enumerate(prompts):
            clean = hooked_metric(hooked, prompt, (), values)
            for column, component in enumerate(scores.components):
                patched = hooked_metric(hooked, prompt, (component,), values)
                assert scores.per_prompt[row, 0, column] == pytest.approx(clean - patched, abs=1e-4)
    zero, folded = (
        measure_baseline(model, prompts, metric=LOGIT_DIFFERENCE, ablation=ABLATIONS[name]()).ablated
        for name in ("zero", "zero-folded")
    )
    assert (np.abs(zero - folded).max() > 1e-3) == has_biases
    assert bool(Zero().caveats(model.forward)) == has_biases
    assert ABLATIONS["zero-folded"]().caveats(model.forward) == []


@pytest.mark.parametrize(
    ("family", "ablation"),
    mostly_slow(
        itertools.product(FAMILIES, ["zero", "mean", "position-mean", "noise"]),
        [*((family, "position-mean") for family in FAMILIES), ("gpt2", "zero"), ("gpt2", "mean"), ("llama", "noise")],
    ),
)
def test_an_exact_edge_is_the_circuit_of_all_other_edges(family, ablation, family_model):
    model, prompts = family_model(family), random_prompts(3, length=6, shared_prefix=3)
    chosen = ABLATIONS[ablation]()
    scores = ExactEdges().score(model, prompts, metric=LOGIT_DIFFERENCE, ablation=chosen)
    without_one = ~np.eye(model.wiring.n_edges, dtype=bool)
    values = circuit_values(model, prompts, without_one, metric=LOGIT_DIFFERENCE, ablation=chosen)
    baseline = measure_baseline(model, prompts, metric=LOGIT_DIFFERENCE, ablation=chosen)
    expected = (baseline.clean - values).T
    np.testing.assert_allclose(scores.per_prompt, expected, atol=2e-5 * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("ablation", [Mean(), PositionMean()], ids=str)
def test_means_are_taken_over_prompts_and_never_over_heads_or_components(ablation, family_model):
    """Compared head by head and layer by layer with caches of the bridge, in a model where all of these differ."""
    model, prompts = family_model("gpt2"), random_prompts(5)
    expected = independent_values(model, prompts, ablation.name)
    means = ablation.fitted(model, prompts).means
    n_entries = 1 if ablation.name == "mean" else 10
    assert means.embedded.shape == (n_entries, 32)
    by_site = {"blocks.0.hook_resid_pre": means.embedded}
    for layer in range(3):
        assert means.z[layer].shape == (n_entries, 4, 8)
        assert means.mlp[layer].shape == (n_entries, 32)
        by_site |= {f"blocks.{layer}.attn.hook_z": means.z[layer], f"blocks.{layer}.hook_mlp_out": means.mlp[layer]}
    assert by_site.keys() == expected.keys()
    for site, values in by_site.items():
        np.testing.assert_allclose(values.expand_as(expected[site]), expected[site], atol=1e-5)
    z = [expected[f"blocks.{layer}.attn.hook_z"] for layer in range(3)]
    assert min(float((z[0][:, 0] - z[0][:, head]).abs().max()) for head in (1, 2, 3)) > 0.1
    assert min(float((z[0] - z[layer]).abs().max()) for layer in (1, 2)) > 0.1


def test_a_position_mean_leaves_out_prompts_that_are_too_short(family_model):
    """With a single longer prompt, the mean at its last position is that prompt's own value."""
    model, prompts = family_model("llama"), random_prompts(3)
    assert [len(prompt) for prompt in prompts] == [9, 10, 9]
    means = PositionMean().fitted(model, prompts).means
    run = model.forward.record(torch.tensor([prompts.prompts[1].clean]))
    torch.testing.assert_close(means.z[1][9], run.z[1][0, 9], atol=1e-5, rtol=0)
    assert float((means.z[1][8] - run.z[1][0, 8]).abs().max()) > 1e-2


@pytest.mark.parametrize("ablation", ["mean", "position-mean"])
def test_a_fitted_mean_keeps_its_reference(ablation, family_model):
    model, prompts, reference = family_model("gpt2"), random_prompts(4), random_prompts(6, seed=1)
    fitted = ABLATIONS[ablation]().fitted(model, reference)
    assert fitted.fitted(model, prompts) is fitted
    values = independent_values(model, reference, ablation)
    baseline = measure_baseline(model, prompts, metric=LOGIT_DIFFERENCE, ablation=fitted)
    expected = [hooked_metric(model, prompt, model.wiring.writers, values) for prompt in prompts]
    np.testing.assert_allclose(baseline.ablated, expected, atol=2e-5)


def test_a_prompt_longer_than_the_reference_is_refused_by_position_and_taken_by_the_mean_of_all(family_model):
    model, prompts = family_model("gpt2"), random_prompts(2, length=9)
    short = random_prompts(2, length=5, seed=1)
    by_position = PositionMean().fitted(model, short)
    with pytest.raises(
        ValueError, match=r"has 10 tokens, the longest of the reference set 6\..*longer one.*or use 'mean'"
    ):
        EdgeAttribution().score(model, prompts, metric=LOGIT_DIFFERENCE, ablation=by_position)
    values = independent_values(model, short, "mean")
    values = {site: value[:1].expand(10, *value.shape[1:]) for site, value in values.items()}
    ablated = measure_baseline(model, prompts, metric=LOGIT_DIFFERENCE, ablation=Mean().fitted(model, short)).ablated
    expected = [hooked_metric(model, prompt, model.wiring.writers, values) for prompt in prompts]
    np.testing.assert_allclose(ablated, expected, atol=2e-5)


def test_a_mean_without_a_reference_says_how_to_give_one(family_model):
    model = family_model("gpt2")
    batch = next(batches(random_prompts(2), model.forward, shares_prefix=False))
    with pytest.raises(ValueError, match=r"ablation 'mean' has no reference yet.*fitted\(model, prompts\)"):
        Mean().ablated(model.forward, batch, model.forward.record(batch.clean))


@every_family
def test_a_prompt_has_the_same_noise_in_any_batch(family, family_model):
    model, prompts = family_model(family), random_prompts()
    together = ActivationPatching().score(model, prompts, metric=LOGIT_DIFFERENCE, ablation=Noise())
    for number in (0, 3):
        alone = ActivationPatching().score(
            model, prompts[number : number + 1], metric=LOGIT_DIFFERENCE, ablation=Noise()
        )
        np.testing.assert_allclose(
            alone.per_prompt[0], together.per_prompt[number], atol=1e-5 * np.abs(together.per_prompt).max()
        )


def test_noise_depends_on_its_seed_and_its_size_alone(family_model):
    model, prompts = family_model("gpt2"), random_prompts(4)

    def ablated(ablation):
        return measure_baseline(model, prompts, metric=LOGIT_DIFFERENCE, ablation=ablation).ablated

    first = ablated(Noise())
    torch.manual_seed(123)
    assert (ablated(Noise(seed=0)) == first).all()
    assert np.abs(ablated(Noise(seed=1)) - first).min() > 1e-3
    assert np.abs(ablated(Noise(sigma=1)) - first).min() > 1e-3


@every_family
def test_noise_runs_the_model_on_embeddings_as_noisy_as_it_says(family, family_model):
    """320 numbers per prompt: the sampled deviation is within a sixth of that requested; the rest equals the bridge."""
    model, prompts = family_model(family), random_prompts(4, length=10)[::2]
    (batch,) = batches(prompts, model.forward, shares_prefix=False)
    clean = model.forward.record(batch.clean)
    run = Noise(sigma=2).ablated(model.forward, batch, clean)
    added = (run.residual[0] - clean.residual[0]) / clean.residual[0].std(dim=(1, 2), keepdim=True)
    assert added.std(dim=(1, 2)).tolist() == pytest.approx([2, 2], rel=1 / 6)
    assert float((added[0] - added[1]).abs().min()) > 0
    with torch.no_grad():
        logits = model.bridge.run_with_hooks(
            batch.clean, fwd_hooks=[("blocks.0.hook_resid_pre", lambda value, hook: run.residual[0])]
        )
    torch.testing.assert_close(model.forward.logits(run.residual[-1]), logits, atol=2e-5, rtol=1e-5)


def test_noise_without_a_size_is_refused():
    with pytest.raises(ValueError, match=r"sigma=0.*positive"):
        Noise(sigma=0)


@pytest.mark.parametrize("ablation", GIVEN)
@pytest.mark.parametrize(
    ("settings", "asked"),
    [({"kinds": (part,)}, part) for part in ("query", "key", "value", "pattern")]
    + [({"direction": "restore"}, "restoring"), ({"kinds": ("head", "key"), "direction": "restore"}, "key")],
)
def test_what_needs_a_whole_run_refuses_given_values_before_running(ablation, settings, asked, family_model):
    method, model = ActivationPatching(**settings), family_model("gpt2")
    with pytest.raises(ValueError, match=f"patching of {asked} needs a whole run.*{ablation!r}.*'corrupt', 'noise' or"):
        method.check(model, random_prompts(2), LOGIT_DIFFERENCE, ABLATIONS[ablation]())
    with pytest.raises(ValueError, match="needs a whole run"):
        method.score(model, random_prompts(2), metric=LOGIT_DIFFERENCE, ablation=ABLATIONS[ablation]())


@pytest.mark.parametrize("settings", [{"kinds": ("query", "key", "value", "pattern")}, {"direction": "restore"}])
def test_noise_is_a_run_in_which_parts_can_be_patched_and_restored(settings, family_model):
    scores = ActivationPatching(**settings).score(
        family_model("llama"), random_prompts(3), metric=LOGIT_DIFFERENCE, ablation=Noise()
    )
    assert np.abs(scores.per_prompt).max(axis=0).min() > 1e-6


@pytest.fixture(scope="module")
def averager(tmp_path_factory):
    """A model whose every effect is linear, and prompts for it."""
    return load_model(str(write_averager(tmp_path_factory.mktemp("models") / "averager")))


@every_ablation
def test_attribution_is_exact_in_a_linear_model(ablation, averager):
    prompts, chosen = random_prompts(6, length=6, vocabulary=7), ABLATIONS[ablation]()
    estimated = EdgeAttribution().score(averager, prompts, metric=LOGIT_DIFFERENCE, ablation=chosen).per_prompt
    exact = ExactEdges().score(averager, prompts, metric=LOGIT_DIFFERENCE, ablation=chosen).per_prompt
    ports = np.array([edge.port in ("q", "k") for edge in averager.wiring.edges])
    from_mlps = np.array([edge.source.kind == "mlp" for edge in averager.wiring.edges])
    into_mlps = np.array([edge.target.kind == "mlp" for edge in averager.wiring.edges])
    silent = ports | from_mlps | into_mlps
    assert np.abs(exact[:, ~silent]).max(axis=0).min() > 1e-3
    np.testing.assert_allclose(estimated, exact, atol=1e-5 * np.abs(exact).max())
    # Runs stacked in different numbers are summed in a different order.
    assert np.abs(exact[:, silent]).max() <= 1e-6 * np.abs(exact).max()


@every_ablation
def test_path_patching_into_the_logits_is_the_edge_into_the_logits_in_a_linear_model(ablation, averager):
    prompts, chosen = random_prompts(6, length=6, vocabulary=7), ABLATIONS[ablation]()
    paths = PathPatching(at="all").score(averager, prompts, metric=LOGIT_DIFFERENCE, ablation=chosen)
    edges = ExactEdges().score(averager, prompts, metric=LOGIT_DIFFERENCE, ablation=chosen)
    column = {str(edge): number for number, edge in enumerate(averager.wiring.edges)}
    into_logits = edges.per_prompt[:, [column[f"{sender}->logits"] for sender in paths.components]]
    np.testing.assert_allclose(paths.per_prompt[:, 0], into_logits, atol=1e-5 * np.abs(into_logits).max())
    assert np.abs(into_logits).max(axis=0).min() > 1e-3


def hooked_path_effects(model, prompts, values: dict[str, torch.Tensor]) -> np.ndarray:
    """[prompt, head] direct effects on the logits of ablating each head, its change put into the final stream."""
    layers, effects = model.forward.layers, []
    heads = [writer for writer in model.wiring.writers if writer.kind == "head"]
    last = f"blocks.{model.wiring.n_layers - 1}.hook_resid_post"
    for prompt in prompts:
        ids = torch.tensor([prompt.clean])
        logits, cache = model.bridge.run_with_cache(ids)
        runs = [logits]
        for head in heads:
            z = cache[site_of(head)][0, :, head.index]
            change = (values[site_of(head)][: len(prompt), head.index] - z) @ layers[head.layer].head_weights_o[
                head.index
            ]
            hook = (last, lambda value, hook, change=change: value + change)
            runs.append(model.bridge.run_with_hooks(ids, fwd_hooks=[hook]))
        at_answer = [run[0, prompt.answer_position] for run in runs]
        clean, *patched = (float(row[prompt.answers[0]] - row[prompt.wrong_answers[0]]) for row in at_answer)
        effects.append([clean - value for value in patched])
    return np.array(effects)


@given_to(*FAMILIES)
def test_direct_paths_of_ablated_heads_equal_changes_of_the_bridges_final_stream(family, ablation, family_model):
    model, prompts = family_model(family), random_prompts(3)
    scores = PathPatching(at="all", freeze_mlps=True).score(
        model, prompts, metric=LOGIT_DIFFERENCE, ablation=ABLATIONS[ablation]()
    )
    expected = hooked_path_effects(model, prompts, independent_values(model, prompts, ablation))
    np.testing.assert_allclose(scores.per_prompt[:, 0], expected, atol=5e-5)
    assert np.abs(expected).max() > 1e-2


@pytest.mark.parametrize("ablation", ["zero", "mean", "position-mean", "noise"])
def test_first_order_estimates_of_edges_into_the_logits_are_exact_in_a_model_without_a_final_norm(ablation, tmp_path):
    """The detector's patterns change where position is ablated, but nothing stands between an edge and the logits."""
    model, chosen = load_model(str(write_detector(tmp_path / "detector"))), ABLATIONS[ablation]()
    scores = [
        method.score(model, detector_prompts(8), metric=LOGIT_DIFFERENCE, ablation=chosen).per_prompt
        for method in (EdgeAttribution(), ExactEdges())
    ]
    into_logits = np.array([str(edge.target) == "logits" for edge in model.wiring.edges])
    np.testing.assert_allclose(scores[0][:, into_logits], scores[1][:, into_logits], atol=1e-5)
    assert np.abs(scores[1][:, into_logits]).max() > 0.5


def test_what_an_ablation_leaves_of_the_detectors_answer_worked_out_by_hand(tmp_path):
    """Two prompts, one with answer 1, the other with 2: a1.h1 writes 2 to either. Without it the logits are 0;
    its mean at the last position is 1 on both answers, which is a tie; over all 8 positions its mean is 2/8 on each."""
    model = load_model(str(write_detector(tmp_path / "detector")))
    prompts = PromptSet(
        "two",
        tuple(Prompt((0, 3, one, QUESTION), (0, 3, two, QUESTION), (one,), (two,)) for one, two in ((1, 2), (2, 1))),
    )
    metric = METRICS["answer-logit"]
    effects = {}
    for ablation in (Zero(), Mean(), PositionMean()):
        scores = ActivationPatching(kinds=("head",)).score(model, prompts, metric=metric, ablation=ablation)
        column = [str(component) for component in scores.components].index("a1.h1")
        effects[ablation.name] = scores.per_prompt[:, 0, column].tolist()
    assert effects == {"zero": [2, 2], "mean": [1.75, 1.75], "position-mean": [1, 1]}


def test_equal_pairs_are_refused_by_number_and_can_be_left_out_by_name():
    from circuits.ablations import Corrupt, Zero
    from circuits.data.prompts import Prompt, PromptSet

    fine, equal = Prompt((1, 2), (3, 2), (5,)), Prompt((1, 2), (1, 2), (5,))
    prompts = PromptSet("mine", (fine, equal, fine, equal))
    with pytest.raises(ValueError, match=r"the same tokens in 2 of 4 pairs \(the first is prompt 1\)"):
        Corrupt().check(prompts)
    Zero().check(prompts)
    left = prompts.without_unchanged()
    Corrupt().check(left)
    assert left.prompts == (fine, fine)
    assert left.warnings[0] == "2 of 4 pairs are left out, as their clean and corrupt prompts are equal: 1, 3."
    (said,) = replace(prompts, prompts=(fine, equal)).without_unchanged().notes
    assert said == "1 of 2 pairs is left out, as its clean and corrupt prompts are equal: 1."
    assert left.without_unchanged() is left
