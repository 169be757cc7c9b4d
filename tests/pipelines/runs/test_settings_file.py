"""Settings: from options and YAML, checked before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.discover.settings import DiscoverSettings
from pipelines.runs.settings_file import as_yaml, parse_assignments, read_yaml, settings_from


def test_settings_survive_the_yaml_file(tmp_path: Path):
    values = {
        "task": "ioi",
        "method": "activation-patching",
        "settings": {"at": "roles"},
        "threshold": 0.25,
        "signed": True,
    }
    config = settings_from(values, DiscoverSettings)[0]
    (tmp_path / "config.yaml").write_text(as_yaml(config))
    assert settings_from(read_yaml(tmp_path / "config.yaml", DiscoverSettings), DiscoverSettings)[0] == config


def test_keys_may_be_written_as_the_options_are(tmp_path: Path):
    path = tmp_path / "config.yaml"
    path.write_text("task: ioi\nprompts-per-job: 4\n")
    assert settings_from(read_yaml(path, DiscoverSettings), DiscoverSettings)[0].prompts_per_job == 4


@pytest.mark.parametrize(("key", "nearest"), [("treshold", "threshold"), ("promts", "prompts"), ("worker", "workers")])
def test_an_unknown_key_names_the_nearest_known_one(tmp_path: Path, key: str, nearest: str):
    path = tmp_path / "config.yaml"
    path.write_text(f"task: ioi\n{key}: 3\n")
    with pytest.raises(ValueError, match=f"config.yaml: no setting '{key}'.*Did you mean '{nearest}'"):
        read_yaml(path, DiscoverSettings)


@pytest.mark.parametrize(
    ("text", "message"),
    [("task: [", "is not YAML"), ("- ioi", "expected lines such as"), ("", "expected lines such as")],
)
def test_a_malformed_settings_file_says_so(tmp_path: Path, text: str, message: str):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        read_yaml(path, DiscoverSettings)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"prompts": 0}, r"prompts is 0"),
        ({"edges": -1}, r"edges is -1"),
        ({"edges": "many"}, r"edges is 'many'"),
        ({"dtype": "float8"}, r"dtype is 'float8'"),
        ({"workers": 2, "gpus": True}, "workers and gpus are different places"),
    ],
)
def test_a_value_that_does_not_fit_is_shown(values: dict[str, object], message: str):
    with pytest.raises(ValueError, match=message):
        settings_from({"task": "ioi"} | values, DiscoverSettings)


def test_a_missing_task_is_asked_for():
    with pytest.raises(ValueError, match="no task is given"):
        settings_from({}, DiscoverSettings)


def test_assignments_are_read_as_yaml():
    settings = parse_assignments(["steps=5", "at=roles", "kinds=[head, mlp]", "some-flag=true"])
    assert settings == {"steps": 5, "at": "roles", "kinds": ["head", "mlp"], "some_flag": True}


@pytest.mark.parametrize("assignment", ["steps", "=5", "kinds=[a"])
def test_a_malformed_assignment_is_refused(assignment: str):
    with pytest.raises(ValueError, match="--set"):
        parse_assignments([assignment])
