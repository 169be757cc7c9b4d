"""`circuits reuse`: a page from stored results alone, the same bytes each time, that says what it leaves out."""

from __future__ import annotations

import base64
import json
import re
import shlex
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from pipelines import compare, discover, report_reuse
from pipelines.discover.run import DiscoverRun

LOOKS_AT_FIGURES = True

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("report") / "runs"


@pytest.fixture(scope="module")
def runs(tiny: Any, store: Path, new_prompts: Callable[..., Path]) -> list[DiscoverRun]:
    made = []
    for seed, edges in enumerate((30, 20, 10)):
        task = new_prompts(store.parent / f"task<{seed}>.jsonl", n_prompts=8, seed=seed)
        given = tiny.settings(task=str(task), edges=edges, ranking="absolute", metric="kl-divergence", out=store)
        made.append(discover(**given | {"prompts_per_job": 8}))
    return made


@pytest.fixture(scope="module")
def comparison(runs: list[DiscoverRun], store: Path) -> Path:
    return compare(*runs, out=store, draws=1).folder


class _Page(HTMLParser):
    """What stands on a page: open tags that were not closed, images, and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.images: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        if tag == "img":
            self.images.append(dict(attrs)["src"])
        elif tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture(scope="module")
def page(comparison: Path, store: Path) -> str:
    report_reuse(comparison, out=store)
    return (comparison / "report" / "reuse.html").read_text()


def test_the_page_holds_its_figures_and_is_well_formed(page: str):
    parsed = _Page(page)
    assert parsed.open == []
    images = [base64.b64decode(image.removeprefix("data:image/svg+xml;base64,")) for image in parsed.images]
    assert len(images) == 5
    assert all(image.startswith(b"<?xml") for image in images)
    titles = (
        "Transfer and overlap",
        "Circuits made of several",
        "Overlap of the strongest",
        "Clusters",
        "Heads by task",
    )
    assert all(title.encode() in image for title, image in zip(titles, images, strict=True))
    assert "Left out: no run was searched in stages" in parsed.text
    assert "Left out: no repair is given" in parsed.text
    assert "task<0>" in parsed.text  # escaped, or it would be a tag


def test_the_page_says_the_verdicts_of_the_comparison(page: str, comparison: Path):
    summary = json.loads((comparison / "summary.json").read_text())
    text = _Page(page).text
    for pair in summary["transfer"]["pairs"]:
        why = "; and ".join(pair["because"]) or pair["rule"]
        assert f"{pair['a']} and {pair['b']}{pair['verdict']}{why}" in text
    for warning in summary["warnings"]:
        assert warning in text


def test_built_again_it_is_the_same_and_holds_no_path_and_no_date(
    page: str, comparison: Path, circuits: Command, store: Path
):
    files = {path.name: path.read_bytes() for path in (comparison / "report").iterdir()}
    again = circuits("reuse", comparison, "--runs", store, "--out", store / "again")
    assert again.exit_code == 0
    assert {path.name: path.read_bytes() for path in (store / "again").iterdir()} == files
    assert str(store) not in page
    assert not re.search(r"20\d\d-\d\d-\d\d", page)


def test_a_repair_is_shown_as_bars(comparison: Path, circuits: Command, store: Path):
    rows = [
        {"heads": [], "accuracy": 0.5, "accuracy_interval": [0.4, 0.6], "new_mistakes": 0, "is_chosen": False},
        {
            "heads": ["a1.h1"],
            "accuracy": 0.75,
            "accuracy_interval": [0.6, 0.9],
            "new_mistakes": 2,
            "is_chosen": True,
            "random": {"n": 2, "accuracy": {"mean": 0.5, "range": [0.4, 0.6]}},
        },
    ]
    repair = {"format": "circuit-workbench-repair", "version": 1, "rows": rows, "chance": 0.5}
    repair |= {"settings": {"task": "colors", "model": "tiny"}, "edits": [{"edit": "zero"}]}
    (store / "repair").mkdir(exist_ok=True)
    (store / "repair" / "repair.json").write_text(json.dumps(repair))
    answer = circuits(
        "reuse", comparison, "--runs", store, "--repair", store / "repair", "--out", store / "bars", "--json"
    ).json
    assert {panel["name"]: panel["is_drawn"] for panel in answer["panels"]}["repair"]
    assert (store / "bars" / "repair.pdf").read_bytes().startswith(b"%PDF")


def test_stages_are_drawn_where_runs_have_them(
    comparison: Path, runs: list[DiscoverRun], store: Path, monkeypatch: pytest.MonkeyPatch
):
    from pipelines.engine.execution import Execution
    from pipelines.reuse.panels import panels
    from pipelines.reuse.plan import plan
    from pipelines.reuse.settings import ReuseSettings

    stage = {"finds": "movers", "asked": ["movers.q"], "through": "v", "heads": [{"head": "a1.h0"}]}
    planned = plan(ReuseSettings(runs=(comparison,)), Execution(out=store))
    for run in planned.runs.values():
        run.summary["path_stages"] = {"stages": [stage]}
    (drawn,) = (panel for panel in panels(planned) if panel.name == "stages")
    assert drawn.draw is not None
    assert b"went by v in place of movers.q" in drawn.file("svg")


def test_what_was_not_compared_is_refused_with_the_command_that_does_it(
    runs: list[DiscoverRun], circuits: Command, store: Path, comparison: Path
):
    answer = circuits("reuse", runs[0].name, runs[1].name, "--runs", store)
    assert answer.exit_code == 2
    remedy = shlex.join(["circuits", "compare", *(str(run.folder) for run in runs[:2]), "--runs", str(store)])
    assert f"Make it: {remedy}. " in answer.stderr
    alone = circuits("reuse", runs[0].name, "--runs", store)
    assert (alone.exit_code, "is no folder of a comparison" in alone.stderr) == (2, True)
    old = store / "old"
    old.mkdir(exist_ok=True)
    (old / "summary.json").write_text('{"runs": {}}')
    answer = circuits("reuse", old, "--runs", store)
    assert "is not a circuit-workbench-comparison-summary file" in answer.stderr
    assert f"circuits compare RUN RUN --out {old}" in answer.stderr


def test_runs_of_a_store_elsewhere_are_found_and_named_as_they_were_given(
    runs: list[DiscoverRun], circuits: Command, store: Path, comparison: Path, monkeypatch: pytest.MonkeyPatch
):
    """From a folder beside the store: no store `runs` is there, and none is named."""
    (store.parent / "beside").mkdir()
    monkeypatch.chdir(store.parent / "beside")
    given = [f"../runs/{run.name}" for run in runs]
    assert circuits("reuse", *given).exit_code == 0
    refused = circuits("reuse", *given[:2])
    remedy = re.search(r"Make it: circuits (compare .*?)\. Of one", refused.stderr)
    assert remedy is not None
    asked = shlex.split(remedy[1])
    assert asked == ["compare", *given[:2], "--runs", "../runs"]
    assert circuits(*asked, "--overlap-only").exit_code == 0
    assert circuits("reuse", *given[:2]).exit_code == 0


def test_the_runs_of_a_comparison_that_is_kept_elsewhere_are_found(
    runs: list[DiscoverRun], circuits: Command, store: Path, monkeypatch: pytest.MonkeyPatch
):
    folder = compare(*runs[:2], out=store, overlap_only=True, folder=store.parent / "elsewhere" / "pair").folder
    monkeypatch.chdir(folder)
    assert circuits("reuse", ".").exit_code == 0
    summary = json.loads((folder / "summary.json").read_text())
    (folder / "about.json").unlink()  # of a version that kept no hashes
    (folder / "summary.json").write_text(json.dumps({**summary, "run_folders": {}}))
    refused = circuits("reuse", ".")
    assert "Say in which store the runs of . are: --runs FOLDER." in refused.stderr
    assert circuits("reuse", ".", "--runs", store).exit_code == 0


def test_overlap_alone_leaves_out_what_needs_a_model(runs: list[DiscoverRun], circuits: Command, store: Path):
    folder = compare(*runs[:2], out=store, overlap_only=True, folder=store / "overlap").folder
    shown = circuits("reuse", folder, "--runs", store).stdout
    assert "no circuit was run on another task: not asked for (--overlap-only)" in shown
    assert "clusters take three runs or more" in shown
    assert runs[0].name in _Page((folder / "report" / "reuse.html").read_text()).text
