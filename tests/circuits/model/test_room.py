"""How much is run at once follows the memory there is, also where a control group allows less than the machine has."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from circuits.methods import EdgeAttribution
from circuits.metrics import METRICS
from circuits.model import room
from circuits.model.load import model_from_module
from tests.conftest import random_module, random_prompts

GB = 10**9


def test_with_memory_enough_the_bound_is_the_same_everywhere():
    assert room.numbers_on_cpu(5 * GB) == room.numbers_on_cpu(500 * GB) == 32_000_000


def test_with_less_it_is_halved_until_it_fits():
    """32 intermediates of float32 numbers fit into what is free: 32,000,000 of them take 4.096 GB."""
    assert room.numbers_on_cpu(4_096_000_000) == 32_000_000
    assert room.numbers_on_cpu(4_095_999_999) == 16_000_000
    assert room.numbers_on_cpu(2 * GB) == 8_000_000
    assert room.numbers_on_cpu(0) == 1
    sizes = [room.numbers_on_cpu(n) for n in range(0, 5 * GB, GB // 10)]
    assert sizes == sorted(sizes)


def test_models_run_less_at_once_where_little_is_free(monkeypatch):
    prompts = random_prompts(9)
    whole = model_from_module(random_module("gpt2"))
    monkeypatch.setattr(room, "free_memory", lambda: 3_000_000)
    small = model_from_module(random_module("gpt2"))
    assert small.forward.numbers_at_once == 15_625
    assert small.forward.tokens_with_gradients < 9 * prompts.n_positions < whole.forward.tokens_with_gradients
    scores = [EdgeAttribution().score(model, prompts, metric=METRICS["logit-difference"]) for model in (whole, small)]
    assert scores[1].per_prompt == pytest.approx(scores[0].per_prompt, rel=1e-3, abs=1e-5)


def group(folder: Path, limit: str, used: int, cached: int) -> tuple[Path, Path, Path]:
    files = folder / "max", folder / "current", folder / "stat"
    for file, text in zip(files, (limit, str(used), f"anon 5\ninactive_file {cached}"), strict=True):
        file.write_text(f"{text}\n")
    return files


def test_a_control_group_allows_less_than_the_machine_has(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=8 * GB))
    nothing = (tmp_path / "a", tmp_path / "b", tmp_path / "c")
    monkeypatch.setattr(room, "_LIMITS", (nothing,))
    assert room.free_memory() == 8 * GB
    monkeypatch.setattr(room, "_LIMITS", (group(tmp_path, str(3 * GB), 2 * GB, GB // 2), nothing))
    assert room.free_memory() == 3 * GB // 2
    monkeypatch.setattr(room, "_LIMITS", (group(tmp_path, str(GB), 2 * GB, 0),))
    assert room.free_memory() == 0
    monkeypatch.setattr(room, "_LIMITS", (group(tmp_path, "max", 2 * GB, 0),))
    assert room.free_memory() == 8 * GB
    monkeypatch.setattr(room, "_LIMITS", (group(tmp_path, str(30 * GB), 2 * GB, 0),))
    assert room.free_memory() == 8 * GB
