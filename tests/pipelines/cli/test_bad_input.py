"""Bad input: one clear message on stderr, exit code 2, no traceback, nothing lost."""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from pipelines.cli.main import app

Command = Callable[..., Any]


def require_refusal(answer: Any, *said: str) -> None:
    assert answer.exit_code == 2
    assert answer.stdout == ""
    assert "Traceback" not in answer.stderr
    for words in said:
        assert words in answer.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["discover", "oii"], ["no task 'oii'", "Did you mean 'ioi'?"]),
        (["discover", "ioi", "--corruption", "flop"], ["no corruption of ioi 'flop'", "'flip'"]),
        (["discover", "ioi", "--method", "eap_"], ["no method 'eap_'", "Did you mean 'eap'?"]),
        (["discover", "ioi", "--metric", "logit_diference"], ["no metric", "Did you mean 'logit-difference'?"]),
        (["discover", "ioi", "--model", "refrence"], ["refrence", "Did you mean 'reference'?"]),
        (["discover", "ioi", "--set", "steps=true"], ["setting steps: expected a number (got True)"]),
        (["discover", "prompt.jsonl"], ["cannot read the prompt file", "Did you mean 'prompts.jsonl'?"]),
        (["prompts", "check", "prompt.jsonl"], ["cannot read the prompt file", "Did you mean 'prompts.jsonl'?"]),
        (
            ["discover", "ioi", "--method", "activation-patching", "--set", "wher=all"],
            ["no setting of activation-patching"],
        ),
        (["discover", "ioi", "--method", "activation-patching", "--set", "at=nowhere"], ["setting at", "nowhere"]),
        (["discover", "missing.jsonl"], ["cannot read the prompt file missing.jsonl"]),
        (["discover"], ["no task is given"]),
        (["discover", "--config", "missing.yaml"], ["cannot read the settings file missing.yaml"]),
        (["discover", "ioi", "--workers", "2", "--scheduler", "tcp://a:1"], ["different places to run"]),
        (["export", "nothing", "--to", "jsn"], ["no export format 'jsn'", "Did you mean 'json'?"]),
        (["export", "nothing", "--to", "json"], ["no run 'nothing'"]),
        (["compare", "nothing", "other"], ["no run 'nothing'"]),
        (["status", "--runs", "nowhere"], ["no folder nowhere"]),
        (["discuss"], ["discuss"]),
        (["discover", "ioi", "--edges", "1e18"], ["'--edges': '1e18': expected a whole number, such as 40"]),
        (["discover", "ioi", "--threshold", "x"], ["'--threshold': 'x': expected a number, such as 0.5"]),
        (["view", "--port", "y" * 200], ["'--port': 'yyyyy", "... (200 characters): expected a whole number"]),
        (["discover", "ioi", "--device", "mps"], ["device 'mps' was asked for, and there is none"]),
        (["discover", "ioi", "--promts", "3"], ["--promts"]),
        (["discover", "ioi", "--edges", "-3"], ["edges is -3: expected 1 or more."]),
        (["discover", "ioi", "--ranking", "sgned"], ["expected signed or absolute. Did you mean 'signed'?"]),
        (
            ["discover", "ioi", "--method", "activation-patching", "--set", "kinds=[hed]"],
            ["setting kinds: expected head, attention,", "Did you mean 'head'? (got 'hed')."],
        ),
        (["trace", "ioi", "--method", "eap"], ["method is 'eap': expected causal-tracing."]),
        (["prompts", "check", "prompts.jsonl", "--lines", "-1"], ["'--lines': '-1': expected 0 or more."]),
        (["prompts", "check", "prompts.jsonl", "--prompts", "3"], ["are checked: leave out --prompts."]),
        (["discover", "."], ["'.' is a folder: give a task, or a prompt file."]),
        (["discover", "ioi.v2"], ["no task and no prompt file 'ioi.v2'", "Did you mean 'ioi'?"]),
        (["discover", "prompts.jsnol"], ["no task and no prompt file 'prompts.jsnol'", "mean 'prompts.jsonl'?"]),
        (
            ["intervene", "mask-heads", "ioi", "induction:x"],
            ["profile 'induction:x': 'x' is no setting, KEY=VALUE. induction has no settings."],
        ),
        (["intervene", "zero-tuning", "ioi", "--gammas", "2,b"], ["gammas holds 'b': expected a number, such as 0.5."]),
        (["clean", "--runs", "nowhere"], ["no folder ", "nowhere. Runs are kept in"]),
        (["fetch", "cytoscap"], ["Known: cytoscape, smollm2-135m. Did you mean 'cytoscape'?"]),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(
    circuits: Command, monkeypatch: pytest.MonkeyPatch, arguments: list[str], said: list[str]
):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")  # an unknown model must not wait for a network
    Path("prompts.jsonl").touch()
    require_refusal(circuits(*arguments), *said)


