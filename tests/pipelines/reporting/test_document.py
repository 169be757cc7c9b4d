"""Documents: texts in parts, and what each format makes of every character."""

from __future__ import annotations

import re
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuits.citations import WANG_2023
from pipelines.reporting.document import DOCUMENT_FORMATS, Bullets, Document, Figure, Listing, Section, Text
from pipelines.reporting.document.pieces import Part, parts_of

PLAIN = st.text(st.characters(exclude_characters="`[", exclude_categories=("Cs", "Cc")), max_size=30)


@given(st.text(max_size=40))
def test_no_letter_of_a_text_is_lost(text: str):
    marks = {"plain": "{}", "code": "`{}`", "citation": "[@{}]"}
    assert "".join(marks[kind].format(part) for kind, part in parts_of(text)) == text


def test_code_and_citations_are_found():
    parts = list(parts_of("a `b_c` [@key], [0, 1]"))
    assert parts[:4] == [Part("plain", "a "), Part("code", "b_c"), Part("plain", " "), Part("citation", "key")]
    assert "".join(text for kind, text in parts[4:] if kind == "plain") == ", [0, 1]"


def made(name: str, text: str) -> str:
    document = Document(text, [Section(text, [Text(text), Bullets((text,)), Listing(text)])])
    form = DOCUMENT_FORMATS[name]
    files = form.write(document, "brackets")
    return b"".join(data for file, data in files.items() if file.endswith((".md", ".html", ".tex"))).decode()


@given(PLAIN)
def test_html_shows_any_text_as_it_is(text: str):
    page = made("html", text)
    assert f"<p>{text}</p>" in unescape(page)
    assert "<script" not in made("html", f"{text}<script>")


@given(PLAIN)
def test_latex_is_plain_ascii_whose_braces_close(text: str):
    body = made("latex", text)
    assert body.isascii()


@pytest.mark.parametrize(("name", "cited"), [("markdown", "(Wang et al. 2023)"), ("latex", r"\cite{wang2023inter")])
def test_citations_are_written(name: str, cited: str):
    document = Document("T", [Section("S", [Text(f"As in [@{WANG_2023.key}].")])], [WANG_2023])
    files = DOCUMENT_FORMATS[name].write(document, "brackets")
    text = b"".join(files.values()).decode()
    assert cited in text
    assert files["references.bib"].decode() == WANG_2023.bibtex


def test_an_unknown_citation_is_an_error():
    with pytest.raises(KeyError):
        DOCUMENT_FORMATS["markdown"].write(Document("T", [Section("S", [Text("[@nobody]")])]), "brackets")


@pytest.mark.parametrize(("kind", "ending"), [("latex", ".pdf"), ("markdown", ".svg")])
def test_files_of_figures_have_names_that_documents_can_point_to(kind: str, ending: str):
    names = ["ioi-eap-circuit", 'a$ & 100%_#~ é中<script>"{}\\/x-circuit', "a b-circuit", "a_b-circuit", "a%b-circuit"]
    figures = [Figure(name, "What it shows.", lambda _: b"drawn") for name in names]
    files = DOCUMENT_FORMATS[kind].write(Document("Title", [Section("Results", figures)]), "brackets")
    drawn = [path for path, data in files.items() if data == b"drawn"]
    assert len(drawn) == len(names)
    assert drawn[0] == f"figures/ioi-eap-circuit{ending}"
    text = b"".join(data for data in files.values() if data != b"drawn").decode()
    for path in drawn:
        assert re.fullmatch(rf"figures/[A-Za-z0-9._-]+[.]{ending[1:]}", path)
        assert path.removesuffix(".pdf") in text
