"""`circuits export RUN --to html`, from the run to the file."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from circuits import packaged
from circuits.packaged import fetched_file
from graphs.export import read_about
from graphs.export.page import file, library
from graphs.export.page.library import CYTOSCAPE
from pipelines import RunConfig, attention, compare, discover, export, open_run, profile, trace
from pipelines.discover.run import DiscoverRun
from pipelines.engine.store import as_json
from pipelines.page import library as fetching
from pipelines.page.extras import _unmeasured
from pipelines.page.readings import _patterns
from pipelines.runs.about_file import command_beside
from pipelines.runs.run import Run
from pipelines.trace.run import TraceRun
from tests.browser import Opened, Windows, browser

Command = Callable[..., Any]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("store")
    for task in ("ioi", "greater-than"):
        discover(task, prompts=12, method="eap", out=folder)
    trace("ioi", prompts=4, out=folder)
    return folder


@pytest.fixture(autouse=True)
def _library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the library was not fetched, pages are written without it: nothing here asks a network."""
    if fetched_file(CYTOSCAPE) is None:
        monkeypatch.setattr(file, "library_script", lambda: "/* the library */")
        monkeypatch.setattr("pipelines.page.library.fetch_library", lambda **_: None)


def run_of(store: Path, start: str) -> DiscoverRun:
    (folder,) = store.glob(f"{start}*")
    run = open_run(folder)
    assert isinstance(run, DiscoverRun)
    return run


def data_in(page: bytes) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.decode(), flags=re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_a_page_has_what_the_run_measured(store):
    run = run_of(store, "ioi-eap")
    page = export(run.name, "html", out=store)
    data = data_in(page)
    (circuit,) = data["circuits"]
    assert (data["reference"], circuit["n_edges"], len(data["edges"]["source"])) == (
        run.name,
        run.circuit.n_edges,
        run.circuit.n_edges,
    )
    assert circuit["faithfulness"]["value"] == run.faithfulness
    assert data["about"]["command"].startswith("circuits discover ioi")
    # Prompts as the model sees them, in the order of the scores.
    assert len(circuit["prompts"]) == run.scores.n_prompts == circuit["effects"]["n_prompts"]
    first = circuit["prompts"][0]
    assert " ".join(first["clean"]).endswith("to")
    assert {"IO", "S1", "END"} <= set(first["roles"])
    assert len(first["clean"]) == len(first["corrupt"])
    # Every size that the search tried is on the curve, and parts of the circuit are there with their edges.
    tried = [search["tried"] for choice in run.summary["choice"]["choices"] for search in choice["searches"]]
    assert [[point[:2] for point in curve["points"]] for curve in circuit["curves"]] == tried
    names = [item.name for item in run.circuit.edges]
    assert circuit["measured"]
    from pipelines.discover.measured_parts import part_faithfulness

    for part in circuit["measured"]:
        known = part_faithfulness(run, frozenset(names[edge] for edge in part["edges"]))
        assert known is not None
        assert (part["value"], part["low"], part["high"]) == (known.value, known.low, known.high)


def test_the_same_run_gives_the_same_bytes_and_says_where_it_came_from(store):
    run = run_of(store, "ioi-eap")
    page = export(run.name, "html", out=store)
    assert export(run.folder, "html", out=store) == page
    assert read_about(page, source="page")["command"].startswith("circuits discover ioi")
    assert str(store).encode() not in page


def test_a_comparison_of_two_and_pages_of_several_runs(circuits: Command, store):
    a, b = run_of(store, "ioi-eap"), run_of(store, "greater-than-eap")
    circuits("compare", a.folder, b.folder, "--out", "both")
    for arguments in (("both",), (a.name, "--beside", b.name)):
        assert circuits("export", *arguments, "--runs", store, "--to", "html", "--out", "x.html").exit_code == 0
        data = data_in(Path("x.html").read_bytes())
        assert [circuit["label"] for circuit in data["circuits"]] == ["ioi", "greater-than"]
        assert [len(circuit["prompts"]) for circuit in data["circuits"]] == [a.scores.n_prompts, b.scores.n_prompts]
        has = [column["has"] for column in data["edges"]["circuits"]]
        shared = {item.name for item in a.circuit.edges} & {item.name for item in b.circuit.edges}
        assert sum(one and other for one, other in zip(*has, strict=True)) == len(shared)


