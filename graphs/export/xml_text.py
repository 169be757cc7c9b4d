"""Text in XML files."""

from __future__ import annotations

import re

# What XML cannot hold, not even as a reference; and halves of characters, which no encoding can.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "\r": "&#13;"})


def xml_text(text: str) -> str:
    """Text as content or in a quoted attribute; characters that XML cannot hold become escapes such as `\\x1b`."""
    if text.isascii() and text.isprintable():
        return text.translate(_ESCAPES)
    return xml_characters(text).translate(_ESCAPES)


def xml_characters(text: str) -> str:
    """Text for a writer of XML that itself writes what has a meaning there, and leaves what XML cannot hold."""
    return _FORBIDDEN.sub(lambda match: match[0].encode("unicode_escape").decode(), text)
