"""What a model sees of a prompt, as plain values."""

from __future__ import annotations

from collections.abc import Iterable

from circuits.data.answers import Answer, tokens_of
from circuits.data.prompts import END, Prompt
from circuits.data.tokenizer import Tokenizer, token_texts
from pipelines.reporting.tables import Row


def prompt_row(prompt: Prompt, label: str, tokenizer: Tokenizer | None) -> Row:
    """A prompt's tokens on both sides, its roles with their tokens, and its answers as tokens.

    label  `pair`, `positive` or `negative`; what is no pair has no corrupt side

    `image` says where the tokens of an image stand, its size, and whether the corrupt prompt shows another one.
    """

    def said(tokens: Iterable[int]) -> list[str]:
        return token_texts(list(tokens), tokenizer)

    def of_answers(answers: Iterable[Answer]) -> list[list[str]]:
        return [said(tokens_of(answer)) for answer in answers]

    row: Row = {
        "label": label,
        "clean": said(prompt.clean),
        "corrupt": said(prompt.corrupt) if label == "pair" else None,
        "roles": {
            role: {"positions": list(at), "tokens": said(prompt.clean[position] for position in at)}
            for role, at in sorted(prompt.roles.items(), key=lambda one: (one[0] == END, one[1]))
        },
        "answers": of_answers(prompt.answers),
        "wrong_answers": of_answers(prompt.wrong_answers),
        "answer_position": prompt.answer_position,
    }
    return {**row, **_image(prompt)}


def _image(prompt: Prompt) -> Row:
    if prompt.image is None or prompt.image_tokens is None:
        return {}
    height, width, _ = prompt.image.pixels().shape
    is_another = prompt.corrupt_image not in (None, prompt.image)
    return {"image": {"tokens": list(prompt.image_tokens), "width": width, "height": height, "is_changed": is_another}}
