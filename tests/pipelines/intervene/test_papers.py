"""Tables for papers of a rank curve, a concept, an injection and clusters: what the reports say, in their words."""

from __future__ import annotations

from pathlib import Path

from pipelines import trace
from pipelines.cluster.paper import papers as of_clusters
from pipelines.cluster.report import ClusterReport
from pipelines.intervene.command import COMMAND as IRI
from pipelines.intervene.concept.command import COMMAND as CONCEPT
from pipelines.intervene.rank.command import COMMAND as RANK
from pipelines.reporting.paper import CSV, MARKDOWN
from tests.pipelines.paper_checks import check_papers, papers_of

IOI = {"task": "ioi", "prompts": 8}


def test_a_rank_curve_has_a_row_per_number_of_directions(tmp_path: Path):
    (table,) = papers_of(RANK, **IOI, heads="a1.h1", ranks="0,1,2", random=2, out=tmp_path).values()
    assert [row["rank"] for row in table.rows] == [0, 1, 2, 32]  # all of them is the plain model
    text = MARKDOWN.write(table, "brackets", None)
    assert "Projected: query, key of a1.h1; rows of END, tokens all." in text
    assert "Prompts: 8." in text


def test_a_concept_has_a_row_per_strength_beside_random_vectors(tmp_path: Path):
    (table,) = papers_of(CONCEPT, **IOI, layer=2, strengths="-1,1", random=2, out=tmp_path).values()
    assert [row["strength"] for row in table.rows] == [-1, 1]
    head = CSV.write(table, "brackets", None).splitlines()[0].split(",")
    assert {"metric_difference", "beyond random", "accuracy"} <= set(head)
    assert "clean minus corrupt at END, added at END before layer 2" in MARKDOWN.write(table, "brackets", None)


def test_an_injection_has_its_answers_and_with_captions_these(tmp_path: Path):
    run = trace("scene-objects", model="reference-vlm", prompts=4, out=tmp_path)
    asked = {"run": str(run.folder), "questions": 8, "validation": 6, "random": 1, "captions": 2, "max_new_tokens": 4}
    tables = papers_of(IRI, **asked, lambda_attention=1, lambda_mlp=1, out=tmp_path)
    assert list(tables) == ["answers", "captions"]
    answers = tables["answers"]
    assert {"plain", "iri"} <= {row["variant"] for row in answers.rows}
    plain = next(row for row in answers.rows if row["variant"] == "plain")
    assert plain["accuracy_interval"] == (plain["accuracy_low"], plain["accuracy_high"])
    assert "Strengths: 1 of attention, 1 of MLPs." in MARKDOWN.write(answers, "brackets", None)


def clusters(n: int, tmp_path: Path) -> ClusterReport:
    circuits = [
        {"cluster": 0, "n_held_out": 3, "n_edges": 9, "iou_with_all": 0.5}
        | {name: {"value": 0.75, "interval": [0.5, 1.0]} for name in ("own", "of_all", "gain")},
        {"cluster": 1, "n_held_out": 0, "n_edges": 9, "iou_with_all": None},
    ]
    summary = {"task": "ioi", "n_prompts": 8, "n_clusters": n, "sizes": [5, 3][:n], "circuits": circuits[:n]}
    return ClusterReport(folder=tmp_path, distances=[], summary=summary, rows=())  # pyright: ignore[reportArgumentType]


def test_clusters_have_a_row_each_and_one_alone_has_no_table(tmp_path: Path):
    tables = of_clusters(clusters(2, tmp_path))
    check_papers(tables, ("clusters",))
    first, second = MARKDOWN.write(tables["clusters"], "brackets", None).splitlines()[4:6]
    assert "| 5 | 3 | 9 | .50 | .75 [.50, 1.00] |" in first
    assert second.split("|")[2].strip() == "3"
    assert of_clusters(clusters(1, tmp_path)) == {}
