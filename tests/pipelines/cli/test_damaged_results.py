"""Stored results that are damaged: every command that reads one names the file and says what to do, and never guesses.

Each file is damaged as bytes (`damages`), and at the places of its JSON (`changes`): a value is gone, or of another
type. The fast test takes some of the places, the slow one all.
"""

from __future__ import annotations

import copy
import hashlib
import json
import random
from collections.abc import Callable, Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pipelines import compare, discover
from pipelines.cli.export import export
from pipelines.discover.known_circuit import known_circuit
from pipelines.engine.execution import Execution
from pipelines.reuse.plan import plan
from pipelines.reuse.settings import ReuseSettings
from pipelines.reuse.shapes import Comparison
from pipelines.reuse.stored import REPAIR_FORMAT, read_repair
from pipelines.runs.run import open_run

SUMMARY_OF_A_RUN = "summary.json of a run"
VERSIONED = (
    "run.json",
    "graph.json",
    "summary.json of a comparison",
    "comparison.json",
    "union.json",
    "repair.json",
)
NAMES = (*VERSIONED, SUMMARY_OF_A_RUN, "known circuit")
_OTHERS: tuple[Any, ...] = (True, -1, "text", [], {}, [[]])
_MOST_ROWS = 2  # of lists, whose rows are alike
# What follows from other places of a circuit, or was not kept by older versions.
_OF_CIRCUIT = (
    "wiring.is_parallel",
    "wiring.has_mlps",
    "wiring.joins_heads",
    "*_edges",
    "selection.*",
    "metrics.*",
    "left_out*",
    "tied_out*",
    "*provenance.settings.*",
    "*provenance.versions*",
    "*provenance.dtype",
    "*provenance.ablation",
    "*provenance.seed",
    "*provenance.scores_are",
    "*provenance.solved",
    "nodes.*.kind",
    "nodes.*.layer",
    "nodes.*.index",
    "nodes.*.group",
    "*.score_is",
    "edges.*.source",
    "edges.*.target",
    "edges.*.port",
)
_OF_COMPARISON = (
    *(f"{side}.{pattern}" for side in "ab" for pattern in _OF_CIRCUIT),
    "labels*",
    "diff*",
    "reuse*.measures.*",
    "reuse.sweep.*.null_*",
    "reuse.sweep.*.ceiling*",
    *(f"reuse*.{name}" for name in ("n_shared", "iou", "of_a", "of_b")),
)
_OF_RECORD = ("command", "config.*", "jobs.*.stage", "files.*")
_OF_REPAIR = ("rows.*.mean",)


class Stored(NamedTuple):
    """A stored file and who reads it.

    read    raises for a damaged file; what it returns is not looked at
    unread  patterns of places that this reader does without: other words there change nothing that it says
    """

    file: Path
    read: Callable[[], Any]
    unread: tuple[str, ...] = ()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("damaged") / "runs"


@pytest.fixture(scope="module")
def stored(tiny: Any, store: Path, new_prompts: Callable[..., Path]) -> dict[str, Stored]:
    """Every kind of JSON that a command stores and another reads."""
    tasks = [new_prompts(store.parent / f"task-{seed}.jsonl", n_prompts=8, seed=seed) for seed in range(2)]
    runs = [
        discover(**tiny.settings(task=str(task), edges=12, ranking="absolute", metric="kl-divergence", out=store))
        for task in tasks
    ]
    comparison = compare(*runs, out=store, draws=1).folder
    of_run = runs[0].folder
    truth = store / "truth.json"
    truth.write_text(json.dumps({"edges": ["input->m0", "m0->logits"], "nodes": ["m0"]}))
    repair = store / "repair.json"
    repair.write_text(json.dumps(_repair()))
    page = ReuseSettings(runs=(comparison,))
    pair, union = comparison / "comparison.json", comparison / "union.json"
    # What a report does not read may be anything.
    summary = json.loads((comparison / "summary.json").read_text())
    read = Comparison.model_validate_json((comparison / "summary.json").read_text()).model_dump(by_alias=True)
    (comparison / "summary.json").write_text(
        json.dumps({"format": summary["format"], "version": summary["version"]} | read)
    )
    # Its hashes would refuse any change: what is read must be checked without them as well.
    (comparison / "about.json").unlink()
    return {
        "run.json": Stored(
            of_run / "run.json", lambda: open_run(of_run), ("command", "config.*", "jobs.*.stage", "files.*")
        ),
        "graph.json": Stored(of_run / "graph.json", lambda: open_run(of_run).circuit, _OF_CIRCUIT),
        "summary.json of a run": Stored(of_run / "summary.json", lambda: open_run(of_run).summary),
        "summary.json of a comparison": Stored(
            comparison / "summary.json", lambda: plan(page, Execution(out=store)).comparison, ("matrices.*",)
        ),
        "comparison.json": Stored(pair, lambda: export(comparison, "json", out=store), _OF_COMPARISON),
        "union.json": Stored(union, lambda: export(union, "json", out=store), _OF_CIRCUIT),
        "repair.json": Stored(repair, lambda: read_repair(repair, again="circuits intervene repair"), _OF_REPAIR),
        "known circuit": Stored(truth, lambda: known_circuit(str(truth), store), ("nodes",)),
    }


def _repair() -> dict[str, Any]:
    row = {"heads": [], "accuracy": 0.5, "accuracy_interval": [0.4, 0.6], "new_mistakes": 0, "is_chosen": False}
    random = {"n": 2, "accuracy": {"mean": 0.5, "range": [0.4, 0.6]}}
    return {
        "format": REPAIR_FORMAT.name,
        "version": REPAIR_FORMAT.version,
        "rows": [row, row | {"heads": ["a1.h1"], "is_chosen": True, "random": random}],
        "chance": 0.5,
        "settings": {"task": "colors", "model": "tiny"},
        "edits": [{"edit": "zero END"}],
    }


