"""What the tokenizer alone tells of prompts is said before a model is loaded, in the words that follow later too."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from circuits import METRICS, PromptSet, load_model, read_prompts
from circuits.data.refused import RefusedPrompts
from circuits.tasks import greater_than
from pipelines import discover
from pipelines.engine import run_job
from pipelines.engine.execute import Work
from pipelines.engine.job import Job
from pipelines.engine.stage import Stage
from pipelines.engine.store import Store
from pipelines.roles.stages import require_words
from pipelines.runs import stages
from pipelines.runs.before_weights import before_weights
from pipelines.runs.settings import CommandSettings
from pipelines.runs.stages import PART, PROMPTS, build_prompts
from tests.pipelines.cli.test_prompts import pair, write

LONG = {"answers": [" Martin and"], "wrong_answers": [" David and"]}
REFUSED = "metric 'logit-difference' reads one token, and answers of"
COMMANDS = {
    "discover": ("discover",),
    "trace": ("trace", "--metric", "logit-difference", "--ablation", "corrupt"),
    "effects": ("effects",),
    "edit": ("intervene", "edit", "--heads", "a0.h0", "--edit", "zero"),
}
CONCEPT = ("intervene", "concept", "ioi", "--layer", "1")
METHOD = ("discover", "ioi", "--method")
INFLUENCE = ("influence", "texts.txt")


@pytest.fixture
def no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_job, "model_of", lambda *_: pytest.fail("weights are loaded"))


def assert_no_run(circuits: Callable[..., Any]) -> None:
    """What was refused is no run that failed."""
    assert not list(Path("runs").glob("jobs/*"))
    if Path("runs").is_dir():
        assert circuits("status", "--json").json["runs"] == []


@pytest.mark.usefixtures("no_weights")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_metric_that_refuses_the_answers_does_so_before_weights_are_loaded(
    circuits: Callable[..., Any], tmp_path: Path, command: str
) -> None:
    file = write(tmp_path / "own.jsonl", pair("Martin", "David"), pair("David", "Martin", **LONG))
    refused = circuits(*COMMANDS[command], file)
    assert refused.exit_code == 2
    said = f"error: {REFUSED} 1 of 2 prompts have several (the first is line 2 of own.jsonl, with up to 2). Use"
    assert said in refused.stderr
    assert_no_run(circuits)


@pytest.mark.usefixtures("no_weights")
@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (
            ("discover", "needle", "--prompts", "30"),
            f"{REFUSED} 30 of 30 prompts have several (the first",
        ),
        (("discover", "needle", "--solved"), f"{REFUSED} "),
        (("discover", "agreement"), "task 'agreement' cannot be built for this model's tokenizer: needs at least"),
        (("discover", "agreement"), "`circuits tasks --model ...` lists the tasks that a model can be asked"),
        (
            ("discover", "ioi", "--ablation", "noise", "--ablation-set", "at=S3"),
            "noise is to be added at role 'S3'; the prompts",
        ),
        (
            ("profile", "ioi", "--profiles", "options"),
            "profile 'options': no prompt of 'ioi' has the role",
        ),
        (
            ("attention", "ioi", "--heads", "a0.h0", "--row", "S3"),
            "prompt 0 has no role 'S3', whose row could",
        ),
        (
            ("attention", "ioi", "--heads", "a0.h0", "--prompt", "40", "--prompts", "20"),
            "there is no prompt 40: 20 were asked for, counted from 0.",
        ),
        (("trace", "ioi", "--noise-at", "S3"), "noise is to be added at role 'S3'; the prompts"),
        (("trace", "ioi", "--ablation", "zero"), "restoring needs a whole run to take values from; ablation 'zero'"),
        (("trace", "ioi", "--ablation", "corrupt", "--set", "samples=2"), "samples=2 draws noise several times"),
        (("discover", "ioi", "--method", "eap", "--metric", "kl-divergence"), "takes gradients at the clean run"),
        (("discover", "ioi", "--method", "path-patching", "--set", "at=S3"), "prompts lack that role"),
        (("reads", "ioi", "--heads", "a2.h1", "--query", "END", "--key", "S3"), "no prompt of 'ioi' has the role"),
        (("intervene", "edit", "ioi", "--heads", "a0.h0", "--edit", "zero S3"), "prompt 0: no role 'S3'"),
        (("intervene", "edit", "ioi", "--heads", "a0.h0", "--edit", "zero 99"), "there is no row 99"),
        (("intervene", "mask-heads", "ioi", "induction:2", "--edit", "zero S3"), "prompt 0: no role 'S3'"),
        (("intervene", "remedy", "ioi", "--remedy", "mask-heads", "--set", "profile=options"), "has the role"),
        (("intervene", "concept", "ioi", "--layer", "1", "--at", "S3"), "prompt 0: no role 'S3'"),
        (("intervene", "concept", "ioi", "--layer", "1", "--read", "S3"), "prompt 0: no role 'S3'"),
        (("intervene", "rank", "ioi", "--heads", "a2.h1", "--query", "S3", "--key", "IO"), "prompt 0: no role 'S3'"),
        (("reads", "ioi", "--heads", "a9.h0", "--key", "S2"), "'reference' has no head 'a9.h0': its heads are a0.h0"),
        (("attention", "ioi", "--heads", "a0.h9"), "'reference' has no head 'a0.h9': its heads are a0.h0"),
        (("intervene", "edit", "ioi", "--heads", "a9.h0", "--edit", "zero END"), "'reference' has no head 'a9.h0'"),
        (("intervene", "rank", "ioi", "--heads", "a9.h0"), "'reference' has no head 'a9.h0'"),
        (("intervene", "concept", "ioi", "--layer", "9"), "model 'reference' has no layer 9: give 0 to 3"),
        ((*CONCEPT, "--concept", "greater-than", "--baseline", "ioi", "--read", "S2"), "prompt 0: no role 'S2'"),
        ((*CONCEPT, "--concept", "ioi", "--baseline", "greater-than", "--read", "S2"), "prompt 0: no role 'S2'"),
        ((*CONCEPT, "--concept", "ioi", "--baseline", "greater-than"), "64 of the 64 prompts, such as prompt 0, are"),
        (("intervene", "edit", "ioi", "--heads", "a3.h0", "--edit", "swap END a2.h1"), "name a head of its layer"),
        ((*METHOD, "path-patching", "--set", "receivers=[a9.h0<q>]"), "'reference' has no head 'a9.h0'"),
        ((*METHOD, "path-patching", "--set", "receivers=[r5]"), "'reference' has no r5: its layers are 0 to 3."),
        ((*METHOD, "exact-edges", "--set", "edges=['m4->logits']"), "'reference' has no m4: its layers are 0 to 3."),
        ((*INFLUENCE, "--heads", "a9.h0"), "'reference' has no head 'a9.h0'"),
        ((*INFLUENCE, "--heads", "induction:17"), "--heads asks for 17 heads; 'reference' has 16."),
        ((*INFLUENCE, "--heads", "a0.h0", "--edit", "zero S1"), "'zero S1' names S1, which are roles of prompts"),
        ((*INFLUENCE, "--heads", "a3.h0", "--edit", "swap all a2.h1"), "name a head of its layer, a3.h0 or another"),
        (("influence", "unknown.txt", "--heads", "a0.h0"), "text '1' ('Zyxwv left the bridge') holds 1 word(s)"),
        (("profile", "unknown.txt"), "text '1' ('Zyxwv left the bridge') holds 1 word(s)"),
        (
            ("intervene", "repair", "ioi", "--heads", "a0.h0", "--right", "S3", "--wrong", "S2"),
            "prompt 0: no role 'S3'",
        ),
    ],
)
def test_what_a_task_lacks_is_said_before_weights_are_loaded_and_leaves_no_run(
    circuits: Callable[..., Any], asked: tuple[str, ...], said: str
) -> None:
    Path("texts.txt").write_text("David left the bridge")
    Path("unknown.txt").write_text("Zyxwv left the bridge")
    refused = circuits(*asked)
    assert refused.exit_code == 2
    assert said in refused.stderr
    assert_no_run(circuits)


def test_prompts_that_are_kept_refuse_as_those_that_are_not_made_yet(
    circuits: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "own.jsonl", pair("David", "Martin"), pair("Martin", "David"))
    assert circuits("discover", file, "--method", "random", "--edges", "5").exit_code == 0
    monkeypatch.setattr(run_job, "model_of", lambda *_: pytest.fail("weights are loaded"))
    refused = circuits("trace", file, "--noise-at", "S3")
    assert (refused.exit_code, "noise is to be added at role 'S3'" in refused.stderr) == (2, True)
    assert len(circuits("status", "--json").json["runs"]) == 1


@pytest.mark.usefixtures("no_weights")
@pytest.mark.parametrize("n", [98, 1000, 3000])
@pytest.mark.parametrize("command", [("discover",), ("trace",), ("profile",)])
def test_more_prompts_than_a_task_has_are_refused_before_weights_are_loaded(
    circuits: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...], n: int
) -> None:
    monkeypatch.setattr(greater_than, "NOUNS", ("war",))
    monkeypatch.setattr(greater_than, "CENTURIES", ("17",))
    refused = circuits(*command, "greater-than", "--prompts", n)
    assert refused.exit_code == 2
    said = "there are about 97, or fewer" if n == 3000 else "found 97 with this model's tokenizer. Ask for fewer."
    assert f"task 'greater-than': asked for {n} distinct prompts" in refused.stderr
    assert said in refused.stderr
    assert "computing" not in refused.stderr
    assert_no_run(circuits)


def test_words_that_prompts_of_a_run_lack_are_named_before_weights_are_loaded(
    circuits: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Roles are read of the half that judges, which is a part of the prompts that are made."""
    made = circuits("discover", "ioi", "--prompts", "8", "--method", "eap", "--edges", "60", "--name", "own")
    assert made.exit_code == 0
    monkeypatch.setattr(run_job, "model_of", lambda *_: pytest.fail("weights are loaded"))
    for option in ("--right", "--wrong"):
        refused = circuits("roles", "own", option, "s2 without IO,S1")
        assert refused.exit_code == 2
        assert "no role 's2'; the prompt has END, IO, S1, S1+1, S2. Did you mean 'S2'?" in refused.stderr
        assert "computing" not in refused.stderr


