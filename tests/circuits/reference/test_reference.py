"""The bundled models do what their cards say, and their training never saw the held-out combinations."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuits.model.sources import BUNDLED
from circuits.reference.data import (
    POOL,
    Batch,
    ColoredObjectsPrompts,
    DocstringPrompts,
    GreaterThanPrompts,
    IndirectObjectPrompts,
    InductionPrompts,
    Stream,
    streams,
)
from circuits.reference.held_out import ONE_IN, combination, held_out_prompts, is_held_out, is_held_out_pair
from circuits.reference.vocabulary import END_OF_TEXT, LEARNED, UNKNOWN, make_tokenizer, vocabulary
from circuits.tasks import colored_objects as co
from circuits.tasks import docstring as doc
from circuits.tasks import greater_than as gt
from circuits.tasks import ioi

ROOT = Path(__file__).parents[3]
READING_TEXT = ("reference", "reference-early")
LARGEST_BYTES = 10_000_000
N_PROMPTS, N_OF_THE_CARD = 120, 500


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    return make_tokenizer()


@lru_cache
def bundled(name: str) -> tuple[Any, Any]:
    """A bundled model and its tokenizer, as transformers loads them."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(BUNDLED[name]).eval()
    return model, AutoTokenizer.from_pretrained(BUNDLED[name])


@lru_cache
def measured(name: str, task: str, n: int = N_PROMPTS) -> Any:
    """A bundled model on the first of the prompts of a task that its card was made from."""
    from circuits.reference.train import measure

    model, own_tokenizer = bundled(name)
    return measure(model, LEARNED[task]().build(own_tokenizer, n=n, seed=123))


def texts(tokenizer: Any, batch: Batch) -> list[list[str]]:
    """The words of each training prompt, without padding."""
    return [
        tokenizer.convert_ids_to_tokens(ids[is_text].tolist())
        for ids, is_text in zip(batch.ids, batch.is_text, strict=True)
    ]


# The models


@pytest.mark.parametrize("task", LEARNED)
def test_reference_solves_the_task_over_the_whole_vocabulary(task: str) -> None:
    assert measured("reference", task).accuracy >= 0.97


@pytest.mark.parametrize("task", LEARNED)
def test_reference_solves_combinations_that_training_never_saw(task: str) -> None:
    from circuits.reference.train import measure

    model, own_tokenizer = bundled("reference")
    prompts = held_out_prompts(LEARNED[task]().build(own_tokenizer, n=600, seed=7), own_tokenizer)
    assert len(prompts) > 50
    assert measure(model, prompts).accuracy >= 0.97


@pytest.mark.parametrize("task", LEARNED)
def test_corrupt_prompts_lower_the_logit_difference_clearly(task: str) -> None:
    measurement = measured("reference", task)
    assert measurement.clean > 1
    assert measurement.corrupt < measurement.clean / 2


@pytest.mark.parametrize("task", ["ioi", "colored-objects", "induction"])
def test_corruptions_that_flip_the_answer_change_the_sign_of_the_logit_difference(task: str) -> None:
    measurement = measured("reference", task)
    assert measurement.corrupt == pytest.approx(-measurement.clean, rel=0.2)


def test_the_early_model_has_solved_ioi_and_colored_objects_only_half() -> None:
    assert measured("reference-early", "ioi").accuracy >= 0.97
    assert 0.4 <= measured("reference-early", "colored-objects").accuracy <= 0.7


def stated(name: str, task: str) -> float:
    """The accuracy in percent that a model's card gives."""
    card = (BUNDLED[name] / "README.md").read_text(encoding="utf-8")
    (percent,) = re.findall(rf"^\| {task} \| drawn \| {N_OF_THE_CARD} \| ([\d.]+)% ", card, flags=re.MULTILINE)
    return float(percent)


@pytest.mark.parametrize("name", READING_TEXT)
def test_the_card_beside_the_weights_gives_the_accuracies_that_the_first_prompts_show(name: str) -> None:
    for task in LEARNED:
        share = stated(name, task) / 100
        # Four standard errors, and one prompt where the card leaves next to none.
        spread = 4 * (share * (1 - share) / N_PROMPTS) ** 0.5 + 1 / N_PROMPTS
        assert measured(name, task).accuracy == pytest.approx(share, abs=spread)


