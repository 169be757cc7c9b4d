"""Warnings for people: how a command, and each worker that it starts, writes those of these packages."""

from __future__ import annotations

import logging
from typing import TextIO

from circuits.visible_text import visible

WARNING_PACKAGES = ("circuits", "graphs", "pipelines")
"""Whose warnings are for people."""


def show_warnings(stream: TextIO) -> None:
    """Write the warnings of these packages to a stream from now on."""
    handler = warnings_on(stream)
    for package in WARNING_PACKAGES:
        logging.getLogger(package).addHandler(handler)


def warnings_on(stream: TextIO) -> logging.Handler:
    """What writes warnings for people to a stream."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_Visible("warning: %(message)s"))
    return handler


class _Visible(logging.Formatter):
    """Lines that a terminal shows as they are."""

    def format(self, record: logging.LogRecord) -> str:
        return visible(super().format(record))