def test_a_device_that_is_not_here_is_refused_also_where_the_prompts_are_kept(circuits: Command, tiny: Any):
    asked = (*tiny.arguments, "--method", "eap", "--edges", "20")
    with_device = circuits(*asked, "--device", "mps")
    require_refusal(with_device, "device 'mps' was asked for, and there is none")
    assert circuits(*asked).exit_code == 0
    require_refusal(circuits(*asked, "--seed", "1", "--curve", "--device", "mps"), "device 'mps' was asked for")
    # What is computed already is read anywhere.
    assert circuits(*asked, "--device", "mps").exit_code == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--prompts", "99999999999999999999"], ["prompts is 99999999999999999999: expected 1,000,000 at most."]),
        (["--minimal", "--minimal-runs", "99999999999"], ["minimal_runs is 99999999999"]),
        (["--method", "head-coding", "--set", "trials=999999999"], ["trials=999999999", "at most 10,000"]),
        (["--tolerance", "inf"], ["tolerance is inf"]),
        (["--tolerance", "2"], ["tolerance is 2.0", "less than 1"]),
        (["--threshold", "inf"], ["threshold is inf", "finite"]),
        (["--threshold", "nan"], ["threshold is nan", "finite"]),
        (["--ablation", "noise", "--noise", "inf"], ["setting sigma", "finite"]),
        (["--set", "steps=.inf"], ["setting steps", "finite"]),
    ],
)
def test_numbers_out_of_range_are_refused_by_name_while_planning(
    circuits: Command, tiny: Any, options: list[str], said: list[str]
):
    require_refusal(circuits(*tiny.arguments, *options), *said)


def test_every_bad_line_of_a_prompt_file_is_reported_at_once(circuits: Command, tiny: Any):
    good = tiny.prompts.read_text().splitlines()[0]
    unequal = json.dumps(json.loads(good) | {"corrupt_ids": [1, 2]})
    Path("bad.jsonl").write_text("\n".join([good, "{", "[1]", unequal, '{"clean_ids": [1]}', good]))
    answer = circuits("discover", "bad.jsonl", *tiny.arguments[2:])
    require_refusal(answer, "4 bad lines", "line 2", "line 3", "line 4: clean has 6 tokens, corrupt 2", "line 5")
    assert "baseline" not in answer.stderr


def test_an_empty_prompt_file_is_refused(circuits: Command, tiny: Any):
    Path("empty.jsonl").write_text("\n")
    require_refusal(circuits("discover", "empty.jsonl", *tiny.arguments[2:]), "holds no prompt")


def test_tokens_that_the_model_does_not_have_are_named(circuits: Command, tiny: Any):
    record = json.loads(tiny.prompts.read_text().splitlines()[0]) | {"clean_ids": [1, 2, 3, 4, 5, 99]}
    Path("other.jsonl").write_text(json.dumps(record))
    require_refusal(circuits("discover", "other.jsonl", *tiny.arguments[2:]), "line 1 of other.jsonl", "token 99")


def test_text_for_a_model_without_tokenizer_is_refused(circuits: Command, tiny: Any):
    require_refusal(circuits("discover", "ioi", "--model", tiny.model), "no tokenizer")


def test_a_metric_that_the_prompts_cannot_have_is_refused_before_a_model_runs(circuits: Command, tiny: Any):
    record = json.loads(tiny.prompts.read_text().splitlines()[0]) | {"wrong_answer_ids": []}
    Path("right.jsonl").write_text(json.dumps(record))
    answer = circuits("discover", "right.jsonl", *tiny.arguments[2:])
    require_refusal(answer, "logit-difference", "wrong answer")
    assert "baseline" not in answer.stderr


@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_a_corrupt_weights_file_is_named(circuits: Command, tiny: Any, tmp_path: Path, share: float):
    shutil.copytree(tiny.model, tmp_path / "broken")
    weights = tmp_path / "broken" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[: int(share * weights.stat().st_size)])
    answer = circuits("discover", tiny.prompts, "--model", tmp_path / "broken")
    require_refusal(answer, str(weights), "damaged")


