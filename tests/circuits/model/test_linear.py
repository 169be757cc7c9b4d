"""Products with weights: whatever kernel runs, numbers, gradients and counts are those of the definition."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from circuits.model import linear as products
from circuits.model.linear import linear, linear_each, weighted_sums
from circuits.model.multiply_adds import counted

SHAPES = [((3, 8), 5), ((2, 40, 128), 256), ((4, 1, 64, 96), 512)]  # below and above the size at which oneDNN pays off


@pytest.mark.parametrize(("shape", "n_out"), SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("has_bias", [True, False])
def test_linear_and_its_gradient_are_those_of_torch(shape, n_out, dtype, has_bias):
    torch.manual_seed(0)
    values = torch.randn(shape, dtype=dtype, requires_grad=True)
    weight = torch.randn(n_out, shape[-1], dtype=dtype)
    bias = torch.randn(n_out, dtype=dtype) if has_bias else None
    product, expected = linear(values, weight, bias), F.linear(values, weight, bias)
    assert product.dtype == dtype
    torch.testing.assert_close(product, expected, rtol=1e-5 if dtype == torch.float32 else 1e-2, atol=1e-4)
    direction = torch.randn_like(product)
    gradients = [torch.autograd.grad(result, values, direction)[0] for result in (product, expected)]
    torch.testing.assert_close(*gradients, rtol=1e-5 if dtype == torch.float32 else 2e-2, atol=1e-3)


def test_transposed_and_sliced_operands_are_read_as_they_are():
    torch.manual_seed(0)
    values, weight = torch.randn(40, 3, 128)[:, 1:], torch.randn(128, 256).T
    torch.testing.assert_close(linear(values, weight), F.linear(values, weight), rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("n", [4, 300])
def test_one_product_per_group(n):
    torch.manual_seed(0)
    values, weights = torch.randn(6, 2, n, 64), torch.randn(6, 80, 64)
    expected = torch.einsum("gani,goi->gano", values, weights)
    torch.testing.assert_close(linear_each(values, weights), expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 1.0])
@pytest.mark.parametrize("n", [8, 3000])
def test_sums_of_rows_with_few_and_with_many_of_them(share, n):
    torch.manual_seed(0)
    weights, values = torch.rand(2, 5, 90), torch.randn(2, 120, n)[:, :90]
    weights *= torch.rand(2, 5, 90) < share
    torch.testing.assert_close(weighted_sums(weights, values), weights @ values, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(("shape", "n_out"), SHAPES)
def test_a_backward_pass_counts_as_much_as_the_forward_pass(shape, n_out):
    values, weight = torch.randn(shape), torch.randn(n_out, shape[-1])
    once = values.numel() * n_out
    with counted() as forward:
        linear(values, weight)
    with counted() as both:
        linear(values.requires_grad_(), weight)
        with counted():
            linear(values, weight)  # hidden from the outer counter
        with torch.no_grad():
            linear_each(values.view(1, *shape), weight.view(1, *weight.shape))
    assert (forward.multiply_adds, both.multiply_adds) == (once, 3 * once)


def test_without_onednn_torch_does_it(monkeypatch):
    monkeypatch.setattr(products, "_has_onednn", lambda: False)
    monkeypatch.setattr(products, "_onednn", lambda *_: pytest.fail("called oneDNN"))
    values, weight = torch.randn(40, 128), torch.randn(512, 128)
    assert torch.equal(linear(values, weight), F.linear(values, weight))