@pytest.mark.usefixtures("no_weights")
@pytest.mark.parametrize("is_said", [True, False])
def test_of_a_part_of_prompts_only_its_own_are_looked_at(tmp_path: Path, is_said: bool) -> None:
    lines = [pair("David", "Martin"), pair("Leo", "Sam"), pair("Simon", "Lisa"), pair("Anna", "Emily", roles={})]
    prompts = read_prompts(write(tmp_path / "own.jsonl", *lines), load_model("reference").tokenizer)
    made = Stage("prompts", 2, build_prompts, first=lambda settings, *, most=None: prompts)
    maker = Job(made, {"file": "f", "name": "own", "n": 4})
    of_part = Job(PART, {"part": [2, 4] if is_said else [0, 2]}, {"prompts": (maker.key,)})
    asking = Job(
        Stage("asking", 1, build_prompts, requires=require_words),
        {"right": "IO", "wrong": None},
        {"prompts": (of_part.key,)},
    )
    work = [Work(Store(tmp_path), (maker, of_part, asking), "run own")]
    if not is_said:
        assert before_weights(work, CommandSettings()) == []
        return
    with pytest.raises(RefusedPrompts, match=r"line 4 of own\.jsonl: no role 'IO'"):
        before_weights(work, CommandSettings())


@pytest.mark.parametrize(
    "asked",
    [
        ("trace", "ioi", "--noise-at", "end"),
        ("attention", "ioi", "--heads", "a0.h0", "--row", "end"),
        ("discover", "ioi", "--method", "path-patching", "--set", "at=end"),
        ("reads", "ioi", "--heads", "a2.h1", "--query", "END", "--key", "end"),
        ("profile", "ioi", "--profiles", "attention:query=end:to=IO"),
        ("intervene", "edit", "ioi", "--heads", "a0.h0", "--edit", "zero end"),
    ],
)
@pytest.mark.usefixtures("no_weights")
def test_a_role_that_is_misspelt_is_named_as_it_is_called(circuits: Callable[..., Any], asked: tuple[str, ...]) -> None:
    refused = circuits(*asked)
    assert (refused.exit_code, "Did you mean 'END'?" in refused.stderr) == (2, True), refused.stderr


