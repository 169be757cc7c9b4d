"""TikZ pictures and LaTeX tables: their syntax, what they say, and (slow) that pdflatex sets them without an error."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace

import pytest

from circuits.components import Edge, Wiring
from graphs import CircuitGraph, Greedy, TopEdges, compare
from graphs.export import EXPORTS
from graphs.export.tikz import TikzExport
from graphs.figures.layered.drawing import composed
from graphs.figures.layered.settings import DrawingSettings
from graphs.figures.sizes import size_from

WIRING = Wiring(n_layers=2, n_heads=4, n_kv_heads=2)
ODD = r"50 % of {a_b} & $x^2$ #1 ~ \input{nothing} [é→中] *"
PAGE = r"""\documentclass{article}\usepackage[margin=1cm,paperheight=60cm,paperwidth=60cm]{geometry}
\usepackage{tikz,booktabs,longtable,siunitx}
\begin{document}
"""


@pytest.fixture(scope="module")
def graph(random_edge_scores):
    scores = random_edge_scores(WIRING, seed=1, task=ODD)
    return CircuitGraph.from_scores(
        scores, Greedy(30), node_scores=scores.node_scores(), roles={"a1.h1": "name_mover {x} 100%"}
    )


@pytest.fixture(scope="module")
def samples(graph, random_edge_scores):
    """One of every sort: with scores, compared, without scores, with one layer, empty, of tiny and huge scores."""
    other = CircuitGraph.from_scores(random_edge_scores(WIRING, seed=2, task="other_task"), Greedy(25))
    one_layer = Wiring(n_layers=1, n_heads=1, n_kv_heads=1, has_mlps=False)
    edges = [replace(item, score=1.5e-7 * 10**number, low=None) for number, item in enumerate(graph.edges[:1])]
    return {
        "circuit": graph,
        "comparison": compare(graph, other, resamples=10),
        "longer than a page": compare(*(large(random_edge_scores, seed) for seed in (3, 4)), resamples=10),
        "without scores": CircuitGraph.from_edges(WIRING, map(Edge.parse, ("input->a1.kv1<v>", "a1.h2->logits"))),
        "one layer": CircuitGraph.from_edges(one_layer, [Edge.parse("input->logits")]),
        "empty": CircuitGraph.from_edges(WIRING, []),
        "tiny scores": replace(graph, edges=(*edges, *graph.edges[1:])),
    }


def large(random_edge_scores, seed):
    return CircuitGraph.from_scores(random_edge_scores(WIRING, seed=seed, task=f"task {seed}"), Greedy(45))


def check_syntax(text):
    """Braces and environments close in order; cells of a tabular are as many as its columns."""
    body = re.sub(r"(?<!\\)%.*", "", text)
    assert body.isascii()
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", body):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0
    opened = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", body):
        if kind == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert not opened
    for columns, rows in re.findall(r"\\begin\{tabular\}\{([^\n]*)\}\n(.*?)\\end\{tabular\}", body, flags=re.DOTALL):
        n_columns = len(re.sub(r"\[[^]]*\]", "", columns))
        for row in rows.split(r" \\")[:-1]:
            assert len(re.findall(r"(?<!\\)&", row)) == n_columns - 1, row


@pytest.mark.parametrize("name", ["tikz", "latex"])
def test_samples_have_no_loose_end(samples, name):
    for subject in samples.values():
        check_syntax(EXPORTS[name].to_bytes(subject, command="a 'b' % {c").decode())


def test_a_picture_has_every_node_where_the_drawing_has_it_and_every_edge(graph):
    text = EXPORTS["tikz"].to_bytes(graph).decode()
    placed = re.findall(r"at \((\S+),(\S+)\) \{(\w+(?:\.\w+)?)\};", text)
    placed_at = composed(graph).placed
    assert placed_at is not None
    places, labels = placed_at
    assert set(labels) == {node.name for node in graph.nodes}
    assert {name for *_, name in placed} >= set(labels.values())
    for x, y, name in placed:
        if name in labels:
            assert (float(x), float(y)) == pytest.approx((places.middle(name), places.along[name]), abs=1e-3)
    drawn = re.findall(r"^\\draw\[(.*)\] .*; % (\S+)$", text, flags=re.MULTILINE)
    assert sorted(name for _, name in drawn) == sorted(item.name for item in graph.edges)
    by_name = {name: "dash pattern" in style for style, name in drawn}
    assert all(by_name[item.name] == (item.score < 0) for item in graph.edges)


def test_a_picture_is_drawn_as_asked_and_says_what_it_leaves_out(graph):
    settings = DrawingSettings(size=size_from("5x4"), orientation="right", top=3)
    text = TikzExport().drawn(graph, composed(graph, settings)).decode()
    assert len(re.findall(r"^\\draw\[.*; % \S+->\S+$", text, flags=re.MULTILINE)) == 3
    assert f"Shown: 3 of {graph.n_edges} edges" in text


@pytest.mark.parametrize("orientation", ["up", "right"])
def test_a_picture_has_the_layers_beside_their_rows_as_heads_may_be_called_in_short(graph, orientation):
    settings = DrawingSettings(size=size_from("column"), orientation=orientation)
    text = TikzExport().drawn(graph, composed(graph, settings)).decode()
    assert re.findall(r"^\\node\[text=\w+,inner sep=0pt\] at \(\S+\) \{(L\d)\};$", text, flags=re.MULTILINE) == [
        "L0",
        "L1",
    ]


def test_a_table_has_every_score_with_its_interval_the_strongest_first(edge_scores_of):
    circuit = CircuitGraph.from_scores(edge_scores_of({"input->a0.h0<v>": -0.25, "a0.h0->logits": 2.0}), Greedy(2))
    bounded = replace(circuit, edges=tuple(replace(item, low=item.score - 0.1, high=0.0) for item in circuit.edges))
    lines = EXPORTS["latex"].to_bytes(bounded).decode().splitlines()
    rows = [line for line in lines if line.endswith(r"estimated \\")]
    assert rows == [
        r"a0.h0 & logits &  & 2.00 & [$1.90$, $.00$] & estimated \\",
        r"input & a0.h0 & v & -.25 & [$-.35$, $.00$] & estimated \\",
    ]
    assert r"a0.h0 & 2.00 &  & estimated, summed over all outgoing edges \\" in lines


def test_a_table_longer_than_a_page_goes_on_with_its_headings_and_says_what_that_needs(random_edge_scores):
    text = EXPORTS["latex"].to_bytes(large(random_edge_scores, 3)).decode()
    assert r"% needs \usepackage{booktabs,longtable,siunitx}" in text
    assert re.findall(r"\\begin\{(\w+)\}", text) == ["tabular", "longtable"]
    edges = text.partition(r"\begin{longtable}")[2].splitlines()
    assert edges[2].startswith("Source & Target & ")
    assert edges[4:7] == [r"\endhead", r"\bottomrule", r"\endfoot"]
    assert len([line for line in edges[7:] if line.endswith(r"\\")]) == 45


def test_a_short_table_needs_no_package_for_long_ones(graph):
    assert r"% needs \usepackage{booktabs,siunitx}" in EXPORTS["latex"].to_bytes(graph).decode()


@pytest.mark.parametrize(("name", "cell"), [("latex", " & "), ("markdown", " | ")])
def test_of_two_circuits_what_both_have_comes_first_and_the_strongest_first_in_either(edge_scores_of, name, cell):
    shared = {"input->a0.h0<q>": 0.25, "a0.h0->logits": -3.0}
    alone = {"input->a1.h1<q>": 2.0, "a1.h1->logits": -4.0}, {"input->a1.h2<q>": 5.0, "a1.h2->logits": 6.0}
    sides = [{**shared, **alone[0]}, {**shared, "input->a0.h0<q>": 7.0, **alone[1]}]
    both = compare(
        *(CircuitGraph.from_scores(edge_scores_of(side, wiring=WIRING), TopEdges(4)) for side in sides), resamples=10
    )
    rows = [line.strip("| ").split(cell)[:2] for line in EXPORTS[name].to_bytes(both).decode().splitlines()]
    edges = [f"{source.strip()}->{row[0].strip()}" for source, *row in (row for row in rows if len(row) == 2)]
    assert [edge for edge in edges if "input->" in edge or "->logits" in edge] == [
        "input->a0.h0", "a0.h0->logits", "a1.h1->logits", "input->a1.h1", "a1.h2->logits", "input->a1.h2"
    ]  # fmt: skip


def test_markdown_has_the_same_table(edge_scores_of):
    circuit = CircuitGraph.from_scores(edge_scores_of({"input->a0.h0<v>": -0.25, "a0.h0->logits": 2.0}), Greedy(2))
    lines = EXPORTS["markdown"].to_bytes(circuit, command="circuits discover a -- b").decode().splitlines()
    assert lines[0].count("--") == 2  # those of the comment itself
    assert "| a0.h0 | logits |  | 2.00 | estimated |" in lines
    assert "| input | a0.h0 | v | -.25 | estimated |" in lines
    assert all(line.count(" | ") == 4 for line in lines if line.startswith("| input"))


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_pdflatex_sets_every_sample(samples, tmp_path):
    page = PAGE
    for number, subject in enumerate(samples.values()):
        for name in ("tikz", "latex"):
            (tmp_path / f"{number}.{name}").write_bytes(EXPORTS[name].to_bytes(subject, command="a % {b"))
            page += rf"\input{{{number}.{name}}}\newpage" + "\n"
    (tmp_path / "page.tex").write_text(page + r"\end{document}" + "\n")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout
    assert "Missing character" not in (tmp_path / "page.log").read_text(errors="replace")
