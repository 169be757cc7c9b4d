"""`circuits attention`: patterns of a model written by hand, and what the files and the terminal say of them."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from circuits.components import Component
from circuits.data.prompt_files import write_jsonl
from circuits.profiles.patterns import attention_patterns, role_patterns
from pipelines import attention
from pipelines.attention import stages
from pipelines.attention.table import bar, visible
from tests.bundled import bundled
from tests.circuits.hand_models import induction_prompts, write_induction
from tests.conftest import random_prompts

Command = Callable[..., Any]


def test_heads_written_by_hand_attend_where_they_were_written_to(tmp_path: Path, circuits: Command):
    prompts = induction_prompts(n=6)
    write_jsonl(prompts, tmp_path / "prompts.jsonl")
    model = write_induction(tmp_path / "model")
    asked = ("attention", str(tmp_path / "prompts.jsonl"), "--model", str(model), "--heads", "a0.h0,a1.h1")
    answer = circuits(*asked, "--prompt", "2", "--json").json
    tokens = prompts.prompts[2].clean
    assert answer["tokens"] == [f"<{token}>" for token in tokens]
    before, again = np.array(answer["weights"])
    assert (before.argmax(1)[1:] == np.arange(len(tokens) - 1)).all()
    assert tokens[again[-1].argmax()] == prompts.prompts[2].answers[0]
    with (Path(answer["folder"]) / "attention.csv").open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert {(line["query"], line["key"]) for line in lines} == {("END", "END")}  # the file names no other role
    for name in ("attention.pdf", "attention.svg", "by_role.pdf", "by_role.svg"):
        assert (Path(answer["folder"]) / name).stat().st_size > 0
    assert circuits(*asked, "--prompt", "2", "--json").json["jobs"]["computed"] == 0
    others = answer["more_prompts"]
    assert [one["prompt"] for one in others] == [0, 1, 3, 4, 5]
    for one in others:
        own = prompts.prompts[one["prompt"]]
        assert one["tokens"] == [f"<{token}>" for token in own.clean]
        assert one["token_roles"] == {"END": [len(own.clean) - 1]}
        assert own.clean[np.array(one["weights"])[1, -1].argmax()] == own.answers[0]
    text = circuits(*asked, "--prompt", "2").stdout
    assert "attention.json has the patterns on prompts 0, 1, 3, 4, 5 too" in text
    assert "row END" in text
    assert "1.00" in text


def test_patterns_are_those_of_the_bridge_and_means_by_role_those_of_patterns():
    model, prompts = bundled("reference"), random_prompts(5, length=12)
    heads = [Component("head", 0, 1), Component("head", 2, 3)]
    patterns = attention_patterns(model, prompts, heads)
    by_role = role_patterns(model, prompts, heads, ["first", "last-two", "nobody"])
    for number, prompt in enumerate(prompts):
        with torch.no_grad():
            _, cache = model.bridge.run_with_cache(torch.tensor([prompt.clean]))
        for at, head in enumerate(heads):
            expected = cache[f"blocks.{head.layer}.attn.hook_pattern"][0, head.index].numpy()
            np.testing.assert_allclose(patterns[number][at], expected, atol=1e-5)
            last, first = list(prompt.roles["last-two"]), list(prompt.roles["first"])
            mean = expected[last][:, first].sum(1).mean()
            assert by_role[number, at, 1, 0] == pytest.approx(mean, abs=1e-5)
    assert np.isnan(by_role[..., 2]).all()


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"heads": "a9.h0"}, "has no head 'a9.h0': its heads are a0.h0 to a3.h3"),
        ({"heads": "m1"}, r"m1 is no query head"),
        ({"heads": "a0.h0", "prompt": 4}, r"no prompt 4: 4 were asked for"),
        ({"heads": "a0.h0", "row": "IO"}, r"no role 'IO'"),
    ],
)
def test_what_is_not_there_is_refused(asked: dict[str, Any], says: str, tmp_path: Path):
    with pytest.raises(ValueError, match=says):
        attention("induction", prompts=4, out=tmp_path, **asked)


def test_of_more_prompts_only_as_many_are_kept_as_have_the_row_and_fit(monkeypatch: pytest.MonkeyPatch):
    prompts = induction_prompts(n=12)
    size = len(prompts.prompts[0].clean) ** 2

    def kept(n_heads: int, row: str = "END") -> list[int]:
        return stages._other_prompts(prompts, 1, row, n_heads=n_heads)

    assert kept(1) == [0, 2, 3, 4, 5, 6, 7]
    assert kept(1, "IO") == []
    monkeypatch.setattr(stages, "MOST_WEIGHTS", 3 * 2 * size)
    assert kept(2) == [0, 2, 3]
    assert kept(100) == []


def test_tokens_and_shares_as_text():
    assert [visible(token) for token in (" Mary", "\n", "")] == ["·Mary", "⏎", "∅"]
    assert [bar(share) for share in (0, 0.5, 1)] == ["", "█" * 10, "█" * 20]
