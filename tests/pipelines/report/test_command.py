"""`circuits report`: a document from stored results alone, in every format, whose numbers are those of the results."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from pipelines import compare, discover, evaluate, study, trace, write_report
from pipelines.discover.run import DiscoverRun
from pipelines.report.contents import default_title
from pipelines.reporting.document import DOCUMENT_FORMATS

Command = Callable[..., Any]
WITHOUT_LATEX = [name for name in DOCUMENT_FORMATS if name != "pdf"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("report") / "runs"


@pytest.fixture(scope="module")
def runs(tiny: Any, store: Path) -> list[DiscoverRun]:
    """A circuit of edges with its curve, and one of components."""
    by_edges = discover(**tiny.settings(edges=20, curve=True, out=store))
    by_components = discover(**tiny.settings(method="activation-patching", nodes=4, out=store))
    return [by_edges, by_components]


@pytest.fixture(scope="module")
def others(tiny: Any, store: Path, runs: list[DiscoverRun]) -> list[Any]:
    """A trace, a study, an evaluation and a comparison."""
    truth = store.parent / "truth.json"
    truth.write_text(json.dumps({"edges": ["input->a0.h0<v>", "a0.h0->a1.h1<q>", "a1.h1->logits"]}))
    settings = tiny.settings(out=store)
    traced = trace(**settings | {"settings": {"kinds": ["mlp"]}})
    varied = study(**settings | {"vary": {"steps": [1, 2]}, "truth": truth})
    judged = evaluate(runs, out=store, random=4, knockouts=2, resamples=10)
    compared = compare(*runs, out=store, draws=1)
    return [traced, varied.folder, judged.folder, compared.folder]


def text_of(report: Any) -> str:
    return (report.folder / report.main).read_text()


def test_a_run_is_told_with_its_numbers(runs: list[DiscoverRun], store: Path):
    text = text_of(write_report(runs[0], to="markdown", out=store))
    summary = runs[0].summary
    assert f"{runs[0].circuit.n_edges} of {runs[0].circuit.of_edges} edges" in text
    assert f"The same {summary['n_prompts']} prompts" in text
    assert "Hanna et al. 2024" in text
    assert "arXiv:2403.17806" in text
    assert all(re.sub(r"([_`$*])", r"\\\1", warning)[:40] in text for warning in summary["warnings"])
    assert "circuits discover " in text
    assert "\ntask: pairs.jsonl\nmodel: ./model\nseed: 0\n" in text


def test_the_strongest_heads_come_first_with_their_intervals(runs: list[DiscoverRun], store: Path):
    text = text_of(write_report(runs[0], to="markdown", out=store))
    heads = [node for node in runs[0].circuit.nodes if node.component.is_head]
    strongest = max(heads, key=lambda node: abs(node.score or 0))
    first = re.search(r"\| (a\d\.h\d) \| ", text)
    assert first is not None
    assert first.group(1) == strongest.name


def test_sentences_that_runs_share_stand_once(runs: list[DiscoverRun], store: Path):
    text = text_of(write_report(*runs, to="markdown", out=store))
    assert text.count("Wilson's of shares") == 1
    assert text.count("The model was ") == 1
    assert "by `eap-ig`" in text
    assert "by `activation-patching`" in text
    assert "**The circuits.**" in text


def test_a_comparison_is_told_with_its_tables(others: list[Any], store: Path):
    text = text_of(write_report(others[3], to="markdown", out=store))
    assert "Merullo et al. 2024" in text
    assert "**What two circuits have in common" in text


@pytest.mark.parametrize("number", [1, 2, 3])
def test_no_report_is_written_of_a_folder_with_a_changed_file(others: list[Any], store: Path, tmp_path: Path, number):
    folder = shutil.copytree(others[number], store / f"{others[number].name}-changed")
    changed = next(path for path in sorted(folder.iterdir()) if path.suffix in (".pdf", ".csv"))
    changed.write_bytes(changed.read_bytes() + b" ")
    with pytest.raises(ValueError, match=rf"{changed.name} is damaged or was changed.*Make it anew: circuits "):
        write_report(folder, to="markdown", out=store, folder=tmp_path / "report")
    shutil.rmtree(folder)
    assert not (tmp_path / "report").exists()


def test_what_has_one_title_is_told_apart_by_its_name(runs: list[DiscoverRun], tiny: Any, store: Path):
    other = discover(**tiny.settings(edges=10, out=store))
    text = text_of(write_report(runs[0], other, to="markdown", out=store))
    assert all(f"({run.name})" in text for run in (runs[0], other))


@pytest.mark.parametrize("name", WITHOUT_LATEX)
def test_every_kind_of_result_in_every_format(runs, others, store, tmp_path, name):
    report = write_report(*runs, *others, to=name, out=store, folder=tmp_path / "one")
    again = write_report(*runs, *others, to=name, out=store, folder=tmp_path / "two")
    files = {path.relative_to(report.folder): path.read_bytes() for path in report.folder.rglob("*") if path.is_file()}
    assert Path(report.main) in files
    assert files == {path: (again.folder / path).read_bytes() for path in files}
    text = b"".join(data for path, data in files.items() if path.suffix in (".md", ".html", ".tex")).decode()
    assert str(store) not in text
    for figure in report.document.figures:
        assert name == "html" or any(path.stem == figure.name for path in files)
    cited = set(re.findall(r"\\cite\{(\w+)\}", text)) | set(re.findall(r'<a href="#(\w+)"', text))
    assert cited <= {citation.key for citation in report.document.references}


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag not in ("img", "meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_needs_nothing_else(runs: list[DiscoverRun], others: list[Any], store: Path):
    text = text_of(write_report(*runs, *others, title="<b> & 'x'", out=store))
    assert not _Page(text).open
    assert "&lt;b&gt; &amp;" in text
    assert not re.search(r"""(?:src|href)=["'](?!data:|#)""", text)


