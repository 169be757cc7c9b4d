"""Own pairs from texts, without a file."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from circuits import TASKS, ReadablePrompts, load_model, prompts_from
from circuits.data.prompt_files import BadPrompts
from pipelines import discover

_NAMES = ("David", "Martin", "Jessica", "Kevin")
PAIRS = [
    (
        f"Because {a} and {b} were leaving the bridge , {a} returned the sandwich to",
        f"Because {a} and {b} were leaving the bridge , {b} returned the sandwich to",
        b,
        a,
    )
    for a in _NAMES
    for b in _NAMES
    if a != b
][:8]


@pytest.fixture(scope="module")
def tokenizer():
    return load_model("reference").tokenizer


def test_pairs_in_a_row_and_as_mappings_are_one(tokenizer):
    keys = ("clean", "corrupt", "answers", "wrong_answers")
    mappings = [dict(zip(keys, pair, strict=True)) for pair in PAIRS]
    found = prompts_from(mappings, tokenizer)
    assert found.fingerprint == prompts_from(PAIRS, tokenizer).fingerprint
    assert [prompt.clean for prompt in ReadablePrompts(found, tokenizer)] == [pair[0] for pair in PAIRS]
    with_role = prompts_from([{**mappings[0], "roles": {"IO": PAIRS[0][2]}}], tokenizer, name="mine")
    assert with_role.task == "mine"
    assert ReadablePrompts(with_role, tokenizer)[0].of_role("IO") == PAIRS[0][2]


def test_bad_pairs_are_all_named_before_a_model_runs(tokenizer):
    bad = [PAIRS[0], ("David and", "David", "Martin"), ("Zyx", "Zyx", "Martin")]
    with pytest.raises(BadPrompts, match=r"prompts: 2 bad lines[^$]*line 2: clean has 2 tokens[^$]*line 3: .*'Zyx'"):
        prompts_from(bad, tokenizer)
    for wrong in (["one text"], [("clean", "corrupt")], [7]):
        given: Any = wrong
        with pytest.raises(ValueError, match=r"pair 1 is .*give \(clean, corrupt, answer\)"):
            prompts_from(given, tokenizer)


def test_a_circuit_is_found_on_pairs_as_on_their_file(tokenizer, tmp_path):
    out = tmp_path / "runs"
    run = discover(PAIRS, edges=30, out=out)
    (file,) = (out / "prompts").iterdir()
    assert run.config.task == str(file)
    assert run.prompts.prompt_set.fingerprint == prompts_from(PAIRS, tokenizer).fingerprint
    assert discover(file, edges=30, out=out).name == run.name
    assert discover(PAIRS, edges=30, out=out).name == run.name
    assert [path.name for path in (out / "prompts").iterdir()] == [file.name]


def test_a_prompt_set_is_taken_as_it_is(tokenizer, tmp_path):
    prompts = TASKS["ioi"]().build(tokenizer, n=8)
    run = discover(prompts, edges=30, out=tmp_path / "runs")
    expected = discover("ioi", prompts=8, edges=30, out=tmp_path / "runs")
    np.testing.assert_array_equal(run.scores.per_prompt, expected.scores.per_prompt)
    again = discover(expected.prompts, edges=30, out=tmp_path / "runs")
    assert again.name == run.name


def test_what_is_no_task_is_refused(tmp_path):
    wrong: Any = 7
    with pytest.raises(ValueError, match="as pairs of texts; found 7"):
        discover(wrong, out=tmp_path / "runs")
