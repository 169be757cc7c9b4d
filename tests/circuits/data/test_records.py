"""The same prompts as JSONL, a JSON array, CSV and TSV, as editors and spreadsheets write them."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from circuits.data.prompt_files import (
    BadPrompts,
    count_prompts,
    entries_in,
    has_negatives,
    parse_entry,
    read_prompts,
)
from circuits.data.records import FORMATS, Entry, entries_of
from circuits.data.texts import read_texts

PAIRS: list[dict[str, Any]] = [
    {"clean_ids": [5, 7, 5], "corrupt_ids": [5, 7, 8], "answer_ids": [7], "wrong_answer_ids": [5, 8]},
    {"clean_ids": [1, 2], "corrupt_ids": [1, 3], "answer_ids": [[4, 5], 6], "roles": {"S": [1]}, "comment": "mine"},
]
LINES = [json.dumps(pair) for pair in PAIRS]


def as_table(separator: str, *, is_plain: bool = False) -> str:
    """The pairs as a spreadsheet writes them; `is_plain`: lists with `|`, roles in columns of their own."""
    text = io.StringIO(newline="")
    names = [
        "clean_ids",
        "corrupt_ids",
        "answer_ids",
        "wrong_answer_ids",
        "roles.S" if is_plain else "roles",
        "comment",
    ]
    writer = csv.DictWriter(text, names, delimiter=separator, lineterminator="\r\n")
    writer.writeheader()
    for pair in PAIRS:
        row = {name: json.dumps(value) if isinstance(value, (list, dict)) else value for name, value in pair.items()}
        if is_plain:
            row |= {key: "|".join(map(str, pair[key])) for key in ("clean_ids", "corrupt_ids")}
            row |= {"roles.S": json.dumps(pair["roles"]["S"])} if "roles" in pair else {}
            row.pop("roles", None)
        writer.writerow(row)
    return text.getvalue()


FILES = {
    "lines.jsonl": "\n".join(LINES),
    "windows.jsonl": "\r\n".join([*LINES, ""]),
    "old.ndjson": "\r".join(LINES),
    "array.json": json.dumps(PAIRS),
    "indented.json": json.dumps(PAIRS, indent=2),
    "array-in.jsonl": json.dumps(PAIRS),
    "lines-in.json": "\n".join(LINES),
    "table.csv": as_table(","),
    "plain.CSV": as_table(",", is_plain=True),
    "table.tsv": as_table("\t"),
    "plain.tab": as_table("\t", is_plain=True),
}


@pytest.mark.parametrize("has_mark", [False, True])
@pytest.mark.parametrize("name", FILES)
def test_every_form_holds_the_same_prompts(tmp_path: Path, name: str, has_mark: bool) -> None:
    plain, other = tmp_path / "plain.jsonl", tmp_path / name
    plain.write_text("\n".join(LINES))
    other.write_bytes(FILES[name].encode("utf-8-sig" if has_mark else "utf-8"))
    assert read_prompts(other).fingerprint == read_prompts(plain).fingerprint
    assert count_prompts(entries_in(other)) == 2
    assert not has_negatives(entries_in(other))


def test_cells_of_text_keep_their_spaces_and_lists_end_at_bars() -> None:
    table = 'clean,corrupt,answers,wrong_answers,roles.S\n"A, b|c",B,  x| y,"[""p|q""]",b\n'
    (entry,) = entries_of(table.encode(), "own.csv")
    assert entry == Entry(
        2,
        {"clean": "A, b|c", "corrupt": "B", "answers": ["  x", " y"], "wrong_answers": ["p|q"], "roles": {"S": "b"}},
    )


def test_a_name_may_hold_the_separator_of_another_format() -> None:
    (entry,) = entries_of(b"clean,corrupt,roles.a;b;c;d;e,answers\nA,B,A,x\n", "own.csv")
    assert entry.record == {"clean": "A", "corrupt": "B", "answers": ["x"], "roles": {"a;b;c;d;e": "A"}}


@pytest.mark.parametrize("name", ["own.jsonl", "own.json", "own.csv", "own.tsv"])
def test_separators_of_unicode_stay_inside_texts(name: str) -> None:
    said = "a\u2028b\u0085c\u2029d"
    record = {"clean": said, "corrupt": said, "answers": [" e\u2028f"]}
    line = json.dumps(record, ensure_ascii=False)
    separator = "\t" if name.endswith("tsv") else ","
    table = f"{separator.join(record)}\n{said}{separator}{said}{separator} e\u2028f\n"
    content = {"jsonl": line, "json": f"[{line}]"}.get(name.rpartition(".")[2], table)
    (entry,) = entries_of(content.encode(), name)
    assert entry.record == record


def test_texts_may_hold_separators_of_unicode_and_a_byte_order_mark() -> None:
    line = json.dumps({"text": "a\u2028b"}, ensure_ascii=False)
    (text,) = read_texts(line.encode("utf-8-sig"), "own.jsonl")
    assert text.content == "a\u2028b"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("name", ["own.jsonl", "own.csv"])
def test_utf_16_is_named(tmp_path: Path, encoding: str, name: str) -> None:
    (tmp_path / name).write_bytes(LINES[0].encode(encoding))
    with pytest.raises(ValueError, match=rf"cannot read the prompt file .*{name}: it is text in UTF-16\. Save it as"):
        read_prompts(tmp_path / name)


def test_other_encodings_are_named_with_the_byte(tmp_path: Path) -> None:
    (tmp_path / "own.csv").write_bytes("clean,café".encode("latin-1"))
    with pytest.raises(ValueError, match=r"no text in UTF-8 \(.* at byte 9\)\. Save it as UTF-8"):
        read_prompts(tmp_path / "own.csv")


@pytest.mark.parametrize(
    ("name", "content", "faults"),
    [
        ("own.csv", "clean_ids;corrupt_ids\n1;2\n", {1: "the header has ';' between its names; CSV has ','"}),
        ("own.csv", '"clean_ids";"corrupt_ids"\n1;2\n', {1: "the header has ';' between its names; CSV has ','"}),
        ("own.csv", '"clean_ids"\t"corrupt_ids"\n1\t2\n', {1: "the header has '\\t' between its names"}),
        ("own.tsv", "clean_ids,corrupt_ids\n1,2\n", {1: "has ',' between its names; TSV has '\\t'"}),
        (
            "own.csv",
            "clean_ids;corrupt_ids;answer_ids;note, mine\n1;2;3;4\n",
            {1: "has ';' between its names; CSV has ','"},
        ),
        ("own.csv", '"clean_ids";"corrupt_ids";"answer_ids,comment"\n1;2;3\n', {1: "has ';' between its names"}),
        ("own.tsv", "clean_ids,corrupt_ids,answer_ids\tcomment\n1,2\n", {1: "has ',' between its names; TSV has"}),
        (
            "own.csv",
            f"sep=,\n{as_table(',')}",
            {1: "the first line, 'sep=,', names a separator for spreadsheets: delete"},
        ),
        (
            "own.csv",
            f"sep=;\n{as_table(';')}",
            {1: "the first line, 'sep=;', names a separator for spreadsheets: delete"},
        ),
        ("own.csv", f'"SEP=,"\n{as_table(",")}', {1: "names a separator for spreadsheets: delete that line."}),
        ("own.tsv", f"sep=\t\n{as_table(chr(9))}", {1: "the first line, 'sep=', names a separator"}),
        ("own.csv", "clean_ids,clean_ids\n1,2\n", {1: "names 'clean_ids' twice"}),
        ("own.csv", "clean_ids,,answer_ids\n1,2,3\n", {1: "a column without a name, the 2. one"}),
        ("own.csv", "clean_ids,corrupt_ids,answer_ids\n1,2,3\n\n4,5,6,7\n", {4: "4 cells, and the header names 3"}),
        ("own.csv", "clean_ids,corrupt_ids,answer_ids\n1,2,3\n4,x|5,6\n", {3: "'corrupt_ids' holds 'x'"}),
        ("own.csv", 'clean_ids,corrupt_ids,answer_ids\n1,2,3\n"4,5,6\n7,8,9\n', {3: "What follows was not read"}),
        ("own.csv", "clean_ids,corrupt_ids,answer_ids\n1,2,[3\n", {2: "not JSON"}),
        ("own.csv", "clean_ids,corrupt_ids,answer_ids,roles,roles.S\n1,2,3,{},[0]\n", {2: "are both given"}),
        (
            "own.csv",
            "clean_ids,corrupt_ids,answer_ids,roles.S\n1,2,[3,[x\n",
            {2: "'answer_ids': not JSON: Expecting ',' delimiter: line 1 column 3 (char 2). cell 'roles.S': not JSON"},
        ),
        (
            "own.csv",
            "clean_ids,answer_ids\n1,3\n",
            {1: "the header: 'corrupt_ids' missing; found"},
        ),
        (
            "own.csv",
            "clean_ids,corrupt_ids,answer_ids,roles\n1,2,3,Mary\n",
            {2: "cell 'roles': it holds 'Mary', expected a JSON object such as {\"IO\": \"Mary\"}. Or give each"},
        ),
        ("own.jsonl", str(PAIRS[0]), {1: "JSON has texts in double quotes: write it with json.dumps."}),
        ("own.csv", "clean,corrupt,answers\na,b,['c']\n", {2: "JSON has texts in double quotes"}),
        ("own.jsonl", f"\n{json.dumps(PAIRS[0], indent=1)}\n{LINES[1]}", {2: "an object stands on several lines"}),
        ("own.json", json.dumps(PAIRS[0], indent=1), {1: "Or put all of them in a list, [...], with commas"}),
        ("own.json", f"[\n{LINES[0]},\n{{}},\n3]", {3: "missing", 4: "found a number"}),
        ("own.json", f"[{LINES[0]},\n\n{{,]", {3: "What follows was not read"}),
        ("own.json", f"[{LINES[0]}\n{LINES[1]}]", {1: "expected ',' or ']' after it"}),
        ("own.json", f"[{LINES[0]}", {1: "expected ',' or ']' after it"}),
        ("own.json", f"[{LINES[0]},]", {1: "not JSON"}),
        ("own.json", f"[{LINES[0]}]\n[]", {1: "'[]' after the end"}),
        ("own.json", "[" * 100_000, {1: "nested too deeply"}),
        ("own.json", f"[{{}}, 3, {LINES[0]}]", {1: "missing", 2: "found a number"}),
    ],
)
def test_faults_are_named_with_the_line_they_begin_on(
    tmp_path: Path, name: str, content: str, faults: dict[int, str]
) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(BadPrompts) as refused:
        read_prompts(tmp_path / name)
    for fault, (line, said) in zip(refused.value.faults, faults.items(), strict=True):
        assert fault.startswith(f"line {line}: ")
        assert said in fault


def test_a_list_of_prompts_in_an_object_is_told_to_be_the_whole_file(tmp_path: Path) -> None:
    (tmp_path / "own.json").write_text(json.dumps({"data": PAIRS}))
    with pytest.raises(
        BadPrompts, match=r"unknown key 'data'.* If 'data' holds the prompts, make that list the whole fi"
    ):
        read_prompts(tmp_path / "own.json")


@pytest.mark.parametrize("name", ["own.xlsx", "own.csv"])
def test_a_spreadsheet_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK\x03\x04\x14\x00")
    with pytest.raises(ValueError, match=r"it is a spreadsheet, or another packed file\. Save it as CSV\."):
        read_prompts(tmp_path / name)


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("clean,corrupt,answer", "unknown key 'answer'; known: [...]. Did you mean 'answers'?"),
        ("Clean,Corrupt,Answers", "unknown key 'Clean', 'Corrupt', 'Answers'; known: [...]. Did you mean 'clean', "),
        ("clean,corrupt,answers,role.S", "unknown key 'role.S'; known: [...]. Did you mean 'roles.S'?"),
        ("clean,corrupt,answers,roles.", "unknown key 'roles.'; known: [...]. Did you mean 'roles'?"),
        ("clean,corrupt,answers,rolesS", "unknown key 'rolesS'; known: [...]. Did you mean 'roles.S'?"),
        ("clean,answers", "'corrupt' missing; found ['answers', 'clean']."),
        ("prompt,answers", "'label' missing; found ['answers', 'prompt']."),
        ("clean,answers,split", "unknown key 'split'; known: [...]. the header: 'corrupt' missing; found"),
    ],
)
@pytest.mark.parametrize("separator", [",", "\t"])
def test_the_header_is_blamed_for_its_names_once_and_no_row_is(
    tmp_path: Path, header: str, said: str, separator: str
) -> None:
    path = tmp_path / ("own.tsv" if separator == "\t" else "own.csv")
    row = separator.join(["a"] * len(header.split(",")))
    path.write_text("\n".join([header.replace(",", separator), row, row.upper()]))
    with pytest.raises(BadPrompts) as refused:
        read_prompts(path)
    (fault,) = (re.sub(r"known: \[[^]]*\]", "known: [...]", fault) for fault in refused.value.faults)
    assert fault.startswith(f"line 1: the header: {said}")


def test_all_that_is_wrong_with_a_header_is_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text(",clean,clean,,anwsers,comment\n1,a,a,2,b,c\n")
    with pytest.raises(BadPrompts) as refused:
        read_prompts(path)
    (fault,) = refused.value.faults
    said = [
        "columns without a name, the 1., 4. ones: give a name, or take the column out",
        "names 'clean' twice: name it once.",
        "Did you mean 'answers'?",
        "'corrupt' missing; found ['anwsers', 'clean', 'comment'].",
    ]
    assert [text in fault for text in said] == [True] * 4
    assert "'answers', 'corrupt' missing" not in fault


def test_a_table_without_a_header_is_told_to_begin_with_one(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("The key is near,The keys are near, is\nThe car is near,The cars are near, is\n")
    with pytest.raises(BadPrompts, match=r"line 1: the first line, 'The key is near,The keys are near,is', names no "):
        read_prompts(path)


def test_an_empty_cell_of_ids_is_no_missing_text(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("clean_ids,corrupt_ids,answer_ids\n,1|3,4\n")
    with pytest.raises(BadPrompts) as refused:
        read_prompts(path)
    assert refused.value.faults == ("line 2: 'clean_ids' is empty: fill in the cell.",)


@pytest.mark.parametrize("name", ["own.json", "own.csv"])
def test_files_without_a_record_hold_no_prompt(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("[ ]" if name.endswith("json") else "clean,corrupt,answers\n")
    with pytest.raises(ValueError, match="holds no prompt"):
        read_prompts(tmp_path / name)


def test_an_empty_cell_is_called_empty_and_no_missing_key(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("clean_ids,corrupt_ids,answer_ids,wrong_answer_ids\n1|2,1|3,,\n1|2,,,5\n1|2,1|3\n,,,\n1|2,1|3,4,\n")
    with pytest.raises(BadPrompts) as refused:
        read_prompts(path)
    assert refused.value.faults == (
        "line 2: 'answer_ids' is empty: fill in the cell.",
        "line 3: 'corrupt_ids', 'answer_ids' are empty: fill in the cell.",
        "line 4: 2 cells, and the header names 4: an empty cell has its separator too.",
    )


def test_one_fault_of_many_lines_is_said_once_with_the_lines(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    bad = json.dumps(PAIRS[0] | {"extra": 1})
    path.write_text("\n".join([bad, bad, LINES[0], bad, "{}", bad, bad, bad]))
    with pytest.raises(BadPrompts) as refused:
        read_prompts(path)
    assert str(refused.value).splitlines() == [
        f"{path}: 7 bad lines; a run uses none of its prompts until they are mended.",
        "  lines 1-2, 4, 6-8: unknown key 'extra'; known: ['answer_ids', 'answer_position', 'clean_ids', 'comment', "
        "'corrupt_ids', 'roles', 'wrong_answer_ids'].",
        "  line 5: 'answers', 'clean', 'corrupt' missing; found [].",
    ]


def test_every_format_is_registered_under_its_endings() -> None:
    assert all(ending in made.endings for ending, made in FORMATS.items())
    assert {made.name for made in FORMATS.values()} == {"JSONL", "a JSON array", "CSV", "TSV"}


def test_objects_of_an_array_on_one_line_are_all_kept_and_told_apart(tmp_path):
    ids = [{"clean_ids": [n, 7], "corrupt_ids": [n, 7 if n == 1 else 8], "answer_ids": [9]} for n in range(4)]
    file = tmp_path / "one-line.json"
    file.write_text(json.dumps([*ids, ids[3]]))
    assert [entry.number for entry in entries_in(file)] == [1, 2, 3, 4, 5]
    assert {type(entry.number) for entry in entries_in(file)} == {int}
    prompts = read_prompts(file, leaves_out_unchanged=True)
    assert [prompt.clean[0] for prompt in prompts] == [0, 2, 3]
    assert "line 5: a copy of line 4" in prompts.notes[0]
    file.write_text(json.dumps([*ids, 7])[:-1] + " x]")
    assert [entry.number for entry in entries_in(file)][-2:] == [5, 5]
    file.write_text(json.dumps(ids, indent=1))
    assert [entry.number for entry in entries_in(file)][:2] == [2, 15]


def test_an_empty_table_says_what_a_table_holds(tmp_path):
    (tmp_path / "empty.csv").write_text("clean,corrupt,answers\n")
    with pytest.raises(ValueError, match="a header, clean,corrupt,answers,wrong_answers, and a row"):
        read_prompts(tmp_path / "empty.csv")


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("clean,corrupt,answers,label", "A,B, is,"),
        ("clean,corrupt,answers,prompt,label", "A,B, is,,"),
        ("clean,corrupt,answers,clean_ids,corrupt_ids,answer_ids,answer_position", "A,B, is,,,,"),
        ("clean,corrupt,answers,prompt_ids,roles.S", "A,B, is,,"),
    ],
)
def test_columns_that_a_row_leaves_empty_say_nothing_of_it(header: str, row: str) -> None:
    (entry,) = entries_of(f"{header}\n{row}\n".encode(), "own.csv")
    assert entry.record == {"clean": "A", "corrupt": "B", "answers": [" is"]}
    with pytest.raises(ValueError, match=r"^holds text, but the model has no tokenizer"):
        parse_entry(entry, None)


def test_a_table_may_have_pairs_of_texts_and_of_ids() -> None:
    header = "clean,corrupt,answers,clean_ids,corrupt_ids,answer_ids"
    _, of_ids = entries_of(f'{header}\nA,B, is,,,\n,,,"[1, 2]","[1, 3]",[4]\n'.encode(), "own.csv")
    assert parse_entry(of_ids, None).prompt.clean == (1, 2)
