"""`circuits study`: one setting varied on a tiny random model, measured once, and refused where it cannot be varied."""

from __future__ import annotations

import csv
import io
import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from circuits.components import Wiring, head
from circuits.evaluation.known_circuit import KnownCircuit, read_known
from circuits.evaluation.ranking import bootstrap_auroc, match_heads, node_auroc, trial_aurocs
from pipelines import discover, study
from pipelines.engine.result_file import Result
from pipelines.engine.store import Store
from pipelines.reporting.paper import MARKDOWN
from pipelines.runs.options import command_line
from pipelines.runs.settings_file import parse_lists
from pipelines.study.command import COMMAND
from pipelines.study.plan import Varied, study_cases, study_jobs
from pipelines.study.settings import StudySettings
from tests.pipelines.paper_checks import papers_of

LOOKS_AT_FIGURES = True

Command = Callable[..., Any]
CODING = {"method": "head-coding", "settings": {"least_accuracy": 0, "epochs": 3, "trials": 3}}
CODING_OPTIONS = ("--method", "head-coding", *(f"--set={n}={v}" for n, v in CODING["settings"].items()))
COSTS = ("seconds", "peak_memory_mb")


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """A known circuit of two of the four heads and one of the two MLPs."""
    path = tmp_path / "truth.json"
    edges = ("input->a0.h0<v>", "a0.h0->a1.h1<q>", "a1.h1->logits", "input->m0", "m0->logits")
    path.write_text(json.dumps({"edges": edges}))
    return path


def stages(store: Path) -> set[str]:
    """Names of the stages whose results are kept."""
    return {json.loads(_record(path))["stage"] for path in store.glob("jobs/*/*.npz")}


def _record(path: Path) -> bytes:
    import zipfile

    with zipfile.ZipFile(path) as archive:
        return archive.read("record.json")


def without_costs(rows: Any) -> list[dict[str, Any]]:
    """Rows without the values that differ from machine to machine."""
    return [{name: value for name, value in row.items() if name not in COSTS} for row in rows]


def begin(tiny: Any) -> list[str]:
    """The start of a `study` command."""
    return ["study", *tiny.arguments[1:]]


def test_every_value_has_the_numbers_of_its_run(circuits: Command, tiny: Any, truth: Path):
    report = circuits(*begin(tiny), "--method", "eap-ig", "--vary", "steps=1,3", "--truth", truth, "--json").json
    known = read_known(truth)
    assert [row["value"] for row in report["rows"]] == [1, 3]
    for row in report["rows"]:
        scores = discover(**tiny.settings(method="eap-ig", settings={"steps": row["value"]}, edges=20)).scores
        for part, kinds in (("heads", ("head",)), ("nodes", ("head", "mlp"))):
            expected = node_auroc(scores, known, kinds=kinds)._asdict()
            interval = list(bootstrap_auroc(scores, known, kinds=kinds))
            assert row["auroc"][part] == expected | {"interval": interval, "trials": None}
        assert row["best_f1"] == match_heads((), scores, known).best_f1
        assert (row["n_prompts"], row["n_jobs"], row["reasons"]) == (12, 3, {})
        assert row["provenance"]["settings"]["steps"] == row["value"]


def test_trials_have_a_spread_instead_of_an_interval(circuits: Command, tiny: Any, truth: Path):
    options = (*CODING_OPTIONS, "--vary", "features=2,8", "--truth", truth)
    rows = circuits(*begin(tiny), *options, "--json").json["rows"]
    known = read_known(truth)
    for row in rows:
        settings = CODING["settings"] | {"features": row["value"]}
        scores = discover(**tiny.settings(method="head-coding", settings=settings, nodes=2)).node_scores
        trials = trial_aurocs(scores, known, kinds=("head",))
        assert row["auroc"]["heads"]["trials"] == trials._asdict()
        assert row["auroc"]["heads"]["interval"] is None
        assert row["auroc"]["nodes"] is None
        assert row["reasons"] == {"auroc_nodes": "the method scores no MLPs"}
    printed = circuits(*begin(tiny), *options).stdout
    assert "(n = 3)" in printed
    assert "auroc nodes: the method scores no MLPs" in printed