@pytest.mark.slow
@pytest.mark.parametrize("name", READING_TEXT)
def test_the_card_beside_the_weights_gives_the_measured_accuracies(name: str) -> None:
    for task in LEARNED:
        # The card rounds to a tenth of a percent; another machine may flip one prompt of 500, 0.2 %.
        assert stated(name, task) == pytest.approx(100 * measured(name, task, N_OF_THE_CARD).accuracy, abs=0.25)


@pytest.mark.parametrize("name", BUNDLED)
def test_a_bundled_model_is_small_and_readable_by_everyone(name: str) -> None:
    files = [path for path in BUNDLED[name].iterdir() if path.is_file()]
    assert sum(path.stat().st_size for path in files) < LARGEST_BYTES
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md"} <= {path.name for path in files}
    assert all(path.stat().st_mode & 0o044 == 0o044 for path in files)


def test_the_bundled_tokenizer_is_the_one_that_training_makes(tokenizer: Any) -> None:
    for name in READING_TEXT:
        _, own = bundled(name)
        assert own.get_vocab() == tokenizer.get_vocab()
        assert own("a red cup?\n1732")["input_ids"] == tokenizer("a red cup?\n1732")["input_ids"]


def test_importing_the_bundled_names_leaves_torch_alone() -> None:
    code = "import sys, circuits.reference; print('torch' in sys.modules, 'transformers' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "False False"


# The tokenizer


def test_a_year_is_two_tokens_a_line_break_one_and_spaces_none(tokenizer: Any) -> None:
    ids = tokenizer("the year 1732\n  the   year")["input_ids"]
    assert tokenizer.convert_ids_to_tokens(ids) == ["the", "year", "17", "32", "\n", "the", "year"]


def test_a_word_is_the_same_token_with_and_without_a_space_before_it(tokenizer: Any) -> None:
    assert tokenizer("Mary")["input_ids"] == tokenizer(" Mary")["input_ids"]


def test_every_word_of_every_task_is_in_the_vocabulary_once(tokenizer: Any) -> None:
    tokens = vocabulary()
    assert len(set(tokens)) == len(tokens) == len(tokenizer)
    assert tokens[:2] == [END_OF_TEXT, UNKNOWN]
    for task in LEARNED.values():
        for prompt in task().build(tokenizer, n=200):
            assert not {tokenizer.unk_token_id, tokenizer.eos_token_id} & {*prompt.clean, *prompt.corrupt}


# What was held out


def test_the_held_out_rule_is_the_hash_of_the_words() -> None:
    # CRC-32 of "Mary|John" is 3301868910, of "red|cup" 2222571990: both end in 0.
    import zlib

    for words in (("Mary", "John"), ("red", "cup"), ("17", "32")):
        assert is_held_out(*words) == (zlib.crc32("|".join(words).encode()) % ONE_IN == 0)
    assert is_held_out_pair("Mary", "John") == is_held_out_pair("John", "Mary") == is_held_out("John", "Mary")


def test_about_one_combination_in_ten_is_held_out_in_every_task(tokenizer: Any) -> None:
    for task in LEARNED.values():
        prompts = task().build(tokenizer, n=500)
        # Four standard errors of a tenth are 5 %.
        assert 0.05 < len(held_out_prompts(prompts, tokenizer)) / len(prompts) < 0.15


def test_the_combination_of_a_prompt_is_what_it_tests(tokenizer: Any) -> None:
    combinations = {
        name: combination(name, prompt, tokenizer)
        for name, task in LEARNED.items()
        for prompt in task().build(tokenizer, n=1)
    }
    assert set(combinations["ioi"]) <= set(ioi.NAMES)
    color, thing = combinations["colored-objects"]
    assert color in co.COLORS
    assert thing in co.OBJECTS
    assert combinations["greater-than"][0] in gt.CENTURIES
    assert set(combinations["docstring"]) <= set(doc.ARGUMENTS)


def test_ioi_training_never_has_a_held_out_pair_of_names(tokenizer: Any) -> None:
    batch = IndirectObjectPrompts(tokenizer)(np.random.default_rng(0), POOL)
    for words in texts(tokenizer, batch):
        names = {word for word in words if word in ioi.NAMES}
        assert len(names) == 2
        assert not is_held_out_pair(*names)


