"""Heads that learn linear regression in context take the pattern that `regression_statistics` tells (slow: it trains).

Setting of He et al. 2025 (arXiv 2503.12734): tokens (x, y) with y = beta.x + noise, |beta| about 1, a query (x, 0), and
one softmax layer of two heads without mask, whose last output is the prediction.
"""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from circuits.profiles.regression_weights import regression_statistics

D, LENGTH, HEADS, BATCH, NOISE = 5, 40, 2, 256, 0.1
STEPS, EARLY = 6000, 1000


class Heads(NamedTuple):
    """Weights [head, D + 1, D + 1], as they multiply a token from the right."""

    q: Tensor
    k: Tensor
    v: Tensor
    o: Tensor

    def predicted(self, tokens: Tensor) -> Tensor:
        """[prompt] the label of the last token."""
        query = torch.einsum("pd,hda->pha", tokens[:, -1], self.q) * (D + 1) ** -0.5
        scores = torch.einsum("pha,hba,pib->phi", query, self.k, tokens)
        read = torch.einsum("phi,pib->phb", scores.softmax(-1), tokens)
        return torch.einsum("phb,hba,ha->p", read, self.v, self.o[:, :, -1])

    @property
    def statistics(self) -> dict[str, Tensor]:
        with torch.no_grad():
            kq = torch.einsum("hka,hqa->hkq", self.k, self.q) * (D + 1) ** -0.5
            return regression_statistics(kq, torch.einsum("hia,hao->hoi", self.v, self.o))


def drawn(draw: torch.Generator) -> tuple[Tensor, Tensor]:
    """Tokens [prompt, position, D + 1], the query last, and the query's label [prompt]."""
    x = torch.randn(BATCH, LENGTH + 1, D, generator=draw)
    beta, noise = torch.randn(BATCH, D, 1, generator=draw) / D**0.5, torch.randn(BATCH, LENGTH + 1, generator=draw)
    y = (x @ beta).squeeze(-1) + NOISE**0.5 * noise
    answers = y[:, -1].clone()
    y[:, -1] = 0
    return torch.cat((x, y.unsqueeze(-1)), dim=2), answers


@pytest.mark.slow
def test_trained_heads_are_two_opposite_multiples_of_the_identity_that_read_the_label_alone():
    draw = torch.Generator().manual_seed(0)
    heads = Heads(*((torch.randn(HEADS, D + 1, D + 1, generator=draw) * 0.3).requires_grad_() for _ in range(4)))
    adam, early, losses = torch.optim.Adam(heads, lr=1e-3), {}, []
    for step in range(STEPS):
        if step == EARLY:
            early = heads.statistics
        tokens, answers = drawn(draw)
        loss = (heads.predicted(tokens) - answers).square().mean()
        adam.zero_grad()
        loss.backward()
        adam.step()
        losses.append(float(loss.detach()))
    found, loss = heads.statistics, sum(losses[-200:]) / 200
    omega, mu = found["omega"], found["mu"]
    assert omega.prod() < 0
    assert float(omega.sum().abs() / omega.abs().sum()) < 0.1
    for name, most in {"diagonality": 0.1, "homogeneity": 0.05, "last-only": 0.05, "zero-sum": 0.05}.items():
        assert float(found[name].max()) < most, name
    assert float(early["diagonality"].min()) > 0.15  # the pattern comes with training
    # The best mu for these omega, and its loss, by the formulas of the paper.
    spread = (1 + NOISE) / LENGTH * torch.exp(D * torch.outer(omega, omega))
    matrix = torch.outer(omega, omega) + spread
    best = torch.linalg.solve(matrix, omega)
    torch.testing.assert_close(mu, best, rtol=0.15, atol=0)
    assert loss == pytest.approx(float(1 + NOISE - 2 * mu @ omega + mu @ matrix @ mu), abs=0.05)
