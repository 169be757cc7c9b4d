"""Prompts and answers that do not say what was meant are refused, or named in a warning."""

from __future__ import annotations

from typing import Any

import pytest

from circuits.data.prompts import Prompt, PromptSet
from circuits.data.text_prompts import prompt_from_text
from circuits.tasks.ioi import NAMES
from tests.circuits.tasks.tokenizers import KINDS, tokenizer_of, train_bpe

TO_MARY = {"clean": "At the park Mary and John met, and John gave the book to", "answers": [" Mary"]}


@pytest.fixture(scope="module")
def digits() -> Any:
    """Byte-level tokens: a digit and the space before it are one each; names are tokens with and without a space."""
    return train_bpe("digits", *NAMES)


def prompt(tokenizer: Any, clean: str, *, answers: list[Any], corrupt: str | None = None, **more: Any) -> Prompt:
    given = {"wrong_answers": [], "roles": {}} | more
    return prompt_from_text(clean, clean if corrupt is None else corrupt, answers=answers, tokenizer=tokenizer, **given)


def kinds(made: Prompt) -> list[str]:
    return [warning.kind for warning in made.warnings]


def test_a_usual_prompt_has_no_warnings(digits: Any) -> None:
    for kind in ("words", "bytes", "digits", "sentencepiece"):
        made = prompt(tokenizer_of(kind), **TO_MARY, wrong_answers=[" John"], roles={"IO": "Mary", "S": "John"})
        assert made.warnings == ()
    # Digits go on with a number: that they begin without a space is right.
    assert kinds(prompt(digits, "The war lasted from the year 1732 to the year 17", answers=["4", "5"])) == []


# Answers


def test_an_answer_of_a_space_and_a_digit_is_not_the_digit_alone(digits: Any) -> None:
    space, seven = digits.convert_tokens_to_ids(["Ġ", "7"])
    made = prompt(digits, "The number is", answers=[" 7"])
    assert made.answers == ((space, seven),)
    assert kinds(made) == ["answer of several tokens that could be one"]
    assert "' 7' is [' ', '7']. To read one token, end both prompts with the space and give '7'" in str(made.warnings)
    assert prompt(digits, "The number is ", answers=["7"]).answers == (seven,)


def test_an_answer_of_two_words_or_of_two_pieces_is_not_its_last(digits: Any) -> None:
    number = prompt(digits, "The number is", answers=[" 17"])
    assert number.answers == (tuple(digits.convert_tokens_to_ids(["Ġ", "1", "7"])),)
    assert kinds(number) == []
    spaced = prompt(digits, **TO_MARY | {"answers": [" Mary "]})
    assert kinds(spaced) == ["answer ends in a space"]
    assert kinds(prompt(digits, **TO_MARY, wrong_answers=[" 7"])) == ["answer of several tokens that could be one"]


def test_an_answer_that_changes_the_tokens_of_the_prompt_is_refused() -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    plain = Tokenizer(models.WordLevel({"?": 0, "a": 1, "ab": 2, "c": 3, "ac": 4}, unk_token="?"))
    plain.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, unk_token="?")
    assert prompt(tokenizer, "c a", answers=[" ab"]).answers == (2,)
    with pytest.raises(
        ValueError,
        match=r"answer 'b' cannot follow this prompt: .*\['ab'\] instead of \['a'\]\)\. Did you mean ' b'\? "
        r"Begin the answer with a space, or end",
    ):
        prompt(tokenizer, "c a", answers=["b"])


@pytest.mark.parametrize(
    ("answers", "wrong_answers"),
    [((5,), (5,)), ((5, 6), (7, 6)), ((1, 2, 3), (3, 4))],
    ids=["one", "of-two", "of-three"],
)
def test_an_answer_that_is_a_wrong_answer_too_is_refused(
    answers: tuple[int, ...], wrong_answers: tuple[int, ...]
) -> None:
    (both,) = set(answers) & set(wrong_answers)
    with pytest.raises(ValueError, match=f"token {both} is an answer and a wrong answer"):
        Prompt((1, 2), (3, 2), answers, wrong_answers)


