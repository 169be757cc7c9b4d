"""Commands as they are pasted into a shell: also with names that hold what a terminal obeys, or shows as nothing."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable

AND = " && "
"""Between the commands that are run one after the other, as in a shell."""
# Quotes of a shell's line, one after the other: '...', "...", an escaped character, and $'...', whose inside is kept.
_QUOTES = re.compile(r"'[^']*'|\"(?:[^\"\\]|\\.)*\"|\\.|\$'((?:[^'\\]|\\.)*)'", re.DOTALL)
_ESCAPE = re.compile(r"\\(x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8}|.)", re.DOTALL)
_SHORT = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "'": "\\'", "\\": "\\\\"}


def shell_word(word: str) -> str:
    r"""One word as bash and zsh read it, in $'...' where a character of it is none that is seen.

    >>> from pipelines.runs.shell_text import shell_word
    >>> print(shell_word("ioi"), shell_word("own pairs.csv"), shell_word("pairs\u202evsc.jsonl"))
    ioi 'own pairs.csv' $'pairs\u202evsc.jsonl'
    """
    return shlex.quote(word) if word.isprintable() else f"$'{''.join(map(_escaped, word))}'"


def shell_line(words: Iterable[str]) -> str:
    """A command as it is pasted into a shell.

    >>> from pipelines.runs.shell_text import shell_line
    >>> shell_line(["circuits", "discover", "own pairs.csv"])
    "circuits discover 'own pairs.csv'"
    """
    return " ".join(map(shell_word, words))


def shell_words(line: str) -> list[str]:
    r"""The words of a line that `shell_line` wrote, or a person. ValueError where a quote is not closed.

    >>> from pipelines.runs.shell_text import shell_line, shell_words
    >>> shell_words(r"circuits discover $'pairs\u202evsc.jsonl' 'a b'")
    ['circuits', 'discover', 'pairs\u202evsc.jsonl', 'a b']
    """
    return shlex.split(_QUOTES.sub(lambda of: of[0] if of[1] is None else shlex.quote(_plain(of[1])), line))


def _escaped(char: str) -> str:
    if char in _SHORT or char.isprintable():
        return _SHORT.get(char, char)
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"  # a byte of a name that is no text
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _plain(escaped: str) -> str:
    return _ESCAPE.sub(_character, escaped)


def _character(escape: re.Match[str]) -> str:
    kind, digits = escape[1][0], escape[1][1:]
    if not digits:
        return {short[1]: char for char, short in _SHORT.items()}.get(kind, escape[0])
    code = int(digits, 16)
    return chr(0xDC00 + code if kind == "x" and code >= 0x80 else code)
