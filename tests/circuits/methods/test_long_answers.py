"""Every method reads answers of several tokens exactly, against the plain model run one sequence at a time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from circuits.ablations import ABLATIONS, Mean, Noise
from circuits.components import Component
from circuits.data.prompts import PromptSet
from circuits.evaluation.faithfulness import circuit_values, component_circuit_values, measure_baseline
from circuits.methods import (
    ACDC,
    METHODS,
    ActivationPatching,
    AtPStar,
    CausalTracing,
    Conductance,
    EdgeAttribution,
    ExactEdges,
    PathPatching,
)
from circuits.metrics import METRICS
from tests.circuits.plain_runs import BY_HAND, D_HEAD, FAMILIES, Plain, at, changed, everywhere, long_prompts
from tests.conftest import MEASURING, mostly_slow

every_family = pytest.mark.parametrize("family", FAMILIES)
DIFFERENCE, LIKELIHOOD = METRICS["log-probability-difference"], METRICS["answer-log-probability"]
ALL = slice(None)
# Random models solve no task, and little training is enough here.
FEW = {"least_accuracy": 0, "epochs": 3, "trials": 1, "features": 6}
SETTINGS = {
    "head-coding": FEW,
    "code-pairs": FEW,
    "path-patching": {"at": "all"},
    "staged-path-patching": {"stages": ("movers: logits @all", "next: movers.v @all")},
    "mask-learning": {"steps": 3},
    "acdc": {"tau": 0.5},
    "causal-tracing": {"at": "positions"},
}
# What these give for one prompt depends on the others.
OF_ALL_PROMPTS = {"acdc", "mask-learning", "head-coding", "code-pairs", "staged-path-patching"}


def head_site(plain, layer, index):
    return (plain.output(layer), "in", slice(index * D_HEAD, (index + 1) * D_HEAD))


def site_of(plain, component):
    if component.kind == "head":
        return head_site(plain, component.layer, component.index)
    return (plain.mlp(component.layer) if component.kind == "mlp" else plain.output(component.layer), "out", ALL)


@every_family
@pytest.mark.parametrize("name", BY_HAND)
def test_the_metric_is_the_sum_by_hand_over_tokens(family, name, family_model):
    model, prompts = family_model(family), long_prompts()
    plain = Plain(model, family)
    baseline = measure_baseline(model, prompts, metric=METRICS[name])
    for side, run in ((baseline.clean, plain.clean), (baseline.ablated, plain.corrupt)):
        expected = [float(run(prompt, name)) for prompt in prompts]
        np.testing.assert_allclose(side, expected, rtol=1e-5, atol=1e-5)


@every_family
def test_an_answer_is_right_where_it_is_likelier_than_each_wrong_one(family, family_model):
    model, prompts = family_model(family), long_prompts()
    plain = Plain(model, family)
    # The likeliest continuation of a prompt, as an answer: every token is the first choice after those before it.
    start = prompts.prompts[0]
    greedy = list(start.clean)
    for _ in range(3):
        with torch.no_grad():
            greedy.append(int(plain.module(torch.tensor([greedy])).logits[0, -1].argmax()))
    best = tuple(greedy[-3:])
    other = (best[0], best[1], (best[2] + 1) % 50)
    more = (
        replace(start, answers=(best,), wrong_answers=(other,)),
        replace(start, answers=(other,), wrong_answers=(best,)),
        replace(start, answers=(best,), wrong_answers=()),
        replace(start, answers=(other,), wrong_answers=()),
    )
    prompts = PromptSet("more", (*prompts, *more))
    baseline = measure_baseline(model, prompts, metric=LIKELIHOOD)
    assert baseline.is_correct is not None
    assert baseline.is_top1 is not None
    assert baseline.is_correct[-4:].tolist() == [True, False, True, False]
    assert baseline.is_top1[-4:].tolist() == [True, False, True, False]
    for prompt, is_correct in zip(long_prompts(), baseline.is_correct, strict=False):
        answers, wrong = (
            max(float(plain.log_probability(prompt.clean, a if isinstance(a, tuple) else (a,))) for a in side)
            for side in (prompt.answers, prompt.wrong_answers)
        )
        assert is_correct == (answers > wrong)


CORRUPT, RESTORE = ("log-probability-difference", "corrupt"), ("answer-probability", "restore")


@pytest.mark.parametrize(
    ("family", "name", "direction"),
    mostly_slow(
        [(family, *way) for family in FAMILIES for way in (CORRUPT, RESTORE)],
        [(family, *way) for family, way in zip(FAMILIES, (CORRUPT, RESTORE), strict=True)],
    ),
)
def test_activation_patching_equals_hooks_on_the_plain_model(family, name, direction, family_model):
    model, prompts, restores = family_model(family), long_prompts()[:2], direction == "restore"
    plain = Plain(model, family)
    for places in ("all", "positions"):
        method = ActivationPatching(at=places, kinds=("head", "mlp", "attention"), direction=direction)
        scores = method.score(model, prompts, metric=METRICS[name])
        for row, prompt in enumerate(prompts):
            base = (plain.corrupt if restores else plain.clean)(prompt, name)
            for column, component in list(enumerate(scores.components))[row::3]:
                for number, place in enumerate(scores.positions[2::2] if places == "positions" else scores.positions):
                    index = scores.positions.index(place)
                    if places == "positions" and int(place) >= len(prompt):
                        assert not scores.measured[row, index].any()
                        continue
                    where = everywhere if places == "all" else at(int(place))
                    patched = plain.patched(prompt, name, [site_of(plain, component)], where, restores=restores)
                    expected = float(patched - base if restores else base - patched)
                    assert scores.per_prompt[row, index, column] == pytest.approx(expected, abs=2e-5), (
                        component,
                        number,
                    )


@every_family
def test_end_is_the_last_token_of_the_prompt(family, family_model):
    model, prompts = family_model(family), long_prompts()[:2]
    plain = Plain(model, family)
    scores = ActivationPatching(at="roles", kinds=("mlp",)).score(model, prompts, metric=DIFFERENCE)
    for row, prompt in enumerate(prompts):
        for column, component in enumerate(scores.components):
            patched = plain.patched(prompt, DIFFERENCE.name, [site_of(plain, component)], at(len(prompt) - 1))
            expected = float(plain.clean(prompt, DIFFERENCE.name) - patched)
            assert scores.at("END").per_prompt[row, 0, column] == pytest.approx(expected, abs=2e-5)


@every_family
def test_a_window_of_restored_layers_equals_hooks_on_the_plain_model(family, family_model):
    model, prompts = family_model(family), long_prompts()[:2]
    plain = Plain(model, family)
    method = CausalTracing(at="all", kinds=("mlp", "attention"), window=2)
    scores = method.score(model, prompts, metric=DIFFERENCE)
    for row, prompt in enumerate(prompts):
        base = plain.corrupt(prompt, DIFFERENCE.name)
        for column, middle in enumerate(scores.components):
            layers = range(max(0, middle.layer - 1), middle.layer + 1)
            sites = [site_of(plain, replace(middle, layer=layer)) for layer in layers]
            restored = plain.patched(prompt, DIFFERENCE.name, sites, everywhere, restores=True)
            assert scores.per_prompt[row, 0, column] == pytest.approx(float(restored - base), abs=2e-5), middle


def gradients_by_hand(plain, prompt, name, sites):
    """d metric / d what is added at each site of the clean run, and clean minus corrupt values of writers, per answer.

    sites  name -> module whose input is added to
    """
    added = {}

    def run(answer):
        n_positions = len(prompt) + len(answer) - 1
        own = {site: torch.zeros(n_positions, 32, requires_grad=True) for site in sites}
        added[answer] = own
        with changed([(module, "in", lambda value, site=site: value + own[site]) for site, module in sites.items()]):
            return plain.log_probability(prompt.clean, answer)

    with torch.enable_grad():
        plain.metric(prompt, name, run).backward()
    # Some metrics read no wrong answers, which then have no gradients.
    grads = {answer: {site: at_site.grad for site, at_site in own.items()} for answer, own in added.items()}
    return {answer: own for answer, own in grads.items() if all(grad is not None for grad in own.values())}


def gaps_by_hand(plain, prompt, answer, n_layers):
    """Clean minus corrupt output of each writer [position, d_model]."""
    modules = {f"m{layer}": (plain.mlp(layer), "out") for layer in range(n_layers)}
    modules |= {f"z{layer}": (plain.output(layer), "in") for layer in range(n_layers)}
    modules |= {"input": (plain.norms(0)[0], "in")}
    clean, corrupt = (plain.values([*ids, *answer[:-1]], modules) for ids in (prompt.clean, prompt.corrupt))
    gaps = {name: clean[name] - corrupt[name] for name in modules}
    for layer in range(n_layers):
        z = gaps.pop(f"z{layer}")
        for index in range(4):
            own = z[:, index * D_HEAD : (index + 1) * D_HEAD]
            gaps[f"a{layer}.h{index}"] = own @ plain.weight_o(layer, index)
    return gaps


@every_family
@pytest.mark.parametrize("name", ["log-probability-difference", "answer-log-probability"])
def test_attribution_equals_gradients_of_the_plain_model_times_differences(family, name, family_model):
    """Into the logits and each MLP edge by edge; into a layer's queries, keys and values by their sum."""
    model, prompts = family_model(family), long_prompts()
    plain, wiring = Plain(model, family), family_model(family).wiring
    scores = EdgeAttribution().score(model, prompts, metric=METRICS[name])
    sites = {"logits": plain.final_norm}
    for layer in range(wiring.n_layers):
        sites[f"a{layer}"], sites[f"m{layer}"] = plain.norms(layer)
    for row, prompt in enumerate(prompts):
        expected = np.zeros((len(wiring.writers), len(sites)))
        for answer, gradients in gradients_by_hand(plain, prompt, name, sites).items():
            gaps = gaps_by_hand(plain, prompt, answer, wiring.n_layers)
            expected += [[float((gaps[str(w)] * gradients[site]).sum()) for site in sites] for w in wiring.writers]
        actual = np.zeros_like(expected)
        is_edge = np.zeros(expected.shape, dtype=bool)
        for edge, score in zip(wiring.edges, scores.per_prompt[row], strict=True):
            site = f"a{edge.target.layer}" if edge.port is not None else str(edge.target)
            where = wiring.writer_index(edge.source), list(sites).index(site)
            actual[where] += score
            is_edge[where] = True
        np.testing.assert_allclose(actual, expected * is_edge, atol=1e-4 * np.abs(expected).max())


