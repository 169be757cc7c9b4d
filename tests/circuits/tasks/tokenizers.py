"""Tokenizers made of the tasks' own words: words, bytes with pairs of digits or single ones, SentencePiece."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import cache
from typing import Any

from circuits.reference.vocabulary import TOKEN
from circuits.tasks import TASKS
from circuits.tasks.base import fixed_text
from circuits.tasks.greater_than import TWO_DIGITS

KINDS = ("words", "bytes", "digits", "sentencepiece")
END_OF_TEXT, UNKNOWN = "<|endoftext|>", "<unk>"


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from _strings([*value.keys(), *value.values()])
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from _strings(part)


@cache
def task_texts() -> list[str]:
    """Every text of the modules' constants and templates of all tasks, without the slots."""
    texts: dict[str, None] = {}
    for task in TASKS.values():
        module = sys.modules[task.__module__]
        constants = [value for name, value in vars(module).items() if name.isupper()]
        for text in _strings([*constants, *task.templates, *task.held_out_templates]):
            texts[fixed_text(text)] = None
    more = ["A: B\n    C\n\n", "Paris Rome.", "days months numbers capital"]
    return [*texts, *(text.title() for text in texts if text.isalpha()), *(f"{text}s" for text in texts), *more]


@cache
def tokenizer_of(kind: str) -> Any:
    """A tokenizer of one kind that knows the words of every task."""
    return _words() if kind == "words" else train_bpe(kind)


def _words() -> Any:
    from tokenizers import Regex, Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Split
    from transformers import PreTrainedTokenizerFast

    known = dict.fromkeys(token for text in task_texts() for token in re.findall(TOKEN, text))
    tokens = {token: n for n, token in enumerate(dict.fromkeys([END_OF_TEXT, UNKNOWN, *TWO_DIGITS, *known]))}
    tokenizer = Tokenizer(WordLevel(tokens, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = Split(Regex(TOKEN), behavior="removed", invert=True)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token=UNKNOWN, eos_token=END_OF_TEXT)


def train_bpe(kind: str, *more: str) -> Any:
    """A byte-pair tokenizer: of bytes, with digits in pairs or alone, or of the SentencePiece kind with a BOS.

    more  further texts to know, such as words without a space in front
    """
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["<s>", UNKNOWN]
    is_pieces = kind == "sentencepiece"
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN if is_pieces else None))
    if is_pieces:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
        tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"▁?\d\d|\n|▁?\w+|[^\w▁]"), behavior="isolated")
        alphabet = []
    else:
        # As in SmolLM2, a digit is a token of its own, and so is the space before it.
        digits = (
            pre_tokenizers.Digits(individual_digits=True)
            if kind == "digits"
            else pre_tokenizers.Split(Regex(r" ?\d\d"), behavior="isolated")
        )
        tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [digits, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)]
        )
        tokenizer.decoder = decoders.ByteLevel()
        alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=9000, special_tokens=special, initial_alphabet=alphabet, show_progress=False, min_frequency=1
    )
    numbers = " ".join(f"{century}{year}" for century in range(10, 20) for year in TWO_DIGITS)
    text = [*(f" {text}" for text in task_texts()), f" {numbers}", *more]
    tokenizer.train_from_iterator(text * 3, trainer)
    if is_pieces:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", unk_token=UNKNOWN if is_pieces else None
    )
