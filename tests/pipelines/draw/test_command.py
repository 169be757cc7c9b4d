"""`circuits draw`: every kind of figure from stored results, at the size asked for; refused where it has no subject."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from circuits.scores import EdgeScores
from graphs.comparison.measures.spearman import rank_correlation
from graphs.comparison.rank_correlation import correlation_interval
from graphs.figures.sizes import SIZES
from pipelines import compare, discover, draw, evaluate, open_run, study, trace
from pipelines.draw.kinds import FIGURES
from pipelines.draw.kinds.scores import unit_of

Command = Callable[..., Any]
COLUMN = SIZES["column"]


@pytest.fixture(scope="module")
def store(tiny: Any, tmp_path_factory: pytest.TempPathFactory, new_prompts: Callable[..., Path]) -> Path:
    """Runs of two methods on one task and of two more tasks, compared and judged; a study, and a trace."""
    folder = tmp_path_factory.mktemp("draw")
    out = folder / "runs"
    other = [str(new_prompts(folder / f"other{seed}.jsonl", n_prompts=12, seed=seed)) for seed in (1, 2)]
    given = tiny.settings(out=out, edges=20, metric="kl-divergence") | {"prompts_per_job": 16}
    first = discover(**given, curve=True)
    second = discover(**given, method="exact-edges")
    others = [discover(**given | {"task": task}) for task in other]
    evaluate([first, second], out=out, random=3, knockouts=0, resamples=0, random_curve=2, folder=out / "judged")
    compare(first, *others, out=out, draws=1, folder=out / "three")
    compare(first, others[0], out=out, overlap_only=True, folder=out / "two")
    without = {name: value for name, value in given.items() if name != "edges"}
    truth = folder / "truth.json"
    truth.write_text(json.dumps({"edges": ["input->a0.h0<v>", "a0.h0->logits"]}))
    study(**without, vary={"method": ["exact-edges", "random"]}, truth=truth, folder=out / "study")
    traced = trace(**without | {"metric": "answer-probability"}, settings={"kinds": ["residual", "head"], "at": "all"})
    names = {"first": first.name, "second": second.name, "other": others[0].name, "trace": traced.name}
    (folder / "names.json").write_text(json.dumps(names))
    return out


@pytest.fixture(scope="module")
def names(store: Path) -> dict[str, str]:
    return json.loads((store.parent / "names.json").read_text())


SUBJECTS = {
    "circuit": ["first"],
    "two-circuits": ["two"],
    "heads": ["first", "second"],
    "sizes": ["first", "judged"],
    "shared-heads": ["first", "second", "other"],
    "shared-edges": ["first", "second", "other"],
    "methods": ["judged"],
    "prompt-effects": ["first"],
    "scores": ["first", "second"],
    "transfer": ["three"],
    "sets": ["three"],
    "overlap": ["three"],
    "clusters": ["three"],
    "study": ["study"],
    "trace": ["trace"],
    "trace-depth": ["trace"],
    "trace-heads": ["trace"],
}
# Tested where their results are made: with the page of reuse, interventions and roles.
NOT_HERE = {"stages", "edit", "repair", "remedy", "masking", "rank", "concept", "effects"}


def test_every_kind_is_tried():
    assert set(SUBJECTS) | NOT_HERE == set(FIGURES)


@pytest.mark.parametrize("kind", SUBJECTS)
def test_a_kind_gives_the_same_bytes_twice_and_no_text_is_too_small(kind: str, store: Path, names: dict[str, str]):
    subjects = [names.get(subject, subject) for subject in SUBJECTS[kind]]
    svg = draw(kind, *subjects, to="svg", size="9x30", out=store)
    assert svg == draw(kind, *subjects, to="svg", size="9x30", out=store)
    ((width, height),) = re.findall(rb'<svg [^>]*width="([\d.]+)pt" height="([\d.]+)pt"', svg)
    assert float(width) == pytest.approx(9 * 72)
    assert float(height) <= 30 * 72
    sizes = [float(size) for size in re.findall(rb"([\d.]+)px", svg)]
    assert sizes
    assert min(sizes) >= 6 - 1e-6


def test_the_command_writes_the_file_and_show_says_what_it_is_of(circuits: Command, store: Path, names: dict[str, str]):
    given = ("draw", "scores", names["first"], names["second"], "--runs", store, "--size", "column")
    for kind in ("png", "svg", "pdf", "eps"):
        assert circuits(*given, "--out", f"scores.{kind}").stdout == f"scores.{kind}\n"
        said = circuits("show", f"scores.{kind}").stdout
        assert "figure: scores" in said
        assert f"circuits draw scores {names['first']} {names['second']} --size 3.35x4.6 --font 6.5" in said
    assert circuits("draw", "heads", names["first"], "--runs", store).stdout == "heads.pdf\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["score", "first", "second"], "no kind of figure 'score'. Known: "),
        (["scores", "first"], "scores takes RUN RUN; found "),
        (["scores", "first", "first"], "is given twice"),
        (["sizes", "first", "second", "judged"], "sizes takes RUN [EVALUATION]; found"),
        (["sizes", "second", "three"], "three holds no evaluation.json."),
        (["transfer", "first"], "is no folder of a comparison"),
        (["transfer", "two"], "no circuit was run on another task"),
        (["two-circuits", "three"], "three holds no comparison.json"),
        (["clusters", "two"], "clusters take three runs or more"),
        (["stages", "first"], "no run was searched in stages"),
        (["methods", "three"], "three holds no evaluation.json"),
        (["trace", "first"], "is a circuit, and this figure shows a trace"),
        (["heads", "trace"], "is a causal trace"),
        (["prompt-effects", "first", "a0.h0->logit"], "no edge in the model"),
        (["heads", "nowhere"], "'nowhere'. Known: "),
        (["heads", "first", "--out", "heads.gif"], "cannot be written as 'gif': give pdf, svg, png or eps"),
        (["heads", "first", "--size", "huge"], "no size 'huge'"),
        (["heads", "first", "--size", "1.6x1.6"], "does not fit into 1.6 x 1.6 inches"),
        (["heads", "first", "--font", "8"], "--font belongs to --size"),
    ],
)
def test_what_cannot_be_drawn_is_one_line_and_leaves_no_file(
    circuits: Command, store: Path, names: dict[str, str], arguments: list[str], said: str
):
    kind, *words = arguments
    answer = circuits("draw", kind, *(names.get(word, word) for word in words), "--runs", store)
    assert answer.exit_code == 2
    assert said in answer.stderr
    assert answer.stderr.count("\n") == 2
    assert answer.stderr.startswith("draw: reading ")
    assert not list(Path().iterdir())


def test_a_damaged_evaluation_is_named_with_the_command_that_makes_it_anew(circuits: Command, store: Path):
    whole = json.loads((store / "judged" / "evaluation.json").read_text())
    del whole["runs"][0]["faithfulness"], whole["runs"][0]["task"]
    Path("evaluation.json").write_text(json.dumps(whole))
    answer = circuits("draw", "methods", "evaluation.json")
    assert answer.exit_code == 2
    assert "evaluation.json is damaged: it lacks 'task'. Make it anew: circuits evaluate RUN..." in answer.stderr


def test_kinds_are_listed_with_what_they_are_drawn_from(circuits: Command):
    rows = circuits("figures", "--json").json["figures"]
    assert {row["figure"] for row in rows} == set(FIGURES)
    assert next(row for row in rows if row["figure"] == "sizes")["drawn from"] == "RUN [EVALUATION]"
    assert "prompt-effects" in circuits("figures").stdout


def test_edges_that_are_named_are_drawn_in_that_order(store: Path, names: dict[str, str]):
    svg = draw("prompt-effects", names["first"], "m0->logits", "input->m0", to="svg", out=store).decode()
    shown = re.findall(r"<text[^>]*>([^<]*-&gt;[^<]*)<", svg)
    assert shown == ["m0-&gt;logits", "input-&gt;m0"]


def test_methods_judged_differently_stand_apart(store: Path):
    from pipelines.draw.kinds.methods import of_evaluations

    rows = json.loads((store / "judged" / "evaluation.json").read_text())["runs"]
    alike = of_evaluations(rows)
    assert len({row.group for row in alike.rows}) == 1
    assert "ablation corrupt" in alike.subtitle
    apart = of_evaluations([rows[0], rows[1] | {"ablation": "mean"}])
    assert [row.group for row in apart.rows] == ["ablation corrupt", "ablation mean"]
    assert "ablation" not in apart.subtitle


def test_the_interval_of_a_rank_correlation_is_of_the_prompts():
    """One prompt has none; the same scores agree wholly in every resample; a slow bootstrap gives the same ends."""
    draw_from = np.random.default_rng(0)
    a = draw_from.normal(size=(20, 30)) + draw_from.normal(size=30)
    b = a + draw_from.normal(size=a.shape)
    assert correlation_interval(a[:1], b[:1], is_paired=True) is None
    assert correlation_interval(a, a, is_paired=True) == pytest.approx((1, 1))
    assert correlation_interval(a * 0, b, is_paired=True) is None
    low, high = correlation_interval(a, b, is_paired=True) or (0, 0)
    value = rank_correlation(a.mean(axis=0), b.mean(axis=0)) or 0
    assert low < value < high
    again = np.random.default_rng(7)
    drawn = [again.integers(20, size=20) for _ in range(400)]
    slow = [rank_correlation(a[rows].mean(axis=0), b[rows].mean(axis=0)) for rows in drawn]
    assert (low, high) == pytest.approx(np.quantile(np.array(slow, dtype=float), [0.025, 0.975]), abs=0.03)
    paired = high - low
    low, high = correlation_interval(a, b, is_paired=False) or (0, 0)
    assert high - low > paired


def test_an_axis_of_codes_is_not_in_units_of_the_metric():
    origin = SimpleNamespace(metric="logit-difference", scores_are="counted")
    codes = SimpleNamespace(provenance=origin)
    for method, unit in (("head-coding", "counted"), ("activation-patching", "logit-difference")):
        run: Any = SimpleNamespace(config=SimpleNamespace(method=method), scores=codes, node_scores=codes)
        assert unit_of(run) == unit


def test_scores_are_those_of_both_runs(store: Path, names: dict[str, str]):
    """The number in the figure, from the two runs by hand."""
    both: list[EdgeScores] = [open_run(names[name], out=store).scores for name in ("first", "second")]
    expected = rank_correlation(both[0].means, both[1].means)
    assert expected is not None
    svg = draw("scores", names["first"], names["second"], to="svg", out=store).decode()
    assert f">{expected:.2f} [".replace("-", "\u2212") in svg