@every_family
def test_attribution_of_components_equals_gradients_of_the_plain_model(family, family_model):
    model, prompts = family_model(family), long_prompts()
    plain, n_layers = Plain(model, family), model.wiring.n_layers
    method = AtPStar(grad_drop=False, kinds=("head", "mlp"))
    scores = method.score(model, prompts, metric=DIFFERENCE)
    sites = {f"z{layer}": plain.output(layer) for layer in range(n_layers)}
    for row, prompt in enumerate(prompts):
        heads = np.zeros((n_layers, 4))
        for answer, gradients in gradients_by_hand(plain, prompt, DIFFERENCE.name, sites).items():
            modules = {site: (module, "in") for site, module in sites.items()}
            clean, corrupt = (plain.values([*ids, *answer[:-1]], modules) for ids in (prompt.clean, prompt.corrupt))
            for layer in range(n_layers):
                product = (clean[f"z{layer}"] - corrupt[f"z{layer}"]) * gradients[f"z{layer}"]
                heads[layer] += product.sum(0).unflatten(0, (4, D_HEAD)).sum(-1).numpy()
        for column, component in enumerate(scores.components):
            if component.is_head:
                actual = scores.per_prompt[row, 0, column]
                assert actual == pytest.approx(heads[component.layer, component.index], abs=1e-4)


