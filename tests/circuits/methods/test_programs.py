"""Programs whose circuits are known: what every method must find in them, and what each does find."""

from __future__ import annotations

import json
from typing import NamedTuple

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from circuits.ablations import Zero
from circuits.components import Edge
from circuits.data.prompt_files import read_prompts
from circuits.data.prompts import PromptSet
from circuits.evaluation.faithfulness import circuit_values, faithfulness, measure_baseline
from circuits.evaluation.known_circuit import KnownCircuit
from circuits.evaluation.ranking import node_auroc
from circuits.methods import METHODS, ActivationPatching, EdgeAttribution, ExactEdges, HeadCoding
from circuits.metrics import METRICS, Metric
from circuits.model.load import Model, load_model
from circuits.scores import EdgeScores
from tests.circuits.hand_models import PROGRAMS, Program
from tests.conftest import MEASURING, SAMPLES

LOGIT_DIFFERENCE = METRICS["logit-difference"]
# Between two prompts no attention pattern changes, and no MLP takes part.
LINEAR = ("detector", "two-step copy")
FIRST_ORDER = ("eap", "eap-ig", "eap-ig-activations", "ceap", "clean-corrupt", "relp")
COMPILED = {"hist": "logit-difference", "frac_prevs_causal": "answer-logit"}
EDGE_METHODS = [name for name in MEASURING if METHODS[name].result == "edges" and METHODS[name].scores_paths]
every_program = pytest.mark.parametrize("program", PROGRAMS, indirect=True)
every_case = pytest.mark.parametrize("case", [*PROGRAMS, *COMPILED], indirect=True)


class Case(NamedTuple):
    """A model with a known circuit. true_edges and possible_edges by name; no other edge can have an effect."""

    model: Model
    prompts: PromptSet
    metric: Metric
    true_edges: frozenset[str]
    possible_edges: frozenset[str]

    def among(self, names: frozenset[str]) -> np.ndarray:
        """[edge] whether its name is among these, all of which the model must have."""
        mask = np.array([str(edge) in names for edge in self.model.wiring.edges])
        assert mask.sum() == len(names)
        return mask


@pytest.fixture(scope="module")
def known(tmp_path_factory, sample_model):
    """`known("detector")`: a case, built once."""
    built = {}

    def case(name: str) -> Case:
        if name not in built:
            built[name] = compiled(name) if name in COMPILED else hand_made(PROGRAMS[name])
        return built[name]

    def hand_made(program: Program) -> Case:
        model = load_model(str(program.write(tmp_path_factory.mktemp("program"))))
        possible = program.true_edges | program.position_edges
        return Case(model, program.prompts(), LOGIT_DIFFERENCE, program.true_edges, possible)

    def compiled(name: str) -> Case:
        model = sample_model(name)
        truth = json.loads((SAMPLES / name / "truth.json").read_text())
        prompts = read_prompts(SAMPLES / name / "prompts.jsonl")
        sets = (frozenset(truth[key]) for key in ("edges_that_matter", "edges_possible_by_weights"))
        return Case(model, prompts, METRICS[COMPILED[name]], *sets)

    return case


@pytest.fixture
def case(request, known) -> Case:
    return known(request.param)


@pytest.fixture
def program(request, known) -> tuple[Program, Case]:
    return PROGRAMS[request.param], known(request.param)


def largest(scores: EdgeScores) -> np.ndarray:
    """[edge] the largest |score| over prompts: effects of both signs cancel in a mean."""
    return np.abs(scores.per_prompt).max(axis=0)


def area(case: Case, scores: EdgeScores) -> float:
    """1 where every true edge ranks above every other, 0.5 for a ranking by chance."""
    return float(roc_auc_score(case.among(case.true_edges), largest(scores)))


@every_case
def test_exact_effects_rank_every_true_edge_above_every_other(case):
    scores = ExactEdges().score(case.model, case.prompts, metric=case.metric)
    effects, true = largest(scores), case.among(case.true_edges)
    assert area(case, scores) == 1.0
    assert effects[true].min() > 1000 * effects[~true].max()


@every_program
def test_edges_that_are_not_true_have_effect_exactly_zero_between_prompts(program):
    """Patterns are one-hot and values small integers, so nothing is ever rounded."""
    _, case = program
    effects = largest(ExactEdges().score(case.model, case.prompts, metric=case.metric))
    assert (effects[~case.among(case.true_edges)] == 0.0).all()


@pytest.mark.parametrize("case", COMPILED, indirect=True)
def test_impossible_edges_of_compiled_programs_have_no_effect(case):
    """Their weights are not one-hot: the same sum, run with other neighbors, may round differently."""
    effects = largest(ExactEdges().score(case.model, case.prompts, metric=case.metric))
    assert effects[~case.among(case.possible_edges)].max() <= 1e-6


@every_program
def test_where_position_is_ablated_too_position_edges_matter_and_impossible_ones_still_do_not(program):
    """Zero takes position from queries and keys, which then attend to all positions alike."""
    _, case = program
    effects = largest(ExactEdges().score(case.model, case.prompts, metric=case.metric, ablation=Zero()))
    possible = case.among(case.possible_edges)
    assert effects[possible].min() > 0.1
    assert (effects[~possible] == 0.0).all()


@every_program
def test_activation_patching_finds_exactly_the_working_components(program):
    truth, case = program
    scores = ActivationPatching(kinds=("head", "mlp")).score(case.model, case.prompts, metric=case.metric)
    effects = np.abs(scores.per_prompt[:, 0]).max(axis=0)
    working = {str(part) for part, effect in zip(scores.components, effects, strict=True) if effect > 0}
    assert working == truth.working
    assert effects[effects > 0].min() > 0.1


