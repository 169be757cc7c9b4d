"""Bigram-backcopy: triggers copy, other tokens follow the bigrams; a trained head rests on the first token else."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from circuits.data.prompts import Prompt, PromptSet
from circuits.tasks.backcopy import Backcopy, Bigrams
from tests.circuits.tasks.reading import build, changed, positions
from tests.circuits.tasks.tokenizers import KINDS, tokenizer_of


def law() -> Bigrams:
    return Bigrams.drawn(12, 2)


def test_after_a_trigger_comes_the_token_before_it() -> None:
    tokens, is_trigger = law().sequences(200, 30, np.random.default_rng(0)), law().is_trigger
    after = is_trigger[tokens[:, 1:-1]]
    assert after.sum() > 100
    assert (tokens[:, 2:][after] == tokens[:, :-2][after]).all()
    assert is_trigger.sum() == 2


def test_after_any_other_token_comes_what_its_bigrams_say() -> None:
    """Of 20,000 draws, each share is within 5 standard deviations."""
    bigrams = law()
    tokens = bigrams.sequences(4000, 12, np.random.default_rng(1))
    token = int(np.flatnonzero(~bigrams.is_trigger)[0])
    following = tokens[:, 1:][tokens[:, :-1] == token]
    expected = np.diff(bigrams.steps[token], prepend=0)
    shares = np.bincount(following, minlength=12) / len(following)
    assert (np.abs(shares - expected) < 5 * np.sqrt(expected * (1 - expected) / len(following)) + 1e-9).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_answer_stands_before_the_trigger(kind: str) -> None:
    tokenizer = tokenizer_of(kind)
    for prompt in build("backcopy", tokenizer, n=20):
        at, last = prompt.roles["copied"][0], prompt.roles["trigger"][0]
        assert (at, last) == (len(prompt) - 2, len(prompt) - 1)
        assert prompt.answers == (prompt.clean[at],)
        assert changed(prompt) == {at}
        assert prompt.wrong_answers == (prompt.corrupt[at],)
        triggers = {prompt.clean[position] for position in (*prompt.roles.get("triggers", ()), last)}
        assert not triggers & {prompt.clean[position] for position in prompt.roles["others"]}
        first = min(position for own in prompt.roles.values() for position in own)
        for position in prompt.roles.get("triggers", ()):
            if first < position < at - 1:
                assert prompt.clean[position + 1] == prompt.clean[position - 1]
    for prompt in build("backcopy", tokenizer, "trigger", n=20):
        assert changed(prompt) == positions(prompt, "trigger")


def test_settings_without_room_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 token is a trigger"):
        Backcopy(tokens=5, triggers=3)
    with pytest.raises(ValueError, match="length is 3"):
        Backcopy(length=3)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(_trained(tmp_path_factory.mktemp("backcopy"), n_steps=1500))


@pytest.mark.slow
def test_a_trained_head_is_active_on_triggers_and_dormant_elsewhere(trained: str) -> None:
    """One layer, one head, a first token that says nothing: attention goes there where there is nothing to copy, and
    its value shrinks. All three are read by the profiles, and knocking the head out costs on triggers alone."""
    from circuits.edits import Zero
    from circuits.evaluation.influence import edited_losses
    from circuits.model.load import load_model
    from circuits.profiles import Attention, ValueDrain, measure_profiles

    model, bigrams = load_model(trained), Backcopy().law()
    start = len(bigrams.is_trigger)
    tokens = bigrams.sequences(48, 48, np.random.default_rng(5))
    prompts = []
    for own in tokens.tolist():
        roles: dict[str, list[int]] = {"start": [0], "before": [], "triggers": [], "others": []}
        whole = (start, *own)
        for position in range(4, len(whole)):
            roles["triggers" if bigrams.is_trigger[whole[position]] else "others"].append(position)
        prompts.append(Prompt(whole, whole, (1,), roles={name: tuple(at) for name, at in roles.items() if at}))
    kept = tuple(prompt for prompt in prompts if "triggers" in prompt.roles)
    scores = measure_profiles(
        model,
        PromptSet("backcopy", kept),
        [Attention(query="others", to="start"), Attention(query="triggers", to="start"), ValueDrain()],
    )
    dormant, active, drain = (float(own.per_prompt.mean()) for own in scores)
    assert dormant > 3 * active
    assert drain < 0.8
    texts = PromptSet("texts", tuple(Prompt((start,), (start,), (tuple(own),)) for own in tokens.tolist()))
    losses = edited_losses(model, texts, [{"a0.h0": Zero()}])
    gained = np.stack([own[1] - own[0] for own in losses])[:, 3:]
    after_trigger = bigrams.is_trigger[tokens[:, 2:-1]]
    assert gained[after_trigger].mean() > 1
    assert abs(gained[~after_trigger].mean()) < 0.3 * gained[after_trigger].mean()


@pytest.mark.slow
def test_texts_with_triggers_use_the_trained_head_and_others_do_not(trained: str, tmp_path: Path) -> None:
    """docs/influence.md: the causal side of a dormant head, by text."""
    from pipelines import influence

    bigrams = Backcopy().law()
    start = len(bigrams.is_trigger)
    tokens = bigrams.sequences(100_000, 20, np.random.default_rng(7))
    # Of the tokens that something follows in the text.
    n_triggers = bigrams.is_trigger[tokens[:, 1:-1]].sum(axis=1)
    without = tokens[~bigrams.is_trigger[tokens].any(axis=1)][:12]
    groups = {"triggers": tokens[n_triggers >= 4][:12], "none": without}
    assert {len(own) for own in groups.values()} == {12}
    lines = [
        json.dumps({"ids": [start, *own], "name": f"{group} {n}", "group": group})
        for group, sequences in groups.items()
        for n, own in enumerate(sequences.tolist())
    ]
    (tmp_path / "texts.jsonl").write_text("\n".join(lines))
    report = influence(
        tmp_path / "texts.jsonl", model=trained, heads="a0.h0", edit=["zero all"], random=0, out=tmp_path / "runs"
    )
    of = {row["group"]: row for row in report.groups}
    assert of["triggers"]["influence_interval"][0] > 0.1
    assert abs(of["none"]["influence"]) < 0.2 * of["triggers"]["influence"]
    assert of["triggers"]["auroc"] == 1


def _trained(folder, *, n_steps: int):
    """A Llama of one layer and one head, trained on the task's sequences behind a first token of their own."""
    from transformers import LlamaConfig, LlamaForCausalLM

    bigrams, torch_seed = Backcopy().law(), 0
    n_tokens = len(bigrams.is_trigger)
    torch.manual_seed(torch_seed)
    config = LlamaConfig(
        vocab_size=n_tokens + 1,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
        max_position_embeddings=64,
        bos_token_id=n_tokens,
        eos_token_id=None,
        tie_word_embeddings=False,
    )
    model = LlamaForCausalLM(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, n_steps)
    generator = np.random.default_rng(1)
    for _ in range(n_steps):
        tokens = np.concatenate([np.full((64, 1), n_tokens), bigrams.sequences(64, 48, generator)], axis=1)
        ids = torch.from_numpy(tokens)
        loss = model(input_ids=ids, labels=ids).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    model.save_pretrained(folder)
    return folder