@every_family
def test_circuits_without_a_head_are_the_model_with_it_patched(family, family_model):
    """Through edges and through components, against hooks on the plain model; the whole and the empty circuit too."""
    model, prompts = family_model(family), long_prompts()
    plain, wiring = Plain(model, family), model.wiring
    heads = [Component.parse(name) for name in ("a0.h1", "a1.h3", "a2.h2")]
    edges = np.stack([[edge.source != one for edge in wiring.edges] for one in heads])
    edges = np.concatenate([edges, np.ones_like(edges[:1]), np.zeros_like(edges[:1])])
    parts = np.stack([[writer != one for writer in wiring.writers] for one in heads])
    parts = np.concatenate([parts, np.ones_like(parts[:1]), np.zeros_like(parts[:1])])
    expected = [
        *(
            [float(plain.patched(p, DIFFERENCE.name, [site_of(plain, one)], everywhere)) for p in prompts]
            for one in heads
        ),
        [float(plain.clean(prompt, DIFFERENCE.name)) for prompt in prompts],
        [float(plain.corrupt(prompt, DIFFERENCE.name)) for prompt in prompts],
    ]
    by_edges = circuit_values(model, prompts, edges, metric=DIFFERENCE)
    by_components = component_circuit_values(model, prompts, parts, metric=DIFFERENCE)
    np.testing.assert_allclose(by_edges, expected, atol=3e-5)
    np.testing.assert_allclose(by_components, expected, atol=3e-5)


