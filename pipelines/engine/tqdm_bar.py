"""Progress of calls from Python: a bar of tqdm, in a terminal or a notebook."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from circuits.visible_text import visible
from pipelines.engine.progress import AnyBar, Outlook

# What runs comes last: there, a narrow terminal cuts.
_FORMAT = "{percentage:3.0f}%|{bar:12}| [{elapsed}{postfix}] {desc}"


class TqdmBar(AnyBar):
    """The bar of calls from Python, by tqdm; it goes when all is done."""

    def __init__(self, outlook: Outlook, start: str) -> None:
        super().__init__(outlook)
        self._start = start
        self._bar: Any = None

    def __enter__(self) -> TqdmBar:
        from tqdm import TqdmWarning

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TqdmWarning)  # without ipywidgets, it draws the bar of a terminal
            from tqdm.auto import tqdm

        self._bar = tqdm(total=1.0, desc=visible(self._start), bar_format=_FORMAT, leave=False, file=sys.stderr)
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.close()

    def draw(self, description: str) -> None:
        self._bar.n = self._outlook.estimate.share
        self._bar.set_description_str(visible(description), refresh=False)
        self._bar.set_postfix_str(self.state, refresh=True)


def is_watched() -> bool:
    """Whether somebody sees a bar: stderr is a terminal, or this is a notebook."""
    return sys.stderr.isatty() or _is_notebook()


def _is_notebook() -> bool:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell"
