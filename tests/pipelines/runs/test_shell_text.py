"""Commands are pasted back as they were, whatever names of files hold."""

from __future__ import annotations

import os
import subprocess

import pytest

from pipelines.runs.shell_text import shell_line, shell_word, shell_words

NAMES = [
    "ioi",
    "",
    "own pairs.csv",
    "it's",
    '$HOME `ls` "x" \\',
    "pairs\u202evsc.jsonl",
    "zero\u200bwidth",
    "no\u00a0break",
    "a\nb\tc\rd\x1b[2J\x7f",
    "\u0085\u2028\U000e0001 it's \\ fine",
    os.fsdecode(b"bytes \xff\xe9f.csv"),
    "日本 é",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_one_word_that_can_be_seen_and_is_read_back(name: str) -> None:
    word = shell_word(name)
    assert word.isprintable()
    assert shell_words(f"circuits discover {word} --edges 5") == ["circuits", "discover", name, "--edges", "5"]


def test_bash_reads_the_words_that_were_meant() -> None:
    line = shell_line(["printf", "%s\\0", *NAMES])
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=True, env=os.environ | {"LC_ALL": "C.UTF-8"})
    assert [os.fsdecode(name) for name in done.stdout.split(b"\0")[:-1]] == NAMES


def test_words_that_a_person_quoted_are_read_as_a_shell_does() -> None:
    assert shell_words("""a 'b $'"c" "$'d'" \\$'e' $'f\\'g'""") == ["a", "b $c", "$'d'", "$e", "f'g"]
    with pytest.raises(ValueError, match="No closing quotation"):
        shell_words("a 'b")
