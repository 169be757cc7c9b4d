"""The library that draws in the browser, out of a pinned package: cytoscape.js; `circuits fetch cytoscape` gets it."""

from __future__ import annotations

from circuits.packaged import PackagedFile, fetched_file

CYTOSCAPE = PackagedFile(
    name="cytoscape",
    title="cytoscape.js 3.34.0",
    license="MIT",
    package="nicegui",
    version="3.18.0",
    member="nicegui/elements/mermaid/dist/cytoscape.esm-BXUmgHKB.js",
    wheel_sha256="a2bd51642312d98aab6d8b641245d796ff1b89da5829777170bcc488140c3dcd",
    file_sha256="d6b213d9aafb5dd715172b1422183fe3b7a44c60bb0da80364b194462c4d974e",
    wheel_bytes=8_530_801,
    file_bytes=433_475,
)
_EXPORTED = "export{Kh as c};"  # of the pinned file: what it calls the library inside, and offers

LICENSE = """\
cytoscape.js 3.34.0, https://js.cytoscape.org
Copyright (c) 2016-2026, The Cytoscape Consortium.

Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE."""


def library_script() -> str:
    """The library as a script that puts it where the page looks for it. ValueError where it was not fetched."""
    path = fetched_file(CYTOSCAPE)
    if path is None:
        raise ValueError(
            f"a page needs {CYTOSCAPE.title}, which draws it, and that has not been fetched. Fetch it once, "
            f"{CYTOSCAPE.wheel_bytes / 1e6:.0f} MB from the package index: circuits fetch {CYTOSCAPE.name}"
        )
    module = path.read_text(encoding="utf-8")
    body, exported, _ = module.partition(_EXPORTED)
    assert exported, "the pinned file ends by offering the library"
    # In a scope of its own, as a module would have; the comment that names a source map has gone with what it follows.
    return f"/*\n{LICENSE}\n*/\n(() => {{ {body} globalThis.cytoscape = Kh; }})();\n"
