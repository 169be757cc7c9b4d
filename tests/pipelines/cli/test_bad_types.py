"""Called from Python with values of a type that no command takes: a ValueError that names it, never a TypeError."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines import (
    cluster,
    compare,
    compare_published,
    edit_heads,
    evaluate,
    export,
    open_run,
    profile,
    repair,
    report_reuse,
)

_LONG = "x" * 5000  # longer than a file may be called


@pytest.mark.parametrize("given", [3, None, ["a"], {"a": 1}, _LONG, "a\0b"])
@pytest.mark.parametrize(
    "call",
    [
        lambda given, out: compare(given, given, out=out),
        lambda given, out: compare_published(given, "published:ioi", out=out),
        lambda given, out: report_reuse(given, out=out),
        lambda given, out: cluster(given, out=out),
        lambda given, out: evaluate(given, out=out),
        lambda given, out: open_run(given, out=out),
        lambda given, out: export(given, "json", out=out),
    ],
)
def test_what_is_no_run_is_refused(call: Callable[[Any, Path], Any], given: Any, tmp_path: Path):
    with pytest.raises(
        ValueError, match=r"no run|given by its path or its name|no folder of a comparison|a character 0"
    ):
        call(given, tmp_path)


@pytest.mark.parametrize("given", [3, None, {"a2.h1": 1}])
@pytest.mark.parametrize("name", ["heads", "edit", "profiles"])
def test_what_is_no_list_of_names_is_refused(name: str, given: Any, tmp_path: Path):
    sound = {} if name == "profiles" else {"heads": "a2.h1", "edit": "uniform END"}
    command = profile if name == "profiles" else edit_heads
    with pytest.raises(ValueError, match=f"^{name} is "):
        command("ioi", **sound | {name: given}, out=tmp_path)


def test_what_is_no_task_and_no_format_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match="the other task is given by its path or its name; found 3"):
        repair("colored-objects", like=3, out=tmp_path)
    with pytest.raises(ValueError, match="no export format 3"):
        export("run", 3, out=tmp_path)  # pyright: ignore[reportArgumentType]
