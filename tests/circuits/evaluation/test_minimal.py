"""The smallest circuit: of programs whose circuits are known, of heads that back each other up, and of neither."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from circuits.components import Edge
from circuits.data.prompt_files import read_prompts
from circuits.evaluation.bounds import MeanBound, NoMinimalCircuitError, PerPromptBound
from circuits.evaluation.faithfulness import measure_baseline
from circuits.evaluation.minimal import check, minimal_circuit
from circuits.evaluation.minimal_search import MinimalSearch
from circuits.methods import METHODS
from circuits.metrics import METRICS
from circuits.model.load import load_model, model_from_module
from tests.circuits.hand_models import PROGRAMS, backup_prompts, write_backup
from tests.conftest import SAMPLES, random_module, random_prompts

LOGIT_DIFFERENCE = METRICS["logit-difference"]
COMPILED = {"hist": "logit-difference", "frac_prevs_causal": "answer-logit"}
PER_PROMPT = MinimalSearch(PerPromptBound(0.05))
BOUNDS = [PerPromptBound(0.05), MeanBound(0.05)]


def names(model, circuit) -> set[str]:
    return {str(model.wiring.edges[number]) for number in np.flatnonzero(circuit)}


def mask(model, edges) -> np.ndarray:
    circuit = np.zeros(model.wiring.n_edges, dtype=bool)
    circuit[[model.wiring.edge_index(Edge.parse(edge)) for edge in edges]] = True
    return circuit


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """`program("detector")`: a hand-written model, built once."""
    built = {}

    def model(name):
        if name not in built:
            built[name] = load_model(str(PROGRAMS[name].write(tmp_path_factory.mktemp("program"))))
        return built[name]

    return model


@pytest.fixture(scope="module")
def backup(tmp_path_factory):
    return load_model(str(write_backup(tmp_path_factory.mktemp("backup"))))


BY_FIRST, BY_SECOND = ({f"input->a0.h{head}<v>", f"a0.h{head}->m1", "m1->logits"} for head in (0, 1))


@pytest.mark.parametrize("bound", BOUNDS, ids=lambda bound: bound.name)
@pytest.mark.parametrize("name", PROGRAMS)
def test_of_a_program_the_true_edges_are_left_with_a_certificate(name, bound, program):
    """In wiring order, which knows nothing of what matters: k log2(n / k) + 2 k runs, and half as many again."""
    model, truth = program(name), PROGRAMS[name]
    result = minimal_circuit(model, truth.prompts(), metric=LOGIT_DIFFERENCE, search=MinimalSearch(bound))
    assert names(model, result.circuit) == truth.true_edges
    assert result.certificate.holds
    n, k = model.wiring.n_edges, len(truth.true_edges)
    assert result.found.n_runs <= 1.5 * (k * np.log2(n / k) + 2 * k)
    assert (result.found.others, result.found.n_forbidden) == ((), k)
    assert result.faithfulness.mean == pytest.approx(1, abs=0.05) or bound.name == "per-prompt"


@pytest.mark.parametrize("method", ["eap", "random"])
@pytest.mark.parametrize("name", COMPILED)
def test_of_a_compiled_program_the_true_edges_are_left(name, method, sample_model):
    model, metric = sample_model(name), METRICS[COMPILED[name]]
    prompts = read_prompts(SAMPLES / name / "prompts.jsonl")[:24]
    truth = json.loads((SAMPLES / name / "truth.json").read_text())
    scores: Any = METHODS[method]().score(model, prompts, metric=metric)
    order = scores.ranking()[::-1]
    result = minimal_circuit(model, prompts[:16], metric=metric, search=PER_PROMPT, order=order, held_out=prompts[16:])
    assert names(model, result.circuit) == set(truth["edges_that_matter"])
    assert result.certificate.holds
    assert result.found.n_runs <= 20
    assert result.held_out_values == pytest.approx(measure_baseline(model, prompts[16:], metric=metric).clean, abs=1e-3)


@pytest.mark.parametrize("reversed_order", [False, True])
def test_heads_that_back_each_other_up_give_a_minimal_circuit_and_the_other_one(backup, reversed_order):
    order = np.arange(backup.wiring.n_edges)[:: -1 if reversed_order else 1]
    result = minimal_circuit(backup, backup_prompts(), metric=LOGIT_DIFFERENCE, search=PER_PROMPT, order=order)
    found = [names(backup, circuit) for circuit in (result.circuit, *result.found.others)]
    assert found == ([BY_FIRST, BY_SECOND] if reversed_order else [BY_SECOND, BY_FIRST])
    assert result.certificate.holds
    assert result.found.n_forbidden == 3  # m1->logits too, in whose place there is nothing


def test_a_certificate_does_not_hold_with_a_superfluous_edge_which_check_names(backup):
    prompts = backup_prompts()

    def of(edges):
        return check(backup, prompts, mask(backup, edges), metric=LOGIT_DIFFERENCE, bound=PerPromptBound(0.05))

    whole = of(BY_FIRST)
    assert whole.holds
    assert [str(edge) for edge in whole.edges] == ["input->a0.h0<v>", "a0.h0->m1", "m1->logits"]
    # The logit difference falls from 1 to -1, which is the whole effect, and nothing is left on a path.
    assert (whole.distance, whole.distances.tolist()) == (0, [1, 1, 1])
    assert (whole.changes.tolist(), whole.n_gone.tolist()) == ([2, 2, 2], [3, 3, 3])
    planted = of({*BY_FIRST, "input->a0.h0<q>"})
    assert not planted.holds
    assert [str(edge) for edge in planted.removable] == ["input->a0.h0<q>"]
    dead_end = of({*BY_FIRST, "input->a1.h0<v>"})
    assert [str(edge) for edge in dead_end.removable] == ["input->a1.h0<v>"]
    both = of(BY_FIRST | BY_SECOND)
    assert {str(edge) for edge in both.removable} == (BY_FIRST | BY_SECOND) - {"m1->logits"}


def test_a_circuit_outside_the_bound_has_no_certificate(backup):
    for edges in ({"input->m1", "m1->logits"}, set()):
        certificate = check(backup, backup_prompts(), mask(backup, edges), metric=LOGIT_DIFFERENCE)
        assert certificate.distance == 1
        assert not certificate.removable
        assert not certificate.holds


def test_a_start_that_is_not_within_the_bound_is_refused_with_its_distance(backup):
    start = mask(backup, {"input->m1", "m1->logits"})
    with pytest.raises(NoMinimalCircuitError, match=r"circuit of 2 edges .* is 1 away .* faithfulness of 0.85 or more"):
        minimal_circuit(backup, backup_prompts(), metric=LOGIT_DIFFERENCE, start=start)


def test_where_means_do_not_differ_each_prompt_can_still_be_bounded(program):
    """Of a conjunction, each pair of values is clean as often as corrupt: the mean logit of YES is the same."""
    model, truth, metric = program("conjunction"), PROGRAMS["conjunction"], METRICS["answer-logit"]
    pairs = truth.prompts()
    asked = replace(pairs, prompts=tuple(replace(pair, answers=(1,), wrong_answers=(0,)) for pair in pairs))
    with pytest.raises(NoMinimalCircuitError, match=r"does not differ between clean and ablated.*per-prompt"):
        minimal_circuit(model, asked, metric=metric)
    result = minimal_circuit(model, asked, metric=metric, search=PER_PROMPT)
    assert names(model, result.circuit) == truth.true_edges
    assert result.faithfulness.mean is None


def test_a_search_out_of_runs_gives_what_it_reached_and_no_certificate(program):
    model, truth = program("induction"), PROGRAMS["induction"]
    found = [
        minimal_circuit(
            model, truth.prompts(), metric=LOGIT_DIFFERENCE, search=MinimalSearch(PerPromptBound(0.05), max_runs=n)
        )
        for n in (8, 14, 2000)
    ]
    sizes = [result.circuit.sum() for result in found]
    assert model.wiring.n_edges > sizes[0] > sizes[1] >= sizes[2] == 5
    assert [result.certificate.holds for result in found] == [False, False, True]
    assert [result.found.n_runs for result in found[:2]] == [8, 14]
    assert not found[0].certificate.is_tried.all()
    assert found[0].found.n_forbidden == 0


def test_models_whose_edges_cannot_be_measured_are_refused():
    model = model_from_module(random_module("gemma2"), name="gemma")
    with pytest.raises(ValueError, match="'minimal' cannot run on 'gemma'"):
        minimal_circuit(model, random_prompts(4), metric=LOGIT_DIFFERENCE)