def test_an_answer_given_twice_is_refused_also_as_two_texts_of_one_token() -> None:
    with pytest.raises(ValueError, match="answers hold token 5 twice"):
        Prompt((1, 2), (3, 2), (5, 6, 5))
    with pytest.raises(ValueError, match="wrong_answers hold token 6 twice"):
        Prompt((1, 2), (3, 2), (5,), (6, 6))
    # Spaces are no part of this tokenizer's words.
    with pytest.raises(ValueError, match=r"^answers hold ' Mary' \(also written 'Mary'\) twice"):
        prompt(tokenizer_of("words"), **TO_MARY | {"answers": [" Mary", "Mary"]})


def test_a_text_that_begins_another_is_refused_in_their_words_and_once(digits: Any) -> None:
    with pytest.raises(ValueError, match="is the beginning of") as refused:
        prompt(digits, "The capital of France is", answers=[" Paris", " Paris 17"])
    assert str(refused.value).startswith("answer ' Paris' is the beginning of answer ' Paris 17': what says the second")
    assert str(refused.value).count("is the beginning of") == 1
    (paris,) = digits(" Paris", add_special_tokens=False)["input_ids"]
    with pytest.raises(ValueError, match=rf"answer \[{paris}\] is the beginning of answer ' Paris 17'"):
        prompt(digits, "The capital of France is", answers=[paris, " Paris 17"])


def test_answers_with_and_without_a_space_are_named(digits: Any) -> None:
    made = prompt(digits, **TO_MARY, wrong_answers=["John"])
    assert kinds(made) == ["answers with and without a leading space"]
    assert made.warnings[0].detail == (
        "' Mary' begins with a space and 'John' does not, which goes on with the word that the prompt ends in, 'to': "
        "did you mean ' John'?"
    )
    quoted = prompt(digits, 'Mary met John and said "', answers=[" Mary"], wrong_answers=["John"])
    assert "one of them is not as texts go on here. Begin all with a space, or none." in quoted.warnings[0].detail
    # Where a space is no part of a token, it makes no difference.
    assert kinds(prompt(tokenizer_of("words"), **TO_MARY, wrong_answers=["John"])) == []


def test_an_answer_that_only_a_space_makes_a_token_says_so(digits: Any) -> None:
    assert digits.tokenize("park") != ["park"]
    made = prompt(digits, "Q: Where did they meet? A:", answers=["park"])
    assert kinds(made) == ["answer of several tokens that could be one"]
    assert "With a space in front it is one: give ' park'." in made.warnings[0].detail


def test_an_answer_glued_to_the_last_word_is_named(digits: Any) -> None:
    made = prompt(digits, **TO_MARY | {"answers": ["Mary"]})
    assert kinds(made) == ["answers without a leading space"]
    assert "'to': did you mean ' Mary'?" in made.warnings[0].detail


def test_an_answer_of_several_tokens_that_lacks_its_space_is_named_but_no_ending_of_a_word(digits: Any) -> None:
    glued = prompt(digits, **TO_MARY | {"answers": ["Xylophone"]})
    assert kinds(glued) == ["answers without a leading space"]
    mixed = prompt(digits, **TO_MARY, wrong_answers=["Xylophone"])
    assert kinds(mixed) == ["answers with and without a leading space"]
    # With a space in front it would be more tokens; and scripts without cases may do without spaces.
    assert kinds(prompt(digits, "They stop at the walk", answers=["ization"])) == []
    assert kinds(prompt(digits, "我喜欢", answers=["猫"])) == []


def test_a_name_without_a_space_is_the_name_where_spaces_are_no_part_of_tokens() -> None:
    words = tokenizer_of("words")
    bare, spaced = (prompt(words, **TO_MARY | {"answers": [answer]}) for answer in ("Mary", " Mary"))
    assert bare.answers == spaced.answers
    assert bare.warnings == ()


@pytest.mark.parametrize("given", [{"answers": [" "]}, {"wrong_answers": ["\n"]}])
def test_an_answer_of_nothing_but_a_space_is_named(digits: Any, given: dict[str, Any]) -> None:
    assert kinds(prompt(digits, **TO_MARY | given)) == ["blank answer"]


