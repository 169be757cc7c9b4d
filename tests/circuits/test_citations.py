"""Citations: every method, task and ablation names papers that a BibTeX file can hold."""

from __future__ import annotations

import re

import pytest

from circuits import citations
from circuits.ablations import ABLATIONS
from circuits.citations import Citation
from circuits.methods import METHODS
from circuits.tasks import IMAGE_TASKS, TASKS

ALL = {name: value for name, value in vars(citations).items() if isinstance(value, Citation)}


def test_keys_are_unique_and_plain():
    keys = [citation.key for citation in ALL.values()]
    assert len(set(keys)) == len(keys)
    assert all(re.fullmatch(r"[a-z]+\d{4}[a-z0-9]+", key) for key in keys), keys


def test_every_paper_is_cited_by_something_or_by_a_command():
    own = (METHODS, TASKS, IMAGE_TASKS, ABLATIONS)
    cited = {one for registry in own for thing in registry.values() for one in thing.cites}
    assert cited <= set(ALL.values())
    assert {name for name, one in ALL.items() if one not in cited} == {"MUELLER_2025"}  # of evaluations


def test_a_paper_as_a_text_a_list_and_bibtex_have_it():
    paper = Citation(("Ada van der Berg", "Bo Ø. Li", "Cy Kramár"), "On A Circuit of GPT", 2023, "Venue", "2301.00001")
    assert (paper.key, paper.short) == ("derberg2023circuit", "der Berg et al. 2023")
    assert paper.full == "Ada van der Berg, Bo Ø. Li, Cy Kramár. On A Circuit of GPT. Venue. arXiv:2301.00001. 2023."
    assert paper.bibtex == (
        "@inproceedings{derberg2023circuit,\n  author = {Ada van der Berg and Bo Ø. Li and Cy Kramár},\n"
        "  title = {{On A Circuit of GPT}},\n  booktitle = {Venue},\n  year = {2023},\n  eprint = {2301.00001},\n"
        "  archivePrefix = {arXiv},\n  note = {arXiv:2301.00001},\n}\n"
    )


def test_one_and_two_authors_are_all_named():
    assert Citation(("A Nanda",), "T", 2023, url="x").short == "Nanda 2023"
    assert Citation(("C O'Neill", "T Bui"), "T", 2024).short == "O'Neill and Bui 2024"


@pytest.mark.parametrize("paper", ALL.values(), ids=list(ALL))
def test_braces_of_bibtex_close(paper):
    assert paper.bibtex.count("{") == paper.bibtex.count("}")
    assert paper.venue or paper.arxiv or paper.url
