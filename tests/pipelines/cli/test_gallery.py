"""The gallery of the documentation has every kind of figure, each with its picture, in small files."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.cli.gallery import SHOWN, make_gallery, page
from pipelines.draw.kinds import FIGURES
from tests.conftest import ROOT

PICTURES = sorted((ROOT / "docs" / "gallery").iterdir())


def test_every_kind_is_on_the_page_and_has_a_picture():
    assert set(SHOWN) == set(FIGURES)
    assert [path.name for path in PICTURES] == sorted(f"{kind}.png" for kind in SHOWN)
    assert all(path.read_bytes().startswith(b"\x89PNG\r\n") for path in PICTURES)
    assert sum(path.stat().st_size for path in PICTURES) < 1_000_000


def test_the_page_is_what_the_command_writes():
    assert (ROOT / "docs" / "figures.md").read_text(encoding="utf-8") == page()


def test_a_picture_says_what_it_is_of_and_no_place_on_this_machine():
    from graphs.export import read_about

    for path in PICTURES:
        facts = read_about(path.read_bytes(), source=path.name)
        assert facts["figure"] == path.stem
        assert str(facts["command"]).startswith(f"circuits draw {path.stem} ")
        assert "/" not in str(facts)


@pytest.mark.slow
def test_the_gallery_is_made_from_nothing_and_is_the_same_twice(tmp_path: Path):
    made = [make_gallery(tmp_path / name, store=tmp_path / "store") for name in ("first", "second")]
    assert [path.name for path in made[0]] == ["figures.md", *(f"{kind}.png" for kind in SHOWN)]
    for first, second in zip(*made, strict=True):
        assert first.read_bytes() == second.read_bytes()