def test_methods_stand_side_by_side(circuits: Command, tiny: Any, truth: Path):
    names = ["eap", "activation-patching", "mask-learning", "random"]
    options = ("--vary", f"method={','.join(names)}", "--truth", truth)
    report = circuits(*begin(tiny), *options, "--json").json
    rows = {row["value"]: row for row in report["rows"]}
    assert list(rows) == names
    assert "method" not in report["config"]
    assert rows["random"]["forward_equivalents"] == 0
    assert rows["eap"]["forward_equivalents"] > 1
    assert rows["mask-learning"]["auroc"]["heads"]["interval"] is None
    assert "all prompts have the same scores" in rows["mask-learning"]["reasons"]["interval"]
    assert Path(report["folder"]).name.startswith("study-pairs-method-")


def test_a_setting_may_be_that_of_one_of_the_varied_methods(tiny: Any, tmp_path: Path, truth: Path):
    settings = {f"head-coding.{name}": value for name, value in CODING["settings"].items()} | {"eap_ig.steps": 2}
    vary = {"method": ["eap", "eap-ig", "head-coding"]}
    report = study(**tiny.settings(vary=vary, truth=truth, settings=settings, out=tmp_path))
    kept = [row["provenance"]["settings"] for row in report.rows]
    assert kept[0] == {}
    assert kept[1]["steps"] == 2
    assert kept[2]["trials"] == 3
    with pytest.raises(ValueError, match=r"setting 'acdc.tau' is for 'acdc', which is not varied"):
        study(**tiny.settings(vary=vary, truth=truth, settings={"acdc.tau": 1}, out=tmp_path))


def test_only_what_leads_to_scores_is_computed(circuits: Command, tiny: Any, truth: Path):
    answer = circuits(*begin(tiny), "--vary", "method=activation-patching", "--truth", truth)
    assert stages(Path("runs")) == {"prompts", "check", "baseline", "measure"}
    assert "measure eap" not in answer.stderr
    assert not list(Path("runs").glob("*/run.json"))


def test_a_mean_ablation_has_its_reference(circuits: Command, tiny: Any, truth: Path):
    rows = circuits(*begin(tiny), "--vary", "ablation=zero,mean", "--truth", truth, "--json").json["rows"]
    assert "reference" in stages(Path("runs"))
    assert rows[0]["auroc"] != rows[1]["auroc"]


def test_jobs_that_values_share_are_computed_once(circuits: Command, tiny: Any, truth: Path):
    answer = circuits(*begin(tiny), *CODING_OPTIONS, "--vary", "features=2,4,8", "--truth", truth, "--json")
    done = [line for line in answer.stderr.splitlines() if line.startswith("[")]
    labels = [line.split(": ", 1)[1].split(" · ")[0] for line in done]
    assert sum(label.startswith("features") for label in labels) == 3  # 12 prompts in slices of 4
    assert labels.count("baseline") == labels.count("prompts") == 1
    assert labels.count("code-scores head-coding") == 3
    assert answer.json["jobs"] == {"total": len(labels), "computed": len(labels)}


def test_the_same_command_again_computes_nothing_and_writes_the_same_bytes(circuits: Command, tiny: Any, truth: Path):
    options = (*begin(tiny), "--vary", "prompts=4,8,12", "--truth", truth, "--out", "kept")
    circuits(*options)
    first = {path.name: path.read_bytes() for path in Path("kept").iterdir()}
    again = circuits(*options, "--json").json
    assert again["jobs"]["computed"] == 0
    assert {path.name: path.read_bytes() for path in Path("kept").iterdir()} == first
    assert set(first) == {"about.json", "study.json", "study.csv", "study.pdf", "study.svg"}
    assert "nothing new to compute" in circuits(*options).stdout


def test_what_a_run_has_measured_is_not_measured_again(tiny: Any, tmp_path: Path, truth: Path):
    where = {"out": tmp_path / "runs"}
    discover(**tiny.settings(edges=20, method="eap"), **where)
    report = study(**tiny.settings(), vary={"method": ["eap"]}, truth=truth, **where)
    assert report.n_computed == 0
    assert report.n_jobs == 6  # prompts, check, baseline and three slices