def test_a_special_token_as_an_answer_is_named(digits: Any) -> None:
    for given in ({"answers": ["<s>"]}, {"answers": [digits.bos_token_id]}, {"wrong_answers": ["<s>"]}):
        assert kinds(prompt(digits, **TO_MARY | given)) == ["special token as an answer"]


# Texts


@pytest.mark.parametrize("ending", [" ", "  ", "\t", "\u00a0"])
def test_a_prompt_that_ends_in_a_space_is_named_where_the_tokenizer_sees_it(digits: Any, ending: str) -> None:
    text = TO_MARY["clean"] + ending
    assert kinds(prompt(digits, text, answers=[5])) == ["prompt ends in a space"]
    assert kinds(prompt(tokenizer_of("words"), text, answers=[5])) == []


@pytest.mark.parametrize("side", ["clean", "corrupt"])
def test_a_space_that_makes_lengths_unequal_is_named(digits: Any, side: str) -> None:
    texts = {"clean": "Mary gave the book to", "corrupt": "Mary gave the map to"}
    with pytest.raises(ValueError, match=f"The space at the end of {side} makes the difference: end both texts alike"):
        prompt(digits, **texts | {side: f"{texts[side]} "}, answers=[5])


def test_an_answer_that_is_wrong_too_is_said_once(digits: Any) -> None:
    with pytest.raises(ValueError, match="an answer and a wrong answer") as error:
        prompt(digits, **TO_MARY | {"answers": [" Mary"], "wrong_answers": [" Mary"]})
    assert str(error.value).count("an answer and a wrong answer") == 1


def test_a_corrupt_prompt_that_ends_in_a_space_is_named_too(digits: Any) -> None:
    made = prompt(digits, "Mary gave the book to John", corrupt="Mary gave the map to ", answers=[5])
    assert kinds(made) == ["prompt ends in a space"]
    assert "corrupt ends in" in made.warnings[0].detail


def test_a_line_break_at_the_end_is_no_space(digits: Any) -> None:
    assert kinds(prompt(digits, "Q: Who?\nA:\n", answers=[5])) == []


def test_a_beginning_of_text_token_that_is_written_out_is_kept_once_and_named() -> None:
    tokenizer = tokenizer_of("sentencepiece")
    plain = prompt(tokenizer, **TO_MARY, roles={"IO": "Mary"})
    twice = prompt(tokenizer, f"<s>{TO_MARY['clean']}", answers=[" Mary"], roles={"IO": "Mary"})
    assert kinds(plain) == []
    assert kinds(twice) == ["beginning-of-text token written out"]
    assert twice.clean[:2] != (tokenizer.bos_token_id, tokenizer.bos_token_id)
    assert twice.clean.count(tokenizer.bos_token_id) == 1


def test_a_beginning_of_text_token_in_one_of_the_two_prompts_is_named() -> None:
    tokenizer = tokenizer_of("sentencepiece")
    made = prompt(tokenizer, "<s>Mary met John", corrupt="<s>John met Mary", answers=[5])
    assert made.clean[0] == made.corrupt[0] == tokenizer.bos_token_id
    with_one = prompt(tokenizer, "<s>Mary met John", corrupt="<s>Mary met Anna", answers=[5])
    assert kinds(with_one) == ["beginning-of-text token written out"]


def test_a_tokenizer_that_adds_none_takes_a_written_one_as_it_is(digits: Any) -> None:
    made = prompt(digits, "<s>Mary met John", answers=[5])
    assert made.clean[0] == digits.bos_token_id
    assert kinds(made) == []


def test_ids_that_begin_with_the_token_twice_are_named(digits: Any, tmp_path: Any) -> None:
    from circuits.data.prompt_files import read_prompts

    bos = digits.bos_token_id
    path = tmp_path / "ids.jsonl"
    path.write_text(f'{{"clean_ids": [{bos}, {bos}, 9], "corrupt_ids": [{bos}, {bos}, 8], "answer_ids": [{bos}]}}\n')
    prompts = read_prompts(path, digits)
    assert kinds(prompts.prompts[0]) == ["special token as an answer", "special token twice at the start"]
    assert read_prompts(path).warnings == []


