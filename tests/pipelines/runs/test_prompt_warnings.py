"""What is doubtful about prompts is in the warnings of the runs that use them, and nothing is counted twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipelines import discover, trace

TEXT = {
    "clean": "At the store Mary and John met, and John gave a book to",
    "corrupt": "At the store Mary and John met, and Mary gave a book to",
    "answers": [" Mary"],
    "wrong_answers": [" John"],
}


def prompts_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def write(path: Path, records: list[dict[str, Any]]) -> str:
    path.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    return str(path)


def test_copies_of_one_prompt_count_once(tiny: Any, tmp_path: Path) -> None:
    one, *others = prompts_of(tiny.prompts)
    settings = tiny.settings(out=tmp_path / "runs")
    copied = discover(**settings | {"task": write(tmp_path / "copied.jsonl", [one] * 16 + others)})
    once = discover(**settings)
    assert copied.summary["n_prompts"] == once.summary["n_prompts"] == 12
    assert copied.summary["metric"] == once.summary["metric"]
    (warning,) = [text for text in copied.summary["warnings"] if "left out" in text]
    assert warning.startswith("15 of 27 prompts are left out, as they add nothing (lines 2-16: copies of line 1)")
    assert not any("left out" in text for text in once.summary["warnings"])


def test_a_trace_counts_copies_once_too(tiny: Any, tmp_path: Path) -> None:
    one, *others = prompts_of(tiny.prompts)
    settings = tiny.settings(out=tmp_path / "runs", ablation="corrupt", settings={"kinds": ["mlp"]}, prompts=4)
    copied = trace(**settings | {"task": write(tmp_path / "copied.jsonl", [one, one, one, *others])})
    assert copied.summary["metric"] == trace(**settings).summary["metric"]
    assert any(text.startswith("2 of 14 prompts are left out") for text in copied.summary["warnings"])


def test_equal_pairs_are_left_out_by_name_unless_their_corrupt_prompt_is_not_used(tiny: Any, tmp_path: Path) -> None:
    records = prompts_of(tiny.prompts)
    for number in (2, 5):
        records[number]["corrupt_ids"] = records[number]["clean_ids"]
    settings = tiny.settings(out=tmp_path / "runs") | {"task": write(tmp_path / "own.jsonl", records)}
    run = discover(**settings)
    assert run.summary["n_prompts"] == 10
    assert any(
        "2 of 12 prompts are left out" in text and "(lines 3, 6: clean and corrupt are equal)" in text
        for text in run.summary["warnings"]
    )
    assert discover(**settings, ablation="zero").summary["n_prompts"] == 12


def test_fewer_prompts_are_asked_for_than_a_file_with_copies_holds(tiny: Any, tmp_path: Path) -> None:
    one, *others = prompts_of(tiny.prompts)
    path = write(tmp_path / "copied.jsonl", [one, one, *others])
    assert discover(**tiny.settings(out=tmp_path / "runs", prompts=5) | {"task": path}).summary["n_prompts"] == 5


@pytest.mark.parametrize("command", [discover, trace])
def test_what_is_doubtful_about_a_text_is_a_warning_of_the_run(command: Any, tmp_path: Path) -> None:
    doubtful = TEXT | {"wrong_answers": ["<|endoftext|>"], "roles": {"S1": "John", "S2": "John"}}
    task = write(tmp_path / "own.jsonl", [TEXT, doubtful])
    more = {"method": "random", "edges": 5} if command is discover else {"settings": {"kinds": ["mlp"]}}
    warnings = command(task, out=tmp_path / "runs", **more).summary["warnings"]
    for kind in ("special token as an answer", "two roles at the same place"):
        assert any(text.startswith(f"{kind} (1 of 2 prompts: line 2 of own.jsonl)") for text in warnings)


def test_pairs_that_only_the_tokenizer_makes_equal_are_refused_by_their_line(tmp_path: Path) -> None:
    # Spaces are no part of the reference model's tokens.
    same = TEXT | {"corrupt": TEXT["clean"].replace("store", " store")}
    task = write(tmp_path / "own.jsonl", [TEXT, same])
    with pytest.raises(ValueError, match=r"the same tokens in 1 of 2 pairs \(the first is line 2 of own.jsonl\)"):
        discover(task, out=tmp_path / "runs", method="random", edges=5)
