"""`circuits clean` removes what nothing refers to, and nothing else."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli.clean import size
from pipelines.engine.heartbeat import Heartbeat
from pipelines.engine.owner import this_process
from pipelines.engine.store import Store

Command = Callable[..., Any]


def results(store: Path = Path("runs")) -> set[str]:
    return {path.stem for path in store.glob("jobs/*/*.npz")}


def make_old(store: Path = Path("runs")) -> None:
    """As if the results had been there for a while."""
    for path in store.glob("jobs/*/*"):
        os.utime(path, (time.time() - 7200,) * 2)


def jobs_of(run: str) -> set[str]:
    return {job["key"] for job in json.loads((Path("runs") / run / "run.json").read_text())["jobs"]}


@pytest.fixture
def two_runs(computed: Command, tiny: Any) -> tuple[str, str]:
    """Two runs that share their measurements; their results are old."""
    commands = [(*tiny.arguments, "--method", "eap", "--edges", n, "--json") for n in ("9", "5")]
    names = [answer.json["run"] for answer in computed(*commands)]
    make_old()
    return names[0], names[1]


def drop(run: str) -> None:
    """Delete a run's folder, as people do."""
    for path in (Path("runs") / run).iterdir():
        path.unlink()
    (Path("runs") / run).rmdir()


def test_what_only_a_deleted_run_used_goes_and_the_rest_stays(circuits: Command, tiny: Any, two_runs: tuple[str, str]):
    gone, kept = two_runs
    of_gone, of_kept = jobs_of(gone), jobs_of(kept)
    before = {path: path.stat().st_ino for path in Path("runs").rglob("*") if path.is_file()}
    drop(gone)
    report = circuits("clean", "--json").json
    assert report["results"] == len(of_gone - of_kept) > 0
    assert report["kept"] == len(of_kept)
    assert results() == of_kept
    after = {path: path.stat().st_ino for path in Path("runs").rglob("*") if path.is_file()}
    assert {path.parent.name for path in before.keys() - after.keys() if "jobs" not in path.parts} == {gone}
    assert after.items() <= before.items()
    again = circuits(*tiny.arguments, "--method", "eap", "--edges", "5", "--json").json
    assert again["jobs"]["computed"] == 0


def test_a_dry_run_says_the_same_and_removes_nothing(circuits: Command, two_runs: tuple[str, str]):
    drop(two_runs[0])
    before = results()
    said = circuits("clean", "--dry-run")
    assert "would remove" in said.stdout
    assert results() == before
    assert circuits("clean").stdout.replace("removing", "would remove") == said.stdout
    assert results() < before


def test_results_of_a_moment_ago_are_among_those_that_stay(circuits: Command, two_runs: tuple[str, str]):
    gone, kept = two_runs
    n_unused, n_all = len(jobs_of(gone) - jobs_of(kept)), len(results())
    for path in Path("runs").glob("jobs/*/*.npz"):
        path.touch()
    assert f" {n_all} results stay.\n" in circuits("clean", "--dry-run").stdout
    drop(gone)
    said = circuits("clean", "--dry-run").stdout
    assert f" {n_all} results stay ({n_unused} of them unused, but younger than 10 minutes).\n" in said
    report = circuits("clean", "--dry-run", "--json").json
    assert (report["results"], report["kept"], report["young"]) == (0, n_all, n_unused)


def test_an_interrupted_run_keeps_what_it_has(circuits: Command, two_runs: tuple[str, str]):
    record = Path("runs") / two_runs[0] / "run.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"files": {}}))
    before = results()
    assert circuits("clean", "--json").json["results"] == 0
    assert results() == before


def test_a_report_keeps_what_it_uses_until_its_folder_goes(circuits: Command, tiny: Any, two_runs: tuple[str, str]):
    folder = Path(circuits("evaluate", f"runs/{two_runs[0]}", "--json").json["folder"])
    make_old()
    before = results()
    assert circuits("clean", "--json").json["results"] == 0
    about = folder / "about.json"
    stored = json.loads(about.read_text())
    about.write_text(json.dumps({name: value for name, value in stored.items() if name != "jobs"}))
    told = circuits("clean", "--dry-run").stdout
    assert "earlier version" in told
    assert folder.name in told
    about.unlink()
    assert circuits("clean", "--json").json["results"] > 0
    assert results() == before & (jobs_of(two_runs[0]) | jobs_of(two_runs[1]))


def test_nothing_goes_while_a_command_computes_or_just_began(circuits: Command, two_runs: tuple[str, str]):
    drop(two_runs[0])
    with Heartbeat([Store("runs")]) as heartbeat:
        heartbeat.beat("run other", 0.5, None)
        refused = circuits("clean")
        assert refused.exit_code == 2
        assert "run other is being computed" in refused.stderr
    lock = next(Path("runs").glob("jobs/*/*.npz")).with_suffix(".lock")
    lock.write_text(json.dumps(this_process()))
    os.utime(lock, (time.time() - 7200,) * 2)
    assert "a job is being computed" in circuits("clean").stderr
    lock.write_text(json.dumps(this_process() | {"started": 1.0}))
    os.utime(lock, (time.time() - 7200,) * 2)
    for path in Path("runs").glob("jobs/*/*.npz"):
        path.touch()
    circuits("clean")
    assert results() >= jobs_of(two_runs[1])
    assert not lock.exists()
    assert results() > jobs_of(two_runs[1])


def test_links_other_files_and_other_folders_are_left_alone(circuits: Command, two_runs: tuple[str, str]):
    outside = Path("outside")
    outside.mkdir()
    (outside / f"{'a' * 32}.npz").touch()
    (Path("runs") / "jobs" / "aa").mkdir(exist_ok=True)
    links = [Path("runs") / "jobs" / "ff0", Path("runs") / "jobs" / "aa" / f"{'b' * 32}.npz"]
    links[0].symlink_to(outside.absolute())
    links[1].symlink_to((outside / f"{'a' * 32}.npz").absolute())
    mine = Path("runs") / "jobs" / "aa" / "notes.txt"
    mine.touch()
    make_old()
    circuits("clean")
    assert mine.exists()
    assert all(link.is_symlink() for link in links)
    assert list(outside.iterdir())


def test_a_folder_that_is_no_store_or_has_a_damaged_record_is_refused(circuits: Command, two_runs: tuple[str, str]):
    Path("photos").mkdir()
    assert "is no store" in circuits("clean", "--runs", "photos").stderr
    record = Path("runs") / two_runs[0] / "run.json"
    record.write_text("{")
    before = results()
    refused = circuits("clean")
    assert refused.exit_code == 2
    assert str(record) in refused.stderr
    assert results() == before


@pytest.mark.parametrize(
    ("n_bytes", "words"), [(0, "0 bytes"), (999, "999 bytes"), (1500, "1.5 kB"), (2**40, "1.1 TB")]
)
def test_sizes_in_words(n_bytes: int, words: str):
    assert size(n_bytes) == words