@pytest.mark.parametrize(("n_nouns", "with_worked"), [(1, False), (2, False), (5, False), (17, False), (17, True)])
def test_colored_objects_training_never_has_a_held_out_color_of_an_object(
    tokenizer: Any, n_nouns: int, with_worked: bool
) -> None:
    batch = ColoredObjectsPrompts(tokenizer, n_nouns, with_worked)(np.random.default_rng(0), POOL)
    for words in texts(tokenizer, batch):
        colored = [(color, thing) for color, thing in pairwise(words) if color in co.COLORS and thing in co.OBJECTS]
        assert len(colored) == (6 if with_worked else min(3, n_nouns))
        assert not any(is_held_out(*pair) for pair in colored)


def test_greater_than_training_never_has_a_held_out_start_year(tokenizer: Any) -> None:
    batch = GreaterThanPrompts(tokenizer)(np.random.default_rng(0), POOL)
    for words in texts(tokenizer, batch):
        century, start = words[6:8]
        assert not is_held_out(century, start)
        assert words[12] > start


def test_docstring_training_never_has_held_out_neighbors(tokenizer: Any) -> None:
    batch = DocstringPrompts(tokenizer)(np.random.default_rng(0), POOL)
    for words in texts(tokenizer, batch):
        assert not is_held_out(words[7], words[9])
        assert words[-1] == words[9]


def test_induction_training_never_has_held_out_neighbors(tokenizer: Any) -> None:
    batch = InductionPrompts(tokenizer)(np.random.default_rng(0), POOL)
    for words in texts(tokenizer, batch):
        assert not any(is_held_out(*pair) for pair in pairwise(words))


# The training stream


def test_training_marks_the_answers(tokenizer: Any) -> None:
    batch = ColoredObjectsPrompts(tokenizer)(np.random.default_rng(0), POOL)
    for ids, is_answer, words in zip(batch.ids[:50], batch.is_answer, texts(tokenizer, batch), strict=False):
        answers = tokenizer.convert_ids_to_tokens(ids[is_answer].tolist())
        assert answers == [word for before, word in pairwise(words) if before == ":" and word.lower() in co.COLORS]


def test_an_induction_answer_follows_the_same_token_as_before(tokenizer: Any) -> None:
    batch = InductionPrompts(tokenizer)(np.random.default_rng(0), POOL)
    for ids, is_answer in zip(batch.ids[:50].tolist(), batch.is_answer, strict=False):
        for index in np.flatnonzero(is_answer):
            earlier = ids.index(ids[index - 1])
            assert earlier < index - 1
            assert ids[earlier + 1] == ids[index]


def test_streams_depend_on_the_seed_alone(tokenizer: Any) -> None:
    first, again, other = (streams(tokenizer, seed) for seed in (0, 0, 1))
    for task in first:
        batch = first[task].take(5).ids
        assert np.array_equal(batch, again[task].take(5).ids)
        assert not np.array_equal(batch, other[task].take(5).ids)


def test_a_stream_does_not_repeat_itself_when_its_pool_is_used_up(tokenizer: Any) -> None:
    stream = Stream(InductionPrompts(tokenizer), np.random.default_rng(0))
    before = stream.take(POOL).ids
    after = stream.take(POOL).ids
    assert not {tuple(row) for row in before.tolist()} & {tuple(row) for row in after.tolist()}


def test_a_curriculum_goes_on_only_after_a_whole_window_of_good_steps(tokenizer: Any) -> None:
    from circuits.reference.train import Curriculum, Recipe

    draw = InductionPrompts(tokenizer)
    curriculum = Curriculum([draw, draw], Recipe(window=2, stage_accuracy=0.9), np.random.default_rng(0))
    passed = []
    for accuracy in (1.0, 0.7, 0.9, 0.9):
        curriculum.record(accuracy)
        passed.append(curriculum.is_passed)
    assert passed == [False, False, False, True]
    curriculum.go_on()
    assert curriculum.stages_left == 0
    assert not curriculum.is_passed


def test_training_repeats_itself_from_the_seed() -> None:
    import torch

    from circuits.reference.train import Recipe, Training

    recipe = Recipe(prompts_per_step=dict.fromkeys(LEARNED, 4))

    def weights_after_two_steps(seed: int) -> Any:
        training = Training(recipe, seed)
        training.train_step()
        training.train_step()
        return training.model.lm_head.weight

    first, again, other = (weights_after_two_steps(seed) for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