def test_a_model_without_the_words_of_a_task_is_refused(
    circuits: Command, tmp_path: Path, new_model: Callable[..., Path]
):
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import PreTrainedTokenizerFast

    words = WordLevel({word: number for number, word in enumerate(["[UNK]", "when", "and", "went"])}, unk_token="[UNK]")
    tokenizer = Tokenizer(words)
    tokenizer.pre_tokenizer = Whitespace()
    folder = new_model(tmp_path / "wordless")
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, unk_token="[UNK]").save_pretrained(folder)
    require_refusal(circuits("discover", "ioi", "--model", folder), "ioi")


def test_output_that_cannot_be_written_is_refused_before_a_model_runs(circuits: Command, tiny: Any):
    Path("file").write_text("")
    answer = circuits(*tiny.arguments, "--runs", "file/runs")
    require_refusal(answer, "cannot write in", "No model was run")


def test_an_export_that_cannot_be_written_is_refused(circuits: Command, computed_run: dict[str, Any]):
    run = computed_run["run"]
    Path("file").write_text("")
    require_refusal(circuits("export", run, "--to", "json", "--out", "file/graph.json"), "cannot write")


@pytest.mark.parametrize("file", ["store.json", "run.json"])
def test_a_run_folder_of_a_newer_version_is_refused_and_left_alone(
    circuits: Command, tiny: Any, file: str, computed_run: dict[str, Any]
):
    run = computed_run["run"]
    path = Path("runs") / file if file == "store.json" else Path("runs") / run / file
    newer = json.dumps(json.loads(path.read_text()) | {"version": 99})
    path.write_text(newer)
    require_refusal(circuits(*tiny.arguments), "version 99", "newer circuit-workbench")
    assert path.read_text() == newer
    if file == "run.json":
        require_refusal(circuits("export", run, "--to", "json"), "version 99")


def test_circuits_of_different_models_are_not_compared(
    circuits: Command, tiny: Any, tmp_path: Path, new_model: Callable[..., Path], computed_run: dict[str, Any]
):
    other = new_model(tmp_path / "other", seed=1)
    first = computed_run["run"]
    second = circuits(*tiny.arguments[:2], "--model", other, "--json").json["run"]
    require_refusal(circuits("compare", first, second), "different models", "Still comparable", "--align role")
    assert circuits("compare", first, second, "--across-models").exit_code == 0


def test_a_run_that_is_not_finished_says_how_to_finish_it(circuits: Command, computed_run: dict[str, Any]):
    run = computed_run["run"]
    record = Path("runs") / run / "run.json"
    record.write_text(json.dumps(json.loads(record.read_text()) | {"files": {}}))
    require_refusal(circuits("export", run, "--to", "json"), "is not finished", "circuits discover --config")


@pytest.mark.parametrize(
    "change",
    [
        {"config": None},
        {"config": {"task": 3}},
        {"jobs": 7},
        {"jobs": [[]]},
        {"jobs": [{"label": "prompts"}]},
        {"files": []},
        {"name": None},
        {"command": 1},
        {"version": "new"},
    ],
)
def test_status_goes_on_past_a_damaged_record(circuits: Command, change: dict[str, Any]):
    sound = {"format": "circuit-workbench-run", "version": 1, "command": "discover", "jobs": [], "files": {}}
    sound |= {"config": {"task": "ioi", "model": "reference", "method": "eap"}}
    for name, of in (("broken", change), ("sound", {})):
        folder = Path("runs") / name
        folder.mkdir(parents=True)
        (folder / "run.json").write_text(json.dumps(sound | {"name": name} | of))
    broken, whole = circuits("status", "--json").json["runs"]
    assert "run.json is damaged" in broken["problem"]
    assert (whole["run"], whole["task"]) == ("sound", "ioi")
    require_refusal(circuits("export", "broken", "--to", "json"), "run.json is damaged")


def test_settings_of_a_record_that_do_not_fit_are_named_without_an_address(
    circuits: Command, computed_run: dict[str, Any]
):
    run = computed_run["run"]
    path = Path("runs") / run / "run.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"config": record["config"] | {"prompts": -4}}))
    answer = circuits("export", run, "--to", "json")
    require_refusal(answer, "run.json is damaged", "prompts is -4")
    assert "http" not in answer.stderr