def test_a_page_of_three_circuits_says_which_commands_make_it(circuits: Command, store):
    discover("colored-objects", prompts=12, method="eap", out=store)
    runs = [run_of(store, f"{task}-eap") for task in ("ioi", "greater-than", "colored-objects")]
    made = [f"circuits discover {run.config.task} --prompts 12 --method eap" for run in runs]
    names = [run.name for run in runs]
    answer = circuits("compare", *names, "--runs", store, "--overlap-only", "--out", "three")
    assert answer.exit_code == 0, answer.stderr
    compared = f"circuits compare {' '.join(names)} --overlap-only"
    beside = (names[0], "--beside", names[1], "--beside", names[2])
    for arguments, expected in ((("three",), [*made, compared]), (beside, made)):
        assert circuits("export", *arguments, "--runs", store, "--to", "html", "--out", "x.html").exit_code == 0
        page = Path("x.html").read_bytes()
        assert data_in(page)["about"]["command"].split(" && ") == expected
        assert read_about(page, source="page")["command"].split(" && ") == expected


def test_a_trace_has_its_recovery_rates(store):
    (run,) = (one for path in store.glob("*/trace.npz") if isinstance(one := open_run(path.parent), TraceRun))
    (circuit,) = data_in(export(run.name, "html", out=store))["circuits"]
    (table,) = circuit["traces"]
    rates = run.trace.ratio_of_means()
    of_mlps = [number for number, part in enumerate(run.trace.scores.components) if part.kind == "mlp"]
    (shown,) = [kind["values"] for kind in table["kinds"] if "MLP" in kind["name"]]
    assert shown == rates.values[:, of_mlps].T.tolist()


def test_a_page_of_a_trace_begins_with_its_rates_in_colors_of_one_scale(store, chromium, tmp_path):
    run = next(path.parent.name for path in store.glob("*/trace.npz") if (path.parent / "summary.json").exists())
    (tmp_path / "x.html").write_bytes(export(run, "html", out=store))
    page = Opened(chromium, tmp_path / "x.html").page
    above, drawing = (page.locator(f"#{name}").bounding_box() for name in ("trace", "workspace"))
    assert above["y"] + above["height"] <= drawing["y"]
    assert page.locator("nav a:visible").all_inner_texts()[:2] == ["Recovery", "Circuit"]
    assert page.locator("#trace h2").all_inner_texts() == ["Recovery rates"]
    widths = page.locator(".heat thead th + th").evaluate_all("found => found.map((cell) => cell.offsetWidth)")
    assert len(set(widths)) == 1
    assert re.search(r"score at least \S+ \(0\.05 of the gap\)", page.inner_text("#about"))
    cells = page.locator(".heat td").evaluate_all(
        "found => found.map((cell) => [Number(cell.textContent), getComputedStyle(cell).backgroundColor])"
    )
    strongest = max(value for value, _ in cells)
    color = next(color for value, color in cells if value == strongest)
    assert {value for value, other in cells if other == color} <= {
        value for value, _ in cells if value > 0.9 * strongest
    }


def test_a_page_of_a_circuit_has_no_recovery_rates_to_go_to(store, chromium, tmp_path):
    (tmp_path / "x.html").write_bytes(export(run_of(store, "ioi-eap").name, "html", out=store))
    page = Opened(chromium, tmp_path / "x.html").page
    assert page.locator("nav a:visible").all_inner_texts() == ["Circuit", "Lists", "Sizes", "Prompts", "About"]
    assert page.locator("#trace").is_hidden()


