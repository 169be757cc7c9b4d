"""Tables of every command that has some, made from real runs of a bundled model and set by pdflatex (slow)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pipelines import discover
from pipelines.cli.commands import offers
from pipelines.reporting.paper import PaperTable
from tests.conftest import ROOT
from tests.pipelines.paper_checks import papers_of, require_fitting, set_by_pdflatex

FEW = {"trials": 1, "epochs": 20}


def test_every_command_with_tables_makes_them_and_the_documentation_lists_them():
    text = (ROOT / "docs" / "paper_tables.md").read_text(encoding="utf-8")
    for name, offer in offers().items():
        if not offer.settings.paper_tables:
            continue
        assert offer.load().papers is not None, name
        (line,) = (line for line in text.splitlines() if line.startswith(f"| `{name}` |"))
        assert [table for table in offer.settings.paper_tables if f"`{table}`" not in line] == []


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_pdflatex_sets_the_tables_of_every_command_within_the_page(tmp_path: Path):
    store = {"out": tmp_path / "runs"}
    runs = [discover(task, prompts=16, edges=40, **store) for task in ("ioi", "induction")]
    coded = discover("ioi", corruption="abc", prompts=8, method="head-coding", settings=FEW, **store)
    names = [run.name for run in runs]
    asked = {
        "compare": {"runs": names, "draws": 3},
        "evaluate": {"runs": names, "random": 4, "knockouts": 2, "resamples": 4, "truth": names[0]},
        "study": {"task": "ioi", "prompts": 8, "vary": {"method": ["eap", "random"]}, "truth": names[0]},
        "tasks": {"model": "reference", "prompts": 8},
        "trace": {"task": "ioi", "prompts": 16},
        "codes": {"run": coded.name},
        "roles": {"run": names[0]},
        "effects": {"task": "ioi", "prompts": 8},
        "intervene edit": {"task": "ioi", "heads": "a2.h0,a3.h1", "edit": ["knock-out END"], "prompts": 8},
        "intervene repair": {"task": "ioi", "heads": "a2.h0", "edit": ["uniform END"], "prompts": 8},
        "intervene zero-tuning": {"task": "ioi", "prompts": 8, "random": 3},
        "intervene mask-heads": {"task": "induction", "by": "induction:1,4", "prompts": 8, "random": 2},
    }
    tables: list[PaperTable] = []
    for name, settings in asked.items():
        tables += papers_of(offers()[name].load(), **settings, **store).values()
    require_fitting(set_by_pdflatex(tables, tmp_path))