def test_files_hold_what_was_found(circuits: Command, tiny: Any, truth: Path):
    options = (*begin(tiny), "--method", "eap-ig", "--vary", "steps=1,2", "--truth", truth, "--out", "kept")
    printed = circuits(*options, "--json").json
    record = json.loads(Path("kept/study.json").read_text())
    assert (record["format"], record["version"]) == ("circuit-workbench-study", 1)
    assert record == {name: printed[name] for name in record}
    assert record["config"]["settings"] == {}
    assert "edges" not in record["config"]
    lines = list(csv.DictReader(io.StringIO(Path("kept/study.csv").read_text())))
    for line, row in zip(lines, record["rows"], strict=True):
        assert (line["setting"], line["value"]) == ("steps", str(row["value"]))
        assert float(line["auroc_heads"]) == row["auroc"]["heads"]["by_mean"]
        assert float(line["auroc_heads_high"]) == row["auroc"]["heads"]["interval"][1]
        assert line["auroc_heads_of_trials"] == ""
    svg = Path("kept/study.svg").read_text()
    assert "pairs: ranking of known heads, steps varied" in svg
    assert "12 prompts. Known circuit: truth." in svg


def test_python_gives_what_the_command_line_gives(circuits: Command, tiny: Any, truth: Path):
    printed = circuits(*begin(tiny), "--vary", "seed=0,1", "--truth", truth, "--json").json
    report = study(**tiny.settings(), vary={"seed": [0, 1]}, truth=truth)
    assert report.n_computed == 0
    assert report.to_dict() == {name: printed[name] for name in report.to_dict()}
    assert str(report.folder.resolve()) == str(Path(printed["folder"]).resolve())


# Its jobs are those of runs, which are compared byte for byte in the tests of head coding.
@pytest.mark.slow
def test_workers_find_what_threads_find(tiny: Any, tmp_path: Path, truth: Path, scheduler: str):
    here, there = (
        study(**tiny.settings(), **CODING, vary={"features": [2, 4]}, truth=truth, out=tmp_path / name, **where)
        for name, where in (("here", {}), ("there", {"scheduler": scheduler}))
    )
    assert without_costs(here.rows) == without_costs(there.rows)


def test_the_position_whose_scores_are_ranked_can_be_varied(tiny: Any, tmp_path: Path, truth: Path):
    report = study(
        **tiny.settings(method="activation-patching", settings={"at": "positions"}),
        vary={"position": ["0", "5"]},
        truth=truth,
        out=tmp_path / "runs",
    )
    first, last = report.rows
    assert report.n_jobs == 6  # one measurement for both positions
    assert first["auroc"] != last["auroc"]


def test_models_wired_alike_are_judged_by_one_circuit(
    circuits: Command, tiny: Any, new_model: Callable[..., Path], truth: Path, tmp_path: Path
):
    other = new_model(tmp_path / "other", seed=1)
    options = ("study", tiny.prompts, "--vary", f"model={tiny.model},{other}", "--truth", truth)
    rows = circuits(*options, "--out", "kept", "--json").json["rows"]
    assert [row["provenance"]["model"] for row in rows] == ["model", "other"]
    assert ">other</text>" in Path("kept/study.svg").read_text()
    assert rows[0]["auroc"] != rows[1]["auroc"]


