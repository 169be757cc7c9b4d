"""What was typed for version 0.1 under another name is refused with the new one; records of such runs are read."""

from __future__ import annotations

import json

import pytest

from pipelines import discover, open_run
from pipelines.cli.main import renamed_option
from pipelines.runs.method_settings import make_method


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["discover", "ioi", "--place", "END"], "option --place is now called --position."),
        (["trace", "ioi", "--min-gap", "0.1", "--shown=2"], "option --shown is now called --draw-images."),
        (
            ["intervene", "iri", "--run", "x", "--most-lost", "0"],
            "option --most-lost is now called --max-accuracy-drop.",
        ),
        (["discover", "ioi", "--edges", "10"], None),
        (["tasks"], None),
    ],
)
def test_an_option_of_earlier_versions_names_the_new_one(arguments, message):
    assert renamed_option(arguments) == message


def test_a_setting_of_earlier_versions_names_the_new_one(tiny, tmp_path):
    with pytest.raises(ValueError, match="'place' is now called 'position'"):
        discover(**tiny.settings(out=tmp_path, place="END"))
    with pytest.raises(ValueError, match="'parts' is now called 'kinds'"):
        make_method("activation-patching", {"parts": ["head"]})


def test_a_run_recorded_by_an_earlier_version_opens(tiny, tmp_path):
    run = discover(**tiny.settings(out=tmp_path, edges=5))
    record = json.loads((run.folder / "run.json").read_text())
    record["config"]["place"] = record["config"].pop("position")
    (run.folder / "run.json").write_text(json.dumps(record))
    assert open_run(run.folder).config == run.config
