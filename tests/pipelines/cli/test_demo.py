"""What `make demo` leaves behind."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_demo_leaves_both_circuits_their_comparison_and_a_summary(tmp_path: Path):
    from pipelines.cli.demo import demonstrate

    summary = demonstrate(tmp_path / "demo", n_prompts=16)
    for name in ("ioi.json", "colored-objects.json", "comparison/comparison.json"):
        json.loads((tmp_path / "demo" / name).read_text())
    for name in ("ioi.pdf", "colored-objects.pdf", "comparison.pdf"):
        assert (tmp_path / "demo" / name).read_bytes().startswith(b"%PDF")
    text = summary.read_text()
    assert "| ioi | 16 |" in text
    assert "Transfer: the circuit of ioi keeps" in text
    assert "Shared heads" in text
