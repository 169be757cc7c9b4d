"""Progress of calls from Python: a bar of tqdm, in a terminal or a notebook."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from pipelines.engine.job import Job
from pipelines.engine.progress import Models, Outlook, Progress, duration

_FORMAT = "{percentage:3.0f}%|{bar:20}| {desc} [{elapsed}{postfix}]"


class TqdmBar(Progress):
    """A bar that moves by the share of the work that is done, and goes when all is done."""

    def __init__(self, outlook: Outlook, start: str) -> None:
        self._outlook, self._start = outlook, start
        self._n_done, self._models = outlook.n_jobs - outlook.n_todo, Models()
        self._bar: Any = None

    def __enter__(self) -> TqdmBar:
        from tqdm import TqdmWarning

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TqdmWarning)  # without ipywidgets, it draws the bar of a terminal
            from tqdm.auto import tqdm

        self._bar = tqdm(total=1.0, desc=self._start, bar_format=_FORMAT, leave=False, file=sys.stderr)
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def begun(self, job: Job) -> None:
        model = self._models.loaded_by(job)
        self._show(self._outlook.name(job) if model is None else f"loading the model {model}")

    def done(self, job: Job) -> None:
        self._n_done += 1
        self._show(self._outlook.name(job))

    def _show(self, description: str) -> None:
        left_s = self._outlook.estimate.left_s
        left = "" if left_s is None else f", about {duration(left_s)} left"
        self._bar.n = self._outlook.estimate.share
        self._bar.set_description_str(description, refresh=False)
        self._bar.set_postfix_str(f"{self._n_done}/{self._outlook.n_jobs} jobs{left}", refresh=True)


def is_watched() -> bool:
    """Whether somebody sees a bar: stderr is a terminal, or this is a notebook."""
    return sys.stderr.isatty() or _is_notebook()


def _is_notebook() -> bool:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"
