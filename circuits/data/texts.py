"""Texts to be read from their first token to their last: what a model loses on them, not what it answers.

A file ending in `.jsonl` has one JSON object a line, {"text": "...", "name"?: "...", "group"?: "..."}, or "ids", the
token ids, in place of "text". Any other file is plain text: texts with an empty line between them. A text is called by
its name, else by its number; texts of one group are averaged together.

In a prompt set for losses, a text is a prompt of one token whose answer is all the others: answers of several tokens
are read teacher-forced, which is what the loss of a text is. To be read alone, it is a prompt whose answer is its last
token.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from circuits.data.answers import tokens_of
from circuits.data.faults import Faults, faults_of
from circuits.data.json_lines import parse_object
from circuits.data.prompt_files import BadPrompts
from circuits.data.prompts import Prompt, PromptSet
from circuits.data.records.base import text_of
from circuits.data.tokenizer import Tokenizer
from circuits.lookup import unknown_keys
from circuits.numbers import count_text

# With fewer, not even two losses are there to compare.
FEWEST_TOKENS = 3
ALL = "all"
_KEYS = {"text", "ids", "name", "group"}
_LONGEST_SHOWN = 60


class Text(NamedTuple):
    """A text as it stands in a file.

    content  its words, or its token ids
    group    what it is averaged with; `all` where none is said
    """

    name: str
    group: str
    content: str | tuple[int, ...]


def read_texts(data: bytes, source: str) -> tuple[Text, ...]:
    """The texts of a file's bytes, in their order.

    source  what errors call the file; texts are JSON lines where it ends in `.jsonl`

    Raises `BadPrompts` with every bad line, and a ValueError where there is no text or two have one name.
    """
    content = text_of(data, source)
    if source.endswith(".jsonl"):
        texts = _from_lines(content, source)
    else:
        parts = [part.strip("\n") for part in re.split(r"\n[ \t\r]*\n", content.replace("\r\n", "\n"))]
        texts = [Text(f"{number}", ALL, part) for number, part in enumerate(filter(str.strip, parts), 1)]
    if not texts:
        raise ValueError(f"{source} holds no text.")
    names = [text.name for text in texts]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise ValueError(f"{source}: {len(twice)} name(s) stand for several texts, such as {twice[0]!r}. Rename them.")
    return tuple(texts)


def holds_texts(data: bytes, source: str) -> bool:
    """Whether a file of these bytes holds texts, and no prompts with answers."""
    if source.endswith(".txt"):
        return True
    first = next((line for line in data.splitlines() if line.strip()), b"")
    try:
        record = parse_object(first)
    except ValueError:
        return False
    return bool({"text", "ids"} & record.keys()) and record.keys() <= _KEYS


def texts_to_read(texts: Sequence[Text], tokenizer: Tokenizer | None, *, name: str) -> PromptSet:
    """Texts as a prompt set of which only clean runs are of use: all tokens of a text, its last one as the answer.

    All tokens of a text of group `code` have the role `domain_code`.

    Raises a ValueError as `texts_as_prompts` does.
    """
    return PromptSet(name, tuple(_to_read(text, tokenizer) for text in texts))


def texts_as_prompts(texts: Sequence[Text], tokenizer: Tokenizer | None, *, most: int | None = None) -> PromptSet:
    """Texts as a prompt set, with the tokens that the tokenizer puts in front of any text.

    most  how many tokens of each are read; by default all

    Raises a ValueError that names the first text which is too short, or holds what the tokenizer has no token for.
    """
    return PromptSet("texts", tuple(_prompt(text, tokenizer, most) for text in texts))


def tokens_of_text(prompt: Prompt) -> tuple[int, ...]:
    """The tokens of a text, from its prompt."""
    return (*prompt.clean, *tokens_of(prompt.answers[0]))


def _from_lines(content: str, source: str) -> list[Text]:
    texts, faults = [], []
    for number, line in enumerate(content.split("\n"), 1):
        if line.strip():
            try:
                texts.append(_text(parse_object(line), len(texts) + 1))
            except ValueError as error:
                faults += [(number, fault) for fault in faults_of(error)]
    if faults:
        raise BadPrompts(source, faults)
    return texts


def _text(record: Mapping[str, Any], number: int) -> Text:
    """A text. ValueError with all that is wrong with it."""
    faults = Faults()
    if unknown := sorted(record.keys() - _KEYS):
        faults.add(unknown_keys(unknown, _KEYS))
    if ("text" in record) == ("ids" in record):
        faults.add('give "text" or "ids", one of them.')
    name, group, ids = record.get("name", f"{number}"), record.get("group", ALL), record.get("ids", [])
    for key, value in (("name", name), ("group", group), ("text", record.get("text", "-"))):
        if not isinstance(value, str) or not value.strip():
            faults.add(f"{key} is {value!r}; give some words in quotes.")
    if not isinstance(ids, list) or not all(type(one) is int and one >= 0 for one in ids):
        faults.add("ids is no list of token ids (whole numbers from 0 on).")
    faults.raise_any()
    return Text(name, group, record["text"] if "text" in record else tuple(ids))


def _to_read(text: Text, tokenizer: Tokenizer | None) -> Prompt:
    ids = _tokens(text, tokenizer)
    read = ids[:-1]
    roles = {} if text.group == ALL else {f"domain_{text.group}": tuple(range(len(read)))}
    return Prompt(read, read, ids[-1:], roles=roles)


def _prompt(text: Text, tokenizer: Tokenizer | None, most: int | None) -> Prompt:
    ids = _tokens(text, tokenizer, most)
    return Prompt(ids[:1], ids[:1], (ids[1:],))


def _tokens(text: Text, tokenizer: Tokenizer | None, most: int | None = None) -> tuple[int, ...]:
    """The tokens of a text; ValueError where they are too few."""
    ids = text.content if isinstance(text.content, tuple) else _ids(text, text.content, tokenizer)
    ids = ids[:most]
    if len(ids) < FEWEST_TOKENS:
        raise ValueError(
            f"text {text.name!r} has {count_text(len(ids), 'token')}; {FEWEST_TOKENS} are needed for a loss of "
            f"more than one token."
        )
    return ids


def _ids(text: Text, words: str, tokenizer: Tokenizer | None) -> tuple[int, ...]:
    if tokenizer is None:
        raise ValueError(f"text {text.name!r} is words, and the model has no tokenizer: give its token ids (ids).")
    ids = tuple(int(token) for token in tokenizer(words)["input_ids"])
    unknown = getattr(tokenizer, "unk_token_id", None)
    if unknown is not None and unknown in ids:
        shown = words if len(words) <= _LONGEST_SHOWN else f"{words[:_LONGEST_SHOWN]}..."
        raise ValueError(
            f"text {text.name!r} ({shown!r}) holds {ids.count(unknown)} word(s) that the model's tokenizer does not "
            "know. Give a text of words that it knows, or another model."
        )
    return ids
