"""Files that come with jobs are written once for all of them, and take a bounded share of the disk."""

from __future__ import annotations

from circuits.result import Result
from pipelines.engine.held_results import HeldResults
from pipelines.engine.store import Store
from pipelines.engine.travelled import Travelled


def test_jobs_that_read_the_same_share_one_file(tmp_path):
    travelled = Travelled()
    for number in range(3):
        travelled.put("name", b"content", tmp_path / str(number) / "file")
    files = [tmp_path / str(number) / "file" for number in range(3)]
    assert [file.read_bytes() for file in files] == [b"content"] * 3
    assert len({file.stat().st_ino for file in files}) == 1


def test_what_was_used_longest_ago_goes_and_files_of_jobs_stay(tmp_path):
    travelled = Travelled(most_bytes=20)
    for name in ("first", "second", "first", "third"):
        travelled.put(name, name[0].encode() * 10, tmp_path / f"{name}-{len(list(tmp_path.iterdir()))}")
    again = tmp_path / "again"
    travelled.put("first", b"not written, as it is there", again)
    assert again.read_bytes() == b"f" * 10
    travelled.put("second", b"written, as it was let go", again.with_name("second-again"))
    assert again.with_name("second-again").read_bytes() == b"written, as it was let go"
    assert (tmp_path / "second-1").read_bytes() == b"s" * 10


def test_where_there_are_no_links_each_job_has_a_copy(tmp_path, monkeypatch):
    def refuse(*paths: object) -> None:
        raise OSError("this file system has no links")

    monkeypatch.setattr("os.link", refuse)
    Travelled().put("name", b"content", tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == b"content"


def test_a_result_that_came_once_is_decoded_once(tmp_path, monkeypatch):
    made, key = Store(tmp_path / "made"), "ab" * 16
    made.write(key, "count", Result({"number": 4}))
    held, travelled, data = HeldResults(), Travelled(), made.path(key).read_bytes()
    for number in range(2):
        travelled.put(key, data, Store(tmp_path / str(number)).path(key))
    assert held.read(Store(tmp_path / "0"), key).meta == {"number": 4}
    monkeypatch.setattr(Store, "find", lambda store, key: None)
    assert held.read(Store(tmp_path / "1"), key).meta == {"number": 4}