def test_a_prompt_that_ends_with_the_end_of_text_token_is_named() -> None:
    tokenizer = tokenizer_of("words")
    assert tokenizer.eos_token == "<|endoftext|>"
    assert kinds(prompt(tokenizer, "Mary met John <|endoftext|>", answers=[5])) == [
        "prompt ends with the end-of-text token"
    ]


# Roles


@pytest.mark.parametrize(
    ("clean", "role", "at"),
    [
        ("Martin and Mart met", "Mart", ["Mart"]),
        ("the trained cat saw a rain", "rain", ["rain"]),
        ("keys of a key", " key", ["key"]),
        ("A cat, a cat's hat", "cat", ["cat"]),
    ],
)
def test_a_role_is_where_its_text_is_a_word_of_its_own(clean: str, role: str, at: list[str]) -> None:
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = dict.fromkeys(["?", *clean.replace(",", " ").replace("'", " ").split(), ",", "'"])
    plain = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="?"))
    plain.pre_tokenizer = pre_tokenizers.Split(Regex(r"\w+|[^\w\s]"), behavior="removed", invert=True)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, unk_token="?")
    made = prompt(tokenizer, clean, answers=[1], roles={"R": role})
    assert tokenizer.convert_ids_to_tokens([made.clean[position] for position in made.roles["R"]]) == at


@pytest.mark.parametrize(("role", "whole"), [("Mart", "Martin"), ("artin", "Martin"), ("oo", "book"), ("boo", "book")])
def test_a_role_that_occurs_only_inside_a_word_is_refused(digits: Any, role: str, whole: str) -> None:
    with pytest.raises(ValueError, match=f"role 'R': '{role}' occurs only inside another word, such as '{whole}'"):
        prompt(digits, "Martin gave the book to", answers=[" Mary"], roles={"R": role})


def test_words_of_a_script_without_spaces_are_found_inside_a_text(digits: Any) -> None:
    made = prompt(digits, "我喜欢猫和狗", answers=[5], roles={"cat": "猫"})
    assert digits.decode([made.clean[position] for position in made.roles["cat"]]) == "猫"


def test_two_roles_of_one_text_are_named(digits: Any) -> None:
    made = prompt(digits, **TO_MARY, roles={"S1": "John", "S2": "John"})
    assert kinds(made) == ["two roles at the same place"]
    assert "'S1' and 'S2' are both the first 'John'" in made.warnings[0].detail


# Sets


def test_a_set_counts_each_kind_of_warning_once(digits: Any) -> None:
    fine = prompt(digits, **TO_MARY, wrong_answers=[" John"])
    mixed = prompt(digits, **TO_MARY, wrong_answers=["John"])
    special = prompt(digits, **TO_MARY, wrong_answers=["<s>", "Anna"])
    warnings = PromptSet("mine", (fine, mixed, special)).warnings
    assert len(warnings) == 2
    assert warnings[0].startswith("answers with and without a leading space (2 of 3 prompts: 1, 2): ' Mary' begins")
    assert warnings[1].startswith("special token as an answer (1 of 3 prompts: 2): '<s>'")


def test_many_prompts_with_a_warning_are_cut_with_their_number(digits: Any) -> None:
    mixed = tuple(prompt(digits, **TO_MARY, wrong_answers=[name]) for name in ("John", "Anna", "Mark", "Paul", "Adam"))
    more = tuple(prompt(digits, **TO_MARY, wrong_answers=[name]) for name in ("Tom", "Ben", "Leo", "Max", "Kyle"))
    (warning,) = PromptSet("mine", mixed + more).warnings
    assert "(10 of 10 prompts: 0, 1, 2, 3, 4, 5, 6, 7 and 2 more)" in warning


@pytest.mark.parametrize("kind", KINDS)
def test_errors_show_text_and_no_marks_of_a_tokenizer(kind: str) -> None:
    tokenizer: Any = tokenizer_of(kind)
    with pytest.raises(ValueError, match="clean has") as refused:
        prompt_from_text("the store and the", "the store and the store", answers=["store"], wrong_answers=["and"],
                         roles={}, tokenizer=tokenizer)  # fmt: skip
    assert not [mark for mark in ("Ġ", "▁", "##") if mark in str(refused.value)]
    assert "store" in str(refused.value)
