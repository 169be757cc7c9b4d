"""The file of a page: data, scripts and style in one, under a policy that lets it load and send nothing.

Scripts and styles are named by their hashes, so that nothing else runs: text of a prompt or a note that looks like a
script stays text.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from typing import Any

from graphs.circuit_graph import CircuitGraph
from graphs.comparison.comparison import Comparison
from graphs.export.about import about_text, beside_text, html_comment
from graphs.export.document import plain_number
from graphs.export.page.colors import color_rules
from graphs.export.page.data import Subject, page_data
from graphs.export.page.extras import PageExtras
from graphs.export.page.library import library_script
from graphs.export.page.scripts import WEB, page_script

_PLACE = re.compile(r"\{\{(\w+)\}\}")


def page_bytes(subject: Subject, extras: PageExtras | None = None) -> bytes:
    """The whole page of a circuit, of a comparison, or of several circuits of one model.

    ValueError where the library that draws was not fetched, and for settings of paper.
    """
    extras = extras or PageExtras()
    script, library = page_script(), library_script()
    data = page_data(subject, extras)
    styles = _styles()
    parts = {
        "about": html_comment(_about(subject, data, extras.command)),
        "policy": page_policy(),
        "title": html.escape(f"{data['title']}: circuit"),
        "style": styles[0],
        "library_style": styles[1],
        "data": embedded(data),
        "library": library,
        "script": script,
    }
    return _PLACE.sub(lambda place: parts[place[1]], _read("page.html")).encode()


def page_policy() -> str:
    """What every page is held to, whatever is in it: its own scripts and styles run, nothing is loaded or sent.

    ValueError where the library that draws was not fetched.
    """
    return (
        f"default-src 'none'; script-src {_hashes([library_script(), page_script()])}; style-src {_hashes(_styles())}; "
        "connect-src 'none'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def embedded(data: Any) -> str:
    """Data as JSON that cannot end the element that holds it."""
    text = json.dumps(data, allow_nan=False, ensure_ascii=False, separators=(",", ":"), default=plain_number)
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _about(subject: Subject, data: dict[str, Any], command: str | None) -> str:
    if isinstance(subject, CircuitGraph | Comparison):
        return about_text(subject, command)
    return beside_text([circuit["label"] for circuit in data["circuits"]], subject, command)


def _hashes(texts: list[str]) -> str:
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii") for text in texts)
    return " ".join(f"'sha256-{digest}'" for digest in digests)


def _styles() -> list[str]:
    return [color_rules() + _read("page.css"), _read("library.css")]


def _read(name: str) -> str:
    return (WEB / name).read_text(encoding="utf-8")
