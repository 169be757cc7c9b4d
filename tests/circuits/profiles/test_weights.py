"""Profiles of weights: against TransformerLens' factored matrices, and weights worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from transformer_lens import FactoredMatrix

from circuits.model.layers import Places
from circuits.model.load import load_model, model_from_module
from circuits.profiles import (
    Copying,
    EigenvalueShare,
    Entropy,
    Matching,
    RegressionWeights,
    SingularValues,
    measure_profiles,
    weigh_profiles,
)
from circuits.profiles.regression_weights import regression_statistics
from circuits.profiles.weights import ModelWeights, eigenvalues, positive_share, share_of, singular_values
from tests.circuits.hand_models import write_induction
from tests.conftest import FAMILIES, MORE_FAMILIES, random_module, random_prompts


def rows(model: Any, *profiles: Any) -> dict[str, np.ndarray]:
    """Place -> [head]; of several profiles, `NAME place`."""
    return {
        f"{scores.provenance.method} {place}": scores.per_prompt[0, number]
        for scores in weigh_profiles(model, profiles)
        for number, place in enumerate(scores.positions)
    }


@pytest.mark.parametrize("family", ["gpt2", "llama", "neox"])
def test_the_numbers_are_those_of_transformer_lens_factored_matrices(family):
    model = model_from_module(random_module(family), name=family)
    actual = rows(model, Copying(), Matching(), EigenvalueShare(), SingularValues(first=2))
    bridge = model.bridge
    bridge.enable_compatibility_mode()
    group, n_heads = 4 // bridge.W_V.shape[1], 4
    with torch.no_grad():
        for layer in range(3):
            for head in range(n_heads):
                q, k, v, o = (
                    getattr(bridge, f"W_{name}")[layer][head // group if name in "KV" else head] for name in "QKVO"
                )
                expected = {
                    "copying sum": FactoredMatrix(bridge.W_E @ v, o @ bridge.W_U),
                    "matching sum": FactoredMatrix(bridge.W_E @ q, k.T @ bridge.W_E.T),
                    "eigenvalue-share ov": FactoredMatrix(v, o),
                    "eigenvalue-share qk": FactoredMatrix(q, k.T),
                }
                at = layer * n_heads + head
                for name, matrix in expected.items():
                    values = matrix.eigenvalues
                    share = float((values.sum() / values.abs().sum()).real)
                    assert actual[name][at] == pytest.approx(share, abs=1e-4), name
                sizes = {"ov": expected["eigenvalue-share ov"].S, "qk": expected["eigenvalue-share qk"].S / 8**0.5}
                for circuit, own in sizes.items():
                    given = [actual[f"singular-values {circuit} {place}"][at] for place in ("1", "2", "sum", "rank")]
                    rank = float(own.sum() ** 2 / own.square().sum())
                    np.testing.assert_allclose(given, [float(own[0]), float(own[1]), float(own.sum()), rank], rtol=1e-4)


def test_the_heads_of_a_model_worked_out_by_hand(tmp_path):
    model = load_model(str(write_induction(tmp_path)))
    actual = rows(model, Copying(), Matching(), SingularValues(first=2))
    # a1.h1 copies each token to its own logit; a0.h0 copies it to where no logit reads.
    np.testing.assert_allclose(actual["copying sum"], [0, 0, 0, 1], atol=1e-6)
    np.testing.assert_allclose(actual["copying positive"], [0, 0, 0, 1])
    assert not actual["matching sum"].any()  # a0.h0 matches positions, a1.h1 tokens with previous tokens
    n_tokens = model.n_vocabulary
    np.testing.assert_allclose(actual["singular-values ov 1"], [1, 0, 0, 2], atol=1e-6)
    np.testing.assert_allclose(actual["singular-values ov sum"], [n_tokens, 0, 0, 2 * n_tokens], rtol=1e-6)
    np.testing.assert_allclose(actual["singular-values ov rank"], [n_tokens, 0, 0, n_tokens], rtol=1e-6)
    np.testing.assert_allclose(actual["singular-values qk 1"], [200, 0, 0, 200], rtol=1e-6)


def test_eigenvalues_and_singular_values_of_planted_matrices():
    basis = torch.linalg.qr(torch.randn(6, 6, generator=torch.Generator().manual_seed(0))).Q
    scaled = torch.tensor([3.0, -1, 0])
    left, right = basis[:3].unsqueeze(0), (scaled[:, None] * basis[:3]).unsqueeze(0)
    values = eigenvalues(left, right)
    np.testing.assert_allclose(sorted(values.real[0].tolist()), [-1, 0, 3], atol=1e-6)
    assert float(share_of(values)) == pytest.approx(0.5)
    assert float(positive_share(values)) == 0.5
    np.testing.assert_allclose(singular_values(left, right)[0], [3, 1, 0], atol=1e-6)
    turned = torch.tensor([[[0.0, -1], [1, 0]]])  # a quarter turn: eigenvalues i and -i
    values = eigenvalues(torch.eye(2).unsqueeze(0), turned)
    assert float(share_of(values)) == pytest.approx(0, abs=1e-12)
    assert float(share_of(torch.zeros(1, 3, dtype=torch.complex128))) == 0


def test_weights_turned_by_a_distance_give_the_scores_of_rotated_queries_and_keys(family_model):
    model = family_model("llama")
    layer, n = model.forward.layers[1], 5
    q, k, _, _ = ModelWeights(model).heads(1, distance=n)
    first, second = torch.randn(2, 1, 32, generator=torch.Generator().manual_seed(1))
    gain = layer.known_norm.gain
    stream = torch.zeros(1, n + 1, 32)
    stream[0, n], stream[0, 0] = gain * second[0], gain * first[0]  # read without the norm's scale
    projected, context = layer.project(stream), model.forward.context(n + 1)[1]
    query = layer.positioned(projected.q, None, context, Places(0))[0, :, n]
    key = layer.positioned(projected.k, None, context, Places(0))[0, :, 0].repeat_interleave(2, dim=0)
    expected = layer.scale * (query * key).sum(-1)
    by_weights = ((q @ second[0]) * (k @ first[0])).sum(-1)
    torch.testing.assert_close(by_weights, expected, atol=1e-4, rtol=1e-4)
    away = rows(model, EigenvalueShare(distance=n))["eigenvalue-share qk"]
    assert not np.allclose(away, rows(model, EigenvalueShare())["eigenvalue-share qk"])
    with pytest.raises(ValueError, match="distance=64: 'tiny-llama' has 64 positions"):
        weigh_profiles(model, [Matching(distance=64)])


@pytest.mark.parametrize("family", [*FAMILIES, *MORE_FAMILIES])
def test_tokens_embedding_is_what_enters_the_stream(family, family_model):
    model, ids = family_model(family), torch.tensor([[3, 7], [9, 7]])
    written = model.forward.embed(ids)[:, 0]
    table = ModelWeights(model).embedding
    torch.testing.assert_close(table[3] - table[9], written[0] - written[1], atol=1e-5, rtol=1e-4)
    assert np.isfinite(weigh_profiles(model, [Copying(first_mlp=True)])[0].per_prompt).all()


def regression_head(omega: float, mu: float, *, rotated: bool = False) -> tuple[torch.Tensor, torch.Tensor]:
    """KQ and OV of a head of the pattern that He et al. find, on tokens of five numbers and a label."""
    kq, ov = torch.zeros(6, 6), torch.zeros(6, 6)
    kq[:5, :5] = omega * (torch.eye(5).roll(1, 0) if rotated else torch.eye(5))
    ov[5, 5] = mu
    return kq, ov


def test_the_regression_pattern_is_recognized_and_its_prediction_is_the_formula():
    heads = [regression_head(0.1, 2.0), regression_head(-0.1, -2.0)]
    kq, ov = (torch.stack(own) for own in zip(*heads, strict=True))
    found = regression_statistics(kq, ov)
    torch.testing.assert_close(found["omega"], torch.tensor([0.1, -0.1]))
    assert found["mu"].tolist() == [2, -2]
    assert not found["homogeneity"].round(decimals=6).any()
    for name in ("diagonality", "last-only", "zero-sum"):
        assert found[name].tolist() == [0, 0]
    turned = regression_statistics(*(own.unsqueeze(0) for own in regression_head(0.1, 2.0, rotated=True)))
    assert turned["diagonality"].tolist() == [1]
    assert turned["omega"].tolist() == [0]
    assert turned["zero-sum"].tolist() == [1]

    draw = torch.Generator().manual_seed(0)
    x, query, y = torch.randn(40, 5, generator=draw), torch.randn(5, generator=draw), torch.randn(40, generator=draw)
    tokens = torch.cat((torch.cat((x, y[:, None]), 1), torch.cat((query, torch.zeros(1)))[None]))
    run, formula = torch.zeros(6), torch.zeros(())
    for own, out in heads:
        run = run + torch.softmax(tokens @ own @ tokens[-1], 0) @ tokens @ out.T
    for omega, mu in ((0.1, 2.0), (-0.1, -2.0)):
        scores = torch.cat((omega * x @ query, omega * (query @ query)[None]))
        formula += mu * torch.softmax(scores, 0)[:-1] @ y
    assert float(run[-1]) == pytest.approx(float(formula), abs=1e-6)


def test_statistics_of_a_models_heads_are_those_of_their_matrices(family_model):
    model = family_model("qwen3")
    actual, weights = rows(model, RegressionWeights()), ModelWeights(model)
    for number in range(3):
        heads = weights.heads(number)
        kq = torch.einsum("had,hae->hde", heads.k, heads.q)
        expected = regression_statistics(kq, torch.einsum("had,hae->hde", heads.o, heads.v))
        for name, values in expected.items():
            own = actual[f"regression-weights {name}"][number * 4 : number * 4 + 4]
            np.testing.assert_allclose(own, values, rtol=1e-4, atol=1e-6)


def test_what_weights_cannot_say_is_refused(family_model, monkeypatch):
    model = family_model("gpt2")
    with pytest.raises(ValueError, match="'copying' reads weights and no prompts"):
        measure_profiles(model, random_prompts(2), [Entropy(), Copying()])
    with pytest.raises(ValueError, match="first=0 gives no singular value"):
        SingularValues(first=0)
    monkeypatch.setattr(model.forward, "layers", [replace(layer, norm_k=lambda k: k) for layer in model.forward.layers])
    with pytest.raises(ValueError, match="in layer 0 of 'tiny-gpt2' does not norm heads one by one"):
        weigh_profiles(model, [EigenvalueShare()])
    other = family_model("llama")
    monkeypatch.setattr(other.forward, "weight_u", other.forward.weight_u[:7])
    with pytest.raises(ValueError, match="reads 50 tokens and predicts 7"):
        weigh_profiles(other, [Copying()])