@pytest.mark.usefixtures("no_weights")
@pytest.mark.parametrize("prompts", [(), ("--prompts", "2")])
def test_of_solved_prompts_those_that_may_be_kept_decide(
    circuits: Callable[..., Any], tmp_path: Path, prompts: tuple[str, ...]
) -> None:
    """Which prompts are solved is not known before the model runs: where none at all could be read, none is run."""
    long = [pair("David", "Martin", **LONG), pair("Leo", "Sam", answers=[" Sam and"], wrong_answers=[" Leo and"])]
    refused = circuits("discover", write(tmp_path / "own.jsonl", *long), "--solved", *prompts)
    assert refused.exit_code == 2
    assert f"{REFUSED} 2 of 2 prompts" in refused.stderr
    with pytest.raises(pytest.fail.Exception, match="weights are loaded"):
        circuits("discover", write(tmp_path / "own.jsonl", *long, pair("Martin", "David")), "--solved", *prompts)


def test_of_solved_prompts_those_of_one_reason_are_refused_all_at_once(tmp_path: Path) -> None:
    """However many they are: what is left is looked at once more, and not prompt by prompt."""
    names = ("David", "Martin", "Leo", "Sam", "Simon", "Lisa")
    lines = [pair(one, two) for one in names for two in names if one != two]
    file = write(tmp_path / "own.jsonl", *(line | LONG for line in lines), pair("Anna", "Emily"))
    prompts = read_prompts(file, load_model("reference").tokenizer)
    shown: list[int] = []

    def counted(settings: Any, prompts: PromptSet) -> None:
        shown.append(len(prompts))
        METRICS["logit-difference"].check(prompts)

    settings = {"file": "f", "name": "own", "n": len(prompts), "solved": True}
    made = Stage("prompts", 2, build_prompts, first=lambda settings, *, most=None: prompts)
    maker = Job(made, settings)
    asking = Job(Stage("asking", 1, build_prompts, requires=counted), {}, {"prompts": (maker.key,)})
    assert before_weights([Work(Store(tmp_path), (maker, asking), "run own")], CommandSettings()) == []
    assert shown == [31, 1]


