"""What prompts need of a tokenizer, and what a word is to it after a text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from circuits.visible_text import typed_text

# Where a model has none.
OR_A_TOKENIZER = "or, of a model in memory, load_model(module, tokenizer=tokenizer)"


# Byte-level tokenizers write a byte as the letter of its number where that is printed, and else as one from 256 on.
_PRINTED = (*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100))
_BYTES = {chr(byte): byte for byte in _PRINTED} | {
    chr(256 + n): byte for n, byte in enumerate(byte for byte in range(256) if byte not in _PRINTED)
}
_NAMED_BYTE = re.compile("<0x([0-9A-F]{2})>")
# Only bytes above those of ASCII are parts of characters.
_ESCAPES, _QUOTED_ESCAPE = re.compile(r"(?:\\x[89a-f][0-9a-f])+"), re.compile(r"\\\\(x[89a-f][0-9a-f])")


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
    r"""The text of each token; its id without a tokenizer. Bytes that are only a part of a character are escapes: \xd7.

    Of a token without a text of its own, such as the space of some tokenizers, its piece is shown, with spaces in place
    of the marks that stand for them.
    """
    if tokenizer is None:
        return [f"<{token}>" for token in tokens]
    pieces = tokenizer.convert_ids_to_tokens(list(tokens))
    texts = [tokenizer.decode([token], clean_up_tokenization_spaces=False) for token in tokens]
    return [_token_text(text, piece) for text, piece in zip(texts, pieces, strict=True)]


def _token_text(text: str, piece: str) -> str:
    if "\ufffd" in text and (parts := _bytes_of(piece)) is not None:
        return parts.decode("utf-8", "backslashreplace")
    return piece.replace("Ġ", " ").replace("▁", " ") if text in ("", piece) or "\ufffd" in text else text


def _bytes_of(piece: str) -> bytes | None:
    """The bytes of a piece that is no whole characters: <0xD7> of SentencePiece, or letters that stand for bytes."""
    if named := _NAMED_BYTE.fullmatch(piece):
        return bytes.fromhex(named[1])
    return bytes(map(_BYTES.__getitem__, piece)) if all(letter in _BYTES for letter in piece) else None


def joined_text(texts: Iterable[str]) -> str:
    r"""The texts of neighboring tokens as one, with the characters that several of them make together.

    >>> from circuits.data.tokenizer import joined_text
    >>> joined_text([" ", r"\xd7", r"\xa9", r"\xd7"])
    ' ש\\xd7'
    """
    return _ESCAPES.sub(
        lambda run: bytes.fromhex(run[0].replace(r"\x", "")).decode("utf-8", "backslashreplace"), "".join(texts)
    )


def quoted(texts: str | Sequence[str]) -> str:
    r"""The text of a token, or a list of them, in quotes as Python writes it, with the escapes of bytes as they are.

    >>> from circuits.data.tokenizer import quoted
    >>> print(quoted(r"\xd7"), quoted(["\n", r"\xd7"]))
    '\xd7' ['\n', '\xd7']
    """
    return _QUOTED_ESCAPE.sub(r"\\\1", repr(texts))