@every_family
def test_exact_edges_are_what_a_circuit_without_the_edge_loses(family, family_model):
    model, prompts = family_model(family), long_prompts()
    wiring = model.wiring
    chosen = np.random.default_rng(0).choice(wiring.n_edges, size=25, replace=False)
    names = tuple(str(wiring.edges[edge]) for edge in chosen)
    scores = ExactEdges(edges=names).score(model, prompts, metric=DIFFERENCE)
    circuits = np.ones((len(chosen) + 1, wiring.n_edges), dtype=bool)
    circuits[np.arange(len(chosen)), chosen] = False
    values = circuit_values(model, prompts, circuits, metric=DIFFERENCE)
    np.testing.assert_allclose(scores.per_prompt[:, chosen], (values[-1] - values[:-1]).T, atol=5e-5)


@every_family
def test_direct_paths_into_the_logits_equal_hooks_on_the_plain_model(family, family_model):
    model, prompts = family_model(family), long_prompts()
    plain = Plain(model, family)
    method = PathPatching(at="all", freeze_mlps=True)
    scores = method.score(model, prompts, metric=DIFFERENCE)
    for row, prompt in enumerate(prompts):
        for column, one in list(enumerate(scores.components))[row::3]:

            def run(answer, prompt=prompt, one=one):
                gap = gaps_by_hand(plain, prompt, answer, model.wiring.n_layers)[str(one)]
                with torch.no_grad(), changed([(plain.final_norm, "in", lambda value: value - gap)]):
                    return plain.log_probability(prompt.clean, answer)

            expected = plain.clean(prompt, DIFFERENCE.name) - plain.metric(prompt, DIFFERENCE.name, run)
            assert scores.per_prompt[row, 0, column] == pytest.approx(float(expected), abs=2e-5), one


def test_path_patching_at_the_end_is_refused_unless_it_is_asked_for(family_model):
    model, prompts = family_model("gpt2"), long_prompts()
    with pytest.raises(
        ValueError, match=r"patches at 'END'.*answers of 4 of 5 prompts have several\. Set at=all, or at=END"
    ):
        PathPatching().score(model, prompts, metric=DIFFERENCE)
    scores = PathPatching(at="END").score(model, prompts, metric=DIFFERENCE)
    assert scores.positions == ("END",)
    with pytest.raises(ValueError, match=r"stage movers, patches at 'END'.*Write 'movers: logits @all'\."):
        METHODS["staged-path-patching"]().score(model, prompts, metric=DIFFERENCE)
    assert np.abs(scores.per_prompt).max() > 0