@pytest.mark.usefixtures("no_weights")
def test_a_method_that_takes_no_single_prompt_takes_the_solved_ones(
    circuits: Callable[..., Any], tmp_path: Path
) -> None:
    """One prompt lacks the role: it may not be among those that are solved."""
    lines = [pair(name, "Martin", roles={"IO": name}) for name in ("David", "Leo")]
    file = write(tmp_path / "own.jsonl", *lines, pair("Sam", "Martin", roles={}))
    asked = ("discover", file, "--method", "staged-path-patching", "--set", "stages=['movers: logits @IO']")
    asked = (*asked, "--nodes", "3", "--ablation", "noise")
    assert "1 of 3 prompts lacks that role (the first is line 3 of own.jsonl)" in circuits(*asked).stderr
    with pytest.raises(pytest.fail.Exception, match="weights are loaded"):
        circuits(*asked, "--solved")


@pytest.mark.usefixtures("no_weights")
def test_a_partner_that_prompts_lack_is_named_before_weights_are_loaded(tmp_path: Path) -> None:
    positive = {"prompt": "Because David and Martin were leaving", "label": "positive", "answers": [" the"]}
    file = write(tmp_path / "own.jsonl", positive, positive | {"prompt": "Because David", "label": "negative"})
    with pytest.raises(ValueError, match="ablation 'corrupt' takes values from each prompt's partner"):
        discover(str(file), out=tmp_path / "runs", metric="answer-logit")


def test_what_is_left_out_is_said_before_a_model_is_loaded_and_once(
    circuits: Callable[..., Any], tmp_path: Path
) -> None:
    one = pair("David", "Martin")
    file = write(tmp_path / "own.jsonl", one, one, pair("Martin", "David"))
    asked = ("discover", file, "--prompts", "5", "--method", "random", "--edges", "5")
    lines = circuits(*asked).stderr.splitlines()
    left_out = "warning: 1 of 3 prompts is left out, as it adds nothing (line 2: a copy of line 1)."
    few = "warning: 5 prompts were asked for, and own.jsonl holds 2: all of them were taken."
    begin = next(number for number, line in enumerate(lines) if "computing" in line)
    for said in (left_out, few):
        (at,) = (number for number, line in enumerate(lines) if said.removeprefix("warning: ") in line)
        assert lines[at].endswith(said)
        assert at < begin
    quiet = circuits(*asked, "--quiet").stderr
    assert left_out in quiet
    assert few in quiet
    # Of another method on the same prompts, which are made, as well.
    again = circuits(*asked, "--method", "eap").stderr.splitlines()
    assert again[1].endswith(left_out)


