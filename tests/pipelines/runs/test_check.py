"""What the check of a run refuses before anything is measured."""

from __future__ import annotations

import pytest

from circuits.data.prompt_files import write_jsonl
from pipelines import discover
from tests.circuits.unusual_models import ministral
from tests.conftest import random_prompts


def test_a_family_that_is_wrong_at_the_length_of_the_prompts_is_refused(tmp_path):
    ministral().save_pretrained(tmp_path / "model")
    for length in (10, 40):
        write_jsonl(random_prompts(4, length), tmp_path / f"{length}.jsonl")
    settings = {"model": str(tmp_path / "model"), "out": tmp_path / "runs", "edges": 3}
    assert discover(str(tmp_path / "10.jsonl"), **settings).circuit.n_edges <= 3
    with pytest.raises(ValueError, match="not supported on prompts of 41 tokens"):
        discover(str(tmp_path / "40.jsonl"), **settings)
