"""Prompts are checked before any model runs, and errors name the prompt and the token."""

from __future__ import annotations

import json
import pickle
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from circuits.data.answers import tokens_of
from circuits.data.faults import Remedied
from circuits.data.prompt_files import BadPrompts, count_prompts, entries_in, read_prompts, write_jsonl
from circuits.data.prompts import Prompt, PromptSet
from circuits.data.text_prompts import prompt_from_text
from circuits.data.tokenizer import next_token
from circuits.model.fetchable import SMOLLM2_135M
from circuits.reference.vocabulary import make_tokenizer
from circuits.tasks import TASKS


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    """One token a word: "Mary", "John" and "book" are known, "zebra" is not."""
    return make_tokenizer()


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def write(*lines: dict[str, Any] | str) -> Path:
        path = tmp_path / "own.jsonl"
        path.write_text("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines))
        return path

    return write


IDS: dict[str, Any] = {"clean_ids": [1, 2, 3], "corrupt_ids": [1, 4, 3], "answer_ids": [5], "wrong_answer_ids": [6]}
TEXT: dict[str, Any] = {
    "clean": "At the store Mary and John met, and John gave a book to",
    "corrupt": "At the store Mary and John met, and Mary gave a book to",
    "answers": [" Mary"],
    "wrong_answers": [" John"],
}


def text_with(changes: dict[str, Any]) -> dict[str, Any]:
    """`TEXT` with some of its fields changed."""
    return {**TEXT, **changes}


# One prompt


def test_prompts_of_different_lengths_do_not_align() -> None:
    with pytest.raises(ValueError, match="clean has 3 tokens, corrupt 2"):
        Prompt((1, 2, 3), (1, 2), (4,))


def test_a_prompt_needs_an_answer() -> None:
    with pytest.raises(ValueError, match="no answer is given"):
        Prompt((1,), (2,), ())


def test_an_empty_prompt_is_refused() -> None:
    with pytest.raises(ValueError, match="the clean prompt is empty"):
        Prompt((), (), (1,))


def test_answer_position_counts_from_the_end_where_negative() -> None:
    assert Prompt((1, 2, 3), (1, 2, 4), (5,), answer_position=-2).answer_position == 1


@pytest.mark.parametrize("position", [3, -4])
def test_an_answer_position_outside_the_prompt_is_refused(position: int) -> None:
    with pytest.raises(ValueError, match=f"answer_position is {position}, but the prompt has 3 tokens"):
        Prompt((1, 2, 3), (1, 2, 4), (5,), answer_position=position)


def test_end_is_a_role_of_every_prompt_where_the_answer_is_predicted() -> None:
    assert Prompt((1, 2, 3), (1, 2, 4), (5,), answer_position=1).roles == {"END": (1,)}


@pytest.mark.parametrize("positions", [(3,), (-1,), ()])
def test_a_role_outside_the_prompt_is_refused(positions: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="role 'S1' is at positions"):
        Prompt((1, 2, 3), (1, 2, 4), (5,), roles={"S1": positions})


def test_first_difference_is_where_the_prompts_part() -> None:
    assert Prompt((1, 2, 3), (1, 9, 3), (5,)).first_difference == 1
    assert Prompt((1, 2, 3), (1, 2, 3), (5,)).first_difference == 3


# Answers of several tokens


def test_a_list_of_one_token_is_that_token() -> None:
    prompt = Prompt((1, 2), (1, 3), ((5,), (6, 7)), ([8],))  # pyright: ignore[reportArgumentType]
    assert (prompt.answers, prompt.wrong_answers) == ((5, (6, 7)), (8,))


def test_each_continuation_is_run_once_and_one_that_begins_another_is_read_there() -> None:
    prompt = Prompt((1, 2), (1, 3), ((5, 6, 7), (5, 6, 8), (5, 9)), (4, (3, 2)))
    assert prompt.continuations == ((5, 6), (3,))
    assert prompt.n_positions == 4
    assert Prompt((1, 2), (1, 3), (5, 6), (4,)).continuations == ((),)


@pytest.mark.parametrize(
    ("answers", "wrong_answers", "said"),
    [
        (((5, 6),), ((5, 6),), "tokens [5, 6] are an answer and a wrong answer"),
        (((5, 6), (5, 6)), (), "answers hold tokens [5, 6] twice"),
        (((5, 6),), (5,), "answer [5] is the beginning of answer [5, 6]"),
        ((5,), ((5, 6, 7),), "answer [5] is the beginning of answer [5, 6, 7]"),
        (((5, 6), (5, 6, 7)), (), "answer [5, 6] is the beginning of answer [5, 6, 7]"),
        (((),), (), "an answer is empty"),
    ],
)
def test_answers_that_cannot_be_told_apart_are_refused(answers: Any, wrong_answers: Any, said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        Prompt((1, 2), (3, 2), answers, wrong_answers)


def test_an_answer_of_several_tokens_follows_the_last_token() -> None:
    assert Prompt((1, 2, 3), (1, 2, 4), ((5, 6),)).answer_position == 2
    with pytest.raises(ValueError, match="answer_position is 1, and an answer has several tokens"):
        Prompt((1, 2, 3), (1, 2, 4), ((5, 6),), answer_position=1)


def test_tokens_of_answers_must_be_known_where_they_are_read_and_where_they_are_run() -> None:
    prompts = PromptSet("a", (Prompt((1, 2), (3, 2), ((7, 4),)),))
    prompts.require_vocabulary(8, 8)
    for sizes in ((7, 8), (8, 7)):
        with pytest.raises(ValueError, match="prompt 0: answer token 7 is not in the model's vocabulary of 7"):
            prompts.require_vocabulary(*sizes)


# Sets of prompts


def test_an_empty_set_is_refused() -> None:
    with pytest.raises(ValueError, match="prompt set 'mine' is empty"):
        PromptSet("mine", ())


def test_the_fingerprint_depends_on_every_token_and_role_but_not_on_the_name() -> None:
    prompt = Prompt((1, 2, 3), (1, 4, 3), (5,), (6,), roles={"S1": (0,)})
    same = PromptSet("a", (prompt,)).fingerprint
    others = [
        Prompt((1, 2, 7), (1, 4, 3), (5,), (6,), roles={"S1": (0,)}),
        Prompt((1, 2, 3), (1, 4, 7), (5,), (6,), roles={"S1": (0,)}),
        Prompt((1, 2, 3), (1, 4, 3), (7,), (6,), roles={"S1": (0,)}),
        Prompt((1, 2, 3), (1, 4, 3), (5,), (7,), roles={"S1": (0,)}),
        Prompt((1, 2, 3), (1, 4, 3), (5,), (6,), roles={"S1": (1,)}),
    ]
    assert PromptSet("b", (prompt,)).fingerprint == same
    assert len({same, *(PromptSet("a", (other,)).fingerprint for other in others)}) == 6


@pytest.mark.parametrize(
    ("roles", "said"),
    [
        ({"END": [0]}, "role 'END' is where the answer is predicted, position 2, and is given at [0]: call it"),
        ({"END": [1, 2]}, "position 2, and is given at [1, 2]"),
        ({"": [1]}, "a role at positions [1] has no name: give it one."),
    ],
)
def test_a_role_has_a_name_and_another_one_than_that_of_the_answer(
    write: Any, roles: dict[str, Any], said: str
) -> None:
    ids = {"clean_ids": [1, 2, 3], "corrupt_ids": [1, 4, 3], "answer_ids": [5]}
    with pytest.raises(BadPrompts, match=re.escape(said)):
        read_prompts(write(ids | {"roles": roles}))
    assert read_prompts(write(ids | {"roles": {"END": [2]}})).prompts[0].roles == {"END": (2,)}


def test_words_of_a_role_are_one_text(tokenizer: Any) -> None:
    with pytest.raises(ValueError, match=r"'roles\.IO' holds \['Mary'\], expected a word, or words that stand side by"):
        prompt_from_text(**TEXT, roles={"IO": ["Mary"]}, tokenizer=tokenizer)


def test_roles_are_in_the_order_of_the_text_with_end_last() -> None:
    prompt = Prompt((1, 2, 3), (1, 4, 3), (5,), roles={"late": (2,), "early": (0,), "middle": (1,)})
    assert PromptSet("a", (prompt,)).roles == ("early", "middle", "late", "END")


def test_swapping_clean_and_corrupt_twice_changes_nothing() -> None:
    prompts = PromptSet("a", (Prompt((1, 2), (3, 2), (5,), (6,), roles={"S1": (0,)}),))
    assert prompts.swapped().prompts[0].clean == (3, 2)
    assert prompts.swapped().prompts[0].answers == (5,)
    assert prompts.swapped().swapped() == prompts


def test_a_token_beyond_the_vocabulary_is_named_with_its_prompt() -> None:
    fine, bad = Prompt((1, 2), (3, 2), (4,)), Prompt((1, 9), (3, 2), (4,))
    with pytest.raises(ValueError, match=r"prompt 1: token 9 is not in the model's vocabulary of 9"):
        PromptSet("a", (fine, bad)).require_vocabulary(9)


def test_an_answer_beyond_the_outputs_is_named() -> None:
    prompts = PromptSet("a", (Prompt((1, 2), (3, 2), (4,)),))
    prompts.require_vocabulary(5)
    with pytest.raises(ValueError, match=r"prompt 0: answer token 4 .* vocabulary of 3"):
        prompts.require_vocabulary(5, 3)


# From text


def test_text_becomes_tokens_with_roles_at_the_words(tokenizer: Any) -> None:
    prompt = prompt_from_text(**TEXT, roles={"IO": "Mary", "S2": (36, 40), "places": [0, 2]}, tokenizer=tokenizer)
    # At the store Mary and John met , and John gave a book to
    assert len(prompt) == 14
    assert prompt.roles == {"END": (13,), "IO": (3,), "S2": (9,), "places": (0, 2)}
    assert tokenizer.convert_ids_to_tokens([*prompt.answers, *prompt.wrong_answers]) == ["Mary", "John"]


def test_a_role_that_does_not_occur_is_named(tokenizer: Any) -> None:
    with pytest.raises(ValueError, match="role 'IO': 'Alice' does not occur in the clean prompt"):
        prompt_from_text(**TEXT, roles={"IO": "Alice"}, tokenizer=tokenizer)


def test_unequal_token_lengths_show_both_tokenizations(tokenizer: Any) -> None:
    longer = TEXT | {"corrupt": "At the store Mary and John met, and Mary and John gave a book to"}
    with pytest.raises(
        ValueError, match=r"clean has 14 tokens, corrupt 16.*at token 9: clean 'John' 'gave'.*'Mary' 'and'"
    ):
        prompt_from_text(**longer, roles={}, tokenizer=tokenizer)


def test_unknown_words_are_named_and_a_model_that_reads_any_text(tokenizer: Any) -> None:
    with pytest.raises(ValueError, match=f"tokenizer does not know 'zebra', 'quagga'.* such as {SMOLLM2_135M.name}"):
        prompt_from_text(**text_with({"clean": "a zebra and a quagga met a zebra"}), roles={}, tokenizer=tokenizer)


def test_an_answer_may_be_several_tokens(tokenizer: Any) -> None:
    prompt = prompt_from_text(**text_with({"answers": [" Mary and"]}), roles={}, tokenizer=tokenizer)
    (answer,) = prompt.answers
    assert tokenizer.convert_ids_to_tokens(tokens_of(answer)) == ["Mary", "and"]
    assert prompt.continuations == (tokens_of(answer)[:1],)
    assert (len(prompt), prompt.n_positions, prompt.roles["END"]) == (14, 15, (13,))


def test_an_unknown_answer_is_shown_in_pieces(tokenizer: Any) -> None:
    unknown = tokenizer.unk_token
    said = re.escape(f"answer ' Mary zebra' cannot follow this prompt: it adds ['Mary', '{unknown}']")
    with pytest.raises(ValueError, match=said):
        prompt_from_text(**text_with({"answers": [" Mary zebra"]}), roles={}, tokenizer=tokenizer)


def test_an_answer_may_be_given_as_a_token(tokenizer: Any) -> None:
    prompt = prompt_from_text(**text_with({"answers": [7], "wrong_answers": []}), roles={}, tokenizer=tokenizer)
    assert (prompt.answers, prompt.wrong_answers) == ((7,), ())


def test_a_word_is_one_known_token_or_none(tokenizer: Any) -> None:
    mary = tokenizer.get_vocab()["Mary"]
    assert next_token("gave it to", " Mary", tokenizer) == mary
    for word in (" Mary and", " zebra", ""):
        assert next_token("gave it to", word, tokenizer) is None


def test_an_end_token_that_the_tokenizer_appends_is_left_out(tokenizer: Any) -> None:
    from tokenizers.processors import TemplateProcessing

    appending = make_tokenizer()
    end = appending.eos_token
    appending.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{end} $A {end}", special_tokens=[(end, appending.eos_token_id)]
    )
    plain = prompt_from_text(**TEXT, roles={}, tokenizer=tokenizer)
    prompt = prompt_from_text(**TEXT, roles={"IO": "Mary"}, tokenizer=appending)
    assert prompt.clean == (appending.eos_token_id, *plain.clean)
    assert prompt.roles == {"IO": (4,), "END": (14,)}


# Files


def test_writing_and_reading_a_task_changes_nothing(tokenizer: Any, tmp_path: Path) -> None:
    prompts = TASKS["colored-objects"]().build(tokenizer, n=5)
    write_jsonl(prompts, tmp_path / "colored-objects.jsonl")
    assert read_prompts(tmp_path / "colored-objects.jsonl") == prompts


POSITIVE = {"prompt": TEXT["clean"], "label": "positive", "answers": [" Mary"], "roles": {"IO": "Mary"}}
NEGATIVE = {"prompt_ids": [1, 2, 3], "label": "negative", "answer_ids": [4]}


def test_labeled_lines_make_positives_and_negatives_without_partners(
    tokenizer: Any, write: Any, tmp_path: Path
) -> None:
    path = write(NEGATIVE, POSITIVE, NEGATIVE | {"prompt_ids": [5, 6]})
    prompts = read_prompts(path, tokenizer)
    assert [len(prompt) for prompt in prompts] == [14]
    assert [prompt.clean for prompt in prompts.negatives] == [(1, 2, 3), (5, 6)]
    assert not prompts.is_paired
    assert count_prompts(entries_in(path)) == len(prompts)
    write_jsonl(prompts, tmp_path / "own.jsonl")
    assert read_prompts(tmp_path / "own.jsonl") == prompts
    with pytest.raises(ValueError, match="positives and negatives without partners"):
        prompts.swapped()


def test_negatives_change_the_fingerprint_and_slices_keep_them() -> None:
    one, other = Prompt((1, 2), (1, 2), (3,)), Prompt((4, 5), (4, 5), (3,))
    pairs, labeled = PromptSet("a", (one, one)), PromptSet("a", (one, one), (other,))
    assert pairs.fingerprint != labeled.fingerprint != PromptSet("a", (one, one), (one,)).fingerprint
    assert labeled[:1] == PromptSet("a", (one,), (other,))


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([IDS, NEGATIVE], "holds 1 pair and 1 labeled prompt: give pairs only, or labeled prompts only"),
        ([POSITIVE], "holds 1 labeled prompt and no negative one"),
        ([NEGATIVE], "holds 1 labeled prompt and no positive one"),
        ([POSITIVE | {"label": "yes"}], "'label' holds 'yes', expected 'positive' or 'negative'"),
        ([POSITIVE | {"label": "pair"}], "'label' holds 'pair'"),
        ([{key: value for key, value in POSITIVE.items() if key != "label"}], "'label' missing"),
        ([POSITIVE | {"corrupt": "a"}], "unknown key 'corrupt'"),
        ([POSITIVE | {"label": []}], "'label' holds [], expected 'positive' or 'negative'"),
        ([{key: value for key, value in NEGATIVE.items() if key != "answer_ids"}], "'answer_ids' missing"),
    ],
)
def test_half_labeled_files_and_bad_labels_are_refused(
    tokenizer: Any, write: Any, lines: list[dict[str, Any]], said: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        read_prompts(write(*lines), tokenizer)


def test_text_and_ids_may_share_a_file_and_lengths_may_differ(tokenizer: Any, write: Any) -> None:
    prompts = read_prompts(write(TEXT, "", IDS), tokenizer)
    assert [len(prompt) for prompt in prompts] == [14, 3]
    assert prompts.task == "own"


def test_wrong_answers_may_be_missing_or_empty(tokenizer: Any, write: Any) -> None:
    without = {key: value for key, value in TEXT.items() if key != "wrong_answers"}
    prompts = read_prompts(write(without, IDS | {"wrong_answer_ids": []}), tokenizer)
    assert [prompt.wrong_answers for prompt in prompts] == [(), ()]


def test_all_bad_lines_are_reported_at_once_with_their_numbers(tokenizer: Any, write: Any) -> None:
    path = write(
        IDS,
        "{not json",
        "[1, 2]",
        {"clean_ids": [1], "answer_ids": [2]},
        IDS | {"extra": 1},
        IDS | {"corrupt_ids": [1]},
        IDS | {"answer_ids": ["Mary"]},
        IDS | {"answer_ids": []},
        IDS | {"roles": {"S1": [7]}},
        IDS | {"answer_position": True},
        TEXT | {"clean": "a zebra"},
        TEXT | {"answers": " Mary zebra"},
        TEXT | {"clean": ""},
        TEXT | {"roles": "IO"},
        IDS,
    )
    with pytest.raises(BadPrompts) as raised:
        read_prompts(path, tokenizer)
    expected = {
        2: "not JSON",
        3: "found a list",
        4: "'corrupt_ids' missing",
        5: "unknown key 'extra'",
        6: "clean has 3 tokens, corrupt 1",
        7: "'answer_ids' holds 'Mary', expected a whole number",
        8: "no answer is given",
        9: "role 'S1' is at positions [7]",
        10: "'answer_position' holds True",
        11: "does not know 'zebra'",
        12: "answer ' Mary zebra' cannot follow this prompt",
        13: "'clean' holds '', expected a text",
        14: "'roles' holds 'IO', expected an object",
    }
    assert len(raised.value.faults) == len(expected)
    for fault, (line, reason) in zip(raised.value.faults, expected.items(), strict=True):
        assert fault.startswith(f"line {line}: ")
        assert reason in fault
    assert "13 bad lines; a run uses none of its prompts until they are mended" in str(raised.value)


def test_every_fault_of_a_line_is_said(tokenizer: Any, write: Any) -> None:
    path = write(
        TEXT | {"clean": "a zebra", "corrupt": "a quagga", "answers": [" Mary zebra", 7], "roles": {"S": "gnu"}},
        {"clean": "a zebra", "corrupt": "", "extra": 1},
        IDS | {"corrupt_ids": [1], "answer_ids": [], "roles": {"S1": [7], "S2": [9]}, "answer_position": 5},
        {"clean_ids": 4, "answer_ids": ["Mary"], "roles": {"S": "a", "T": "b"}},
    )
    with pytest.raises(BadPrompts) as raised:
        read_prompts(path, tokenizer)
    said = [fault.partition(": ")[2] for fault in raised.value.faults]
    expected = [
        (1, "'answers' holds 7, expected a text"),
        (1, "the model's tokenizer does not know 'zebra', 'quagga'"),
        (1, "role 'S': 'gnu' does not occur"),
        (2, "'answers' missing"),
        (2, "unknown key 'extra'"),
        (2, "'corrupt' holds '', expected a text"),
        (3, "clean has 3 tokens, corrupt 1"),
        (3, "no answer is given"),
        (3, "answer_position is 5"),
        (3, "role 'S1' is at positions [7]"),
        (3, "role 'S2' is at positions [9]"),
        (4, "'corrupt_ids' missing"),
        (4, "'clean_ids' holds 4"),
        (4, "'answer_ids' holds 'Mary'"),
    ]
    lines = [int(fault.split(":")[0].removeprefix("line ")) for fault in raised.value.faults]
    for line, reason in expected:
        assert any(own == line and text.startswith(reason) for own, text in zip(lines, said, strict=True)), reason
    assert (
        str(raised.value).splitlines()[0].endswith("4 bad lines; a run uses none of its prompts until they are mended.")
    )
    # What an unknown word leads to is not said as well.
    assert not any("They first differ" in text for text in said)


def test_what_a_missing_part_does_not_touch_is_said_beside_it(tokenizer: Any, write: Any) -> None:
    bad = {"answers": [], "wrong_answers": [" zebra"], "roles": {"x": "nowhere", "y": [99]}}
    lines: list[tuple[dict[str, Any], tuple[str, ...]]] = [
        (
            {"clean": TEXT["clean"], "corupt": TEXT["corrupt"], **bad},
            (
                "'corrupt' missing",
                "unknown key 'corupt'",
                "no answer is given",
                "answer ' zebra' cannot follow",
                "role 'x': 'nowhere' does not occur",
                "role 'y' is at positions [99]",
            ),
        ),
        # Answers and roles are those of the clean text.
        (
            {"corrupt": "a zebra", **bad},
            ("'clean' missing", "no answer is given", "the model's tokenizer does not know"),
        ),
        (
            {"clean_ids": [1, 2, 3], "corrupt_ids": [1, 2], "answer_ids": [], "answer_position": 9}
            | {"roles": {"a": [7], "b": "x", "c": ["y", 1, "z"]}},
            (
                "'roles.b' holds 'x'",
                "'roles.c' holds 'y'",
                "'roles.c' holds 'z'",
                "no answer is given",
                "clean has 3 tokens, corrupt 2",
                "answer_position is 9",
                "role 'a' is at positions [7]",
            ),
        ),
        (
            {"clean_ids": [1, 2, 3], "wrong_answer_ids": [4, 4], "roles": {"a": [7]}},
            (
                "'answer_ids', 'corrupt_ids' missing",
                "wrong_answers hold token 4 twice",
                "role 'a' is at positions [7]",
            ),
        ),
        (
            IDS | {"clean_ids": ["a", 1, "b"], "answer_ids": [[7, "c"], "d"]},
            tuple(
                f"'{key}' holds '{value}'"
                for key, values in (("clean_ids", "ab"), ("answer_ids", "cd"))
                for value in values
            ),
        ),
        (TEXT | {"answers": [7, "", " Mary"]}, ("'answers' holds 7", "'answers' holds ''")),
    ]
    with pytest.raises(BadPrompts) as raised:
        read_prompts(write(*(line for line, _ in lines)), tokenizer)
    for number, (_, reasons) in enumerate(lines, start=1):
        said = [fault.removeprefix(f"line {number}: ") for fault in raised.value.faults if f"line {number}: " in fault]
        assert [fault[: len(reason)] for fault, reason in zip(said, reasons, strict=True)] == list(reasons)


def test_a_prompt_that_is_made_by_hand_names_every_fault() -> None:
    with pytest.raises(ValueError, match=r"clean has 2 tokens, corrupt 1.* no answer is given.* role 'A'.* role 'B'"):
        Prompt((1, 2), (1,), answers=(), roles={"A": (7,), "B": (8,)})


def test_answers_of_several_tokens_are_read_as_text_and_as_lists_and_written_back(
    tokenizer: Any, write: Any, tmp_path: Path
) -> None:
    as_ids = IDS | {"answer_ids": [[5, 7], 8], "wrong_answer_ids": [[6, 7, 8]]}
    prompts = read_prompts(write(TEXT | {"answers": [" Mary and"]}, as_ids), tokenizer)
    assert prompts.prompts[1].answers == ((5, 7), 8)
    assert prompts.prompts[1].wrong_answers == ((6, 7, 8),)
    assert prompts.prompts[0].n_positions == len(prompts.prompts[0]) + 1
    write_jsonl(prompts, tmp_path / "own.jsonl")
    again = read_prompts(tmp_path / "own.jsonl")
    assert again == prompts
    assert again.fingerprint == prompts.fingerprint != read_prompts(write(TEXT, IDS), tokenizer).fingerprint


@pytest.mark.parametrize(("given", "said"), [([[5, "x"]], "'x', expected a whole"), ([[]], "empty"), (5, "a list of")])
def test_bad_lists_of_answers_are_named(write: Any, given: Any, said: str) -> None:
    with pytest.raises(BadPrompts, match=said):
        read_prompts(write(IDS | {"answer_ids": given}))


def test_a_long_list_of_faults_is_cut_with_their_number(write: Any) -> None:
    with pytest.raises(BadPrompts, match=r"25 bad line[\s\S]*and 5 more") as raised:
        read_prompts(write(*[IDS | {f"extra-{number}": 1} for number in range(25)]))
    assert len(raised.value.faults) == 25


def test_text_without_a_tokenizer_asks_for_ids(write: Any) -> None:
    with pytest.raises(BadPrompts, match=r"line 1: holds text, but the model has no tokenizer: give 'clean_ids'"):
        read_prompts(write(TEXT))


def test_a_file_without_prompts_says_what_a_line_looks_like(write: Any) -> None:
    with pytest.raises(ValueError, match=r'holds no prompt\. Give one JSON object a line, such as {"clean"'):
        read_prompts(write("", "  "))


def test_a_missing_or_binary_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot read the prompt file .*absent\.jsonl"):
        read_prompts(tmp_path / "absent.jsonl")
    (tmp_path / "binary.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"cannot read the prompt file .*binary\.jsonl"):
        read_prompts(tmp_path / "binary.jsonl")


def test_a_copy_with_another_answer_position_has_its_end_there():
    prompt = Prompt((1, 2, 3), (1, 9, 3), (4,), roles={"needle": (1,)})
    assert prompt.roles == {"END": (2,), "needle": (1,)}
    given = Prompt((1, 2, 3), (1, 9, 3), (4,), roles={"END": (2,), "needle": (1,)})
    for one in (prompt, given):
        assert replace(one, answer_position=1).roles == {"END": (1,), "needle": (1,)}
    elsewhere = Prompt((1, 2, 3), (1, 9, 3), (4,), roles={"END": (1,)})  # as results of before may hold it
    assert elsewhere.roles == replace(elsewhere, answers=(5,)).roles == {"END": (1,)}


def test_what_to_do_about_several_lines_is_said_once_behind_them(write: Any, tokenizer: Any) -> None:
    bad = [TEXT | {"clean": f"a {word} met", "corrupt": f"a {word} met"} for word in ("zebra", "quagga")]
    with pytest.raises(BadPrompts) as raised:
        read_prompts(write(*bad), tokenizer)
    said = str(raised.value)
    assert "line 1: the model's tokenizer does not know 'zebra'.\n" in said
    assert said.count("or a pretrained model, which reads any text") == 1
    with pytest.raises(BadPrompts, match=r"line 1: the model's tokenizer does not know 'zebra'\. Choose words of its"):
        read_prompts(write(bad[0]), tokenizer)


def test_a_fault_keeps_its_remedy_on_its_way_between_processes() -> None:
    fault = pickle.loads(pickle.dumps(Remedied("no word.", "Choose another.")))
    assert (fault, fault.remedy) == ("no word. Choose another.", "Choose another.")