def test_effects_of_dropping_every_edge_add_up_to_the_whole_gap(family_model):
    model, prompts = family_model("llama"), long_prompts()
    scores = ACDC(tau=1e9).score(model, prompts, metric=DIFFERENCE)
    baseline = measure_baseline(model, prompts, metric=DIFFERENCE)
    np.testing.assert_allclose(scores.per_prompt.sum(1), baseline.clean - baseline.ablated, atol=1e-4)


@every_family
def test_what_flows_from_the_input_and_into_the_logits_is_the_whole_gap(family, family_model):
    model, prompts = family_model(family), long_prompts()
    plain, edges = Plain(model, family), model.wiring.edges
    gaps = [float(plain.clean(prompt, DIFFERENCE.name) - plain.corrupt(prompt, DIFFERENCE.name)) for prompt in prompts]
    scores = Conductance(steps=20, rule="midpoint").score(model, prompts, metric=DIFFERENCE).per_prompt
    for cut in ([str(edge.source) == "input" for edge in edges], [str(edge.target) == "logits" for edge in edges]):
        np.testing.assert_allclose(scores[:, cut].sum(1), gaps, atol=0.01 * np.abs(scores).sum(1).max())


@pytest.mark.parametrize("name", MEASURING)
def test_a_prompt_has_the_scores_that_it_has_alone(name, family_model):
    """Beside longer prompts and longer answers, filled up; one of one token beside those of several."""
    model, prompts = family_model("llama"), long_prompts()
    method = METHODS[name](**SETTINGS.get(name, {}))
    together = method.score(model, prompts, metric=LIKELIHOOD)
    assert np.isfinite(together.per_prompt).all()
    if name in OF_ALL_PROMPTS:
        return
    for number in range(len(prompts)):
        alone = method.score(model, prompts[number : number + 1], metric=LIKELIHOOD)
        own = together.per_prompt[number]
        if name == "causal-tracing":
            own, extra = own[: alone.per_prompt.shape[1]], own[alone.per_prompt.shape[1] :]
            assert not extra.any()
        np.testing.assert_allclose(alone.per_prompt[0], own, atol=1e-5 * max(1, np.abs(together.per_prompt).max()))


@pytest.mark.parametrize("family", ["gpt2", "gemma2"])
@pytest.mark.parametrize("ablation", ["corrupt", "zero", "noise", "mean", "position-mean"])
def test_ablations_give_a_prompt_what_it_gets_alone(family, ablation, family_model):
    model, prompts = family_model(family), long_prompts()
    fitted = ABLATIONS[ablation]().fitted(model, prompts)
    method = ActivationPatching(kinds=("head", "mlp"))
    together = method.score(model, prompts, metric=DIFFERENCE, ablation=fitted).per_prompt
    for number in range(len(prompts)):
        alone = method.score(model, prompts[number : number + 1], metric=DIFFERENCE, ablation=fitted).per_prompt
        np.testing.assert_allclose(alone[0], together[number], atol=2e-5 * max(1, np.abs(together).max()))


@every_family
def test_means_count_each_token_that_is_run_and_each_prompt_once(family, family_model):
    model, prompts = family_model(family), long_prompts()
    plain = Plain(model, family)
    means = Mean().fitted(model, prompts).means
    assert means is not None
    total, weight = torch.zeros(32, dtype=torch.float64), 0.0
    for prompt in prompts:
        for continuation in prompt.continuations:
            given = plain.values([*prompt.clean, *continuation], {"mlp": (plain.mlp(1), "out")})["mlp"]
            total += given.double().sum(0) / len(prompt.continuations)
            weight += len(given) / len(prompt.continuations)
    torch.testing.assert_close(means.mlp[1][0], (total / weight).float(), atol=1e-5, rtol=1e-5)


