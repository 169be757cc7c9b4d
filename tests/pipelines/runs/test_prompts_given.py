"""Own pairs from texts, without a file."""

from __future__ import annotations

import json
import re
from collections import namedtuple
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from circuits import TASKS, ReadablePrompts, activations, patch, prompts_from, read_prompts
from circuits.data.prompt_files import BadPrompts, entries_from, entries_in
from circuits.data.records import entries_of
from pipelines import compare, discover
from tests.bundled import bundled

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
    return bundled("reference").tokenizer


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


def frame_of(pairs, **columns):
    keys = ("clean", "corrupt", "answers", "wrong_answers")
    return pd.DataFrame([dict(zip(keys, pair, strict=True)) for pair in pairs]).assign(**columns)


def test_a_list_in_itself_is_refused(tmp_path):
    endless: list[Any] = []
    endless.append(endless)
    keyed = {"clean": "a b", "corrupt": "a c", "answers": endless}
    for given in (endless, [("a b", "a c", endless)], [keyed], pd.DataFrame([keyed])):
        with pytest.raises(ValueError, match="pair 1 is a list in itself, or nested too deeply"):
            discover(given, out=tmp_path / "runs")
        assert not (tmp_path / "runs").exists()


def test_a_frame_is_taken_as_the_same_table_in_a_file(tokenizer, tmp_path):
    frame = frame_of(PAIRS, roles=[json.dumps({"IO": pair[2]}) for pair in PAIRS], comment=None)
    frame.loc[0, "wrong_answers"] = "|".join(PAIRS[0][3:] + _NAMES[2:])
    frame.to_csv(tmp_path / "own.csv", index=False)
    found, of_file = prompts_from(frame, tokenizer), read_prompts(tmp_path / "own.csv", tokenizer)
    assert found.prompts == of_file.prompts
    assert len(found.prompts[0].wrong_answers) == 3
    assert ReadablePrompts(found, tokenizer)[1].of_role("IO") == PAIRS[1][2]
    by_column = frame.drop(columns="roles").assign(**{"roles.IO": [pair[2] for pair in PAIRS]})
    assert prompts_from(by_column, tokenizer).prompts == found.prompts
    # Where a cell is missing, pandas holds the column's numbers as fractions.
    ids = pd.DataFrame({"clean_ids": ["5|7", "7|5"], "corrupt_ids": ["5|8", "8|5"], "answer_ids": [7, 5]})
    assert prompts_from(ids.assign(wrong_answer_ids=[8, None])).prompts[0].wrong_answers == (8,)


