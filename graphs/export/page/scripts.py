"""The page's own scripts, put together from the modules in `web`: each stays a scope of its own."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

WEB = Path(__file__).parent / "web"
_IMPORT = re.compile(r'^import \{([^}]*)\} from "\./(\w+)\.js";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?:async )?(?:function|class|const) (\w+)", re.MULTILINE)


@cache
def page_script() -> str:
    """All modules in one script, each after those that it imports."""
    order: list[str] = []
    _visit("main", order)
    return "\n".join(_scope(name) for name in order)


def _visit(name: str, order: list[str]) -> None:
    if name not in order:
        for _, imported in _IMPORT.findall(source(name)):
            _visit(imported, order)
        order.append(name)


def source(name: str) -> str:
    """The text of a module."""
    return (WEB / f"{name}.js").read_text(encoding="utf-8")


def _scope(name: str) -> str:
    """A module as a function that is called once and returns what the module exports."""
    text = source(name)
    offered = ", ".join(_EXPORT.findall(text))
    body = _IMPORT.sub(lambda found: f"const {{{found[1]}}} = of_{found[2]};", text)
    body = re.sub(r"^export ", "", body, flags=re.MULTILINE)
    return f"const of_{name} = (() => {{\n{body}return {{ {offered} }};\n}})();"
