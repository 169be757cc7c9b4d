"""The store: files are written whole or not at all, and damaged ones are named."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path

import numpy as np
import pytest

from circuits.files import write_atomically
from circuits.strict_json import parse_strictly
from pipelines.engine.result_file import Result
from pipelines.engine.store import Store, as_json, require_writable

KEY = "ab" * 16
RESULT = Result({"n": 1}, {"values": np.ones(3)})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    prepared = Store(tmp_path / "runs")
    prepared.prepare()
    return prepared


def test_what_is_written_is_found(store: Store):
    store.write(KEY, "measure", RESULT)
    assert store.has(KEY)
    assert store.read(KEY).meta == RESULT.meta


def test_names_that_are_no_text_are_written_as_json_that_is_read():
    name = os.fsdecode(b"a\xffb")
    value = {"of": [name, {name: name}], "n": 1, "face": "\U0001f600", "escape": r"\ud800"}
    escaped = r"a\udcffb"
    assert parse_strictly(as_json(value)) == value | {"of": [escaped, {escaped: escaped}]}


def test_a_file_that_is_replaced_keeps_its_permissions_and_nothing_else_is_replaced(tmp_path: Path):
    private, pipe, link = tmp_path / "private", tmp_path / "pipe", tmp_path / "link"
    private.touch(0o600)
    write_atomically(private, b"new")
    assert private.read_bytes() == b"new"
    assert private.stat().st_mode & 0o777 == 0o600
    os.mkfifo(pipe)
    link.symlink_to(private)
    for path in (pipe, link):
        with pytest.raises(ValueError, match=r"cannot write .* not a file"):
            write_atomically(path, b"after")
    assert pipe.is_fifo()
    assert private.read_bytes() == b"new"
    assert not list(tmp_path.glob(".*.tmp"))


def test_a_damaged_result_is_named_and_counts_as_missing(store: Store, caplog: pytest.LogCaptureFixture):
    store.write(KEY, "measure", RESULT)
    path = store.path(KEY)
    path.write_bytes(path.read_bytes()[:-40])
    with caplog.at_level(logging.WARNING):
        assert not store.has(KEY)
    assert str(path) in caplog.text


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files of results that were read."""
    read: list[Path] = []
    monkeypatch.setattr("pipelines.engine.store.read_bytes", lambda path: (read.append(path), path.read_bytes())[1])
    return read


def test_a_result_that_was_found_whole_is_checked_again_only_once_its_file_is_another(
    store: Store, reads: list[Path], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pipelines.engine.store._SETTLED_AFTER_NS", -1)
    store.write(KEY, "measure", RESULT)
    assert [store.has(KEY) for _ in range(3)] == [True] * 3
    assert len(reads) == 1
    path = store.path(KEY)
    sound, then = path.read_bytes(), path.stat().st_mtime_ns
    path.write_bytes(bytes(len(sound)))
    os.utime(path, ns=(then, then))  # as old and as large as before
    assert not store.has(KEY)
    path.write_bytes(sound)
    assert store.has(KEY)
    path.unlink()
    assert not store.has(KEY)


def test_a_file_that_may_be_written_again_unnoticed_is_read_each_time(
    store: Store, reads: list[Path], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pipelines.engine.store._SETTLED_AFTER_NS", 3_600 * 10**9)
    store.write(KEY, "measure", RESULT)
    assert [store.has(KEY) for _ in range(3)] == [True] * 3
    assert len(reads) == 3


def test_a_failed_write_keeps_what_was_there_and_leaves_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "file"
    write_atomically(path, b"before")

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fails)
    with pytest.raises(ValueError, match=r"cannot write .*No space left on device"):
        write_atomically(path, b"after")
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("text", ["", "[]", "[" * 100_000, "{}", '{"seconds": "long"}', '{"seconds": NaN}', "\0"])
def test_a_damaged_cost_counts_as_not_known(store: Store, text: str):
    store.write_cost(KEY, {"seconds": 1.5, "multiply_adds": 3, "peak_memory_mb": None})
    assert store.cost(KEY) == {"seconds": 1.5, "multiply_adds": 3, "peak_memory_mb": None}
    store.path(KEY).with_suffix(".cost.json").write_text(text)
    assert store.cost(KEY) is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "[" * 100_000, '{"format": "circuit-workbench-store", "version": true}']
)
def test_a_damaged_marker_is_written_again(store: Store, text: str):
    marker = store.folder / "store.json"
    sound = marker.read_bytes()
    marker.write_text(text)
    store.prepare()
    assert marker.read_bytes() == sound


def test_a_target_that_cannot_be_a_folder_is_refused_and_nothing_is_left(tmp_path: Path):
    (tmp_path / "file").write_text("")
    for target in (tmp_path / "file", tmp_path / "file" / "deeper" / "still"):
        with pytest.raises(ValueError, match=r"cannot write in .*file.* No model was run"):
            require_writable(target)
    require_writable(tmp_path / "new" / "folder")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_number_that_is_not_finite_is_not_written():
    with pytest.raises(ValueError, match="a result is not finite"):
        as_json({"metric": float("nan")})


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ValueError, match=r"cannot write in .*No model was run"):
        Store(tmp_path / "file" / "runs").prepare()


def test_a_store_of_a_newer_version_is_refused(store: Store):
    (store.folder / "store.json").write_text(json.dumps({"format": "circuit-workbench-store", "version": 99}))
    with pytest.raises(ValueError, match=r"store\.json has .* version 99"):
        store.prepare()


def test_what_a_killed_writer_left_behind_is_removed_after_a_day(store: Store):
    old, new = store.folder / ".old.npz.1.tmp", store.folder / ".new.npz.2.tmp"
    old.touch()
    new.touch()
    os.utime(old, (0, 0))
    store.prepare()
    assert not old.exists()
    assert new.exists()


def test_a_target_with_a_name_that_no_folder_can_have_is_refused(tmp_path: Path):
    with pytest.raises(ValueError, match=r"more than 255 bytes\. No model was run"):
        require_writable(tmp_path / ("x" * 256))