def test_noise_on_every_token_of_prompts_without_roles_is_told(circuits: Callable[..., Any], tmp_path: Path) -> None:
    file = write(tmp_path / "own.jsonl", *(pair(*names, roles={}) for names in (("David", "Martin"), ("Leo", "Sam"))))
    asked, said = ("trace", file, "--set", "kinds=[mlp]"), "noise is added to every token of these prompts"
    lines = circuits(*asked).stderr.splitlines()
    (at,) = (number for number, line in enumerate(lines) if said in line)
    assert "give --noise-at ROLE; --ablation corrupt takes the corrupt prompts instead." in lines[at]
    assert at < next(number for number, line in enumerate(lines) if "computing" in line)
    assert said not in circuits(*asked, "--ablation", "corrupt").stderr
    write(file, pair("David", "Martin"), pair("Martin", "David"))
    assert said not in circuits(*asked).stderr


def test_a_file_is_read_once_by_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    n_read, whole = [], stages.read_prompts
    monkeypatch.setattr(stages, "read_prompts", lambda *of, **how: n_read.append(1) or whole(*of, **how))
    file = write(tmp_path / "own.jsonl", pair("David", "Martin"), pair("Martin", "David"))
    discover(str(file), out=tmp_path / "runs", method="random", edges=5)
    assert len(n_read) == 1
    # Of another content, or another selection, nothing is taken over.
    discover(str(file), out=tmp_path / "runs", method="random", edges=5, ablation="zero", prompts=1)
    write(file, pair("Leo", "Sam"))
    run = discover(str(file), out=tmp_path / "runs", method="random", edges=5)
    assert len(n_read) == 3
    assert run.summary["n_prompts"] == 1


def test_what_only_later_prompts_have_is_no_reason_to_refuse_them() -> None:
    """Of many prompts, the first few are looked at first."""
    shown: list[int] = []

    def refuses_few(settings: Any, prompts: PromptSet) -> None:
        shown.append(len(prompts))
        if len(prompts) < 40:
            raise ValueError("a role is missing")

    store = Store("runs")
    settings = {"task": "ioi", "corruption": "flip", "n": 40, "seed": 0, "model": "m", "tokenizer": "t"}
    maker = Job(PROMPTS, settings, locations={"model": "reference"})
    asking = Job(Stage("asking", 1, build_prompts, requires=refuses_few), {}, {"prompts": (maker.key,)})
    assert before_weights([Work(store, (maker, asking), "run own")], CommandSettings()) == []
    assert shown == [16, 40]
    # Of several tasks, it is said which one is refused.
    other = Job(PROMPTS, settings | {"task": "agreement", "corruption": "number"}, locations={"model": "reference"})
    with pytest.raises(ValueError, match="cannot be built") as refused:
        before_weights([Work(store, (maker, asking, other), "the study")], CommandSettings())
    assert refused.value.__notes__ == ["the prompts of agreement"]


def test_words_left_out_of_a_template_are_said_before_a_model_is_loaded(
    circuits: Callable[..., Any], tmp_path: Path
) -> None:
    file = tmp_path / "own.yaml"
    text = {
        "templates": "Because {name:IO} and {name:S1} were leaving the bridge , {S1:S2} returned the sandwich to",
        "words": {"name": ["David", "Martin", "Simon", "zqxjkv"]},
        "corrupt": {"S2": "IO"},
        "answers": " {IO}",
        "wrong_answers": " {S1}",
        "leave_out": "unequal",
    }
    file.write_text(json.dumps(text))
    lines = circuits("discover", file, "--method", "random", "--edges", "5", "--prompts", "20").stderr.splitlines()
    assert "warning: 1 of the words 'name' is left out: 'zqxjkv' (not known)." in lines[1]
    assert "warning: 20 prompts were asked for, and own.yaml makes 6: all of them were taken." in lines[2]
    assert sum("zqxjkv" in line for line in lines) == 1
    assert not any("These are all" in line for line in lines)