@every_case
def test_the_true_edges_alone_are_faithful_and_not_without_any_one_of_them(case):
    """What position edges carry is the same in the corrupt prompt, so they may be left out."""
    true = case.among(case.true_edges)
    without_one = np.repeat(true[None], true.sum(), axis=0)
    without_one[np.arange(true.sum()), np.flatnonzero(true)] = False
    baseline = measure_baseline(case.model, case.prompts, metric=case.metric)
    values = circuit_values(case.model, case.prompts, np.vstack([true, without_one]), metric=case.metric)
    assert faithfulness(values[0], baseline).mean == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(values[0], baseline.clean, atol=1e-3)  # the compiled programs' own tolerance
    for broken in values[1:]:
        assert np.abs(broken - baseline.clean).max() > 0.01


@every_program
def test_the_possible_edges_alone_are_faithful_where_position_is_ablated_too(program):
    _, case = program
    circuits = np.stack([case.among(case.possible_edges), case.among(case.true_edges)])
    baseline = measure_baseline(case.model, case.prompts, metric=case.metric, ablation=Zero())
    values = circuit_values(case.model, case.prompts, circuits, metric=case.metric, ablation=Zero())
    np.testing.assert_array_equal(values[0], baseline.clean)
    assert np.abs(values[1] - baseline.clean).max() > 0.1


@every_program
def test_the_programs_answer_every_prompt_as_they_say(program):
    _, case = program
    baseline = measure_baseline(case.model, case.prompts, metric=case.metric)
    size = 1 if case.prompts.task == "conjunction" else 2
    assert baseline.accuracy == 1
    assert set(baseline.clean) == {size}
    n_wrong = len(case.prompts.prompts[0].wrong_answers)
    assert set(baseline.ablated) == ({1, -1} if size == 1 else {float(np.float32(-2 / n_wrong))})


def test_effects_of_a_conjunction_do_not_add_up(known):
    """From (YES, YES) to (NO, NO) the answer loses 2: by either edge into the MLP, and by its output."""
    case = known("conjunction")
    scores = ExactEdges().score(case.model, case.prompts, metric=case.metric)
    column = {str(edge): number for number, edge in enumerate(case.model.wiring.edges)}
    chosen = [column[name] for name in ("a0.h0->m1", "a0.h1->m1", "m1->logits")]
    pairs = [(prompt.clean[1:3], prompt.corrupt[1:3]) for prompt in case.prompts]
    both, crossed = pairs.index(((1, 1), (0, 0))), pairs.index(((1, 0), (0, 1)))
    assert scores.per_prompt[both, chosen].tolist() == [2, 2, 2]
    assert scores.per_prompt[crossed, chosen].tolist() == [0, 2, 0]


@pytest.mark.parametrize(
    ("name", "expected"), [("detector", 1.0), ("two-step copy", 1.0), ("conjunction", 1.0), ("induction", 0.7)]
)
def test_attribution_misses_what_only_saturated_attention_sees(name, expected, known):
    """A one-hot pattern has no gradient: of induction's five true edges the three that lead through the pattern get 0,
    tied with all others: (2 + 3/2) / 5. Values are linear, and the conjunction has gradients where it is true."""
    case = known(name)
    scores = EdgeAttribution().score(case.model, case.prompts, metric=case.metric)
    assert area(case, scores) == pytest.approx(expected)


@pytest.mark.slow
@pytest.mark.parametrize("method", EDGE_METHODS)
def test_how_well_each_method_ranks_the_true_edges(method, known):
    """Prints a row per method (`-s`). The definition itself must find everything, and where nothing but values change
    (`LINEAR`), so must every first-order estimate; elsewhere a method may miss edges."""
    print(f"\n{method:>24}", end="")  # noqa: T201  the table is what the test is run for
    for name in (*PROGRAMS, *COMPILED):
        case = known(name)
        scores = METHODS[method]().score(case.model, case.prompts, metric=case.metric)
        assert isinstance(scores, EdgeScores)
        auroc = area(case, scores)
        print(f"  {name} {auroc:.3f}", end="", flush=True)  # noqa: T201
        if method == "exact-edges" or (method in FIRST_ORDER and name in LINEAR):
            assert auroc == 1.0


@pytest.mark.slow
@every_program
def test_how_well_codes_rank_the_true_heads(program):
    """Prints a row per program (`-s`). Exact patching must find all heads; where positives and negatives are drawn from
    the same prompts, a positive-only code is chance, and only its frequency is informative (`distance`)."""
    built, case = program
    ends = [end for name in built.true_edges for end in (Edge.parse(name).source, Edge.parse(name).target)]
    heads = tuple(dict.fromkeys(end for end in ends if end.kind == "head"))
    known = KnownCircuit(case.prompts.task, None, heads, ("head",))

    def auroc(method: ActivationPatching | HeadCoding) -> float:
        return node_auroc(method.score(case.model, case.prompts, metric=case.metric), known).by_mean

    print(f"\n{case.prompts.task:>24}", end="")  # noqa: T201  the table is what the test is run for
    assert auroc(ActivationPatching(kinds=("head",))) == 1
    for preset in ("paper", "corrected"):
        for by in ("counts", "coverage", "distance"):
            value = auroc(HeadCoding(preset=preset, by=by, trials=5))
            print(f"  {preset} {by} {value:.3f}", end="", flush=True)  # noqa: T201
            if case.prompts.task in ("detector", "induction") and preset == "corrected":
                assert value == 1
