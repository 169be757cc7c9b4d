"""Where a head looks among options: the correct letter, the other letters, or what stands behind letters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import torch
from torch import Tensor

from circuits.data.prompts import END, Prompt, PromptSet
from circuits.profiles.base import LayerSeen, Profile, Seen, mean_over, require_role, role_mask
from circuits.profiles.correct_letter import CORRECT, LABELS, labels_of
from circuits.profiles.registry import register

CORRECT_LETTER, OTHER_LETTERS, CONTENTS = "correct-letter", "other-letters", "contents"


@register
@dataclass(frozen=True)
class Options(Profile):
    """Attention of a role's queries to the correct letter, to all other letters together, and to the contents of all
    options together. A prompt that lacks one of these is not measured there.

    query     a role
    labels    the roles of the letters, as a pattern, and `contents` those of what stands behind them
    correct   the role that the letter of the correct option has as well
    """

    name = "options"
    summary = "attention from END to the correct letter, to the other letters and to the contents of options"
    unit = "share of attention"
    by_default = False

    query: str = END
    labels: str = LABELS
    contents: str = "option_[A-Z]"
    correct: str = CORRECT

    def places(self, prompts: PromptSet) -> tuple[str, ...]:
        return (CORRECT_LETTER, OTHER_LETTERS, CONTENTS)

    def check(self, prompts: PromptSet) -> None:
        for role in (self.query, self.correct):
            require_role(prompts, role, f"profile {self.label!r}")

    def read(self, seen: LayerSeen) -> Seen:
        device, n = seen.pattern.device, seen.n_positions
        queries = role_mask(seen.prompts, self.query, n, device)
        correct = role_mask(seen.prompts, self.correct, n, device)
        letters = self._any_of(seen, [labels_of(prompt, self.labels, self.correct) for prompt in seen.prompts])
        contents = self._any_of(seen, [self._contents_of(prompt) for prompt in seen.prompts])
        values, measured = [], []
        for keys in (correct, letters & ~correct, contents):
            values.append(mean_over((seen.pattern * keys[:, None, None]).sum(-1), queries).values)
            measured.append(queries.any(-1, keepdim=True) & keys.any(-1, keepdim=True))
        return Seen(torch.cat(values, dim=1), torch.cat(measured, dim=1))

    def _contents_of(self, prompt: Prompt) -> Sequence[str]:
        return [role for role in prompt.roles if fnmatchcase(role, self.contents)]

    def _any_of(self, seen: LayerSeen, roles: Sequence[Sequence[str]]) -> Tensor:
        """[prompt, position] which positions have any of a prompt's roles."""
        mask = torch.zeros(len(seen.prompts), seen.n_positions, dtype=torch.bool)
        for number, (prompt, own) in enumerate(zip(seen.prompts, roles, strict=True)):
            mask[number, [position for role in own for position in prompt.roles[role]]] = True
        return mask.to(seen.pattern.device)
