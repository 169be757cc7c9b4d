"""Small scored models for the tests of graphs. All numbers can be checked by hand."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pytest

from circuits.components import Component, Edge, Wiring
from circuits.scores import ComponentScores, EdgeScores, Provenance

ROOT = Path(__file__).parents[2]
TINY = Wiring(n_layers=2, n_heads=2, n_kv_heads=2, has_mlps=False)


def provenance(**changes: Any) -> Provenance:
    known: dict[str, Any] = {
        "method": "eap",
        "settings": {"steps": 1},
        "metric": "logit-difference",
        "model": "reference",
        "model_fingerprint": "0123456789abcdef",
        "task": "ioi",
        "prompts_fingerprint": "prompts-of-ioi",
        "seed": 0,
        "versions": {"numpy": "2"},
        "scores_are": "estimated",
    }
    return Provenance(**{**known, **changes})


# Runs each piece of code that it is given, a line of JSON, and gives what that prints as a line of JSON.
_ELSEWHERE = """
import contextlib, io, json, sys
for line in sys.stdin:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(json.loads(line), {})
    print(json.dumps(printed.getvalue()), flush=True)
"""


@pytest.fixture(scope="session")
def _elsewhere() -> Iterator[subprocess.Popen[str]]:
    """A process whose sets are ordered otherwise."""
    environment = os.environ | {"PYTHONHASHSEED": "1", "PYTHONPATH": str(ROOT)}
    command, pipe = [sys.executable, "-c", _ELSEWHERE], subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT, env=environment) as process:
        yield process


@pytest.fixture
def printed_here_and_elsewhere(
    capfd: pytest.CaptureFixture[str], _elsewhere: subprocess.Popen[str]
) -> Callable[[str], list[str]]:
    """`printed_here_and_elsewhere(code)`: what it prints here, and in a process whose sets are ordered otherwise."""

    def run(code: str) -> list[str]:
        exec(code, {})
        here = capfd.readouterr().out
        assert _elsewhere.stdin is not None
        assert _elsewhere.stdout is not None
        _elsewhere.stdin.write(json.dumps(code) + "\n")
        _elsewhere.stdin.flush()
        return [here, json.loads(_elsewhere.stdout.readline())]

    return run


class EdgeScoresOf(Protocol):
    def __call__(
        self, scored: Mapping[str, float], *, wiring: Wiring = TINY, unmeasured: tuple[str, ...] = (), **about: Any
    ) -> EdgeScores: ...


class RandomEdgeScores(Protocol):
    def __call__(self, wiring: Wiring, *, seed: int, n_prompts: int = 6, **about: Any) -> EdgeScores: ...


class NodeScoresOf(Protocol):
    def __call__(
        self, scored: Mapping[str, float], *, wiring: Wiring = TINY, unmeasured: tuple[str, ...] = (), **about: Any
    ) -> ComponentScores: ...


@pytest.fixture(scope="session")
def edge_scores_of() -> EdgeScoresOf:
    """Scores of one prompt: those named, 0 for all other edges."""

    def build(scored, *, wiring=TINY, unmeasured=(), **about):
        per_prompt = np.zeros((1, wiring.n_edges))
        measured = np.ones(wiring.n_edges, dtype=bool)
        for name, score in scored.items():
            per_prompt[0, wiring.edge_index(Edge.parse(name))] = score
        for name in unmeasured:
            measured[wiring.edge_index(Edge.parse(name))] = False
        return EdgeScores(wiring, per_prompt, measured, provenance(**about))

    return build


@pytest.fixture(scope="session")
def random_edge_scores() -> RandomEdgeScores:
    def build(wiring, *, seed, n_prompts=6, **about):
        per_prompt = np.random.default_rng(seed).standard_normal((n_prompts, wiring.n_edges))
        return EdgeScores(wiring, per_prompt, np.ones(wiring.n_edges, dtype=bool), provenance(**about))

    return build


@pytest.fixture(scope="session")
def node_scores_of() -> NodeScoresOf:
    """Scores of one prompt at all positions, for the components named."""

    def build(scored, *, wiring=TINY, unmeasured=(), **about):
        components = tuple(Component.parse(name) for name in (*scored, *unmeasured))
        per_prompt = np.array([*scored.values(), *(0.0 for _ in unmeasured)])[None, None]
        measured = np.array([True] * len(scored) + [False] * len(unmeasured))[None, None]
        about = {"method": "activation-patching", "scores_are": "measured", **about}
        return ComponentScores(wiring, components, ("all",), per_prompt, measured, provenance(**about))

    return build
