"""Calls from Python show a bar where somebody sees it, and only there."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from pipelines import discover
from pipelines.engine.estimate import Estimate
from pipelines.engine.job import Job
from pipelines.engine.progress import Outlook
from pipelines.engine.stage import Stage
from pipelines.engine.tqdm_bar import TqdmBar, is_watched


@pytest.fixture
def settings(tiny, tmp_path):
    return tiny.settings(edges=5, out=tmp_path / "runs")


def test_nothing_is_shown_where_nobody_watches(settings, capsys):
    discover(**settings)
    assert capsys.readouterr().err == ""


def test_a_bar_goes_from_0_to_all_jobs_and_is_gone(settings, capsys):
    discover(**settings, progress=True)
    shown = capsys.readouterr().err
    first, *_, last = [part for part in shown.split("\r") if part.strip()]
    assert "computing" in first
    assert "0%" in first
    assert "loading the model model" in shown
    n_jobs = first.split(" jobs")[0].rpartition(" ")[2]
    assert f"{n_jobs}/{n_jobs} jobs" in last
    assert shown.endswith("\r")


def test_a_bar_says_how_far_a_job_is_and_why_nothing_runs(capsys):
    job = Job(Stage("look", 1, lambda: None), {})
    estimate = Estimate([job], at_once=1)
    with TqdmBar(Outlook(1, 1, {job.key: "run one"}, estimate, lambda job: None), "computing") as bar:
        bar.begun(job)
        bar.reached(job, 0.4, "")
        bar.waits("waiting for workers")
    shown = capsys.readouterr().err
    assert f"{job.label}, 40% of it (one)" in shown
    assert "waiting for workers" in shown


def test_a_terminal_and_a_notebook_are_watched(monkeypatch):
    assert not is_watched()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert is_watched()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    shell = type("ZMQInteractiveShell", (), {})()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert is_watched()


def test_no_bar_where_it_is_not_wanted(settings, capsys, monkeypatch):
    monkeypatch.setattr("pipelines.command.is_watched", lambda: True)
    discover(**settings, progress=False)
    assert capsys.readouterr().err == ""
    discover(**settings | {"edges": 6})
    assert "jobs" in capsys.readouterr().err
