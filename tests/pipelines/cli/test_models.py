"""`circuits models`: a table that a terminal of 80 columns can show, and every detail as JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pipelines.cli import catalogue

Command = Callable[..., Any]


def test_the_table_fits_80_columns_and_keeps_every_name_whole(
    circuits: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    printed = circuits("models").stdout
    rows = circuits("models", "--json").json["models"]
    table = [line for line in printed.splitlines() if line.startswith(("┃", "│"))]
    assert max(map(len, table)) <= 80
    first_cells = [line.strip("│┃").split("│")[0].strip() for line in table[1:]]
    assert [cell for cell in first_cells if cell] == [row["model"] for row in rows]
    assert {"folder", "format", "fingerprint"} <= rows[0].keys()


def test_how_to_fetch_and_what_is_wrong_stand_below_the_table(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    fetch = "circuits fetch big (92 MB to download)"
    known = {"license": "MIT", "what": "large", "size_mb": 2.0}
    broken = {"model": "bad", "state": "bundled", "license": "MIT", "what": "", "problem": "its weights are cut off."}
    catalogue.print_models([{"model": "big", "state": fetch, **known}, broken])
    lines = capsys.readouterr().out.splitlines()
    assert "to fetch" in next(line for line in lines if line.startswith("│ big"))
    assert "damaged" in next(line for line in lines if line.startswith("│ bad"))
    assert lines[-2:] == [f"big: {fetch}", "bad: its weights are cut off."]
