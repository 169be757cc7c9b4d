"""Whether `circuits draw` gives the figure that a command wrote, from what the command stored."""

from __future__ import annotations

import re
from pathlib import Path

from pipelines import draw

_METADATA = re.compile(rb"<metadata>.*?</metadata>", re.DOTALL)


def draws_again(kind: str, written: Path) -> bool:
    """Whether the figure of the folder in which an SVG was written is that SVG, apart from its metadata."""
    drawn = draw(kind, written.parent, to="svg")
    return _METADATA.sub(b"", drawn) == _METADATA.sub(b"", written.read_bytes())