def test_readings_of_other_commands_are_shown_of_heads(circuits: Command, store):
    run = run_of(store, "ioi-eap")
    head = str(run.circuit.heads[0])
    for command in (("roles", run.folder), ("attention", "ioi", "--prompts", "12", "--heads", head)):
        assert circuits(*command, "--runs", store).exit_code == 0
    roles_folder, attention = (next(store.glob(f"*/{kind}.json")).parent.name for kind in ("roles", "attention"))
    answer = circuits(
        "export",
        run.name,
        "--runs",
        store,
        "--to",
        "html",
        "--with",
        roles_folder,
        "--with",
        attention,
        "--out",
        "x.html",
    )
    assert answer.exit_code == 0, answer.stderr
    data = data_in(Path("x.html").read_bytes())
    (circuit,) = data["circuits"]
    assert list(circuit["patterns"]) == [head]
    kept = json.loads((store / attention / "attention.json").read_text())
    rows = {one["prompt"]: (one["token_roles"]["END"][-1], one) for one in (kept, *kept["more_prompts"])}
    assert [pattern["prompt"] for pattern in circuit["patterns"][head]] == list(rows) == list(range(8))
    for pattern in circuit["patterns"][head]:
        row, one = rows[pattern["prompt"]]
        assert (pattern["tokens"], pattern["row"]) == (one["tokens"], row)
        assert pattern["weights"] == one["weights"][0][row][: row + 1]
    assert circuit["readings"][head]
    roles = json.loads((store / roles_folder / "roles.json").read_text())
    expected = {row["head"]: row["role"] for row in roles["heads"] if row["in_circuit"]}
    assert {node["name"]: node["role"] for node in data["nodes"] if node["kind"] == "head"} == expected
    assert data["roles_in"] == [roles_folder]
    other = run_of(store, "greater-than-eap")
    answer = circuits("export", other.name, "--runs", store, "--to", "html", "--with", roles_folder, "--out", "y.html")
    assert (answer.exit_code, Path("y.html").exists()) == (2, False)
    assert f"is of run {run.name}" in answer.stderr


def test_the_command_of_a_page_draws_its_roles_and_says_where_they_are_from(
    circuits: Command, store, chromium, tmp_path, monkeypatch
):
    run = run_of(store, "ioi-eap")
    assert circuits("roles", run.folder, "--runs", store).exit_code == 0
    folder = next(store.glob("*/roles.json")).parent
    (tmp_path / "x.html").write_bytes(export(run, "html", out=store, readings=[folder]))
    page = Opened(chromium, tmp_path / "x.html")
    role = page.page.locator('input[name="role"]').first.get_attribute("value")
    page.page.check(f'input[name="role"][value="{role}"]')
    command = shlex.split(page.page.inner_text("#command"))[1:]
    assert command[command.index("--with") + 1] == folder.name
    monkeypatch.chdir(tmp_path)
    answer = circuits(*command, "--runs", store, "--out", "x.svg")
    assert answer.exit_code == 0, answer.stderr
    assert f"(at heads with the role {role})" in answer.stderr
    assert answer.stderr.count(f"Shown: {len(page.shown())} of ") == 1
    facts = read_about(Path("x.svg").read_bytes(), source="x.svg")
    assert facts["command"] == command_beside(folder / "roles.json")
    without = [word for word in command if word not in ("--with", folder.name)]
    answer = circuits(*without, "--runs", store, "--out", "y.svg")
    assert (answer.exit_code, Path("y.svg").exists()) == (2, False)
    assert "`circuits export RUN --with FOLDER`" in answer.stderr


def test_only_roles_are_read_beside_a_drawing(store):
    run, head = run_of(store, "ioi-eap"), str(run_of(store, "ioi-eap").circuit.heads[0])
    folder = store / attention("ioi", prompts=12, heads=head, out=store).folder
    with pytest.raises(ValueError, match=r"holds no roles\.json: .* only roles belong to this format"):
        export(run, "svg", out=store, readings=[folder])


def test_the_command_of_a_page_calls_a_run_elsewhere_by_its_path(store, tmp_path, monkeypatch):
    run = run_of(store, "ioi-eap")
    shutil.copytree(run.folder, tmp_path / "kept" / "own")
    monkeypatch.chdir(tmp_path)
    assert data_in(export("kept/own", "html", out=store))["reference"] == "kept/own"
    assert data_in(export(run, "html", out=store))["reference"] == run.name


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({}, ""),
        (
            {"model": "smollm2-135m", "prompts": 12, "seed": 3, "corruption": "flip", "held_out": True},
            " --model smollm2-135m --prompts 12 --seed 3 --corruption flip --held-out",
        ),
    ],
)
def test_what_is_not_measured_is_measured_by_a_command_on_the_prompts_of_the_run(asked: dict[str, Any], said: str):
    run = cast("Run", SimpleNamespace(config=RunConfig(task="ioi", **asked)))
    assert _unmeasured(run) == {
        "readings": f"circuits profile ioi{said} --profiles direct-logit-attribution",
        "attention": f"circuits attention ioi{said}",
    }


