"""`circuits compare`: settings that would change nothing are refused before a model runs; others change something."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines import compare, discover
from pipelines.discover.run import DiscoverRun

Command = Callable[..., Any]
IOI, OTHER = "published:ioi-gpt2-small", "published:greater-than-gpt2-small"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("unused") / "runs"


@pytest.fixture(scope="module")
def runs(tiny: Any, store: Path, new_prompts: Callable[..., Path]) -> list[DiscoverRun]:
    made = []
    for seed in range(2):
        task = new_prompts(store.parent / f"task{seed}.jsonl", n_prompts=8, seed=seed)
        given = tiny.settings(task=str(task), edges=12, ranking="absolute", metric="kl-divergence", out=store)
        made.append(discover(**given))
    return made


def said(answer: Any) -> str:
    """The error of a command that failed, in one line."""
    assert answer.exit_code == 2
    return " ".join(answer.stderr.split())


WHERE = (["--workers", "2"], ["--device", "cpu"], ["--gpus"], ["--scheduler", "tcp://host:8786"])


@pytest.mark.parametrize("option", [["--draws", "3"], ["--overlap-only"], ["--across-models"], *WHERE])
def test_aligning_takes_nothing_that_is_about_running_circuits(option, runs, store, circuits: Command):
    names = [run.name for run in runs]
    failed = circuits("compare", *names, "--align", "role", *option, "--runs", store)
    assert f"{option[0]} would have no effect: --align reads what" in said(failed)


@pytest.mark.parametrize("option", [["--draws", "3"], ["--seed", "1"], *WHERE])
def test_comparing_what_is_stored_draws_nothing_and_runs_nothing(option, runs, store, circuits: Command):
    names = [run.name for run in runs]
    failed = circuits("compare", *names, "--overlap-only", *option, "--runs", store)
    assert f"{option[0]} would have no effect: --overlap-only compares" in said(failed)


@pytest.mark.parametrize("option", [["--draws", "3"], ["--seed", "1"], ["--overlap-only"], ["--across-models"], *WHERE])
def test_beside_published_circuits_nothing_is_drawn_or_run(option, tmp_path, circuits: Command):
    failed = circuits("compare", IOI, OTHER, *option, "--runs", tmp_path)
    assert f"{option[0]} would have no effect: beside a published circuit" in said(failed)


def test_published_circuits_are_not_aligned(tmp_path, circuits: Command):
    failed = circuits("compare", IOI, OTHER, "--align", "role", "--runs", tmp_path)
    assert f"{IOI} is a list of heads of which nothing was measured" in said(failed)


def test_one_model_is_not_compared_across_models(runs, store):
    with pytest.raises(ValueError, match=r"--across-models would have no effect: all of these runs are of the same"):
        compare(*runs, out=store, across_models=True)


def test_a_seed_without_draws_is_refused(runs, store):
    with pytest.raises(ValueError, match=r"--seed would have no effect: with 0 draws"):
        compare(*runs, out=store, draws=0, seed=3)


def test_where_no_circuit_can_be_run_draws_are_refused_with_the_reason(tiny: Any, runs, store):
    rounded = discover(
        **tiny.settings(task=runs[0].config.task, edges=4, metric="kl-divergence", dtype="bfloat16", out=store)
    )
    with pytest.raises(ValueError, match=r"--draws would have no effect.* were computed in different precisions"):
        compare(runs[1], rounded, out=store, draws=3)


def test_the_seed_and_the_draws_change_what_is_drawn(runs, store):
    def random(**settings: Any) -> list[Any]:
        found = compare(*runs, out=store, folder=store / "drawn", **settings).summary["transfer"]["matrix"]
        return [(row["random"]["n"], row["random"]["mean"]) for row in found]

    two = random(draws=2)
    assert {n for n, _ in two} == {2}
    assert random(draws=2, seed=1) != two
    assert {n for n, _ in random(draws=3)} == {3}
