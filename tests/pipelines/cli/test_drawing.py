"""`circuits export` draws as large as it is asked to, and as much."""

from __future__ import annotations

import re

import pytest

from circuits.components import Wiring
from graphs import CircuitGraph
from graphs.export import JsonExport
from graphs.figures.layered import drawing
from pipelines.cli import export


@pytest.fixture
def run(tiny, computed):
    (answer,) = computed((*tiny.arguments, "--method", "eap", "--edges", "12", "--json"))
    return answer.json["run"]


def test_a_drawing_has_the_size_and_shows_what_is_asked_for(circuits, run, tmp_path):
    asked = ("--size", "5x4", "--font", "8", "--top", "5", "--orientation", "right")
    assert circuits("export", run, "--to", "svg", "--out", "few.svg", *asked).exit_code == 0
    svg = (tmp_path / "few.svg").read_text()
    assert re.search(r'width="360pt"', svg)
    assert "Shown: 5 of 12 edges" in " ".join(re.findall(r"<text[^>]*>([^<]*)</text>", svg))
    assert circuits("export", run, "--to", "tikz", "--out", "few.tikz", *asked).exit_code == 0
    assert "Shown: 5 of 12 edges" in (tmp_path / "few.tikz").read_text()
    assert circuits("export", run, "--to", "pdf", "--out", "by.pdf", "--bundle", "layer").exit_code == 0
    assert (
        circuits("export", run, "--to", "png", "--out", "by.png", "--collapse", "mlps", "--collapse", "kv").exit_code
        == 0
    )


def test_export_prints_what_the_drawing_leaves_out_beside_the_path_of_the_file(circuits, tmp_path):
    wiring = Wiring(n_layers=6, n_heads=6, n_kv_heads=6)
    graph = CircuitGraph.from_edges(wiring, wiring.edges)
    (tmp_path / "many.json").write_bytes(JsonExport().to_bytes(graph))
    answer = circuits("export", "many.json", "--to", "svg", "--out", "many.svg", "--size", "column")
    assert answer.stdout == "many.svg\n"
    assert re.search(r"^Shown: [\d,]+ of [\d,]+ edges, as \d+ lines ", answer.stderr, re.MULTILINE)
    assert re.search(r"^Not drawn: \d+ lines, strongest \S+->\S+, ", answer.stderr, re.MULTILINE)
    with_caption = circuits("export", "many.json", "--to", "svg", "--out", "many.svg", "--size", "column", "--caption")
    assert "Not drawn: " in with_caption.stdout
    assert with_caption.stderr == "export: reading many.json\n"


def test_a_run_is_read_and_its_drawing_composed_once(circuits, run, monkeypatch):
    """Also where what it leaves out and a caption are printed."""
    read, composed, n_read, n_composed = export.stored_at, drawing.compose_circuit, [], []
    monkeypatch.setattr(export, "stored_at", lambda *given: n_read.append(1) or read(*given))
    monkeypatch.setattr(drawing, "compose_circuit", lambda *given: n_composed.append(1) or composed(*given))
    for more in ((), ("--caption",)):
        n_read.clear()
        n_composed.clear()
        answer = circuits("export", run, "--to", "svg", "--out", "few.svg", "--top", "3", *more)
        assert "Shown: 3 of 12 edges" in (answer.stdout if more else answer.stderr)
        assert (len(n_read), len(n_composed)) == (1, 1)


def test_circuits_side_by_side_say_what_they_leave_out(circuits, tiny, computed):
    asked = [(*tiny.arguments, "--method", "eap", "--edges", n, "--json") for n in ("12", "10")]
    first, other = (answer.json["run"] for answer in computed(*asked))
    beside = ("export", first, "--to", "svg", "--beside", other)
    answer = circuits(*beside, "--out", "few.svg", "--top", "3")
    reading = f"export: reading {first}, {other}\n"
    shown = "Shown: at most the 3 strongest lines of each circuit, and what others have of these.\n"
    assert answer.stderr == reading + shown
    assert answer.stdout == "few.svg\n"
    assert circuits(*beside, "--out", "all.svg").stderr == reading
    assert circuits(*beside, "--out", "few.svg", "--top", "3", "--quiet").stderr == shown


def test_export_says_nothing_of_what_it_draws_whole(circuits, run):
    assert circuits("export", run, "--to", "svg", "--out", "all.svg").stderr == f"export: reading {run}\n"
    for to in ("svg", "csv"):
        assert circuits("export", run, "--to", to, "--out", f"all.{to}", "--quiet").stderr == ""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--to", "csv", "--top", "5"), "format csv draws nothing, and --top belongs to those that draw"),
        (
            ("--to", "dot", "--only", "a", "--role", "mover", "--heads-only", "--collapse", "kv"),
            "and --heads-only, --role, --only, --collapse belongs",
        ),
        (("--to", "graphml", "--size", "page"), "eps, pdf, png, svg, tikz"),
        (("--to", "pdf", "--size", "collumn"), "Did you mean 'column'"),
        (("--to", "pdf", "--font", "4"), "figures have 6 to 36"),
        (("--to", "pdf", "--top", "0"), "at least 1 edge"),
        (("--to", "pdf", "--min-score", "0"), "a number above 0"),
        (("--to", "pdf", "--size", ""), "no size ''"),
        (("--to", "pdf", "--orientation", ""), "no orientation ''"),
        (("--to", "pdf", "--bundle", ""), "no bundle ''"),
        (("--to", "pdf", "--min-score", "1e9"), "leaves nothing to draw"),
        (("--to", "pdf", "--bundle", "role"), "no head of this circuit has a role"),
        (("--to", "pdf", "--size", "1.5x1.5", "--top", "12"), "do not fit 1.5x1.5 inches"),
    ],
)
def test_what_cannot_be_drawn_is_refused_and_nothing_is_written(circuits, run, tmp_path, options, said):
    before = sorted(tmp_path.iterdir())
    answer = circuits("export", run, *options)
    assert answer.exit_code == 2
    assert said in answer.stderr
    assert sorted(tmp_path.iterdir()) == before
