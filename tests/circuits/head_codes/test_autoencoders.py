"""Training autoencoders: gradients and weights equal those of torch's autograd on the definition."""

from __future__ import annotations

import math

import pytest
import torch

from circuits.head_codes.autoencoders import Autoencoders
from circuits.head_codes.settings import Recipe
from circuits.head_codes.training import Rows, generator_of, gradients_of, initial, loss_of, train


def rows(n: int = 30, d_model: int = 16, stack: int = 2, size: float = 1.0) -> torch.Tensor:
    return size * torch.randn(stack, n, d_model, generator=generator_of("rows"))


def defined_loss(weights: dict[str, torch.Tensor], values: torch.Tensor, l1: float, top_k: int | None) -> torch.Tensor:
    """[stack] the loss as the paper's code writes it, for a whole stack at once."""
    pre = torch.einsum("snd,srd->srn", weights["encoder"], values - weights["bias"][:, None])
    z = torch.relu(pre + weights["encoder_bias"][:, None])
    if top_k is not None:
        kept = z.topk(top_k, dim=2)
        z = torch.zeros_like(z).scatter(2, kept.indices, kept.values)
    decoded = torch.einsum("srn,snd->srd", z, weights["decoder"]) + weights["bias"][:, None]
    return (decoded - values).square().mean(dim=(1, 2)) + l1 * z.sum(dim=2).mean(dim=1)


@pytest.mark.parametrize("top_k", [None, 3])
@pytest.mark.parametrize("size", [0.02, 2.0])  # at the smaller one, many features activate on no row
@pytest.mark.parametrize("leaves_out_unused", [False, True])
def test_gradients_are_those_of_the_definition(top_k, size, leaves_out_unused):
    autoencoders = initial(Recipe(features=20, top_k=top_k), 16, ["a", "b"])
    autoencoders.bias.copy_(0.1 * rows(n=1)[:, 0])
    values = rows(size=size)
    weights = {name: weight.clone().requires_grad_() for name, weight in autoencoders.weights.items()}
    loss = defined_loss(weights, values, 0.02, top_k)
    torch.testing.assert_close(loss_of(autoencoders, values, 0.02), loss.detach())
    loss.sum().backward()
    gradients = gradients_of(autoencoders, Rows.of(values), 0.02, leaves_out_unused=leaves_out_unused)
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, weights[name].grad, rtol=1e-4, atol=1e-7, msg=name)


@pytest.mark.parametrize("unit_norm", ["coordinates", "dictionary"])
def test_training_is_adam_on_projected_gradients_of_unit_vectors(unit_norm):
    recipe, values = Recipe(features=12, epochs=25, unit_norm=unit_norm), rows(stack=1)
    start = initial(recipe, 16, ["seed"])
    axes = {"encoder": 2, "decoder": 1 if unit_norm == "coordinates" else 2}
    weights = {name: weight.clone().requires_grad_() for name, weight in start.weights.items()}
    optimizer = torch.optim.Adam(weights.values(), lr=1e-3)
    for _ in range(recipe.epochs):
        optimizer.zero_grad()
        defined_loss(weights, values, recipe.l1, None).sum().backward()
        for name, axis in axes.items():
            weight = weights[name]
            assert weight.grad is not None
            weight.grad -= (weight.grad * weight.detach()).sum(dim=axis, keepdim=True) * weight.detach()
        optimizer.step()
        with torch.no_grad():
            for name, axis in axes.items():
                weights[name] /= weights[name].norm(dim=axis, keepdim=True)
    trained = train(values, recipe, ["seed"])
    for name, weight in trained.weights.items():
        torch.testing.assert_close(weight, weights[name].detach(), rtol=1e-3, atol=2e-5, msg=name)


def test_training_lowers_the_loss_and_keeps_unit_vectors():
    recipe, values = Recipe(features=12, epochs=100, unit_norm="dictionary"), rows()
    before, after = initial(recipe, 16, [0, 1]), train(values, recipe, [0, 1])
    assert (loss_of(after, values, recipe.l1) < loss_of(before, values, recipe.l1)).all()
    for weight in (after.encoder, after.decoder):
        torch.testing.assert_close(weight.norm(dim=2), torch.ones(2, 12))


def test_the_published_norm_is_along_the_features():
    trained = train(rows(), Recipe(features=12, epochs=3), [0, 1])
    torch.testing.assert_close(trained.decoder.norm(dim=1), torch.ones(2, 16))
    assert not torch.allclose(trained.decoder.norm(dim=2), torch.ones(2, 12))


@pytest.mark.parametrize(("features", "n", "d_model"), [(12, 30, 16), (100, 80, 160), (128, 600, 256)])
def test_one_of_a_stack_is_trained_as_if_alone(features, n, d_model):
    """Small, medium and large products take different code paths; none may depend on the others in the stack."""
    recipe, values = Recipe(features=features, epochs=6), rows(n=n, d_model=d_model, stack=3)
    together = train(values, recipe, ["a", "b", "c"])
    alone = train(values[1:2], recipe, ["b"])
    for name, weight in alone.weights.items():
        assert torch.equal(together.weights[name][1:2], weight), name


def test_training_leaves_the_global_random_state_and_its_rows_alone():
    values = rows()
    before, state = values.clone(), torch.random.get_rng_state()
    train(values, Recipe(features=4, epochs=2), [0, 1])
    assert torch.equal(values, before)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_initial_weights_are_those_of_the_published_code():
    autoencoders = initial(Recipe(features=400), 16, ["seed"])
    assert autoencoders.bias.count_nonzero() == 0
    bound = 1 / math.sqrt(16)
    assert bound * 0.95 < autoencoders.encoder_bias.abs().max() <= bound


def test_top_k_keeps_the_k_largest_features_of_a_row():
    autoencoders = initial(Recipe(features=12, top_k=3), 16, [0, 1])
    kept = autoencoders.activations(rows()).transpose(1, 2)
    everything = Autoencoders(**autoencoders.weights).activations(rows()).transpose(1, 2)
    for row, whole in zip(kept.flatten(0, 1), everything.flatten(0, 1), strict=True):
        torch.testing.assert_close(row.sort().values[-3:], whole.sort().values[-3:])
        assert row.count_nonzero() <= 3


def test_head_activations_need_no_output_in_d_model():
    generator = generator_of("z")
    z, weights_o = torch.randn(7, 4, generator=generator), torch.randn(4, 16, generator=generator)
    trained = train(rows(stack=1), Recipe(features=12, epochs=3), [0])
    torch.testing.assert_close(
        trained.head_activations(z, weights_o), trained.activations((z @ weights_o)[None])[0].T, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"features": 1}, "features=1: give 2 or more"),
        ({"epochs": 0}, "epochs=0"),
        ({"top_k": 0}, "top_k=0"),
        ({"l1": -0.1}, "l1=-0.1: give 0 or more"),
        ({"learning_rate": 0}, "learning_rate=0"),
        ({"unit_norm": "rows"}, "unit_norm='rows'. Known: coordinates, dictionary"),
    ],
)
def test_recipes_that_make_no_sense_are_refused(settings, said):
    with pytest.raises(ValueError, match=said):
        Recipe(**settings)
