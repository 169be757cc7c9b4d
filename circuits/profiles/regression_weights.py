"""The pattern that KQ and OV take where heads learn linear regression in context."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from circuits.profiles.registry import register
from circuits.profiles.weights import ModelWeights, WeightProfile

STATISTICS = ("omega", "diagonality", "homogeneity", "mu", "last-only", "zero-sum")


def regression_statistics(kq: Tensor, ov: Tensor) -> dict[str, Tensor]:
    """The statistics [head] of heads on tokens (x, y), whose last dimension is the label y.

    kq  [head, key dimension, query dimension] attention scores are key times kq times query; their scale belongs in it
    ov  [head, out dimension, in dimension]

    omega        mean of the diagonal of the block of kq on x: it multiplies x_i.x_query in the softmax
    diagonality  norm of the block off its diagonal over that of the block: 0 where diagonal, near 1 for a rotation
    homogeneity  standard deviation of the diagonal over the size of its mean: 0 where it is a multiple of the identity
    mu           last entry of ov: how much of the label that is read goes to the prediction
    last-only    norm of the other entries of ov's last row over |mu|
    zero-sum     |sum of mu over the heads| over the sum of |mu|: the same for all heads

    Where a divisor is 0, the ratio is 0. Source: He et al. 2025 (arXiv 2503.12734).

    >>> import torch
    >>> kq, ov = torch.zeros(2, 3, 3), torch.zeros(2, 3, 3)
    >>> for head, sign in enumerate((1, -1)):
    ...     kq[head, :2, :2], ov[head, 2, 2] = sign * 0.1 * torch.eye(2), sign * 4
    >>> {name: values.tolist() for name, values in regression_statistics(kq, ov).items() if name in ("mu", "zero-sum")}
    {'mu': [4.0, -4.0], 'zero-sum': [0.0, 0.0]}
    """
    block = kq[:, :-1, :-1]
    diagonal, mu, others = block.diagonal(dim1=1, dim2=2), ov[:, -1, -1], ov[:, -1, :-1]
    omega, off = diagonal.mean(-1), block - torch.diag_embed(diagonal)
    spread = diagonal.std(-1, correction=0)
    return {
        "omega": omega,
        "diagonality": _ratio(off.flatten(1).norm(dim=-1), block.flatten(1).norm(dim=-1)),
        "homogeneity": _ratio(spread, omega.abs()),
        "mu": mu,
        "last-only": _ratio(others.norm(dim=-1), mu.abs()),
        "zero-sum": _ratio(mu.sum().abs(), mu.abs().sum()).expand_as(mu),
    }


def _ratio(numerator: Tensor, denominator: Tensor) -> Tensor:
    return torch.where(denominator > 0, numerator / torch.where(denominator > 0, denominator, 1), 0)


@register
@dataclass(frozen=True)
class RegressionWeights(WeightProfile):
    """`regression_statistics` of a layer's heads in the stream's own basis, whose last dimension is taken as the label.

    It says something of models whose stream is made of such tokens; in a language model no dimension is a label.
    Memory: one d_model x d_model matrix at a time.
    """

    name = "regression-weights"
    summary = "omega, diagonality, homogeneity, mu, last-only and zero-sum of KQ and OV (in-context regression)"
    unit = "weight or ratio"
    bounds = (None, None)
    by_default = False

    @property
    def names(self) -> tuple[str, ...]:
        return STATISTICS

    def weigh(self, weights: ModelWeights, number: int) -> Tensor:
        heads = weights.heads(number)
        found = []
        for q, k, v, o in zip(*heads, strict=True):
            found.append(regression_statistics((k.T @ q).unsqueeze(0), (o.T @ v).unsqueeze(0)))
        rows = {name: torch.cat([own[name] for own in found]) for name in STATISTICS}
        rows["zero-sum"] = _ratio(rows["mu"].sum().abs(), rows["mu"].abs().sum()).expand_as(rows["mu"])
        return torch.stack([rows[name] for name in STATISTICS])