def test_no_gpu_is_said_clearly(circuits: Command, tiny: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    require_refusal(circuits(*tiny.arguments, "--gpus"), "--gpus needs a CUDA device")


def test_an_address_without_scheduler_is_said_clearly(circuits: Command, tiny: Any, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pipelines.engine.cluster._CONNECT_WAIT_S", 1)
    require_refusal(circuits(*tiny.arguments, "--scheduler", "tcp://127.0.0.1:9"), "no Dask scheduler answers")


def test_an_unknown_kind_of_address_is_said_clearly(circuits: Command, tiny: Any):
    require_refusal(circuits(*tiny.arguments, "--scheduler", "foo://bar:1"), "unknown address scheme 'foo'")
    for given in ("", "bar", "tcp://", "tcp://a:b"):
        require_refusal(circuits(*tiny.arguments, "--scheduler", given), f"{given!r} is no address", "tcp://host:8786")


def test_a_server_that_never_answers_is_left_within_seconds(
    circuits: Command, tiny: Any, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pipelines.engine.cluster._CONNECT_WAIT_S", 1)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        begun = time.monotonic()
        require_refusal(circuits(*tiny.arguments, "--scheduler", address), "nothing is said within 1 s")
    assert time.monotonic() - begun < 20


@pytest.mark.parametrize("option", ["--runs", "--images"])
def test_an_empty_name_of_a_folder_is_refused(circuits: Command, tiny: Any, option: str):
    answer = circuits(*tiny.arguments, option, "")
    assert answer.exit_code == 2
    assert "an empty name is no file and no folder" in answer.stderr


def test_an_empty_name_in_a_settings_file_is_refused(circuits: Command, tiny: Any):
    for name in ("out", "images"):
        Path("settings.yaml").write_text(f"task: ioi\n{name}: ''\n")
        require_refusal(circuits("discover", "--config", "settings.yaml"), f"{name} is ''", "an empty name is no file")


@pytest.mark.parametrize("place", ["pairs.jsonl", "settings.yaml", "model"])
def test_a_pipe_is_no_file(circuits: Command, tiny: Any, place: str):
    if place == "model":
        shutil.copytree(tiny.model, place)
        (Path(place) / "tokenizer.json").unlink(missing_ok=True)
        os.mkfifo(f"{place}/tokenizer.json")
        require_refusal(circuits("discover", "ioi", "--model", place), "neither a file nor a folder")
        return
    os.mkfifo(place)
    given = ("--config", place) if place.endswith("yaml") else (f"./{place}",)
    require_refusal(circuits("discover", *given), "it is a pipe, not a file")


def test_an_export_is_never_written_through_a_device(circuits: Command, computed_run: dict[str, Any]):
    run = computed_run["run"]
    Path("link").symlink_to("target")
    for out, kind in ((os.devnull, "a device"), ("link", "a symbolic link")):
        require_refusal(circuits("export", run, "--to", "csv", "--out", out), f"it is {kind}, not a file")
    assert not Path("target").exists()


def test_what_is_refused_before_a_job_or_by_the_first_leaves_no_run(circuits: Command, tiny: Any):
    Path("runs").mkdir()
    require_refusal(circuits("discover", "ioi", "--model", tiny.model, "--method", "eapp"), "no method 'eapp'")
    assert circuits("status", "--json").json == {"runs": [], "running": []}
    require_refusal(circuits("discover", "ioi", "--model", tiny.model), "no tokenizer")
    assert circuits("status", "--json").json == {"runs": [], "running": []}


def test_bad_input_loses_nothing_that_was_computed(circuits: Command, tiny: Any, computed_run: dict[str, Any]):
    kept = {path: path.read_bytes() for path in Path("runs").rglob("*") if path.is_file()}
    require_refusal(circuits(*tiny.arguments, "--greedy", "--threshold", "3"), "two ways")
    assert {path: path.read_bytes() for path in Path("runs").rglob("*") if path.is_file()} == kept


def _options_of_paths(group: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Command and option, of all options that take a path."""
    for own, command in group.commands.items():
        words = f"{name} {own}".strip()
        if hasattr(command, "commands"):
            yield from _options_of_paths(command, words)
            continue
        for option in command.params:
            is_path = option.param_type_name == "option" and option.metavar in ("PATH", "FILE", "FOLDER")
            if is_path and option.name != "config":
                yield words, option.opts[0]


def test_options_of_paths_that_commands_have_by_themselves_refuse_an_empty_name(circuits: Command):
    own = ("rerun", "clean", "draw", "export", "status", "prompts check", "prompts show")
    found = [(name, flag) for name, flag in _options_of_paths(get_command(app)) if name in own]
    assert {name for name, _ in found} == set(own)
    for name, flag in found:
        arguments = {
            "rerun": ["f"],
            "draw": ["heads", "r"],
            "export": ["r"],
            "prompts check": ["f"],
            "prompts show": ["ioi"],
        }
        answer = circuits(*name.split(), *arguments.get(name, []), flag, "")
        require_refusal(answer, "an empty name is no file and no folder")