def test_from_the_command_line(circuits: Command, runs: list[DiscoverRun], store: Path):
    answer = circuits("report", runs[0].name, "--runs", store, "--to", "latex", "--out", "mine", "--json")
    assert answer.exit_code == 0
    assert answer.json["file"] == "report.tex"
    assert set(answer.json["references"]) == {"hanna2024have", "mueller2025mechanistic", "zhang2024towards"}
    assert Path("mine/appendix.tex").is_file()
    assert Path("mine/references.bib").read_text().count("@") == 3
    assert circuits("report", runs[0].name, "--runs", store).stdout.count("report.html") == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Missing argument"),
        (("nothing",), "Nor is it the folder of a comparison, a study"),
        (("RUN", "RUN"), "is given twice"),
        (("RUN", "--to", "pdff"), "Did you mean 'pdf'"),
        (("RUN", "--numbers", "plain"), "style of numbers"),
        (("RUN", "--out", "FOLDER"), "is the folder of a run"),
    ],
)
def test_what_cannot_be_reported_is_refused(circuits, runs, store, arguments, says):
    known = {"RUN": runs[0].name, "FOLDER": runs[0].folder}
    answer = circuits("report", *(known.get(one, one) for one in arguments), "--runs", store)
    assert answer.exit_code == 2
    assert says in answer.stderr


def test_a_damaged_evaluation_is_named(circuits: Command, others: list[Any], store: Path, tmp_path: Path):
    folder = tmp_path / "damaged"
    shutil.copytree(others[2], folder)
    content = json.loads((folder / "evaluation.json").read_text())
    (folder / "evaluation.json").write_text(json.dumps({key: content[key] for key in content if key != "runs"}))
    answer = circuits("report", folder, "--runs", store)
    assert answer.exit_code == 2
    assert "evaluation.json is damaged: it lacks runs" in answer.stderr


@pytest.mark.parametrize("name", ["config.yaml", "depth.svg"])
def test_a_changed_file_of_a_run_is_not_put_into_a_document(others: list[Any], tmp_path: Path, name: str):
    folder = tmp_path / "runs" / others[0].name
    shutil.copytree(others[0].folder, folder)
    write_report(folder, to="html", out=tmp_path / "runs")
    (folder / name).write_bytes((folder / name).read_bytes() + b"\n")
    with pytest.raises(ValueError, match=rf"{name} is damaged or was changed"):
        write_report(folder, to="html", out=tmp_path / "runs")


def test_without_latex_a_pdf_is_refused_before_anything_is_read(circuits, runs, store, monkeypatch):
    monkeypatch.setenv("PATH", "")
    answer = circuits("report", runs[0].name, "--runs", store, "--to", "pdf")
    assert answer.exit_code == 2
    assert "pdflatex and bibtex is not on this machine" in answer.stderr
    assert "--to latex" in answer.stderr


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_latex_sets_the_document_twice_alike(runs, others, store, tmp_path):
    one, two = (write_report(*runs, *others, to="pdf", out=store, folder=tmp_path / name) for name in ("one", "two"))
    data = (one.folder / one.main).read_bytes()
    assert data.startswith(b"%PDF")
    assert data == (two.folder / two.main).read_bytes()


def test_a_title_names_what_fits_in_a_line_and_says_how_much_more_there_is():
    subjects = [f"the circuit of task-{number} in a model" for number in range(5)]
    assert default_title(subjects[:2]) == "The circuit of task-0 in a model; the circuit of task-1 in a model"
    assert default_title([*subjects, subjects[0]]) == (
        "The circuit of task-0 in a model; the circuit of task-1 in a model; and 3 more"
    )
    assert default_title(["x" * 300]) == "X" + "x" * 299
