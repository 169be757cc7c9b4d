"""How many prompts a job has, and that it gets these."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from circuits.data.images import Picture
from circuits.data.prompts import Prompt, PromptSet
from circuits.model import processors
from circuits.model.load import load_model
from circuits.model.steps import watched_by
from pipelines.engine.result_file import Result
from pipelines.runs import stages
from pipelines.runs.codec import prompts_from, prompts_result, prompts_slice
from pipelines.runs.first_jobs import prompts_per_job
from pipelines.runs.stages import build_prompts, prompts_for
from tests.notes import Notes

MB = 10**6


@pytest.mark.parametrize(
    ("n_prompts", "weight_bytes", "expected"),
    [
        (64, 3 * MB, 16),
        (95, 3 * MB, 16),
        (96, 3 * MB, 32),
        (1000, 3 * MB, 256),
        (100_000, 3 * MB, 256),
        (100_000, 30 * MB, 128),
        (100_000, 538 * MB, 16),
        (100_000, 10**12, 16),
        (1, 0, 16),
    ],
)
def test_jobs_of_many_prompts_on_a_small_model_are_larger(n_prompts: int, weight_bytes: int, expected: int):
    assert prompts_per_job(n_prompts, weight_bytes) == expected


def pair(number: int, image: Picture | None = None) -> Prompt:
    tokens = None if image is None else (0, 1)
    return Prompt((0, number + 1, 3), (0, number + 2, 3), (4,), (5, (6, 7)), 2, {"A": (1,)}, image, None, tokens)


def test_a_slice_of_stored_prompts_is_that_of_all_of_them():
    pictures = [Picture(f"p{number}", bytes([number] * 4)) for number in range(3)]
    shown = [pair(number, pictures[number % 3]) for number in range(7)]
    whole = PromptSet("mine", tuple(shown), (pair(9), pair(8)), ("a note",), 20, None)
    result = prompts_result(whole)
    for start, stop in ((0, 2), (2, 5), (5, 7), (0, 7)):
        part, expected = prompts_slice(result, start, stop), prompts_from(result)[start:stop]
        assert part == expected
        assert (part.notes, part.n_drawn, part.n_kept) == (expected.notes, expected.n_drawn, expected.n_kept)
        assert [prompt.image and prompt.image.data for prompt in part] == [
            prompt.image and prompt.image.data for prompt in whole.prompts[start:stop]
        ]


def test_how_many_of_the_prompts_are_made_is_told():
    notes = Notes()
    with watched_by(notes):
        prompts_for({"task": "ioi", "n": 200, "seed": 0, "corruption": "flip"}, load_model("reference"))
    assert notes.shares == pytest.approx([share / 100 for share in range(101)])
    assert not notes.kept


def test_the_tokenizer_and_a_file_of_prompts_are_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Before weights are loaded, to refuse what they cannot take; and then the same are used."""
    file, n_read, n_opened = tmp_path / "mine.jsonl", [], []
    file.write_text(json.dumps({"clean": "a book", "corrupt": "a drink", "answers": [" to"]}))
    whole, opened = stages.read_prompts, processors._read_tokenizer
    monkeypatch.setattr(stages, "read_prompts", lambda *of, **how: n_read.append(1) or whole(*of, **how))
    monkeypatch.setattr(processors, "_read_tokenizer", lambda source: n_opened.append(1) or opened(source))
    settings = {"file": "its hash", "path": str(file), "name": "mine", "n": 1, "model_at": "reference"}
    assert prompts_from(build_prompts(settings, {}, lambda: load_model("reference"))).prompts[0].answers
    assert (len(n_read), len(n_opened)) == (1, 1)
    # A model that is there already has a tokenizer of its own: prompts are read by that one.
    model = load_model("reference")
    assert prompts_from(build_prompts(settings, {}, lambda: model)).prompts[0].answers
    assert (len(n_read), len(n_opened)) == (3, 3)


def test_of_a_slice_only_its_own_prompts_are_made():
    result = prompts_result(PromptSet("mine", tuple(pair(number) for number in range(4))))
    records = [dict(record) for record in result.meta["prompts"]]
    records[3]["clean_ids"] = []  # no prompt could be made of it
    damaged = replace_prompts(result, records)
    assert len(prompts_slice(damaged, 0, 3)) == 3
    with pytest.raises(ValueError, match="empty"):
        prompts_slice(damaged, 2, 4)


def replace_prompts(result: Result, records: list[dict[str, object]]) -> Result:
    return result._replace(meta={**result.meta, "prompts": records})


def test_more_prompts_than_a_task_has_are_refused_before_weights_are_loaded():
    settings = {"task": "greater-than", "n": 1_000_000, "seed": 0, "corruption": "start-01", "model_at": "reference"}
    with pytest.raises(ValueError, match=r"asked for 1000000 distinct prompts; .* there are about"):
        build_prompts(settings, {}, lambda: pytest.fail("the model is loaded"))