def test_attention_of_a_version_that_kept_one_prompt_is_read_and_folders_of_others_add_theirs(store, tmp_path):
    run = run_of(store, "ioi-eap")
    head = str(run.circuit.heads[0])
    folders = []
    for prompt in (3, 1):
        kept = attention("ioi", prompts=12, heads=head, prompt=prompt, out=store).to_dict()
        del kept["more_prompts"]
        folders.append(tmp_path / str(prompt))
        folders[-1].mkdir()
        (folders[-1] / "attention.json").write_bytes(as_json(kept))
    (circuit,) = data_in(export(run.name, "html", out=store, readings=folders))["circuits"]
    assert [pattern["prompt"] for pattern in circuit["patterns"][head]] == [3, 1]


def test_readings_of_prompts_of_a_file_go_with_its_runs_whatever_these_are_called(tmp_path):
    """Also where a run of it is called like a task, whose readings are not its own."""
    prompts, store = tmp_path / "own.jsonl", tmp_path / "runs"
    clean = "Because {} and {} were leaving the bridge , {} returned the sandwich to"
    with prompts.open("w", encoding="utf-8") as lines:
        for a, b in (("David", "Martin"), ("Emma", "Sarah"), ("Leo", "Sam")):
            words = {"clean": clean.format(a, b, a), "corrupt": clean.format(a, b, b)}
            pair = {**words, "answers": [f" {b}"], "wrong_answers": [f" {a}"], "roles": {"END": "to"}}
            lines.write(json.dumps(pair) + "\n")
    run = discover(str(prompts), method="eap", edges=20, name="ioi", out=store)
    head = str(run.circuit.heads[0])
    assert run.circuit.label == "ioi"
    assert run.circuit.provenance is not None
    assert run.circuit.provenance.task == "own"
    own, other = (attention(task, heads=head, prompts=3, out=store) for task in (str(prompts), "ioi"))
    (circuit,) = data_in(export(run.name, "html", out=store, readings=[own.folder]))["circuits"]
    assert list(circuit["patterns"]) == [head]
    with pytest.raises(ValueError, match="is of task ioi, and ioi of own"):
        export(run.name, "html", out=store, readings=[other.folder])
    # Two circuits that are called alike are told apart by their prompts.
    of_task = discover("ioi", method="eap", edges=20, prompts=3, out=store)
    assert compare(run, of_task, overlap_only=True, out=store).comparison.labels == ("ioi, own", "ioi, ioi")


def test_weights_of_later_tokens_are_kept_where_there_are_any():
    """Of a model that reads both ways."""
    shown = {"token_roles": {"S": [1]}, "tokens": ["a", "b", "c"], "prompt": 0}
    for row, kept in (([0.25, 0.25, 0.5], (0.25, 0.25, 0.5)), ([0.5, 0.5, 0.0], (0.5, 0.5))):
        (pattern,) = _patterns([shown | {"weights": [[row, row, row]]}], {"row": "S"}, 0)
        assert pattern.weights == kept


def test_settings_of_paper_and_of_other_formats_are_refused(circuits: Command, store):
    run = run_of(store, "ioi-eap")
    for options, said in (
        (("--to", "html", "--size", "column"), "error: --size: a page is as large as its window"),
        (("--to", "html", "--font", "9", "--bundle", "layer"), "error: --font, --bundle: a page"),
        (("--to", "html", "--with", "nowhere"), "there is no folder nowhere, here or in "),
        (("--to", "html", "--with", f"{run.name[:-1]}x"), f"attention or profile left. Did you mean '{run.name}'?"),
        (("--to", "html", "--with", run.name), f"{run.name} holds none of roles.json"),
        (("--to", "svg", "--with", "nowhere"), "there is no folder nowhere, here or in "),
        (("--to", "svg", "--with", run.name), f"{run.name} holds no roles.json"),
        (("--to", "svg", "--annotations", "nowhere"), "no annotations in nowhere"),
        (("--to", "svg", "--layers", "x"), "layers 'x': give the first and the last"),
    ):
        answer = circuits("export", run.name, "--runs", store, *options)
        assert answer.exit_code == 2
        assert said in answer.stderr


