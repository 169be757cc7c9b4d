"""Hashes of weights: of what is in a file, whatever it is called."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from circuits.model import file_hash
from circuits.model.file_hash import content_hash
from circuits.packaged import HOME


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_a_link_named_like_a_hash_is_read(tmp_path: Path) -> None:
    blob, link = tmp_path / ("a" * 64), tmp_path / "model.safetensors"
    blob.write_bytes(b"old")
    link.symlink_to(blob)
    assert content_hash(link) == sha256(b"old")
    blob.write_bytes(b"new")
    assert content_hash(link) == sha256(b"new")


def test_a_file_with_the_time_of_another_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "weights"
    file.write_bytes(b"old")
    before = file.stat()
    assert content_hash(file) == sha256(b"old")
    file.write_bytes(b"new")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert content_hash(file) == sha256(b"new")


def test_hashes_of_large_files_are_kept_until_these_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME, str(tmp_path / "home"))
    monkeypatch.setattr(file_hash, "_KEPT_FROM", 3)
    reads: list[Path] = []
    read = file_hash._read
    monkeypatch.setattr(file_hash, "_read", lambda path: reads.append(path) or read(path))
    file = tmp_path / "weights"
    for content, n_reads in ((b"old", 1), (b"old", 1), (b"newer", 2)):
        if not file.exists() or file.read_bytes() != content:
            file.write_bytes(content)
        file_hash._hash.cache_clear()  # as another process would
        assert content_hash(file) == sha256(content)
        assert len(reads) == n_reads
    (kept,) = (tmp_path / "home" / "hashes").glob("*.json")
    for damaged in ("", "[]", '{"state": [1], "sha256": "x"}', "[" * 100_000):
        kept.write_text(damaged)
        file_hash._hash.cache_clear()
        assert content_hash(file) == sha256(b"newer")
