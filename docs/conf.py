"""How `make docs` builds the documentation: with sphinx, into build/docs, every warning an error."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]  # plain_docstrings beside this file, and the packages themselves

_PROJECT = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
project = _PROJECT["name"]
version = release = _PROJECT["version"]
author = "The circuit-workbench developers"
project_copyright = f"2026, {author}. MIT license"

extensions = ["myst_parser", "sphinx.ext.autodoc", "plain_docstrings"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
myst_heading_anchors = 3  # pages link to headings of others
html_theme = "furo"
html_title = f"{project} {release}"
html_show_sourcelink = False

autodoc_member_order = "bysource"