@pytest.mark.parametrize("to", ["html", "csv"])
@pytest.mark.parametrize("beside", [False, True])
def test_settings_of_paper_are_refused_before_anything_is_read(
    circuits: Command, store, monkeypatch: pytest.MonkeyPatch, to: str, *, beside: bool
):
    for place in ("pipelines.cli.export", "pipelines.cli.page"):
        monkeypatch.setattr(f"{place}.open_run", lambda *_, **__: pytest.fail("a run is read"))
        monkeypatch.setattr(f"{place}.stored_at", lambda *_: pytest.fail("what is exported is read"))
    names = [run_of(store, task).name for task in ("ioi-eap", "greater-than-eap")]
    more = ("--beside", names[1]) if beside else ()
    refused = circuits("export", names[0], *more, "--runs", store, "--to", to, "--size", "column")
    said = "format csv holds one circuit" if beside else "format csv draws nothing, and --size belongs to those"
    assert refused.exit_code == 2
    assert {"html": "error: --size: a page is as large as its window", "csv": said}[to] in refused.stderr


@pytest.fixture(scope="module")
def chromium() -> Iterator[Windows]:
    with browser() as running:
        yield running


def test_the_command_on_the_page_draws_what_the_page_shows(circuits: Command, store, chromium, tmp_path):
    run = run_of(store, "ioi-eap")
    (tmp_path / "x.html").write_bytes(export(run.name, "html", out=store))
    page = Opened(chromium, tmp_path / "x.html")
    for settings in (
        {"top": 17},
        {"min_score": 0.5},
        {"heads_only": True},
        {"top": 9, "layers": [1, 3]},
        {"ports": ["v"]},
        {},
    ):
        page.page.evaluate("(given) => circuitPage.filter({...circuitPage.everything(), ...given})", settings)
        program, *command = shlex.split(page.page.inner_text("#command"))
        answer = circuits(*command, "--runs", store, "--out", "x.svg")
        assert (program, answer.exit_code) == ("circuits", 0), answer.stderr
        text, n = Path("x.svg").read_text(), len(page.shown())
        assert f"Shown: {n} of {run.circuit.n_edges} edges" in text or n == run.circuit.n_edges
    assert (page.faults, page.requests) == ([], [])
    page.close()


def table_of(page: Opened, caption: str) -> list[list[str]]:
    """The cells of a table of what is selected."""
    of_rows = "(body) => [...body.rows].map((row) => [...row.cells].map((cell) => cell.innerText))"
    return page.page.locator("#details table", has_text=caption).locator("tbody").evaluate(of_rows)