def damages(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Other bytes, which no reader may take for what was written, and what is wrong with them."""
    yield "empty", b""
    yield "cut in half", data[: len(data) // 2]
    yield "without its last brace", data.rstrip()[:-1]
    yield "not UTF-8", b"\xff\xfe" + data
    yield "two documents", data + data
    for text in (b"null", b"[]", b"{}", b"3", b'"text"', b"NaN", b"[" * 100_000):
        yield f"{text[:6].decode()} alone", text
    inner = data.lstrip()[1:]
    yield "a key twice", b'{"twice": 1, "twice": 1, ' + inner
    for number in (b"NaN", b"-Infinity", b"1e999"):
        yield f"{number.decode()} in it", b'{"another": %s, ' % number + inner
    yield "half of a character", b'{"another": "\\ud800", ' + inner


def changes(document: Any) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Every place of a document, of lists of their first rows, with what is put there: nothing, or another type."""
    for place in _places(document):
        value = _at(document, place)
        if not isinstance(place[-1], int):  # a shorter list may be a whole one
            yield place, _GONE
        for wrong in _OTHERS:
            # A number is a number, and what is None may be something.
            if type(wrong) is not type(value) and value is not None and not _are_numbers(wrong, value):
                yield place, wrong


_GONE = object()


def _are_numbers(*values: Any) -> bool:
    return all(type(value) in (int, float) for value in values)


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    rows = value.items() if isinstance(value, dict) else []
    rows = enumerate(value[:_MOST_ROWS]) if isinstance(value, list) else rows
    for key, one in rows:
        yield (*at, key)
        yield from _places(one, (*at, key))


def _name_of(place: tuple[Any, ...]) -> str:
    return ".".join(map(str, place))


def _at(document: Any, place: tuple[Any, ...]) -> Any:
    for key in place:
        document = document[key]
    return document


def _with(document: Any, place: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(document)
    inner = _at(changed, place[:-1])
    if value is _GONE:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return changed


@pytest.fixture
def read_damaged(stored: dict[str, Stored]) -> Iterator[Callable[[str, bytes], str | None]]:
    """Reads a stored file as if it held these bytes: what the reader refuses it with; None where it takes it."""
    put_back: dict[Path, bytes] = {}

    def read(name: str, data: bytes) -> str | None:
        file = stored[name].file
        put_back.setdefault(file, file.read_bytes())
        file.write_bytes(data)
        record = file.parent / "run.json"
        if file.name in ("graph.json", "summary.json") and record.exists():
            # As if it had been written so: its hash fits, or it would be refused for that alone.
            put_back.setdefault(record, record.read_bytes())
            found = json.loads(put_back[record])
            found["files"][file.name] = hashlib.sha256(data).hexdigest()
            record.write_text(json.dumps(found))
        try:
            stored[name].read()
        except ValueError as error:
            return str(error)
        return None

    yield read
    for path, data in put_back.items():
        path.write_bytes(data)


def require_clear(name: str, damage: str, said: str | None, file: Path) -> None:
    """Fail where a refusal does not name the file, or where there is none."""
    assert said is not None, f"{name}, {damage}: it was taken for sound"
    assert str(file) in said, f"{name}, {damage}: {said}"


@pytest.mark.parametrize("name", NAMES)
def test_damaged_bytes_are_refused_by_the_name_of_the_file(name: str, stored: dict[str, Stored], read_damaged: Any):
    file = stored[name].file
    for damage, data in damages(file.read_bytes()):
        if (name, damage) == (SUMMARY_OF_A_RUN, "{} alone"):
            continue  # whole by its hash; who reads it says what is missing
        require_clear(name, damage, read_damaged(name, data), file)


@pytest.mark.parametrize("name", [name for name in NAMES if name != SUMMARY_OF_A_RUN])
@pytest.mark.parametrize("most", [40, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_values_that_are_gone_or_of_another_type_are_refused(
    name: str, most: int, stored: dict[str, Stored], read_damaged: Any
):
    file = stored[name].file
    document = json.loads(file.read_bytes())
    every = [
        (place, wrong)
        for place, wrong in changes(document)
        if not any(fnmatch(_name_of(place), pattern) for pattern in stored[name].unread)
    ]
    assert len(every) > 10
    # Always the same ones, from all over the file.
    for place, wrong in every if len(every) <= most else random.Random(0).sample(every, most):
        damage = f"{_name_of(place)}: {'gone' if wrong is _GONE else wrong!r}"
        require_clear(name, damage, read_damaged(name, json.dumps(_with(document, place, wrong)).encode()), file)


@pytest.mark.parametrize("name", NAMES)
def test_the_file_as_it_was_written_is_read(name: str, stored: dict[str, Stored]):
    stored[name].read()


def test_the_report_knows_the_format_of_a_repair():
    from pipelines.intervene.repair.report import RepairReport

    assert RepairReport.format == REPAIR_FORMAT


@pytest.mark.parametrize(("name", "version"), [(name, v) for name in VERSIONED for v in (0, 99, True, "1", None)])
def test_another_version_is_refused(name: str, version: Any, stored: dict[str, Stored], read_damaged: Any):
    file = stored[name].file
    changed = json.loads(file.read_bytes()) | {"version": version}
    require_clear(name, f"version {version}", read_damaged(name, json.dumps(changed).encode()), file)
