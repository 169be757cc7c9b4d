"""Prompts as people read them: text, tokens, roles and answers, of a set that holds token ids."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, overload

from circuits.data.answers import Answer, tokens_of
from circuits.data.prompt_lines import NEGATIVE, PAIR, POSITIVE
from circuits.data.prompts import END, Prompt, PromptSet
from circuits.data.tokenizer import Tokenizer, joined_text, quoted, token_texts
from circuits.html_text import html_block, html_legend, html_note, html_tokens
from circuits.lookup import unknown
from circuits.numbers import count_text

if TYPE_CHECKING:
    import pandas as pd

_SHOWN = 8


@dataclass(frozen=True)
class ReadablePrompt:
    """One prompt as text.

    label           `pair`; `positive` or `negative` for what has no partner
    clean, corrupt  the texts; a prompt without partner has no corrupt one
    tokens          of the clean text; `corrupt_tokens` of the corrupt one
    roles           name -> positions of its tokens
    answers         texts of the right answers; `wrong_answers` of the wrong ones
    known_roles     names of the roles that prompts of its set have

    >>> from circuits import TASKS, ReadablePrompts, load_model
    >>> model = load_model("reference")
    >>> prompt = ReadablePrompts(TASKS["ioi"]().build(model.tokenizer, n=1), model.tokenizer)[0]
    >>> prompt.clean, prompt.answers
    ('Because David and Martin were leaving the bridge , David returned the sandwich to', ('Martin',))
    >>> prompt.of_role("S2"), prompt.changed, prompt.corrupt_tokens[prompt.changed[0]]
    ('David', (9,), 'Martin')
    """

    label: str
    clean: str
    corrupt: str | None
    tokens: tuple[str, ...]
    corrupt_tokens: tuple[str, ...] | None
    roles: Mapping[str, tuple[int, ...]]
    answers: tuple[str, ...]
    wrong_answers: tuple[str, ...]
    known_roles: tuple[str, ...] = field(default=(), repr=False)

    @property
    def changed(self) -> tuple[int, ...]:
        """Positions at which the corrupt prompt has another token."""
        pairs = zip(self.tokens, self.corrupt_tokens or self.tokens, strict=True)
        return tuple(position for position, (clean, corrupt) in enumerate(pairs) if clean != corrupt)

    def of_role(self, role: str) -> str:
        """The tokens of a role, joined; empty where only other prompts of its set have such a role.

        ValueError for a role that none of them has.
        """
        known = dict.fromkeys([*self.roles, *self.known_roles])
        if not isinstance(role, str) or role not in known:
            raise ValueError(unknown(role, known, "role"))
        return joined_text(self.tokens[position] for position in self.roles.get(role, ()))

    def __str__(self) -> str:
        return self.clean

    def _repr_html_(self) -> str:
        names = [role for role in self.roles if role != END]
        return html_block(f"a {self.label}", html_legend(names), self.html_lines(names))

    def html_lines(self, names: Sequence[str]) -> str:
        """Both sides below each other, with the tokens of the roles `names` on their colors, and the answers."""
        marked = {at: role for role, positions in self.roles.items() if role in names for at in positions}
        sides = [tokens for tokens in (self.tokens, self.corrupt_tokens) if tokens is not None]
        lines = "".join(f"<div>{html_tokens(tokens, marked, names)}</div>" for tokens in sides)
        wrong = f", and not {', '.join(map(quoted, self.wrong_answers))}" if self.wrong_answers else ""
        said = f"answer {', '.join(map(quoted, self.answers))}{wrong}"
        return f'<div style="margin:6px 0">{lines}{html_note(said)}</div>'


class ReadablePrompts(Sequence[ReadablePrompt]):
    """The prompts of a set as text, in its order; negatives last.

    prompt_set  the prompts themselves, as token ids
    has_text    whether there is a tokenizer; without one, tokens are shown by their ids, `<17>`

    >>> from circuits import TASKS, ReadablePrompts, load_model
    >>> model = load_model("reference")
    >>> prompts = ReadablePrompts(TASKS["ioi"]().build(model.tokenizer, n=4), model.tokenizer)
    >>> prompts[0].clean
    'Because David and Martin were leaving the bridge , David returned the sandwich to'
    >>> prompts[0].of_role("IO"), prompts[0].answers
    ('Martin', ('Martin',))
    >>> list(prompts.to_frame().columns)
    ['label', 'clean', 'corrupt', 'answers', 'wrong_answers', 'tokens', ...]
    >>> prompts.roles, len(prompts.to_token_frame())
    (('S1', 'S1+1', 'IO', 'S2', 'END'), 62)
    """

    def __init__(self, prompt_set: PromptSet, tokenizer: Tokenizer | None) -> None:
        self.prompt_set, self.has_text = prompt_set, tokenizer is not None
        self._tokenizer = tokenizer
        first = PAIR if prompt_set.is_paired else POSITIVE
        sides = ((first, prompt_set.prompts), (NEGATIVE, prompt_set.negatives))
        self._prompts = tuple(
            _readable(prompt, label, tokenizer, prompt_set.roles) for label, side in sides for prompt in side
        )

    def __len__(self) -> int:
        return len(self._prompts)

    @overload
    def __getitem__(self, chosen: int) -> ReadablePrompt: ...
    @overload
    def __getitem__(self, chosen: slice) -> ReadablePrompts: ...
    def __getitem__(self, chosen: int | slice) -> ReadablePrompt | ReadablePrompts:
        if not isinstance(chosen, slice):
            return self._prompts[chosen]
        own = self.prompt_set
        n_first = len(own.prompts)
        taken = range(len(self))[chosen]
        first = tuple(own.prompts[number] for number in taken if number < n_first)
        negatives = tuple(own.negatives[number - n_first] for number in taken if number >= n_first)
        return ReadablePrompts(replace(own, prompts=first, negatives=negatives), self._tokenizer)

    @property
    def roles(self) -> tuple[str, ...]:
        """Names of all roles, in the order of the text; `END`, where the answer is read, last."""
        return self.prompt_set.roles

    def to_frame(self) -> pd.DataFrame:
        """A pandas frame with one row per prompt: its texts, answers, number of tokens, and the text of every role."""
        import pandas as pd

        rows = [
            {
                "label": prompt.label,
                "clean": prompt.clean,
                "corrupt": prompt.corrupt,
                "answers": ", ".join(prompt.answers),
                "wrong_answers": ", ".join(prompt.wrong_answers),
                "tokens": len(prompt.tokens),
            }
            | {role: prompt.of_role(role) for role in self.roles}
            for prompt in self
        ]
        return pd.DataFrame(rows).rename_axis("prompt")

    def to_token_frame(self) -> pd.DataFrame:
        """A pandas frame with one row per prompt and token: its position, the token on both sides, and its role."""
        import pandas as pd

        rows = [
            (number, position, clean, corrupt, _role_at(prompt, position))
            for number, prompt in enumerate(self)
            for position, (clean, corrupt) in enumerate(
                zip(prompt.tokens, prompt.corrupt_tokens or (None,) * len(prompt.tokens), strict=True)
            )
        ]
        return pd.DataFrame(rows, columns=["prompt", "position", "token", "corrupt_token", "role"])

    def __repr__(self) -> str:
        return f"<{count_text(len(self), 'prompt')} of {self.prompt_set.task}: {self._prompts[0].clean!r}, ...>"

    def _repr_html_(self) -> str:
        names = [role for role in self.roles if role != END]
        shown = "".join(prompt.html_lines(names) for prompt in self._prompts[:_SHOWN])
        more = html_note(f"... and {len(self) - _SHOWN} more") if len(self) > _SHOWN else ""
        return html_block(
            f"{count_text(len(self), 'prompt')} of {self.prompt_set.task}", html_legend(names), shown, more
        )


def _role_at(prompt: ReadablePrompt, position: int) -> str | None:
    names = [role for role, at in prompt.roles.items() if position in at]
    return ", ".join(names) or None


def _readable(prompt: Prompt, label: str, tokenizer: Tokenizer | None, known_roles: tuple[str, ...]) -> ReadablePrompt:
    def texts(ids: Sequence[int]) -> tuple[str, ...]:
        return tuple(token_texts(ids, tokenizer))

    def answers(given: Sequence[Answer]) -> tuple[str, ...]:
        return tuple(joined_text(texts(tokens_of(answer))) for answer in given)

    tokens, corrupt = texts(prompt.clean), texts(prompt.corrupt) if label == PAIR else None
    roles = sorted(prompt.roles.items(), key=lambda one: (one[0] == END, one[1]))
    return ReadablePrompt(
        label,
        _text(prompt.clean, tokenizer),
        _text(prompt.corrupt, tokenizer) if label == PAIR else None,
        tokens,
        corrupt,
        dict(roles),
        answers(prompt.answers),
        answers(prompt.wrong_answers),
        known_roles,
    )


def _text(ids: Sequence[int], tokenizer: Tokenizer | None) -> str:
    if tokenizer is None:
        return " ".join(token_texts(ids, None))
    return str(tokenizer.decode(list(ids), clean_up_tokenization_spaces=False))
