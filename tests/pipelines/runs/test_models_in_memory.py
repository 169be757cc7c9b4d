"""Commands on a model in memory: the same bytes as on its folder, in this process and in workers."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from circuits import load_model
from circuits.model.sources import BUNDLED
from pipelines import discover, evaluate, open_run


@pytest.fixture(scope="module")
def module() -> Any:
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(BUNDLED["reference"], dtype=torch.float32)


@pytest.fixture(scope="module")
def held(module, tmp_path_factory):
    return discover("ioi", model=module, prompts=8, edges=30, out=tmp_path_factory.mktemp("held") / "runs")


def test_a_run_is_that_of_the_folder_bit_for_bit(held, tmp_path):
    expected = discover("ioi", model="reference", prompts=8, edges=30, out=tmp_path / "runs")
    np.testing.assert_array_equal(held.scores.per_prompt, expected.scores.per_prompt)
    assert held.circuit.edges == expected.circuit.edges
    assert held.faithfulness == expected.faithfulness


def test_the_model_is_in_the_store_under_its_content(held, module):
    store = held.folder.parent
    (folder,) = (store / "models").iterdir()
    assert folder.name.startswith("GPT2LMHeadModel-")
    assert held.config.model == str(folder)
    assert held.name.startswith(f"ioi-{folder.name}-eap-ig-")
    again = discover("ioi", model=module, prompts=8, edges=30, out=store)
    assert again.name == held.name
    assert [path.name for path in (store / "models").iterdir()] == [folder.name]


def test_a_run_can_be_judged_and_read_later(held):
    store = held.folder.parent
    assert evaluate(held, out=store, random=1, knockouts=1, resamples=2).rows[0]["n_edges"] == 30
    again = open_run(held.name, out=store)
    assert again.prompts.has_text
    assert again.prompts[0].clean == held.prompts[0].clean


def test_workers_read_it_from_the_store(held, module, tmp_path, scheduler):
    found = discover("ioi", model=module, prompts=8, edges=30, out=tmp_path / "workers", scheduler=scheduler)
    np.testing.assert_array_equal(found.scores.per_prompt, held.scores.per_prompt)


def test_a_loaded_model_is_given_as_what_it_was_loaded_from(module, tmp_path):
    run = discover("ioi", model=load_model("reference"), prompts=8, edges=30, out=tmp_path / "runs")
    assert run.config.model == "reference"
    assert not (tmp_path / "runs" / "models").exists()
    held = load_model(module)
    run = discover("ioi", model=held, prompts=8, edges=30, out=tmp_path / "runs")
    assert run.config.model == str(tmp_path / "runs" / "models" / held.name)


def test_what_is_no_model_is_refused_before_anything_is_written(tmp_path):
    wrong: Any = 7
    with pytest.raises(ValueError, match="of one in memory; found int"):
        discover("ioi", model=wrong, out=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_weights_that_were_changed_make_another_run(held, module, tmp_path):
    changed = copy.deepcopy(module)
    with torch.no_grad():
        changed.transformer.h[3].attn.c_proj.weight *= 0.5
    again = discover("ioi", model=changed, prompts=8, edges=30, out=tmp_path / "runs")
    assert again.config.model != held.config.model
    assert not np.array_equal(again.scores.per_prompt, held.scores.per_prompt)


def test_a_loaded_model_runs_as_it_was_loaded(tmp_path):
    settings: Any = {"prompts": 4, "edges": 10, "out": tmp_path / "runs"}
    model = load_model("reference", dtype="bfloat16")
    assert discover("ioi", model=model, **settings).config.dtype == "bfloat16"
    assert discover("ioi", model=model, dtype="float32", **settings).config.dtype == "float32"
    with torch.no_grad():
        next(model.original.parameters()).add_(1)
    with pytest.raises(ValueError, match="changed after it was loaded"):
        discover("ioi", model=model, **settings)


def test_a_place_that_cannot_be_written_is_refused(module):
    wrong: Any = 7
    for out, said in (
        (Path("/proc/nowhere"), "cannot write in /proc/nowhere"),
        (wrong, r"`out` is given by its path; found 7 \(int\)"),
    ):
        with pytest.raises(ValueError, match=said):
            discover("ioi", model=module, out=out)


def test_a_loaded_model_keeps_its_name_from_one_command_to_the_next(module, tmp_path):
    """Also the class of its configuration, which a model that was built and not opened does not say before it is
    written."""
    anew = type(module)(copy.deepcopy(module.config))
    anew.config.architectures = None
    model = load_model(anew, tokenizer=load_model("reference").tokenizer)
    first, again = (discover("ioi", model=model, prompts=8, edges=30, out=tmp_path / "runs") for _ in range(2))
    assert first.name == again.name
    assert len(list((tmp_path / "runs" / "models").iterdir())) == 1


def test_the_same_weights_beside_another_tokenizer_read_texts_by_that_one(tmp_path):
    """In one process, where models stay loaded."""
    file, clean = tmp_path / "own.jsonl", "the book and the ring"
    file.write_text(
        json.dumps(
            {"clean": clean, "corrupt": "the ring and the ring", "answers": [" book"], "wrong_answers": [" ring"]}
        )
    )
    folders = [shutil.copytree(BUNDLED["reference"], tmp_path / name) for name in ("first", "second", "without")]
    content = json.loads((folders[1] / "tokenizer.json").read_text())
    ids = content["model"]["vocab"]
    book, ring = (next(word for word in ids if word.endswith(name)) for name in ("book", "ring"))
    ids[book], ids[ring] = ids[ring], ids[book]
    (folders[1] / "tokenizer.json").write_text(json.dumps(content))
    for path in folders[2].glob("tokenizer*"):
        path.unlink()
    settings: dict[str, Any] = {"edges": 5, "out": tmp_path / "runs"}
    for folder in folders[:2]:
        assert discover(file, model=str(folder), **settings).prompts[0].clean == clean
    with pytest.raises(ValueError, match="has no tokenizer"):
        discover(file, model=str(folders[2]), **settings)
