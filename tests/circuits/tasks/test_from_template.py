"""Laws of prompts drawn from templates, for tokenizers of every kind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuits.data.halves import Lists, halves_of
from circuits.data.prompts import Prompt
from circuits.data.template_file import template_from
from circuits.data.templates import RULES, Word
from circuits.tasks.base import words
from circuits.tasks.from_template import TemplateTask
from tests.circuits.tasks.reading import corrupt_word, said, text_of, word
from tests.circuits.tasks.tokenizers import KINDS, tokenizer_of

NOUNS = [{"singular": noun, "plural": f"{noun}s"} for noun in ("key", "car", "boy", "girl", "dog", "cat")]
IOI: dict[str, Any] = {
    "templates": [
        "While {name:IO} and {name:S1} waited outside the {place}, {S1:S2} showed the book to",
        "While {name:S1} and {name:IO} waited outside the {place}, {S1:S2} showed the book to",
    ],
    "words": {"name": ["Mary", "John", "James", "Susan"], "place": ["store", "park", "museum"]},
    "corrupt": {"S2": "IO"},
    "answers": " {IO}",
    "wrong_answers": " {S1}",
}
AGREEMENT: dict[str, Any] = {
    "templates": "The {noun:S} near the {noun:A}",
    "words": {"noun": NOUNS},
    "corrupt": {"S": "another kind"},
    "answers": {"S": {"singular": " is", "plural": " are"}},
}


def task(said: dict[str, Any], **changes: Any) -> TemplateTask:
    return TemplateTask(template=template_from(said | changes, name="own"))


@pytest.fixture(params=KINDS, scope="module")
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return tokenizer_of(request.param)


def changed(prompt: Prompt) -> set[int]:
    return {n for n, (a, b) in enumerate(zip(prompt.clean, prompt.corrupt, strict=True)) if a != b}


def test_only_the_exchanged_slot_differs_and_roles_are_where_the_words_are(tokenizer: Any) -> None:
    for prompt in task(IOI).build(tokenizer, n=30):
        assert changed(prompt) == set(prompt.roles["S2"])
        names = {role: word(tokenizer, prompt, role) for role in ("IO", "S1", "S2")}
        assert names["S1"] == names["S2"] != names["IO"]
        assert set(names.values()) <= set(IOI["words"]["name"])
        assert word(tokenizer, prompt, "place") in IOI["words"]["place"]
        assert corrupt_word(tokenizer, prompt, "S2") == names["IO"]
        sides = said(tokenizer, prompt.answers), said(tokenizer, prompt.wrong_answers)
        assert sides == ([names["IO"]], [names["S1"]])


def test_another_kind_is_the_same_word_in_it_and_gives_the_wrong_answers(tokenizer: Any) -> None:
    forms = {row[kind]: row for row in NOUNS for kind in row}
    for prompt in task(AGREEMENT).build(tokenizer, n=30):
        one, other = word(tokenizer, prompt, "S"), corrupt_word(tokenizer, prompt, "S")
        assert changed(prompt) == set(prompt.roles["S"])
        assert one != other
        assert forms[one] is forms[other]
        assert forms[one] is not forms[word(tokenizer, prompt, "A")]
        verbs = [" is", " are"] if one == forms[one]["singular"] else [" are", " is"]
        answers = said(tokenizer, prompt.answers), said(tokenizer, prompt.wrong_answers)
        assert answers == ([verbs[0].strip()], [verbs[1].strip()])


def test_slots_change_places(tokenizer: Any) -> None:
    exchanged = task(AGREEMENT, corrupt={"S": "A", "A": "S"}, answers=" {S}", wrong_answers=" {A}")
    for prompt in exchanged.build(tokenizer, n=20):
        pair = [word(tokenizer, prompt, role) for role in ("S", "A")]
        assert [corrupt_word(tokenizer, prompt, role) for role in ("A", "S")] == pair
        assert changed(prompt) == {*prompt.roles["S"], *prompt.roles["A"]}


def test_what_repeats_a_slot_follows_it_unless_it_has_a_rule_of_its_own(tokenizer: Any) -> None:
    for prompt in task(IOI, corrupt={"S1": "another word"}).build(tokenizer, n=10):
        assert changed(prompt) == {*prompt.roles["S1"], *prompt.roles["S2"]}
        assert corrupt_word(tokenizer, prompt, "S1") == corrupt_word(tokenizer, prompt, "S2")
    for prompt in task(IOI, corrupt={"S1": "another word", "S2": "S1"}).build(tokenizer, n=10):
        assert changed(prompt) == set(prompt.roles["S1"])


def test_the_same_seed_gives_the_same_prompts_and_the_first_ones_of_a_larger_set(tokenizer: Any) -> None:
    few, many = (task(IOI).build(tokenizer, n=n, seed=3).prompts for n in (10, 30))
    assert many[:10] == few
    assert len({prompt.clean for prompt in many}) == 30
    assert task(IOI).build(tokenizer, n=10, seed=4).prompts != few


def words_of(tokenizer: Any, prompts: Sequence[Prompt], *roles: str) -> set[str]:
    return {word(tokenizer, prompt, role) for prompt in prompts for role in roles}


def makes_of(made: TemplateTask) -> Callable[[Lists], bool]:
    def makes(words: Lists) -> bool:
        own = {name: tuple(of_list) for name, of_list in words.items()}
        return TemplateTask(template=made.template._replace(words=own, halves=None)).count(1) > 0

    return makes


def texts(words: Sequence[Word]) -> set[str]:
    return {one.text for one in words}


@pytest.mark.parametrize("n", [8, 9])
def test_halves_that_are_held_apart_have_no_word_in_common(tokenizer: Any, n: int) -> None:
    own = task(IOI, halves="apart")
    prompts = own.build(tokenizer, n=n).prompts
    first, second = prompts[: (n + 1) // 2], prompts[(n + 1) // 2 :]
    assert words_of(tokenizer, first, "IO", "S1", "S2") == {"Mary", "James"}
    assert words_of(tokenizer, second, "IO", "S1", "S2") == {"John", "Susan"}
    # Three places are too few to be divided, and decide no answer.
    places = [words_of(tokenizer, half, "place") for half in (first, second)]
    assert places[0] & places[1]
    assert own.build(tokenizer, n=n).prompts == prompts


def test_a_word_goes_with_all_its_kinds_and_wherever_else_it_stands(tokenizer: Any) -> None:
    prompts = task(AGREEMENT, halves="apart").build(tokenizer, n=20).prompts
    halves = prompts[:10], prompts[10:]
    stems = [{text.removesuffix("s") for text in words_of(tokenizer, half, "S", "A")} for half in halves]
    assert stems == [{"key", "boy", "dog"}, {"car", "girl", "cat"}]
    places = {"place": ["Susan", "Mary", "museum", "store"]}
    for part in task(IOI, halves="apart", words=IOI["words"] | places).parts(tokenizer, 8):
        of_names, of_places = (texts(part.task.template.words[name]) for name in ("name", "place"))
        assert len(of_names) == len(of_places) == 2
        assert of_places & {"Mary", "Susan"} == of_names & {"Mary", "Susan"}


def test_halves_count_what_both_have(tokenizer: Any) -> None:
    own = task(IOI, halves="apart")
    # Two names in two orders, in two templates, at three places: twelve of each half.
    assert [own.count(n) for n in (1, 2, 23, 99)] == [1, 2, 23, 24]
    assert len(own.build_at_most(tokenizer, n=99)) == 24
    uneven = task(IOI, halves="apart", words=IOI["words"] | {"name": ["Mary", "John", "James", "Susan", "Mark"]})
    # Three names against two: the first half may have one prompt more.
    assert uneven.count(99) == 25


def test_too_few_words_for_halves_are_named(tokenizer: Any) -> None:
    few = task(IOI, halves="apart", words=IOI["words"] | {"name": ["Mary", "John", "James"]})
    with pytest.raises(ValueError, match=r"too few words for prompts in two halves.*3 of 'name'.*`halves: apart`"):
        few.count(8)
    kinds = {"noun": [{"singular": "key", "plural": "keys"}, {"singular": "sheep"}]}
    with pytest.raises(ValueError, match=r"hold the halves of the prompts apart: 2 of noun.singular, 1 of noun.plural"):
        task(AGREEMENT, halves="apart", words=kinds).count(4)
    none_left = task(IOI, halves="apart")
    with pytest.raises(ValueError, match=r"hold the halves of the prompts apart: 0 of 'name'\. Add words"):
        halves_of(none_left.template, none_left.template.words | {"name": ()}, makes_of(none_left))
    with pytest.raises(ValueError, match=r"'halves' holds 'together', expected 'apart'"):
        task(IOI, halves="together")


def rows(kinds: str, *texts: str) -> list[dict[str, str]]:
    """Words in several kinds, of texts such as `key keys`."""
    return [dict(zip(kinds.split(), text.split(), strict=False)) for text in texts]


def apart(words: dict[str, Any], *, fields: str = "{n:S} {m:T}", **changes: Any) -> TemplateTask:
    said = {"templates": fields, "words": words, "corrupt": {"S": "another word"}, "answers": " is"}
    return task(said, **{"wrong_answers": " are", "halves": "apart"} | changes)


def halves(made: TemplateTask) -> list[dict[str, list[str]]]:
    """The texts of every list, in each half."""
    return [
        {name: [word.text for word in words] for name, words in half.items()}
        for half in halves_of(made.template, made.template.words, lambda _: True)
    ]


def test_words_that_hang_together_by_their_kinds_stay_in_one_half() -> None:
    both = {"S": "another word", "T": "another word"}
    forms = rows("s p", "sheep fish", "cow cows", "hen hens", "ox oxen")
    animals = {"n": ["sheep", "fish", "dog", "cat"], "m": forms}
    first, second = halves(apart(animals, corrupt=both))
    assert first == {"n": ["sheep", "fish"], "m": ["sheep", "fish", "hen", "hens"]}
    assert second == {"n": ["dog", "cat"], "m": ["cow", "cows", "ox", "oxen"]}
    ring = halves(apart({"n": rows("s p", "a b", "c d", "d a", "g h", "i k", "l m")}, fields="{n:S}"))
    assert [sorted(half["n"]) for half in ring] == [["a", "a", "b", "c", "d", "d"], ["g", "h", "i", "k", "l", "m"]]


def test_sides_are_chosen_over_all_lists_together() -> None:
    words = {"n": list("abcdefgh"), "m": list("aceg")}
    first, second = halves(apart(words, corrupt={"S": "another word", "T": "another word"}))
    assert {name: len(of) for name, of in first.items()} == {"n": 4, "m": 2}
    assert not {*first["n"], *first["m"]} & {*second["n"], *second["m"]}


def test_lists_without_a_common_word_are_parted_by_every_second_one_of_each_kind() -> None:
    words = {"n": {"he": list("abcde"), "she": list("fghi")}, "m": list("jklm"), "o": list("pqr")}
    first, second = halves(apart(words, fields="{n:S} {m:T} {o:U}"))
    assert first == {"n": list("acefh"), "m": list("jl"), "o": list("pqr")}
    assert second == {"n": list("bdgi"), "m": list("km"), "o": list("pqr")}


def test_a_short_list_gives_a_word_that_decides_an_answer_to_its_half_alone() -> None:
    words = {"n": list("abcdef"), "m": ["a", "b", "z"]}
    assert [half["m"] for half in halves(apart(words))] == [["a", "z"], ["b", "z"]]
    with pytest.raises(ValueError, match=r"hold the halves of the prompts apart: 1 of 'm'; the same word in other"):
        halves(apart(words | {"m": ["a"]}))


def test_what_no_slot_takes_is_no_reason_to_refuse_a_template() -> None:
    forms = rows("s p", "a q", "b", "c", "d")
    assert [half["n"] for half in halves(apart({"n": forms}, fields="{n.s:S}"))] == [["a", "q", "c"], ["b", "d"]]
    # Nor are words together that only share one: `x` is in no prompt and no answer.
    forms = {"n": [{"s": "a", "p": "x"}, {"s": "x", "q": "b"}, {"s": "c"}, {"s": "b"}]}
    assert [half["n"] for half in halves(apart(forms, fields="{n.s:S}"))] == [["a", "x", "c"], ["x", "b", "b"]]
    # But an answer says its kind.
    said = halves(apart(forms, fields="{n.s:S}", answers=" {S.q}"))
    assert [half["n"] for half in said] == [["a", "x", "c"], ["x", "b", "b"]]


def test_words_that_all_hang_together_are_refused_by_name() -> None:
    chain = {"n": rows("s p", "a b", "b c", "c d", "d a")}
    with pytest.raises(
        ValueError, match=r"apart: 4 of n.s, 4 of n.p; .* stay in one half, here 'a', 'b', 'c', 'd'\. Add"
    ):
        halves(apart(chain, fields="{n:S}"))


def test_of_words_that_count_alike_those_go_together_that_make_prompts() -> None:
    """A prompt and what replaces a word of it need three texts, and of two words only those of `e f` have as many."""
    words = {"n": rows("s p", "a a", "b b", "c c", "d d", "e f"), "m": list("abcde")}
    made = apart(words)
    first, second = halves_of(made.template, made.template.words, makes_of(made))
    assert [texts(first["n"]), texts(second["n"])] == [{"a", "e", "f"}, {"b", "c", "d"}]


@st.composite
def shared(draw: st.DrawFn) -> TemplateTask:
    """Few words in two or three lists that share many."""
    some = st.sampled_from("abcdefghik")
    plain = st.lists(some, min_size=3, max_size=6, unique=True)

    def forms(columns: tuple[list[str], list[str]]) -> list[dict[str, str]]:
        return [{"s": one, "p": other} for one, other in zip(*columns, strict=False)]

    words = {name: draw(st.one_of(plain, st.tuples(plain, plain).map(forms))) for name in "nmo"}
    kind = {name: draw(st.sampled_from([".s", ""])) if isinstance(of[0], dict) else "" for name, of in words.items()}
    fields = [f"{{n{kind['n']}:S}}", f"{{m{kind['m']}:T}}", f"{{o{kind['o']}:U}}", f"{{n{kind['n']}:R}}"]
    changed = draw(st.lists(st.sampled_from("STU"), min_size=1, max_size=2, unique=True))
    used = draw(st.sampled_from([fields[:2], fields[:3], [fields[0], fields[1], fields[3]]]))
    slots = [field[-2] for field in used]
    rules = {slot: "another word" for slot in changed if slot in slots} or {"S": "another word"}
    return apart(words, fields=" ".join(used), corrupt=rules)


def said_in(made: TemplateTask) -> dict[str, list[Word]]:
    """The words of each list that a slot takes, which is all of its kinds or the one that it names."""
    slots = made.template.sentences[0].slots.values()
    return {
        slot.words: [word for word in made.template.words[slot.words] if slot.kind in (None, word.kind)]
        for slot in slots
    }


def exists(made: TemplateTask) -> bool:
    """Whether any way to give each word that decides an answer to a half leaves prompts, and all kinds, in both."""
    said, keys = said_in(made), made.template.key_lists
    deciding = sorted({word.text for name in keys for word in said[name]})
    bound = [
        {word.text for word in said[name] if word.place == place} for name in keys for place in range(len(said[name]))
    ]
    for bits in range(2 ** len(deciding)):
        side_of = {text: bits >> number & 1 for number, text in enumerate(deciding)}
        if any(len({side_of[text] for text in together}) > 1 for together in bound):
            continue
        own = [
            {
                name: tuple(word for word in words if side_of.get(word.text, side) == side)
                for name, words in said.items()
            }
            for side in (0, 1)
        ]
        has_all = all(
            {word.kind for word in half[name]} == {word.kind for word in said[name]} for half in own for name in said
        )
        if has_all and all(
            TemplateTask(template=made.template._replace(words=half, halves=None)).count(1) for half in own
        ):
            return True
    return False


@given(made=shared())
@settings(max_examples=60, deadline=None)
def test_halves_share_no_word_that_decides_an_answer_and_are_refused_only_where_none_exist(made: TemplateTask) -> None:
    words, makes = made.template.words, makes_of(made)
    if not exists(made):
        with pytest.raises(ValueError, match="too few words"):
            halves_of(made.template, words, makes)
        return
    said, keys = said_in(made), made.template.key_lists
    first, second = (
        {name: texts([w for w in half[name] if w in said[name]]) for name in said}
        for half in halves_of(made.template, words, makes)
    )
    for one, other in ((first, second), (second, first)):
        assert not set[str]().union(*(one[name] for name in keys)) & set[str]().union(*other.values())


def test_all_combinations_are_found_and_no_more(tokenizer: Any) -> None:
    # 4 names x 3 others x 3 places, in 2 templates.
    assert len(task(IOI).build_at_most(tokenizer, n=500)) == 72
    assert task(IOI).count(500) == task(IOI).count(500, tokenizer) == 72
    assert task(IOI).count(30) == 30
    # 6 nouns of 2 kinds, beside the 5 others of 2 kinds.
    assert task(AGREEMENT).count(500) == len(task(AGREEMENT).build_at_most(tokenizer, n=500)) == 12 * 10
    with pytest.raises(ValueError, match="asked for 500 distinct prompts, found 72"):
        task(IOI).build(tokenizer, n=500)


@pytest.mark.parametrize("leave_out", ["unequal", "several tokens"])
def test_words_that_do_not_fit_are_named_or_left_out(leave_out: str) -> None:
    tokenizer = tokenizer_of("bytes")
    long = "zqxjkv"
    assert len(tokenizer.tokenize(f" {long}")) > 1
    words = IOI["words"] | {"name": [*IOI["words"]["name"], long]}
    with pytest.raises(ValueError, match=r"words that do not fit: of 'name' 'zqxjkv' .* tokens where most have 1"):
        task(IOI, words=words).build(tokenizer, n=2)
    spared = task(IOI, words=words, leave_out=leave_out)
    prompts = spared.build_at_most(tokenizer, n=500)
    assert len(prompts) == 72
    assert prompts.notes[0].startswith("1 of the words 'name' is left out: 'zqxjkv'")


def test_only_words_that_change_need_equally_many_tokens_unless_several_are_left_out() -> None:
    tokenizer, long = tokenizer_of("bytes"), "zqxjkv"
    words = IOI["words"] | {"place": ["store", long]}
    made = task(IOI, words=words)
    assert made.unfit_words(tokenizer) == {}
    assert {word(tokenizer, prompt, "place") for prompt in made.build(tokenizer, n=30)} == {"store", long}
    strict = task(IOI, words=words, leave_out="several tokens").build(tokenizer, n=10)
    assert {word(tokenizer, prompt, "place") for prompt in strict} == {"store"}


def test_a_word_needs_as_many_tokens_as_its_own_kinds_alone_where_these_stand_for_it() -> None:
    """As in a pair of a prompt file; where another word of the list may stand for it, as most of the list."""
    tokenizer, long, longer = tokenizer_of("bytes"), ("zqxjkv", "zqxjkw"), "zqxjkvzqxjkv"
    n_tokens = {text: len(tokenizer.tokenize(f" {text}")) for text in (*long, longer)}
    assert 1 < n_tokens[long[0]] == n_tokens[long[1]] < n_tokens[longer]
    nouns = [*AGREEMENT["words"]["noun"], dict(zip(("singular", "plural"), long, strict=True))]
    words = {"noun": nouns}
    prompts = task(AGREEMENT, words=words).build_at_most(tokenizer, n=500)
    assert len(prompts) == 14 * 12
    with_long = [p for p in prompts if word(tokenizer, p, "S") == long[0]]
    assert with_long
    corrupt = {"".join(tokenizer.convert_ids_to_tokens([p.corrupt[at] for at in p.roles["S"]])) for p in with_long}
    assert {text.strip("Ġ") for text in corrupt} == {long[1]}
    why = "A word and what stands for it in the corrupt prompt need equally many tokens."
    with pytest.raises(ValueError, match=rf"'zqxjkv' \(\d tokens where most have 1\).*{why}"):
        task(AGREEMENT, words=words, corrupt={"S": "another word"}).build(tokenizer, n=2)
    nouns.append({"singular": long[0] + "a", "plural": longer})
    with pytest.raises(ValueError, match=rf"of 'noun' '{longer}' \(.* tokens where '{long[0]}a' has .*\)\. {why}"):
        task(AGREEMENT, words=words).build(tokenizer, n=2)
    # What a template leaves out is what it says.
    spared = task(AGREEMENT, words=words, leave_out="unequal").build_at_most(tokenizer, n=500)
    assert len(spared) == 12 * 10


def test_unknown_words_are_named() -> None:
    tokenizer = tokenizer_of("words")
    with pytest.raises(ValueError, match=r"of 'place' 'zqxjkv' \(not known\)"):
        task(IOI, words=IOI["words"] | {"place": ["store", "zqxjkv"]}).build(tokenizer, n=2)
    with pytest.raises(ValueError, match="does not know 'zqxjkv'"):
        task(IOI, templates="While {name:IO} and {name:S1} zqxjkv, {S1:S2} showed it to").build(tokenizer, n=2)


def test_rules_that_change_nothing_are_refused(tokenizer: Any) -> None:
    own = "While {name:IO} and {name:S1} waited outside the {place}, {name:S2} showed the book to"
    with pytest.raises(ValueError, match="the corrupt prompt is the clean one"):
        task(IOI, templates=[*IOI["templates"], own], corrupt={"S2": "S1"}).build(tokenizer, n=1)


def test_too_few_words_are_said_before_any_prompt_is_drawn(tokenizer: Any) -> None:
    words = IOI["words"] | {"name": ["Mary"]}
    with pytest.raises(ValueError, match="too few words for slots that differ and what replaces them: 1 of 'name'"):
        task(IOI, words=words).build(tokenizer, n=1)
    with pytest.raises(ValueError, match="2 of 'name'"):
        task(IOI, words=IOI["words"] | {"name": ["Mary", "John"]}, corrupt={"S2": "another word"}).build(tokenizer, n=1)


WORDS = tokenizer_of("words")
# What the tokenizer of words knows, and nothing that is two of its tokens.
SOME = list(words("store park museum book key car boy girl dog cat school garden library station market beach"))


@st.composite
def templates(draw: st.DrawFn) -> dict[str, Any]:
    """A sentence of slots and fixed words in any order, and rules for some of the slots."""
    kinds = draw(st.booleans())
    # Three slots, and other words for these and a fourth one: eight of a kind are enough.
    words: Any = {"one": SOME[:8], "two": SOME[8:]} if kinds else SOME
    slots = draw(st.lists(st.sampled_from("ABC"), min_size=1, max_size=3, unique=True))
    repeated = draw(st.sampled_from([*slots, None]))
    fields = [f"{{w:{slot}}}" for slot in slots] + ([f"{{{repeated}:R}}"] if repeated else [])
    fixed = draw(st.lists(st.sampled_from(["the", "and", "was"]), min_size=1, max_size=4))
    parts = draw(st.permutations([*fields, *fixed]))
    known = [*slots, *(["R"] if repeated else [])]
    rules = [rule for rule in RULES if rule == "another word" or (kinds and rule == "another word of another kind")]
    corrupt = {
        slot: draw(
            st.sampled_from([*rules, *(other for other in slots if other not in (slot, slot == "R" and repeated))])
        )
        for slot in draw(st.lists(st.sampled_from(known), min_size=1, unique=True))
    }
    said = {"templates": " ".join(parts), "words": {"w": words}, "corrupt": corrupt, "answers": [" is"]}
    return said | {"wrong_answers": [" are"]}


@given(said=templates(), seed=st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_clean_and_corrupt_differ_only_where_a_rule_says_so(said: dict[str, Any], seed: int) -> None:
    made = task(said)
    prompts = made.build_at_most(WORDS, n=8, seed=seed)
    slots = made.template.sentences[0].slots
    may_differ = {slot for slot, of in slots.items() if {slot, of.repeats} & said["corrupt"].keys()}
    for prompt in prompts:
        assert changed(prompt) <= {at for slot in may_differ for at in prompt.roles[slot]}
        held = {slot: word(WORDS, prompt, slot) for slot in slots}
        drawn = [held[slot] for slot, of in slots.items() if of.repeats is None]
        assert len(set(drawn)) == len(drawn)
        for slot, rule in said["corrupt"].items():
            now = corrupt_word(WORDS, prompt, slot)
            assert now == held[rule] if rule in held else now not in held.values()
        assert text_of(WORDS, list(prompt.clean)).split() == [
            held[part.strip("{}").partition(":")[2]] if part.startswith("{") else part
            for part in said["templates"].split()
        ]
    assert made.build_at_most(WORDS, n=3, seed=seed).prompts == prompts.prompts[:3]


def standing(**changes: Any) -> list[str]:
    """What is said of words of this template that never stand somewhere."""
    own = task({"templates": "The {n:S} near the {n:D}", "answers": " is", "wrong_answers": " are"}, **changes)
    return [note for note in own.notes(tokenizer_of("bytes")) if "never stand" in note]


def test_words_that_nothing_can_stand_for_are_said() -> None:
    forms = {"n": [{"s": "key", "p": "keys"}, {"s": "car"}, {"p": "dogs"}]}
    lacking = standing(words=forms, corrupt={"S": "another kind"})
    assert lacking == [
        "2 of the words 'n' never stand at S: 'car', 'dogs'. The corrupt prompt holds another "
        "kind of the word there, and there is none: add it."
    ]
    # A word that is refused is mended, and so is none that lacks.
    forms["n"].append({"s": "boy", "p": "zqxjkv"})
    with pytest.raises(ValueError, match=r"do not fit: of 'n' 'zqxjkv'[^$]*doubtful: 2 of the words 'n' never stand"):
        task(AGREEMENT, templates="The {n:S}", words=forms, answers=" is", wrong_answers=" are").build(
            tokenizer_of("bytes"), n=2
        )


@pytest.mark.parametrize(
    ("words", "rule", "said"),
    [
        ({"s": ["a", "b"], "p": ["c"]}, "another word", ["1 of the words 'n' never stands at S: 'c'. The corrupt"]),
        ([{"s": "a", "p": "b"}, {"s": "c", "p": "d"}], "another word", []),
        (
            [{"s": "a", "p": "a"}, {"s": "c", "p": "d"}],
            "another kind",
            ["2 of the words 'n' never stand at S: 'a', 'a'."],
        ),
        (
            [{"s": "a", "p": "b"}, {"s": "c"}],
            "another word of another kind",
            ["1 of the words 'n' never stands at S: 'a'"],
        ),
        (
            [{"s": "a"}, {"s": "c", "p": "d"}],
            "another word of another kind",
            ["1 of the words 'n' never stands at S: 'c'"],
        ),
    ],
)
def test_each_rule_says_which_words_it_never_takes(words: Any, rule: str, said: list[str]) -> None:
    notes = standing(words={"n": words}, corrupt={"S": rule})
    assert len(notes) == len(said)
    assert all(note.startswith(begin) for note, begin in zip(notes, said, strict=True))
