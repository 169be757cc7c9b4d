"""Settings: from options and YAML, checked before anything runs."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from pipelines.discover.settings import DiscoverSettings
from pipelines.runs.settings_file import as_yaml, parse_assignments, read_yaml, settings_from

# A few lines that stand for eight to the sixth values.
_LAUGHS = "\n".join(f"{new}: &{new} [{', '.join([f'*{old}'] * 8)}]" for old, new in pairwise("abcdef"))


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
    [
        ("task: [", "is not YAML"),
        ("- ioi", "expected lines such as"),
        ("", "expected lines such as"),
        ("1: ioi", "has the key 1, expected the name of a setting"),
        ("task: ioi\nprompts: 8\nprompts: 4", "line 3 gives 'prompts' a second time"),
        ("task: ioi\nsettings:\n  steps: 3\n  steps: 4", "line 4 gives 'steps' a second time"),
        ("prompts-per-job: 3\nprompts_per_job: 4", "gives 'prompts_per_job' twice"),
        ("prompts: 2020-99-99", "month must be in"),
        ("prompts: !!timestamp x", "a value cannot be read"),
        ("prompts: " + "9" * 5000, "integer string conversion"),
        ("settings: " + "[" * 5000 + "]" * 5000, "nested more than 32 deep"),
        ("settings: &a\n  steps: *a", "hold themselves"),
        ("a: &a [x, x, x, x, x, x, x, x]\n" + _LAUGHS, "more than 100,000 values"),
    ],
)
def test_a_malformed_settings_file_says_so(tmp_path: Path, text: str, message: str):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"config.yaml.*{message}"):
        read_yaml(path, DiscoverSettings)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"prompts": True}, "prompts is True: expected a number"),
        ({"workers": True}, "workers is True: expected a number"),
        ({"prompts": 0}, r"prompts is 0"),
        ({"edges": -1}, r"edges is -1"),
        ({"edges": "many"}, r"edges is 'many'"),
        ({"dtype": "float8"}, r"dtype is 'float8'"),
        ({"workers": 2, "gpus": True}, "workers and gpus are different places"),
        ({"data": "scheduler"}, "data is scheduler, and no scheduler is given"),
        ({"data": "scheduler", "workers": 2}, "data is scheduler, and no scheduler is given"),
        ({"wait_for_workers": 60}, "wait_for_workers is given, and no workers are asked for"),
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
