"""The file format of results: what is written is read back, and nothing else is accepted."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import numpy as np
import pytest

from pipelines.engine.result_file import VERSION, DamagedError, Result, decode, encode, require_known_version

RESULT = Result(
    {"kept": [1, 2.5, None, "ü"]}, {"values": np.arange(6.0).reshape(2, 3), "mask": np.array([True, False])}
)


def test_a_result_is_read_back_as_it_was_written():
    result = decode(encode(RESULT, key="k", stage="measure"), key="k", where="file")
    assert result.meta == RESULT.meta
    assert result.arrays["values"].tobytes() == RESULT.arrays["values"].tobytes()
    assert result.arrays["mask"].dtype == np.bool_


def test_equal_results_give_equal_bytes():
    again = Result(dict(RESULT.meta), {name: array.copy() for name, array in reversed(list(RESULT.arrays.items()))})
    assert encode(RESULT, key="k", stage="s") == encode(again, key="k", stage="s")


def test_numpy_reads_the_arrays_without_pickle():
    with np.load(io.BytesIO(encode(RESULT, key="k", stage="s")), allow_pickle=False) as arrays:
        assert (arrays["values"] == RESULT.arrays["values"]).all()


def test_python_objects_are_refused_instead_of_pickled():
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        encode(Result({}, {"values": np.array([{}, {}], dtype=object)}), key="k", stage="s")


@pytest.mark.parametrize("index", range(0, 900, 53))
def test_a_flipped_byte_never_passes_for_the_result(index: int):
    data = bytearray(encode(RESULT, key="k", stage="s"))
    data[index % len(data)] ^= 0xFF
    try:
        result = decode(bytes(data), key="k", where="file")
    except DamagedError:
        return
    # A byte that zip readers ignore, such as an attribute of a member: the content is what was written.
    assert result.meta == RESULT.meta
    assert all((result.arrays[name] == array).all() for name, array in RESULT.arrays.items())


@pytest.mark.parametrize("share", [0, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_damaged(share: float):
    data = encode(RESULT, key="k", stage="s")
    with pytest.raises(DamagedError, match="file is damaged"):
        decode(data[: int(share * len(data))], key="k", where="file")


def test_a_result_under_another_key_is_damaged():
    with pytest.raises(DamagedError):
        decode(encode(RESULT, key="k", stage="s"), key="other", where="file")


def test_a_newer_format_is_refused_and_not_called_damaged():
    buffer = io.BytesIO()
    record = {"format": "circuit-workbench-result", "version": VERSION + 1}
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("record.json", json.dumps(record))
    with pytest.raises(ValueError, match="newer circuit-workbench") as caught:
        decode(buffer.getvalue(), key="k", where="file")
    assert not isinstance(caught.value, DamagedError)


def test_a_file_that_says_it_is_encrypted_is_damaged():
    data = bytearray(encode(RESULT, key="k", stage="measure"))
    central = data.index(b"PK\x01\x02")
    data[central + 8] |= 1
    with pytest.raises(DamagedError, match="the-file is damaged or truncated"):
        decode(bytes(data), key="k", where="the-file")


@pytest.mark.parametrize("version", [True, 0, -1, "1", None, 1.0])
def test_a_version_that_is_no_version_is_damaged(version: Any):
    with pytest.raises(DamagedError, match="it says version"):
        require_known_version({"format": "a", "version": version}, "a", 1, where="the-file")
