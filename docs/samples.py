"""The samples of the documentation: run as they stand, and what they print written below them.

python docs/samples.py [PAGE...]

Without names it takes all pages whose samples run on what comes with the package (`RUN`). A block `bash` or `python` of
a page is run, in order, in one empty folder for each page; a block `text` right below it is what it prints. There a
line `...` stands for lines that are left out. A block `yaml` that begins with a comment is the file of that name.
Blocks that name `smollm2` run where that model was fetched (`PRETRAINED`). Blocks `sh` are for commands that need what
a reader has and a test has not: another model, a cluster, a GPU, an hour. They are read, and never run.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
# Pages whose samples run on what comes with the package.
RUN = (
    "python",
    "discover",
    "compare",
    "judge",
    "trace",
    "codes",
    "edits",
    "export",
    "workers",
    "reading_numbers",
    "which_method",
    "coming_from",
    "formats",
    "glossary",
    "profiles",
    "roles",
    "influence",
    "remedies",
    "known_truth",
    "methods_compared",
    "paper_tables",
    "tasks",
)
# Pages with samples that need the pretrained model, some of them all.
PRETRAINED = (
    "heads_smollm2",
    "profiles",
    "roles",
    "influence",
    "remedies",
    "methods_compared",
    "own_prompts",
    "smollm2",
)
LEFT_OUT = "..."
# What a reader would see in place of the folder that the test has made.
_HOME = "/home/you"

_ASSIGNMENT = re.compile(r"""(\w+)=(?:'([^']*)'|"([^"]*)")$""")
_FILE = re.compile(r"# (\S+\.yaml)\n")
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```\n(?:\n```text\n(.*?)^```\n)?", re.DOTALL | re.MULTILINE)
# What differs from one machine, day or version of the package to the next.
_MASKS = (
    (re.compile(r"-[0-9a-f]{8}\b"), "-NAME"),
    (re.compile(r"\b[0-9a-f]{16,}\b"), "HASH"),
    (re.compile(r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d)?)?"), "DATE"),
    (re.compile(r"\b\d+(?:\.\d+)? (?:ms|s|min|h|MB)(?: \d+ (?:s|min))?\b"), "AMOUNT"),
    # The last columns of a table of costs: seconds and MB.
    (re.compile(r"│ *\d+\.\d\d *│ *\d+ *│$", re.MULTILINE), "AMOUNTS"),
)
_BETWEEN = re.compile(r"[\s\u2500-\u257f]+")
_NUMBER = re.compile(r"[-+]?\d*\.\d+(?:e-?\d+)?%?")


class Command(NamedTuple):
    """The words behind `circuits`, and the file that its output goes to; None where it is printed."""

    words: list[str]
    file: str | None


@dataclass(frozen=True)
class Sample:
    """A block of a page: its language, its text, what it prints as the page has it, and where that stands."""

    language: str
    text: str
    shown: str | None
    span: tuple[int, int]

    @property
    def is_pretrained(self) -> bool:
        """Whether it needs the pretrained model."""
        return "smollm2" in self.text

    @property
    def is_run(self) -> bool:
        """Whether it is more than something to read."""
        return self.language != "sh"

    @property
    def lines(self) -> list[list[str]]:
        """The lines in words; those that end in a backslash go on, and variables that the block sets are filled in."""
        found, variables = [], dict[str, str]()
        for line in self.text.replace("\\\n", " ").splitlines():
            if (given := _ASSIGNMENT.match(line)) is not None:
                variables[given[1]] = given[2] or given[3] or ""
                continue
            filled = re.sub(r"\$(\w+)", lambda name: variables.get(name[1], name[0]), line)
            found.append(shlex.split(filled, comments=True))
        return [words for words in found if words]

    @property
    def commands(self) -> list[Command]:
        """The `circuits` commands of the block."""
        found = [words[1:] for words in self.lines if words[0] == "circuits"]
        ends = [words.index(">") if ">" in words else len(words) for words in found]
        return [Command(words[:end], "".join(words[end + 1 :]) or None) for words, end in zip(found, ends, strict=True)]


def samples(page: str) -> list[Sample]:
    """The blocks of a page that hold commands, Python, or a file that these read."""
    return [
        Sample(block[1], block[2], block[3], block.span(3))
        for block in _BLOCK.finditer(page)
        if block[1] in ("bash", "sh", "python") or (block[1] == "yaml" and _FILE.match(block[2]))
    ]


def run(sample: Sample, names: dict[str, Any]) -> str:
    """What a block prints to stdout, run in this process in the folder that is open; what fails raises.

    names  what Python blocks of the page have made so far, and what this one makes
    """
    printed = io.StringIO()
    if sample.language == "python":
        with contextlib.redirect_stdout(printed):
            exec(compile(sample.text, "<sample>", "exec"), names)  # a reader's own code
    if sample.language == "yaml":
        Path(_FILE.match(sample.text)[1]).write_text(sample.text, encoding="utf-8")  # pyright: ignore[reportOptionalSubscript]
    if sample.language != "bash":
        return printed.getvalue().replace(str(Path.cwd()), _HOME)
    if others := [words for words in sample.lines if words[0] != "circuits"]:
        raise ValueError(
            f"{shlex.join(others[0])}: samples that are run are commands of circuits. Make the block `sh`."
        )
    for command in sample.commands:
        said = _run_command(command.words)
        if command.file is None:
            printed.write(said)
        else:
            Path(command.file).write_text(said, encoding="utf-8")
    return printed.getvalue().replace(str(Path.cwd()), _HOME)


def _run_command(command: Sequence[str]) -> str:
    """A command through the command line's own entry, with names of files as a shell expands them."""
    from typer.testing import CliRunner

    from pipelines.cli.main import app

    expanded = [name for word in command for name in (_named(word) if "*" in word else [word])]
    result = CliRunner().invoke(app, expanded)
    if result.exit_code:
        raise RuntimeError(f"circuits {shlex.join(expanded)}: {result.stderr}") from result.exception
    return result.stdout


def _named(pattern: str) -> list[str]:
    """The files of a pattern; the pattern itself where there are none."""
    return sorted(map(str, Path().glob(pattern))) or [pattern]


def shortened(printed: str, shown: str | None) -> str:
    """What is printed, with as many lines at its beginning and end as the page shows of it."""
    lines = [line.rstrip() for line in printed.rstrip().splitlines()]
    if shown is None or LEFT_OUT not in shown.splitlines():
        return "\n".join(lines) + "\n"
    before = shown.splitlines().index(LEFT_OUT)
    after = len(shown.splitlines()) - before - 1
    return "\n".join([*lines[:before], LEFT_OUT, *lines[len(lines) - after :]]) + "\n"


def is_same(one: str, other: str) -> bool:
    """Whether two outputs say the same: equal words, whole numbers, and other numbers within a few percent."""
    pairs = list(zip(_words(one), _words(other), strict=False))
    return len(_words(one)) == len(_words(other)) and all(_agree(*pair) for pair in pairs)


def _words(text: str) -> list[str]:
    for pattern, mask in _MASKS:
        text = pattern.sub(mask, text)
    return [word for word in _BETWEEN.split(text) if word]


def _agree(one: str, other: str) -> bool:
    if _NUMBER.sub("#", one) != _NUMBER.sub("#", other):
        return False
    values = zip(_NUMBER.findall(one), _NUMBER.findall(other), strict=True)
    return all(_near(float(a.rstrip("%")), float(b.rstrip("%"))) for a, b in values)


def _near(one: float, other: float) -> bool:
    # Rounding differs from one processor to the next, and what is drawn by it a little more.
    return abs(one - other) <= 0.03 * max(abs(one), abs(other)) + 0.011


@contextlib.contextmanager
def folder_for_samples() -> Iterator[Path]:
    """An empty folder that is open while samples run in it."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        yield Path(folder)


def rewrite(page: Path) -> None:
    """Run the samples of a page, and write what they print below them."""
    text = page.read_text(encoding="utf-8")
    edits: list[tuple[tuple[int, int], str]] = []
    names: dict[str, Any] = {"__name__": "__main__"}
    with folder_for_samples():
        for sample in samples(text):
            if not sample.is_run or (sample.is_pretrained and page.stem not in PRETRAINED):
                continue
            printed = run(sample, names)
            if sample.shown is not None and not is_same(shortened(printed, sample.shown), sample.shown):
                edits.append((sample.span, shortened(printed, sample.shown)))
    for (start, end), new in reversed(edits):
        text = text[:start] + new + text[end:]
    page.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent))
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.pop("COLUMNS", None)
    for name in sys.argv[1:] or RUN:
        rewrite(HERE / f"{name}.md")
        sys.stdout.write(f"{name}\n")
