"""The built-in tasks, on the reference tokenizer, on other kinds of tokenizers, and where they cannot be built."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from circuits.data.counted import told_to
from circuits.reference.vocabulary import LEARNED, make_tokenizer, vocabulary
from circuits.tasks import TASKS, Task, base, ioi
from circuits.tasks import colored_objects as co
from circuits.tasks import docstring as doc
from circuits.tasks import greater_than as gt
from tests.circuits.tasks.reading import CANNOT_HOLD, build, changed, corrupt_word, fitting, positions, said, word
from tests.circuits.tasks.tokenizers import KINDS, tokenizer_of
from tests.conftest import mostly_slow

ROOT = Path(__file__).parents[3]
SAMPLES = Path(os.environ.get("CIRCUITS_SAMPLE_MODELS", ROOT.parent / "shared" / "models"))

SETTINGS = [(name, corruption) for name, task in TASKS.items() for corruption in task.corruptions]
# These replace every token, or articles with the colors behind them; all others change words of roles alone.
MORE_THAN_ROLES = {("greater-than", corruption) for corruption in ("random", "unrelated", "copy")}
MORE_THAN_ROLES |= {("colored-objects", "colors")}


@pytest.fixture(scope="module")
def words_tokenizer() -> Any:
    return tokenizer_of("words")


@pytest.fixture(scope="module", params=KINDS)
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return tokenizer_of(request.param)


@pytest.fixture(scope="module", params=[kind for kind in KINDS if (kind, "greater-than") not in CANNOT_HOLD])
def year_tokenizer(request: pytest.FixtureRequest) -> Any:
    """Tokenizers that split a year into its century and the two digits behind it."""
    return tokenizer_of(request.param)


def test_importing_the_tasks_leaves_torch_and_transformers_alone() -> None:
    code = "import sys, circuits.tasks; print([m for m in ('torch', 'transformers', 'PIL') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(("name", "corruption"), SETTINGS)
def test_same_seed_gives_the_same_prompts_and_another_seed_others(name: str, corruption: str) -> None:
    first, again, other = (build(name, fitting(name), corruption, n=8, seed=seed) for seed in (3, 3, 4))
    assert first.fingerprint == again.fingerprint != other.fingerprint


@pytest.mark.parametrize("name", TASKS)
def test_a_smaller_set_is_the_beginning_of_a_larger_one(name: str) -> None:
    assert build(name, fitting(name), n=10).prompts == build(name, fitting(name), n=30).prompts[:10]


@pytest.mark.parametrize("name", TASKS)
def test_no_prompt_occurs_twice(name: str) -> None:
    prompts = build(name, fitting(name), n=300)
    assert len({prompt.clean for prompt in prompts}) == 300


@pytest.mark.parametrize(("name", "corruption"), SETTINGS)
def test_answers_and_wrong_answers_never_meet(name: str, corruption: str) -> None:
    for prompt in build(name, fitting(name), corruption):
        assert prompt.answers
        assert prompt.wrong_answers
        assert not set(prompt.answers) & set(prompt.wrong_answers)


# Every task on every kind with one corruption, and every corruption on one that holds its words.
@pytest.mark.parametrize(
    ("name", "corruption", "kind"),
    mostly_slow(
        [(*setting, kind) for setting in SETTINGS for kind in KINDS],
        {
            *((name, next(iter(task.corruptions)), kind) for name, task in TASKS.items() for kind in KINDS),
            *((*setting, "digits" if ("words", setting[0]) in CANNOT_HOLD else "words") for setting in SETTINGS),
        },
    ),
)
def test_clean_and_corrupt_align_and_differ_on_every_kind_of_tokenizer(kind: str, name: str, corruption: str) -> None:
    task, tokenizer = TASKS[name], tokenizer_of(kind)
    for held_out in (False, True) if task.templates else (False,):
        made = task(corruption=corruption, held_out=held_out)
        if (kind, name) in CANNOT_HOLD:
            with pytest.raises(ValueError, match=f"task '{name}' cannot be built for this model's tokenizer: needs"):
                made.build(tokenizer, n=1)
            continue
        for prompt in made.build(tokenizer, n=8):
            assert len(prompt.clean) == len(prompt.corrupt)
            assert changed(prompt)
            assert changed(prompt) <= positions(prompt, *prompt.roles) or (name, corruption) in MORE_THAN_ROLES
            assert prompt.roles["END"] == (len(prompt) - 1,)


@pytest.mark.parametrize("name", [name for name, task in TASKS.items() if task.templates])
def test_held_out_templates_share_no_prompt_with_the_usual_ones(name: str) -> None:
    task = TASKS[name]
    assert not set(task.templates) & set(task.held_out_templates)
    assert len(task.held_out_templates) >= 2
    usual, held = (task(held_out=held_out).build(fitting(name), n=64) for held_out in (False, True))
    assert not {prompt.clean for prompt in usual} & {prompt.clean for prompt in held}
    assert usual.roles == held.roles


def test_every_task_has_two_corruptions_and_all_with_sentences_hold_templates_out() -> None:
    assert all(len(task.corruptions) >= 2 for task in TASKS.values())
    assert [name for name, task in TASKS.items() if not task.held_out_templates] == [
        "induction",
        "needle",
        "needle-long",
        "backcopy",
        "two-route-nearby",
        "two-route-learned",
    ]


@pytest.mark.parametrize("name", [name for name, task in LEARNED.items() if task.templates])
def test_bundled_models_know_the_words_of_templates_held_out(name: str) -> None:
    assert LEARNED[name](held_out=True).known_templates(make_tokenizer()) == list(LEARNED[name].held_out_templates)


def test_tasks_without_held_out_templates_say_so() -> None:
    with pytest.raises(ValueError, match="task 'induction' holds no templates out"):
        TASKS["induction"](held_out=True)


def test_the_default_corruption_is_the_first() -> None:
    assert [task().corruption for task in TASKS.values()] == [next(iter(task.corruptions)) for task in TASKS.values()]


@pytest.mark.parametrize(("name", "task"), TASKS.items())
def test_an_unknown_corruption_names_the_known_ones(name: str, task: type[Task]) -> None:
    with pytest.raises(ValueError, match=f"'{name}'.*{next(iter(task.corruptions))}"):
        task(corruption="nonsense")


def test_more_prompts_than_exist_is_an_error_that_says_how_many_there_are(
    words_tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gt, "NOUNS", ("war",))
    monkeypatch.setattr(gt, "CENTURIES", ("17",))
    with pytest.raises(ValueError, match="asked for 98 distinct prompts, found 97"):
        build("greater-than", words_tokenizer, n=98)
    assert len(build("greater-than", words_tokenizer, n=97)) == 97


def test_far_more_prompts_than_ways_to_draw_one_are_refused_before_all_are_drawn(
    words_tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gt, "NOUNS", ("war",))
    monkeypatch.setattr(gt, "CENTURIES", ("17",))
    task, drawn = TASKS["greater-than"](), []
    monkeypatch.setattr(base, "counted", lambda prompts: drawn.extend(prompts) or drawn)
    with pytest.raises(ValueError, match=r"asked for 1000000 distinct prompts; .* there are about 97, or fewer"):
        task.build(words_tokenizer, n=1_000_000)
    assert not drawn
    with pytest.raises(ValueError, match="asked for 970 distinct prompts, found 97"):
        task.require_as_many(words_tokenizer, n=970)
    task.require_as_many(words_tokenizer, n=97)


def test_the_prompts_that_are_made_so_far_are_told(words_tokenizer: Any) -> None:
    told: list[int] = []
    with told_to(told.append):
        build("ioi", words_tokenizer, n=5)
    build("ioi", words_tokenizer, n=3)
    assert told == [1, 2, 3, 4, 5]


def test_no_prompts_at_all_is_an_error(words_tokenizer: Any) -> None:
    with pytest.raises(ValueError, match="asked for 0 prompts"):
        build("ioi", words_tokenizer, n=0)


# Indirect objects


def test_ioi_roles_point_at_the_two_names_and_the_answer_is_the_one_not_repeated(tokenizer: Any) -> None:
    for prompt in build("ioi", tokenizer):
        io, subject = word(tokenizer, prompt, "IO"), word(tokenizer, prompt, "S1")
        assert {io, subject} <= set(ioi.NAMES)
        assert word(tokenizer, prompt, "S2") == subject != io
        assert (said(tokenizer, prompt.answers), said(tokenizer, prompt.wrong_answers)) == ([io], [subject])
        assert word(tokenizer, prompt, "END") == "to"
        assert prompt.roles["S1+1"] == (prompt.roles["S1"][0] + 1,)


def test_ioi_flip_changes_only_the_second_mention_to_the_other_name(tokenizer: Any) -> None:
    for prompt in build("ioi", tokenizer, "flip"):
        assert changed(prompt) == positions(prompt, "S2")
        assert corrupt_word(tokenizer, prompt, "S2") == word(tokenizer, prompt, "IO")


def test_ioi_abc_puts_three_unrelated_names(tokenizer: Any) -> None:
    for prompt in build("ioi", tokenizer, "abc"):
        assert changed(prompt) == positions(prompt, "IO", "S1", "S2")
        names = {corrupt_word(tokenizer, prompt, role) for role in ("IO", "S1", "S2")}
        assert len(names) == 3
        assert not names & {word(tokenizer, prompt, "IO"), word(tokenizer, prompt, "S1")}


def test_ioi_uses_both_orders_about_equally(words_tokenizer: Any) -> None:
    prompts = build("ioi", words_tokenizer, n=400)
    n_io_first = sum(prompt.roles["IO"] < prompt.roles["S1"] for prompt in prompts)
    # 200 expected, standard deviation 10
    assert 150 < n_io_first < 250
    assert len(ioi.ABBA) == len(ioi.BABA) >= 15


# Colored Objects


def test_colored_objects_answer_is_the_color_before_the_object_asked_about(tokenizer: Any) -> None:
    for prompt in build("colored-objects", tokenizer):
        colored = {
            word(tokenizer, prompt, f"object_{number}"): word(tokenizer, prompt, f"color_{number}")
            for number in (1, 2, 3)
        }
        assert set(colored) <= set(co.OBJECTS)
        assert said(tokenizer, prompt.answers) == [colored[word(tokenizer, prompt, "query")].title()]
        assert word(tokenizer, prompt, "correct_color").title() == said(tokenizer, prompt.answers)[0]
        assert word(tokenizer, prompt, "wrong_color").title() == said(tokenizer, prompt.wrong_answers)[0]


def test_colored_objects_query_corruption_asks_about_the_object_of_the_wrong_answer(tokenizer: Any) -> None:
    for prompt in build("colored-objects", tokenizer, "query"):
        assert changed(prompt) == positions(prompt, "query")
        asked = corrupt_word(tokenizer, prompt, "query")
        number = next(p for p in (1, 2, 3) if word(tokenizer, prompt, f"object_{p}") == asked)
        assert prompt.roles[f"color_{number}"] == prompt.roles["wrong_color"]


def test_colored_objects_colors_corruption_gives_the_asked_object_the_wrong_color(tokenizer: Any) -> None:
    for prompt in build("colored-objects", tokenizer, "colors"):
        assert corrupt_word(tokenizer, prompt, "correct_color") == word(tokenizer, prompt, "wrong_color")
        assert corrupt_word(tokenizer, prompt, "wrong_color") == word(tokenizer, prompt, "correct_color")
        assert corrupt_word(tokenizer, prompt, "query") == word(tokenizer, prompt, "query")


def test_colored_objects_absent_corruption_asks_about_an_object_that_the_sentence_lacks(tokenizer: Any) -> None:
    for prompt in build("colored-objects", tokenizer, "absent"):
        assert changed(prompt) <= positions(prompt, "query")
        named = {word(tokenizer, prompt, f"object_{number}") for number in (1, 2, 3)}
        assert word(tokenizer, prompt, "query") in named
        assert corrupt_word(tokenizer, prompt, "query") not in named


def test_colored_objects_worked_and_test_question_share_no_color_and_no_object(words_tokenizer: Any) -> None:
    for prompt in build("colored-objects", words_tokenizer):
        text = words_tokenizer.decode(prompt.clean)
        worked, test = (set(part.split()) for part in text.split("\n", maxsplit=2)[0::2])
        used = (set(co.COLORS) | set(co.OBJECTS)) & worked
        assert len(used) == 6
        assert not used & test
        assert word(words_tokenizer, prompt, "worked_answer").lower() in used


def test_colored_objects_prompt_has_the_published_length_and_positions(words_tokenizer: Any) -> None:
    # With one token a word the published GPT-2 positions come out: colors 41 45 50, objects 42 46 51, END 61 of 62.
    prompt = build("colored-objects", words_tokenizer, n=1).prompts[0]
    role_positions = [prompt.roles[f"{kind}_{number}"][0] for kind in ("color", "object") for number in (1, 2, 3)]
    assert (len(prompt), role_positions) == (62, [41, 45, 50, 42, 46, 51])
    assert (prompt.roles["worked_answer"], prompt.roles["END"]) == ((30,), (61,))


def test_an_stands_before_orange_only(words_tokenizer: Any) -> None:
    for prompt in build("colored-objects", words_tokenizer):
        for number in (1, 2, 3):
            at = prompt.roles[f"color_{number}"][0]
            before = words_tokenizer.decode([prompt.clean[at - 1]])
            assert before == ("an" if word(words_tokenizer, prompt, f"color_{number}") == "orange" else "a")


# Greater-Than


def test_greater_than_answers_are_the_two_digit_tokens_above_the_start_year(year_tokenizer: Any) -> None:
    for prompt in build("greater-than", year_tokenizer):
        year = int(word(year_tokenizer, prompt, "YY"))
        assert [int(text) for text in said(year_tokenizer, prompt.answers)] == list(range(year + 1, 100))
        assert [int(text) for text in said(year_tokenizer, prompt.wrong_answers)] == list(range(year + 1))


def test_greater_than_gives_the_same_century_twice_and_corrupts_the_year_to_01(year_tokenizer: Any) -> None:
    for prompt in build("greater-than", year_tokenizer):
        assert word(year_tokenizer, prompt, "XX") == word(year_tokenizer, prompt, "END")
        assert changed(prompt) == positions(prompt, "YY")
        assert corrupt_word(year_tokenizer, prompt, "YY") == "01"


def test_greater_than_range_ends_a_century_before_it_starts(year_tokenizer: Any) -> None:
    for prompt in build("greater-than", year_tokenizer, "range"):
        assert changed(prompt) == positions(prompt, "END")
        assert int(corrupt_word(year_tokenizer, prompt, "END")) == int(word(year_tokenizer, prompt, "XX")) - 1


def test_greater_than_year_starts_in_another_century(year_tokenizer: Any) -> None:
    for prompt in build("greater-than", year_tokenizer, "year"):
        assert positions(prompt, "XX") <= changed(prompt) <= positions(prompt, "XX") | positions(prompt, "YY")


@pytest.mark.parametrize("corruption", ["random", "unrelated", "copy"])
def test_greater_than_far_negatives_share_only_their_length(year_tokenizer: Any, corruption: str) -> None:
    for prompt in build("greater-than", year_tokenizer, corruption):
        assert len(prompt.corrupt) == len(prompt.clean)
        assert len(changed(prompt)) > len(prompt) // 2


def test_greater_than_copy_repeats_two_nouns(words_tokenizer: Any) -> None:
    for prompt in build("greater-than", words_tokenizer, "copy"):
        assert len(set(prompt.corrupt)) == 2
        assert prompt.corrupt[2:] == prompt.corrupt[:-2]


# Docstring


def test_docstring_answer_is_the_third_argument_and_the_wrong_ones_are_the_others(tokenizer: Any) -> None:
    for prompt in build("docstring", tokenizer):
        defined = [word(tokenizer, prompt, role) for role in doc.DEFINED]
        assert [word(tokenizer, prompt, role) for role in doc.DOCUMENTED] == defined[:2]
        assert said(tokenizer, prompt.answers) == [defined[2]]
        assert said(tokenizer, prompt.wrong_answers) == [defined[0], defined[1], defined[3]]
        assert word(tokenizer, prompt, "END").endswith("param")


@pytest.mark.parametrize(
    ("corruption", "roles"),
    [("random-random", doc.DEFINED + doc.DOCUMENTED), ("random-def", doc.DEFINED), ("random-doc", doc.DOCUMENTED)],
)
def test_docstring_corruption_replaces_the_names_it_says_by_new_ones(
    tokenizer: Any, corruption: str, roles: tuple[str, ...]
) -> None:
    for prompt in build("docstring", tokenizer, corruption):
        assert changed(prompt) == positions(prompt, *roles)
        clean = {word(tokenizer, prompt, role) for role in doc.DEFINED}
        new = [corrupt_word(tokenizer, prompt, role) for role in roles]
        assert len(set(new)) == len(new)
        assert not set(new) & clean


# Induction


def test_induction_repeats_the_beginning_of_the_sequence_up_to_a(tokenizer: Any) -> None:
    for prompt in build("induction", tokenizer):
        (at_a,), (at_b,) = prompt.roles["A"], prompt.roles["B"]
        n_leading = len(prompt) - 20
        assert at_b == at_a + 1
        assert prompt.clean[-1] == prompt.clean[at_a]
        repeated = at_a + 1 - n_leading
        assert prompt.clean[-repeated:] == prompt.clean[n_leading : at_a + 1]
        assert prompt.answers == (prompt.clean[at_b],)
        assert prompt.wrong_answers == (prompt.clean[prompt.roles["D"][0]],)


def test_induction_swap_holds_the_same_tokens_and_makes_d_the_answer(tokenizer: Any) -> None:
    for prompt in build("induction", tokenizer, "swap"):
        assert sorted(prompt.clean) == sorted(prompt.corrupt)
        assert changed(prompt) == positions(prompt, "B", "D")
        assert prompt.corrupt[prompt.roles["B"][0]] == prompt.wrong_answers[0]


def test_induction_break_leaves_no_earlier_a(tokenizer: Any) -> None:
    for prompt in build("induction", tokenizer, "break"):
        assert changed(prompt) == positions(prompt, "A")
        assert prompt.corrupt[:-1].count(prompt.corrupt[-1]) == 0


def test_induction_distance_differs_between_prompts(words_tokenizer: Any) -> None:
    distances = {len(p) - 1 - p.roles["A"][0] for p in build("induction", words_tokenizer)}
    # 20 tokens of which 4 to 8 are repeated: 16 to 12 back
    assert distances == {12, 13, 14, 15, 16}


def test_induction_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="length is 5"):
        TASKS["induction"](length=5)  # pyright: ignore[reportCallIssue]


# Tokenizers


@pytest.mark.parametrize("name", [name for name in TASKS if ("sentencepiece", name) not in CANNOT_HOLD])
def test_a_beginning_of_sequence_token_stays_in_front(name: str) -> None:
    tokenizer = tokenizer_of("sentencepiece")
    for prompt in build(name, tokenizer, n=5):
        assert prompt.clean[0] == prompt.corrupt[0] == tokenizer.bos_token_id
        assert tokenizer.bos_token_id not in prompt.clean[1:]


def test_a_model_without_the_words_is_refused_with_those_that_failed() -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    kept = [token for token in vocabulary() if token not in ioi.NAMES[3:]]
    plain = Tokenizer(models.WordLevel({token: i for i, token in enumerate(kept)}, unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, unk_token="<unk>")
    with pytest.raises(
        ValueError,
        match=r"task 'ioi' cannot be built.*at least 5 names of one token each, found 3.*'Michael'.*and 49 more",
    ):
        build("ioi", tokenizer)
    with pytest.raises(ValueError, match=r"'greater-than' cannot be built.*years of two tokens.*'1732' gives"):
        build("greater-than", tokenizer)


@pytest.fixture(scope="module")
def stories_tokenizer() -> Any:
    """The 512 SentencePiece tokens of a small story model."""
    folder = SAMPLES / "stories260k"
    if not folder.is_dir():
        pytest.skip("no sample model 'stories260k' here (CIRCUITS_SAMPLE_MODELS)")
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("name", ["colored-objects", "greater-than", "docstring"])
def test_a_small_real_vocabulary_cannot_build_most_tasks_and_says_why(stories_tokenizer: Any, name: str) -> None:
    with pytest.raises(ValueError, match=f"task '{name}' cannot be built for this model's tokenizer: needs"):
        build(name, stories_tokenizer)


def test_induction_can_be_built_from_any_vocabulary(stories_tokenizer: Any) -> None:
    for prompt in build("induction", stories_tokenizer):
        assert prompt.clean[0] == stories_tokenizer.bos_token_id
        assert len(prompt) == 21
        assert not set(stories_tokenizer.all_special_ids) & set(prompt.clean[1:])
