"""Attention to the token after an earlier occurrence of the same one."""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn import functional as F

from circuits.profiles.base import LayerSeen, Profile, Seen, earlier_copies, mean_over
from circuits.profiles.registry import register


@register
@dataclass(frozen=True)
class Induction(Profile):
    """Prefix matching: attention to the tokens that followed earlier occurrences of the query's token.

    Mean over the queries whose token occurred before. On text, any head that attends to recent tokens gets some; for
    the score of Olsson et al. 2022 give prompts of random tokens said twice. Prompts without a repeated token are not
    measured.
    """

    name = "induction"
    summary = "attention to the token after an earlier occurrence of the same one (prefix matching)"
    unit = "share of attention"

    def read(self, seen: LayerSeen) -> Seen:
        copies = earlier_copies(seen.tokens)
        after = F.pad(copies[..., :-1], (1, 0))
        return mean_over((seen.pattern * after.unsqueeze(1)).sum(-1), copies.any(-1))
