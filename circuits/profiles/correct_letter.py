"""Attention to the letter of the correct option, apart for each option that is ever correct."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

import torch

from circuits.data.prompts import END, Prompt, PromptSet
from circuits.profiles.base import LayerSeen, Profile, Seen, mean_over, require_role, role_mask
from circuits.profiles.registry import register

LABELS, CORRECT = "label_[A-Z]", "correct_label"


@register
@dataclass(frozen=True)
class CorrectLetter(Profile):
    """Attention of a role's queries to what the correct option begins with; one place per option, of the prompts in
    which that one is correct.

    A head that looks for the correct letter has much at every place; one that always looks at B has it at one alone.

    query    a role
    labels   the roles of the letters, as a pattern
    correct  the role that the letter of the correct option has as well
    """

    name = "correct-letter"
    summary = "attention from END to the letter of the correct option, for each option that is ever correct"
    unit = "share of attention"
    by_default = False

    query: str = END
    labels: str = LABELS
    correct: str = CORRECT

    def places(self, prompts: PromptSet) -> tuple[str, ...]:
        found = {label for prompt in prompts for label in correct_of(prompt, self.labels, self.correct)}
        return tuple(sorted(found))

    def check(self, prompts: PromptSet) -> None:
        what = f"profile {self.label!r}"
        for role in (self.query, self.correct):
            require_role(prompts, role, what)
        places = self.places(prompts)
        if len(places) < 2:
            found = f"always {places[0]}" if places else "none of them"
            raise ValueError(
                f"{what}: of the roles {self.labels!r}, {found} is where {self.correct!r} is. A head that looks for "
                "the correct letter cannot be told from one that looks at one letter: give prompts in which two or "
                "more are correct."
            )

    def read(self, seen: LayerSeen) -> Seen:
        device, n = seen.pattern.device, seen.n_positions
        queries = role_mask(seen.prompts, self.query, n, device)
        keys = role_mask(seen.prompts, self.correct, n, device)
        own = mean_over((seen.pattern * keys[:, None, None]).sum(-1), queries)
        correct = [correct_of(prompt, self.labels, self.correct) for prompt in seen.prompts]
        is_there = [[place in labels for place in seen.places[self]] for labels in correct]
        measured = torch.tensor(is_there, device=device) & queries.any(-1, keepdim=True)
        return Seen(own.values.expand(-1, len(seen.places[self]), -1), measured)


def labels_of(prompt: Prompt, labels: str, correct: str) -> Sequence[str]:
    """The roles of a prompt's letters, without the one that the letter of the correct option has as well."""
    return [role for role in prompt.roles if role != correct and fnmatchcase(role, labels)]


def correct_of(prompt: Prompt, labels: str, correct: str) -> Sequence[str]:
    """Those of them that are where the role `correct` is: one, or none where the prompt lacks it."""
    at = prompt.roles.get(correct)
    return [role for role in labels_of(prompt, labels, correct) if prompt.roles[role] == at]