def test_codes_attention_and_attribution_of_a_head_are_shown_on_a_click(store, chromium, tmp_path):
    settings = {"preset": "corrected", "trials": 2, "epochs": 30, "features": 40}
    run = discover("ioi", prompts=16, corruption="abc", method="head-coding", settings=settings, out=store)
    codes, circuit = run.codes, run.circuit
    assert codes is not None
    # Codes of the first trial on positives and on negatives, counted one prompt after the other.
    counted: dict[str, dict[bool, Counter[int]]] = {}
    for head in (part for part in circuit.heads if part.is_head):
        own = counted[str(head)] = {True: Counter(), False: Counter()}
        column = codes.codes[0][:, (head.layer or 0) * circuit.wiring.n_heads + (head.index or 0)]
        for code, is_positive in zip(column, codes.is_positive, strict=True):
            own[bool(is_positive)][int(code)] += 1
    leads = {head: max(n - on[False][code] for code, n in on[True].items()) for head, on in counted.items()}
    head = max(leads, key=lambda name: leads[name])
    assert leads[head] > 0
    profiles = profile("ioi", prompts=8, profiles=("direct-logit-attribution",), out=store)
    patterns = attention("ioi", prompts=8, heads=head, out=store)
    readings = [Path(profiles.folder), Path(patterns.folder)]
    (tmp_path / "x.html").write_bytes(export(run.name, "html", out=store, readings=readings))
    page = Opened(chromium, tmp_path / "x.html")
    page.page.locator("#node-list button", has_text=head).first.click()
    assert page.page.inner_text("#details h2") == head

    shown = table_of(page, "Codes that speak for the answer")
    assert shown
    on = counted[head]
    for code, positives, negatives in shown:
        assert positives == f"{on[True][int(code)]} of {on[True].total()}"
        assert negatives == f"{on[False][int(code)]} of {on[False].total()}"
    first = int(shown[0][0])
    assert on[True][first] - on[False][first] == leads[head], "the code of the largest lead comes first"

    # Where it attends, and what it writes to the answer.
    row = patterns.about["token_roles"][patterns.about["row"]][-1]
    weights = patterns.weights[0][row][: row + 1]
    titles = page.page.locator("#details .token").evaluate_all("(cells) => cells.map((cell) => cell.title)")
    assert [float(title.removesuffix(" %")) for title in titles] == pytest.approx(100 * weights, abs=0.051)
    (own,) = (one for one in profiles.rows if one["head"] == head)
    (said,) = table_of(page, "Readings")
    assert said[0].startswith("direct-logit-attribution")
    assert float(said[1].replace("\u2212", "-")) == pytest.approx(own["mean"], rel=0.01)
    ends = said[2].replace("\u2212", "-").strip("[]").split(", ")
    assert [float(end) for end in ends] == pytest.approx(own["interval"], rel=0.01)
    assert (page.faults, page.requests) == ([], [])
    page.close()


def test_the_library_is_fetched_once_and_a_failure_says_what_to_do(circuits: Command, store, tmp_path, monkeypatch):
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CIRCUITS_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    run = run_of(store, "ioi-eap")
    answer = circuits("export", run.name, "--runs", store, "--to", "html")
    assert answer.exit_code == 2
    assert "cannot fetch cytoscape.js 3.34.0, which draws pages, into" in answer.stderr
    assert "run `circuits fetch cytoscape` on another one" in answer.stderr
    assert not list(tmp_path.glob("*.html"))

    def downloaded(_: object, folder: Path) -> None:
        folder.mkdir()
        (folder / "other.whl").write_bytes(b"other")

    monkeypatch.setattr(packaged, "_download", downloaded)
    answer = circuits("fetch", "cytoscape")
    assert "other.whl is not the file that is pinned" in answer.stderr
    with pytest.raises(ValueError, match="circuits fetch cytoscape"):
        library.library_script()
    assert fetching.fetched_file(CYTOSCAPE) is None


@pytest.mark.parametrize("n", [2, 3])
def test_the_command_on_a_page_of_several_runs_draws_them_side_by_side(circuits: Command, store, chromium, n: int):
    discover("colored-objects", prompts=12, method="eap", out=store)
    runs = [run_of(store, f"{task}-eap") for task in ("ioi", "greater-than", "colored-objects")[:n]]
    first, *others = [run.name for run in runs]
    beside = [word for name in others for word in ("--beside", name)]
    assert circuits("export", first, *beside, "--runs", store, "--to", "html", "--out", "x.html").exit_code == 0
    page = Opened(chromium, Path("x.html").absolute())
    for settings in ({}, {"top": 9}, {"min_score": 0.5, "only": "a"}, {"heads_only": True, "layers": [1, 3]}):
        page.page.evaluate("(given) => circuitPage.filter({...circuitPage.everything(), ...given})", settings)
        program, *command = shlex.split(page.page.inner_text("#command"))
        assert command[:6] == ["export", first, "--to", "svg", *beside[:2]]
        answer = circuits(*command, "--runs", store, "--out", "x.svg")
        assert (program, answer.exit_code) == ("circuits", 0), answer.stderr
        assert all(run.circuit.label in Path("x.svg").read_text() for run in runs)
    assert "draws each circuit for itself" in page.page.inner_text("#command-line")
    assert page.faults == []
    page.close()
