"""Reading and replacing files: only files."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from circuits.files import from_here, open_file, read_bytes, read_text, reading_fault, replace_file, unreadable


def test_files_are_read(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"\xef\xbb\xbfone\r\ntwo\r")
    assert read_bytes(file) == file.read_bytes()
    assert read_text(file, "utf-8-sig") == "one\ntwo\n" == file.read_text(encoding="utf-8-sig")
    (tmp_path / "link").symlink_to(file)
    with open_file(tmp_path / "link") as stream:
        assert stream.read(2) == b"\xef\xbb"


def test_why_a_file_cannot_be_read_is_said_without_numbers_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9")
    said = []
    for name in ("latin.txt", "absent.txt"):
        try:
            read_text(tmp_path / name)
        except (OSError, UnicodeDecodeError) as error:
            said.append(reading_fault(error))
    assert said == ["it is no text in UTF-8 (byte 3); save it as UTF-8", "No such file or directory"]


def test_a_name_much_like_that_of_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "capitals.jsonl").write_text("{}")
    (tmp_path / "capitals.d").mkdir()
    missing = FileNotFoundError(2, "No such file or directory")
    said = unreadable(tmp_path / "capitls.jsonl", missing, "the prompt file")
    assert said == (
        f"cannot read the prompt file {tmp_path / 'capitls.jsonl'}: No such file or directory. "
        f"Did you mean '{tmp_path / 'capitals.jsonl'}'?"
    )
    for path in (tmp_path / "other.csv", tmp_path / "absent" / "capitals.jsonl", tmp_path / "capital.d"):
        assert "Did you mean" not in unreadable(path, missing, "the prompt file")
    refused = PermissionError(13, "Permission denied")
    assert unreadable(tmp_path / "capitls.jsonl", refused, "the texts").endswith(": Permission denied.")


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, kind in ((tmp_path / "pipe", "a pipe"), (tmp_path, "a folder"), (Path(os.devnull), "a device")):
        with pytest.raises(OSError, match=f"it is {kind}, not a file"):
            read_bytes(path)
    with pytest.raises(FileNotFoundError):
        read_bytes(tmp_path / "none")


def test_only_files_are_replaced_and_keep_their_permissions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace_file(tmp_path / "new" / "one", b"1")
    assert (tmp_path / "new" / "one").read_bytes() == b"1"
    file = tmp_path / "file"
    file.touch(0o600)
    replace_file(file, b"2")
    assert file.read_bytes() == b"2"
    assert file.stat().st_mode & 0o777 == 0o600
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(file)
    with socket.socket(socket.AF_UNIX) as server:
        monkeypatch.chdir(tmp_path)  # the names of sockets are short
        server.bind("socket")
    for name, kind in (("pipe", "a pipe"), ("link", "a symbolic link"), ("socket", "a socket"), (".", "a folder")):
        with pytest.raises(OSError, match=f"it is {kind}, not a file"):
            replace_file(tmp_path / name, b"3")
    with pytest.raises(OSError, match="it is a device, not a file"):
        replace_file(Path(os.devnull), b"3")
    assert not list(tmp_path.rglob(".*.tmp"))
    assert file.read_bytes() == b"2"


def test_a_path_is_told_as_it_was_typed_or_as_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    for typed in ("own.csv", "bad/own.csv", "../bad/own.csv"):
        assert from_here(Path(typed).absolute()).as_posix() == typed
    far = Path("/elsewhere/own.csv")
    assert from_here(far) == far
