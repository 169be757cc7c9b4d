"""Text as Markdown takes it in a paragraph or a cell of a table."""

from __future__ import annotations

import re


def escape(text: object) -> str:
    """Text that Markdown shows as it is: signs of its own behind a backslash, spaces and ends of line as one space."""
    plain = re.sub(r"\s+", " ", str(text)).replace("&", "&amp;").replace("<", "&lt;")
    return re.sub(r"([\\`*_{}\[\]#~|$])", r"\\\1", plain)
