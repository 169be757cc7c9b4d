"""What prompts need of a tokenizer, and what a word is to it after a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from circuits.visible_text import typed_text

# Where a model has none.
OR_A_TOKENIZER = "or, of a model in memory, load_model(module, tokenizer=tokenizer)"


class Tokenizer(Protocol):
    """What prompts need of a tokenizer: any fast tokenizer of `transformers` has it."""

    def __call__(self, text: str, **settings: Any) -> Any: ...
    def decode(self, token_ids: Any, **settings: Any) -> Any: ...
    def convert_ids_to_tokens(self, ids: Any) -> Any: ...
    def get_vocab(self) -> dict[str, int]: ...
    def get_added_vocab(self) -> dict[str, int]: ...
    @property
    def all_special_ids(self) -> list[int]: ...
    def __len__(self) -> int: ...


def require_tokenizer(given: object) -> None:
    """Raise a ValueError for what is no tokenizer, which says where one is found."""
    wanted = ("__call__", "decode", "convert_ids_to_tokens", "get_vocab", "get_added_vocab")
    if all(callable(getattr(given, name, None)) for name in wanted) and getattr(given, "is_fast", True):
        return
    raise ValueError(
        f"the tokenizer is {typed_text(given)}, expected a fast tokenizer of transformers. A loaded model has its own, "
        "model.tokenizer; a model in memory is given one, load_model(module, tokenizer=tokenizer)."
    )


def ids_of(text: str, tokenizer: Tokenizer) -> list[int]:
    """The tokens of a text, without those that the tokenizer adds."""
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def next_tokens(text: str, word: str, tokenizer: Tokenizer) -> tuple[int, ...] | None:
    """The ids of the known tokens that `word` adds after `text`; None where it adds none, or one that is unknown, or
    where the tokens of `text` itself change."""
    before, after = ids_of(text, tokenizer), ids_of(text + word, tokenizer)
    added = tuple(int(token) for token in after[len(before) :])
    is_known = getattr(tokenizer, "unk_token_id", None) not in added
    return added if added and is_known and after[: len(before)] == before else None


def next_token(text: str, word: str, tokenizer: Tokenizer) -> int | None:
    """The id of the one known token that `word` adds after `text`; None where it adds another number of tokens, or
    where the tokens of `text` itself change."""
    tokens = next_tokens(text, word, tokenizer)
    return tokens[0] if tokens is not None and len(tokens) == 1 else None


def ids_at(text: str, span: tuple[int, int], tokenizer: Tokenizer) -> tuple[int, ...]:
    """The ids of the tokens that the characters span[0] .. span[1]-1 of a text are read as, without those added."""
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    tokens = zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
    return tuple(int(token) for token, (first, stop) in tokens if first < span[1] and stop > span[0])


def token_texts(tokens: Sequence[int], tokenizer: Tokenizer | None) -> list[str]:
    """The text of each token; its piece where it is no whole character, and its id without a tokenizer.

    Where a piece is shown, there are spaces in place of the marks that stand for them.
    """
    if tokenizer is None:
        return [f"<{token}>" for token in tokens]
    pieces = tokenizer.convert_ids_to_tokens(list(tokens))
    texts = [tokenizer.decode([token], clean_up_tokenization_spaces=False) for token in tokens]
    return [
        piece.replace("Ġ", " ").replace("▁", " ") if text in ("", piece) or "\ufffd" in text else text
        for text, piece in zip(texts, pieces, strict=True)
    ]
