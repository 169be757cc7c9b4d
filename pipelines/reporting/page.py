"""A page of HTML: one look for all of them. It needs nothing else, and holds no date and no path."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

_STYLE = """
body { font: 15px/1.5 "DejaVu Sans", Verdana, sans-serif; color: #1a1a1a }
body { max-width: 60em; margin: 2em auto; padding: 0 1em }
h1 { font-size: 1.5em } h2 { font-size: 1.15em; margin-top: 2em } h3 { font-size: 1em; margin-top: 1.5em }
img { max-width: 100%; height: auto; display: block } figure { margin: 1.5em 0 }
table { border-collapse: collapse; margin: 1em 0 }
th, td { text-align: left; padding: .2em .9em .2em 0; vertical-align: top }
th { border-bottom: 1px solid #8a8a8a } .left-out { color: #5a5a5a } li { margin: .2em 0 }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums }
pre { background: #f3f3f3; padding: .6em .8em; overflow-x: auto; font-size: .85em }
caption, figcaption { text-align: left; margin: .4em 0 } .notes { font-size: .85em; color: #4a4a4a }
"""


def page(title: str, lines: Iterable[str]) -> bytes:
    """The whole page: `lines` is what stands in its body."""
    head = f'<meta charset="utf-8"><title>{escape(title)}</title><style>{_STYLE}</style>'
    body = "\n".join(lines)
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>{head}</head>\n<body>\n{body}\n</body>\n</html>\n'.encode()