def test_noise_is_on_the_prompt_alone_and_the_same_for_each_of_its_answers(family_model):
    from circuits.model.batches import batches

    model = family_model("gpt2")
    for batch in batches(long_prompts(), model.forward, shares_prefix=False, with_answers=True):
        clean = model.forward.record(batch.clean)
        added = Noise().ablated(model.forward, batch, clean).residual[0] - clean.residual[0]
        assert not added[~batch.of_prompts].any()
        assert added[batch.of_prompts].all(-1).all()
        for row, owner in enumerate(batch.owners):
            torch.testing.assert_close(
                added[row, : len(batch.prompts[owner])],
                added[batch.first_sequences[owner], : len(batch.prompts[owner])],
            )


def test_head_features_are_those_of_the_prompt_whatever_its_answers(family_model):
    from circuits.head_codes.features import pooled

    model, prompts = family_model("gpt2"), long_prompts()
    short = tuple(replace(prompt, answers=(1,), wrong_answers=()) for prompt in prompts)
    positions = ("mean", "changed", "END")
    of_long, of_short = pooled(model, prompts.prompts, positions=positions), pooled(model, short, positions=positions)
    torch.testing.assert_close(of_long.z, of_short.z, atol=1e-5, rtol=1e-5)
    assert torch.equal(of_long.has_position, of_short.has_position)
    baseline = measure_baseline(model, prompts, metric=LIKELIHOOD)
    assert of_long.is_correct is not None
    assert baseline.is_correct is not None
    assert of_long.is_correct.tolist() == baseline.is_correct.tolist()


@pytest.mark.parametrize("name", MEASURING)
@pytest.mark.parametrize("metric", ["logit-difference", "answer-logit", "kl-divergence"])
def test_metrics_of_one_token_are_refused_with_the_one_to_use(name, metric, family_model, monkeypatch):
    if METHODS[name].only_at_clean and METRICS[metric].has_zero_gradient_at_clean:
        return  # refused with any prompts
    model = family_model("gpt2")
    monkeypatch.setattr(type(model.forward), "run", lambda *_, **__: pytest.fail("a model was run"))
    use = "log-probability-difference" if metric == "logit-difference" else "answer-log-probability"
    with pytest.raises(
        ValueError,
        match=rf"{metric!r} reads one token, .* 4 of 5 .* \(the first is prompt 0, with up to 3\)\. Use '{use}'",
    ):
        METHODS[name](**SETTINGS.get(name, {})).score(model, long_prompts(), metric=METRICS[metric])


def test_without_wrong_answers_the_metric_to_use_needs_none(family_model):
    prompts = PromptSet("p", tuple(replace(prompt, wrong_answers=()) for prompt in long_prompts()))
    with pytest.raises(ValueError, match="Use 'answer-log-probability'"):
        METRICS["logit-difference"].check(prompts)
    with pytest.raises(ValueError, match=r"5 of 5 prompts have no wrong answer.*use 'answer-log-probability'"):
        DIFFERENCE.check(prompts)
    scores = EdgeAttribution().score(family_model("gpt2"), prompts, metric=LIKELIHOOD)
    assert np.isfinite(scores.per_prompt).all()


def test_a_prompt_that_only_its_answer_makes_too_long_is_refused(family_model):
    start = long_prompts().prompts[0]
    prompt = replace(start, clean=(1,) * 63, corrupt=(2,) * 63, roles={}, answer_position=-1)
    with pytest.raises(
        ValueError, match=r"prompt 0 has 63 tokens, 65 with its longest answer; 'tiny-gpt2' takes at most 64"
    ):
        EdgeAttribution().score(family_model("gpt2"), PromptSet("p", (prompt,)), metric=DIFFERENCE)