def test_models_of_other_heads_are_refused_before_they_run(circuits: Command, tiny: Any, truth: Path):
    answer = circuits("study", tiny.prompts, "--vary", f"model={tiny.model},reference", "--truth", truth)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert "has 2 layers of 2 heads, model 'reference' has 4 layers of 4 heads" in answer.stderr
    assert "Study them one by one" in answer.stderr
    assert not Path("runs/jobs").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], ["nothing is varied. Give one, as KEY=V1,V2,..."]),
        (["--vary", "steps"], ["--vary got 'steps', expected KEY=V1,V2,..."]),
        (["--vary", "steps="], ["steps has no values"]),
        (["--vary", "steps=[1"], ["--vary steps: '[1' cannot be read"]),
        (["--vary", "steps=1", "--vary", "prompts=2"], ["2 settings are varied: steps, prompts. Give one"]),
        (["--vary", "step=1,2"], ["no setting of a run or of eap-ig 'step'", "Did you mean 'steps'?"]),
        (["--vary", "edges=1,2"], ["edges chooses a circuit, and a study only ranks scores"]),
        (["--vary", "steps=2,5,2"], ["steps=2 is given twice"]),
        (["--vary", "steps=few"], ["method 'eap-ig', setting steps", "'few'"]),
        (["--vary", "steps=0"], ["eap-ig", "steps"]),
        (["--vary", "prompts=4,0"], ["prompts is 0"]),
        (["--vary", "steps=1,2", "--set", "steps=3"], ["steps is varied: leave out its single value"]),
        (["--vary", "prompts=4,8", "--prompts", "4"], ["prompts is varied: leave out its single value"]),
        (["--vary", "metric=logit_diff"], ["no metric 'logit_diff'", "Did you mean 'logit-difference'?"]),
        (["--vary", "steps=1", "--set", "stepz=3"], ["no setting of eap-ig 'stepz'"]),
        (["--vary", "steps=1", "--truth", "oii"], ["no published circuit 'oii'", "not a file or a run either"]),
        (["--vary", "steps=1", "--truth", "ioi"], ["belongs to a model of 12 layers of 12 heads", "2 layers of 2"]),
        (["--vary", "steps=1", "--truth", "other.json"], ["has a7.h0", "this model has 2 layers of 2 heads"]),
        (["--vary", "steps=1", "--truth", "all.json"], ["has all 4 heads"]),
        (["--vary", "steps=1", "--truth", "none.json"], ["lists no heads"]),
        (["--vary", "steps=1", "--workers", "2", "--gpus"], ["different places to run"]),
    ],
)
def test_bad_input_is_one_line_before_any_model_runs(
    circuits: Command, tiny: Any, truth: Path, options: list[str], said: list[str]
):
    every = [f"a{layer}.h{index}->logits" for layer in range(2) for index in range(2)]
    for name, edges in (("other", ["a7.h0->logits"]), ("all", every), ("none", ["m0->logits"])):
        Path(f"{name}.json").write_text(json.dumps({"edges": edges}))
    answer = circuits(*begin(tiny), "--method", "eap-ig", "--truth", truth, *options)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert "Traceback" not in answer.stderr
    for words in said:
        assert words in answer.stderr
    assert not Path("runs/jobs").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--vary", "method=eap,oap"], "no method 'oap'"),
        (["--vary", "method=eap,eap-ig", "--method", "eap"], "method is varied: leave out its single value"),
        (["--vary", "method=eap-ig,eap", "--set", "steps=2"], "method 'eap' has no settings; got 'steps'"),
        (["--vary", "kinds=[head],[mlp]", "--method", "activation-patching"], "kinds=mlp scores no heads"),
        (["--vary", "at=all,positions", "--method", "activation-patching"], "choose with position="),
    ],
)
def test_methods_that_cannot_be_ranked_by_heads_are_refused(
    circuits: Command, tiny: Any, truth: Path, options: list[str], said: str
):
    answer = circuits(*begin(tiny), *options, "--truth", truth)
    assert (answer.exit_code, answer.stdout) == (2, "")
    assert said in answer.stderr
    assert not Path("runs/jobs").exists()


def test_a_study_without_a_known_circuit_is_refused_with_those_that_are_known(circuits: Command, tiny: Any):
    answer = circuits(*begin(tiny), "--vary", "prompts=4")
    assert answer.exit_code == 2
    assert "no known circuit is given" in answer.stderr
    assert "docstring" in answer.stderr


def test_options_that_choose_circuits_are_refused_in_python(tiny: Any, truth: Path):
    with pytest.raises(ValueError, match="nodes chooses a circuit"):
        study(**tiny.settings(nodes=3), vary={"prompts": [4]}, truth=truth)
    with pytest.raises(ValueError, match="the values of prompts are 4: give a list"):
        study(**tiny.settings(), vary={"prompts": 4}, truth=truth)


def test_a_circuit_wired_otherwise_than_its_model_is_refused_once_that_is_known(tiny: Any, tmp_path: Path):
    known = KnownCircuit("without MLPs", None, (head(0, 0),), ("head",), Wiring(2, 2, 2, has_mlps=False))
    with pytest.raises(ValueError, match="belongs to a model of 2 layers of 2 heads without MLPs"):
        study(**tiny.settings(), vary={"prompts": [4]}, truth=known, out=tmp_path / "runs")


