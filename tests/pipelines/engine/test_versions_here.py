"""What makes two processes give the same results, and what is said where they would not."""

from __future__ import annotations

import pytest

from pipelines.engine.versions_here import difference, is_same, versions_here

HERE = {"python": "3.11.7", "circuit-workbench": "0.1.0", "torch": "2.6.0+cpu"}


@pytest.mark.parametrize(
    ("package", "one", "other", "expected"),
    [
        ("torch", "2.6.0+cpu", "2.6.0+cu124", True),
        ("torch", "2.6.0", "2.6.1", False),
        ("python", "3.11.2", "3.11.9", True),
        ("python", "3.11.2", "3.12.2", False),
        ("numpy", "2.1.0", None, False),
    ],
)
def test_versions_are_the_same_but_for_the_build(package, one, other, expected):
    assert is_same(package, one, other) is expected


def test_a_worker_like_this_process_is_fine():
    assert difference(versions_here(), versions_here(), "tcp://a:1") is None


def test_another_version_is_said_with_both_and_what_to_do():
    said = difference(HERE, HERE | {"torch": "2.5.1+cu121"}, "tcp://a:1")
    assert said is not None
    assert "worker tcp://a:1 has torch 2.5.1+cu121, and this process torch 2.6.0+cpu" in said
    assert "Install torch==2.6.0 there" in said


def test_a_package_that_is_missing_is_said():
    said = difference(HERE, {name: HERE[name] for name in ("python", "torch")}, "tcp://a:1")
    assert said is not None
    assert "has no circuit-workbench" in said
    assert "Install circuit-workbench==0.1.0 there" in said


def test_another_python_is_said():
    said = difference(HERE, HERE | {"python": "3.13.0"}, "tcp://a:1")
    assert said is not None
    assert "Start the worker with Python 3.11" in said