class FrameOfPolars:
    """What a frame of polars offers of a frame of pandas: its columns, rows as mappings, and a `to_dict` of columns."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
        self.columns = list(frame.columns)

    def __iter__(self) -> Any:
        raise AssertionError("these are columns")

    def to_dicts(self) -> list[dict[str, Any]]:
        return self._rows

    def to_dict(self, *, as_series: bool = True) -> dict[str, Any]:
        raise AssertionError(f"these are columns, as series: {as_series}")


def test_a_frame_of_polars_is_taken_as_that_of_pandas(tokenizer, tmp_path):
    frame = frame_of(PAIRS, roles=[json.dumps({"IO": pair[2]}) for pair in PAIRS], comment=None)
    given: Any = FrameOfPolars(frame)
    assert prompts_from(given, tokenizer) == prompts_from(frame, tokenizer)
    runs = [discover(each, edges=20, out=tmp_path / "runs", method="eap") for each in (given, frame)]
    assert runs[0].folder == runs[1].folder
    with pytest.raises(ValueError, match="the header names 'answers' twice"):
        prompts_from(FrameOfPolars(frame.rename(columns={"comment": " answers"})), tokenizer)  # pyright: ignore[reportArgumentType]


def test_faults_of_a_frame_are_those_of_a_table(tokenizer):
    frame = frame_of(PAIRS[:3])
    frame.loc[0, "answers"] = float("nan")
    frame.loc[1, "roles"] = "{not json"
    with pytest.raises(BadPrompts) as refused:
        prompts_from(frame, tokenizer)
    assert refused.value.faults[0] == "line 1: 'answers' is empty: fill in the cell."
    assert refused.value.faults[1].startswith("line 2: cell 'roles': not JSON")


def test_a_frame_that_names_a_column_twice_is_refused_as_its_file_is(tokenizer, tmp_path):
    frame = frame_of(PAIRS)
    for name in ("answers", " answers "):
        twice = pd.concat([frame, frame[["wrong_answers"]].set_axis([name], axis=1)], axis=1)
        with pytest.raises(ValueError, match="the header names 'answers' twice: name it once") as of_frame:
            prompts_from(twice, tokenizer)
        twice.to_csv(tmp_path / "own.csv", index=False)
        with pytest.raises(BadPrompts) as of_file:
            read_prompts(tmp_path / "own.csv", tokenizer)
        assert of_file.value.faults == (f"line 1: {of_frame.value}",)
    spaced = frame.rename(columns={"answers": " answers"})
    assert prompts_from(spaced, tokenizer).prompts == prompts_from(frame, tokenizer).prompts


def test_a_number_in_a_column_of_a_role_is_a_word_of_a_file_and_refused_in_a_frame(tmp_path):
    file = tmp_path / "own.csv"
    file.write_text("clean,corrupt,answers,roles.S\na,b, c,07\na b,b b, c,\n")
    (of_file, _), of_frame = entries_of(file.read_bytes(), str(file)), pd.read_csv(file, dtype=str)
    assert of_file.record is not None
    assert of_file.record["roles"] == {"S": "07"}
    assert [entry.record for entry in entries_from(of_frame)] == [entry.record for entry in entries_in(file)]
    for cells, shown in (
        ([7, 7], "7 (int)"),
        ([7, None], "7.0 (float)"),
        ([7.5, 7], "7.5 (float)"),
        ([True, None], "True (bool)"),
    ):
        first, *_ = entries_from(of_frame.assign(**{"roles.S": cells}))
        assert first.record is None
        assert first.fault.startswith(
            f"cell 'roles.S': it holds {shown}: give a word as text, or positions as a list, such as [2]; pandas"
        )
    assert entries_from(pd.read_csv(file))[0].fault.startswith("cell 'roles.S': it holds 7.0 (float): give a word")
    listed = [entry.record for entry in entries_from(of_frame.assign(**{"roles.S": [[7], "[7]"]}))]
    assert [record["roles"] for record in listed if record is not None] == [{"S": [7]}, {"S": [7]}]


def test_rows_of_a_frame_are_read_in_the_order_of_pairs_alone(tokenizer):
    frame = frame_of(PAIRS)
    rows = prompts_from(frame.itertuples(index=False), tokenizer)
    assert rows.prompts == prompts_from(PAIRS, tokenizer).prompts
    own = namedtuple("own", ("clean", "corrupt", "right", "wrong"))
    assert prompts_from([own(*pair) for pair in PAIRS], tokenizer).prompts == rows.prompts
    three = frame[["clean", "corrupt", "answers"]]
    for other in (
        frame.assign(comment="mine"),
        frame.assign(**{"roles.IO": "David"}),
        three.assign(note="David"),
        three.assign(roles="David"),
        frame[["corrupt", "clean", "answers"]],
        frame[["clean", "corrupt", "wrong_answers", "answers"]],
    ):
        given: Any = other.itertuples(index=False)
        with pytest.raises(ValueError, match=r"pair 1 is a row with the fields c.*: clean, corrupt, answers, wrong_a"):
            prompts_from(given, tokenizer)
    given = three.itertuples()
    with pytest.raises(ValueError, match=r"fields Index, clean, .*\. Give the frame itself"):
        prompts_from(given, tokenizer)


@pytest.mark.parametrize(
    ("pairs", "asked"),
    [
        ([PAIRS[0], ("Zyx", "Zyx", "Martin")], {}),
        (frame_of(PAIRS).assign(answers=None), {}),
        ([], {}),
        (PAIRS, {"edges": -1}),
        (PAIRS, {"method": "eapp"}),
        (PAIRS, {"method": "activation-patching", "position": "END"}),
    ],
)
def test_what_is_refused_leaves_no_file(tmp_path, pairs, asked):
    with pytest.raises(ValueError):  # noqa: PT011  each has its own message, tested elsewhere
        discover(pairs, **{"edges": 10, "out": tmp_path / "runs", **asked})
    assert not (tmp_path / "runs").exists()


def test_own_pairs_that_are_refused_leave_the_file_that_another_run_uses(tmp_path):
    out = tmp_path / "runs"
    run = discover(PAIRS, edges=10, out=out, method="eap")
    with pytest.raises(ValueError, match="edges"):
        discover(PAIRS, edges=-1, out=out)
    assert Path(run.config.task).is_file()


def test_what_is_done_by_hand_takes_the_prompts_that_discover_takes(tokenizer, tmp_path):
    model = bundled("reference")
    frame = frame_of(PAIRS)
    frame.to_csv(tmp_path / "own.csv", index=False)
    expected = patch(model, prompts_from(PAIRS, tokenizer), "a3.h3").per_prompt
    for given in (PAIRS, frame, tmp_path / "own.csv", str(tmp_path / "own.csv")):
        np.testing.assert_array_equal(patch(model, given, "a3.h3").per_prompt, expected)
    assert activations(model, frame, "a3.h3").prompts.prompts == prompts_from(PAIRS, tokenizer).prompts
    with pytest.raises(ValueError, match=r"Build those of a task: TASKS\['ioi'\]"):
        patch(model, "ioi", "a3.h3")


def test_what_a_report_warns_of_is_said_once_in_python(tmp_path, caplog):
    asked = {"edges": 3, "out": tmp_path / "runs", "method": "eap", "progress": False}
    run = discover(PAIRS, **asked)
    assert "not faithful" in " ".join(run.summary["warnings"])
    said = [record.getMessage() for record in caplog.records]
    assert [f"{run.name}: {warning}" for warning in run.summary["warnings"]] == said
    discover(PAIRS, **asked)
    assert len(caplog.records) == len(said)


def test_an_interrupted_call_says_how_to_go_on_in_python(tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("pipelines.engine.execute.execute", interrupt)
    with pytest.raises(
        KeyboardInterrupt, match=r"Continue with: the same call again; or on the command line: circuits"
    ):
        discover("ioi", prompts=8, edges=10, out=tmp_path / "runs")


def test_a_comparison_of_own_pairs_calls_them_by_name_and_is_kept_beside_the_runs(tmp_path, monkeypatch):
    out = tmp_path / "store"
    first, other = (
        discover(pairs, edges=20, out=out, method="eap", name=name)
        for pairs, name in ((PAIRS[:6], "returned"), (PAIRS[2:], "given"))
    )
    monkeypatch.chdir(tmp_path)
    found = compare(first, other, overlap_only=True)
    assert found.folder.parent == out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store"]
    assert found.comparison.labels == ("returned", "given")
    # But for the file that they were written to, which is where they come from.
    stored = re.sub(r'"file": "pairs-\w+\.jsonl"', "", (found.folder / "comparison.json").read_text())
    assert "pairs-" not in stored
    # In other stores, or where one is said, it is kept as ever.
    assert compare(first, other, overlap_only=True, out=tmp_path / "runs").folder.parent == tmp_path / "runs"


def test_a_list_without_a_pair_is_refused_as_a_list() -> None:
    with pytest.raises(ValueError, match=r'^no pair is given: give at least one, such as {"clean": '):
        prompts_from([])