def test_no_value_is_measured_before_all_values_are_checked(tiny: Any):
    cases = study_cases(tiny.settings(), Varied("method", ("eap", "random")))
    jobs = study_jobs(cases)
    checks = {case.jobs.check.key for case in cases}
    assert len(checks) == 2
    seen: set[str] = set()
    for job in jobs:
        if job.stage.name not in ("prompts", "check"):
            assert checks <= set(job.after) <= seen
        seen.add(job.key)


def test_a_value_that_only_the_model_can_refuse_stops_all_others(circuits: Command, tiny: Any, truth: Path):
    answer = circuits(
        *begin(tiny), "--method", "eap", "--vary", "metric=logit-difference,kl-divergence", "--truth", truth
    )
    assert answer.exit_code == 2
    assert "gradients at the clean run" in answer.stderr
    assert stages(Path("runs")) <= {"prompts", "check"}


def test_values_that_yaml_takes_for_text_are_numbers(tiny: Any):
    given = tiny.settings(**CODING)
    (case,) = study_cases(given, Varied("l1", ("1e-3",)))
    assert case.value == 0.001
    with pytest.raises(ValueError, match=r"l1=1e-3 is given twice"):
        study_cases(given, Varied("l1", (0.001, "1e-3")))


def test_the_seed_of_a_run_is_varied_and_that_of_its_method_is_left(tiny: Any):
    given = tiny.settings(method="random", settings={"seed": 5})
    cases = study_cases(given, Varied("seed", (0, 1)))
    assert [case.config.seed for case in cases] == [0, 1]
    assert [case.config.settings for case in cases] == [{"seed": 5}] * 2


def test_a_setting_of_the_task_is_varied(circuits: Command, tmp_path: Path):
    """Every value has the numbers of its own run."""
    path = tmp_path / "truth.json"
    path.write_text(json.dumps({"edges": ["a0.h0->a1.h2<k>", "a1.h2->logits"]}))
    scored = ("--prompts", "6", "--method", "eap", "--metric", "log-probability-difference")
    task = ("needle", "--task-set", "lengths=[20]", *scored)
    report = circuits(
        "study", *task, "--vary", "depths=[0],[0.5, 1],[1]", "--truth", path, "--out", "kept", "--json"
    ).json
    assert [row["value"] for row in report["rows"]] == [[0], [0.5, 1], [1]]
    assert report["config"]["task_settings"] == {"lengths": [20]}
    for row in report["rows"]:
        run = discover(
            "needle",
            task_settings={"lengths": [20], "depths": row["value"]},
            prompts=6,
            edges=5,
            method="eap",
            metric="log-probability-difference",
        )
        expected = node_auroc(run.scores, read_known(path), kinds=("head",))._asdict()
        assert {name: row["auroc"]["heads"][name] for name in expected} == expected
        assert row["provenance"]["task"] == f"needle(lengths=[20], depths={row['value']})"
    drawn = Path("kept/study.svg").read_text()
    assert ">0.5, 1</text>" in drawn
    assert "needle(lengths" not in drawn  # what differs is not said as if it did not


def test_a_value_at_its_default_is_one_of_those_varied():
    (default, short) = study_cases(
        {"task": "needle", "prompts": 4, "metric": "answer-log-probability"}, Varied("cue", (1, 2))
    )
    assert (default.value, default.config.task_settings) == (1, {"cue": 1})
    assert (short.value, short.config.task_settings) == (2, {"cue": 2})
    of_run = study_cases({"task": "ioi"}, Varied("prompts", (4,)))[0]
    assert default.jobs.prompts.key != short.jobs.prompts.key
    assert of_run.config.task_settings == {}


@pytest.mark.parametrize(
    ("given", "varied", "said"),
    [
        (
            {"task": "needle"},
            Varied("depth", ([0],)),
            "setting of a run, of eap-ig or of needle 'depth'.*Did you mean 'depths'",
        ),
        ({"task": "needle"}, Varied("depths", ([2],)), "give shares of the haystack"),
        ({"task": "needle", "task_settings": {"depths": [0]}}, Varied("depths", ([1],)), "depths is varied: leave out"),
        ({"task": "needle"}, Varied("cue", (2, 2)), "cue=2 is given twice"),
        ({"task": "ioi"}, Varied("depths", ([0],)), "no setting of a run or of eap-ig 'depths'"),
    ],
)
def test_a_setting_that_the_task_lacks_or_refuses(given: dict[str, Any], varied: Varied, said: str):
    with pytest.raises(ValueError, match=said):
        study_cases({**given, "prompts": 4, "method": "eap-ig"}, varied)


