"""PromptUse: which prompts a circuit rests on."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class PromptUse:
    """How many prompts there were, and what they were for.

    n            all of them
    choosing     how many chose the circuit
    judging      how many judged it: the others where it is held out, else the same; 0 where nothing was judged
    corruption   how the task corrupts prompts; None of a file, which brings its own
    file         the name of the file that they came from, and the hash of its content; None of a task
    """

    n: int
    choosing: int
    judging: int
    is_held_out: bool
    corruption: str | None = None
    file: str | None = None
    sha256: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """As plain values; of a task, without a file."""
        values = asdict(self)
        return values if self.file is not None else {k: v for k, v in values.items() if k not in ("file", "sha256")}

    def in_words(self, *facts: str) -> str:
        """`64 prompts (seed 0), of which 32 chose the circuit and the 32 others judged it`; facts in parentheses."""
        prompts = "1 prompt" if self.n == 1 else f"{self.n:,} prompts"
        prompts += f" ({'; '.join(facts)})" if facts else ""
        if not self.judging:
            return prompts
        if not self.is_held_out:
            return f"{prompts}, which chose the circuit and judged it"
        return f"{prompts}, of which {self.choosing:,} chose the circuit and the {self.judging:,} others judged it"
