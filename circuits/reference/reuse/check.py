"""Check what was planted: `python -m circuits.reference.reuse.check` prints the tables of the model cards again."""

from __future__ import annotations

import sys
from pathlib import Path

from transformers import AutoTokenizer, GPT2LMHeadModel

from circuits.reference.reuse import ASLEEP, FINAL
from circuits.reference.reuse.card import table
from circuits.reference.reuse.measure import measure_reuse


def main() -> None:
    for folder in (FINAL, ASLEEP):
        sys.stdout.write(f"{folder.name}\n\n{checked(folder)}\n\n")


def checked(folder: Path) -> str:
    """The measured table of a model in a folder."""
    return table(measure_reuse(GPT2LMHeadModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)))


if __name__ == "__main__":
    main()