@pytest.mark.parametrize(
    "varied",
    [
        Varied("features", (50, 100)),
        Varied("l1", (0.001,)),
        Varied("method", ("eap", "eap-ig")),
        Varied("kinds", (["head"], ["head", "mlp"])),
        Varied("top_k", (None, 2)),
        Varied("corruption", ("true", "5")),
        Varied("depths", ([0], [0.5, 1])),
    ],
)
def test_values_written_as_options_are_read_as_they_were(varied: Varied):
    settings = StudySettings(task="ioi", vary={varied.key: list(varied.values)})
    *_, flag, text = shlex.split(command_line("study", settings))
    assert flag == "--vary"
    assert parse_lists([text], flag) == settings.vary


def test_after_an_interruption_finished_jobs_are_kept_and_the_command_that_goes_on_is_named(
    circuits: Command, tiny: Any, truth: Path, monkeypatch: pytest.MonkeyPatch
):
    import shlex

    from pipelines.engine.progress import Progress

    done: list[str] = []

    def stop(self: Progress, job: Any) -> None:
        done.append(job.label)
        if len(done) == 6:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Progress, "done", stop)
        with pytest.raises(KeyboardInterrupt) as stopped:
            study(**tiny.settings(**CODING), vary={"features": [2, 4]}, truth=truth, folder="kept", device="cpu")
    said, command = str(stopped.value).split("on the command line: circuits ")
    assert "interrupted" in said
    resumed = circuits(*shlex.split(command), "--json").json
    # Jobs that were in flight may have finished since.
    assert 0 < resumed["jobs"]["computed"] <= resumed["jobs"]["total"] - 6
    assert [row["value"] for row in resumed["rows"]] == [2, 4]
    assert resumed["folder"] == "kept"


def test_what_was_not_recorded_is_a_dash_with_its_reason(circuits: Command, tiny: Any, truth: Path):
    options = (*begin(tiny), "--vary", "prompts=4,8", "--truth", truth)
    circuits(*options)
    for path in Path("runs").glob("jobs/*/*.cost.json"):
        path.unlink()
    answer = circuits(*options)
    assert "- seconds: not recorded when the scores were computed" in answer.stdout


def test_a_circuit_found_by_patching_is_the_truth_for_head_coding_on_the_reference_model(circuits: Command):
    few = ("--prompts", "16")
    run = circuits("discover", "ioi", "--method", "activation-patching", *few, "--nodes", "5", "--json").json["run"]
    options = ("--method", "head-coding", "--set=epochs=20", "--set=trials=2", "--vary", "features=10,40")
    report = circuits("study", "ioi", *options, *few, "--truth", run, "--json").json
    assert report["truth"] == run
    for row in report["rows"]:
        assert 0 <= row["auroc"]["heads"]["by_mean"] <= 1
        assert row["auroc"]["heads"]["trials"]["n"] == 2
        assert row["forward_equivalents"] > 1
    store = Store("runs")
    assert all(isinstance(store.read(path.stem), Result) for path in Path("runs").glob("jobs/*/*.npz"))
    assert (Path(report["folder"]) / "study.pdf").read_bytes().startswith(b"%PDF")


def test_tables_for_papers_rank_methods_judged_alike(tiny: Any, tmp_path: Path, truth: Path):
    asked = {"method": ["eap", "mask-learning", "random"]}
    tables = papers_of(COMMAND, **tiny.settings(vary=asked, truth=truth, out=tmp_path / "runs"))
    assert [column.heading for column in tables["ranking"].shown][:2] == ["method", "AUROC of heads"]
    assert {column.name for column in tables["cost"].columns} == {"forward_equivalents", "seconds", "peak_memory_mb"}
    text = MARKDOWN.write(tables["ranking"], "brackets", None)
    assert "| mask-learning | " in text
    assert "Ablation: corrupt" in text
