"""What the packages warn of is said on stderr, a line each."""

from __future__ import annotations

import logging
import sys

import pytest

from pipelines.cli import main


@pytest.mark.parametrize("package", ["circuits", "graphs", "pipelines"])
def test_a_warning_is_a_line_on_stderr(
    package: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for name in ("circuits", "graphs", "pipelines"):
        monkeypatch.setattr(logging.getLogger(name), "handlers", [])
    monkeypatch.setattr(main, "end_on_signals", lambda: None)
    monkeypatch.setattr(sys, "argv", ["circuits", "--version"])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 0
    logging.getLogger(f"{package}.model.batches").warning("going on with half of them")
    assert capsys.readouterr().err == "warning: going on with half of them\n"
