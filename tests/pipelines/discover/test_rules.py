"""The rule that chooses the circuit: `--selection NAME --selection-set KEY=VALUE`, and the options beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats

from graphs import Ensemble, Grown
from pipelines import discover, open_run
from pipelines.discover.plan import all_jobs
from pipelines.discover.settings import DiscoverSettings
from pipelines.runs.settings_file import settings_from

Command = Callable[..., Any]


def planned(tiny: Any, **more: Any) -> Any:
    return all_jobs(settings_from(tiny.settings(**more), DiscoverSettings)[0])


def decides(tiny: Any, **more: Any) -> dict[str, Any]:
    """What the planned `choose` job is told."""
    return dict(planned(tiny, **more).choose.settings)


@pytest.mark.parametrize(
    ("more", "rule", "options"),
    [
        ({"selection": "grown", "edges": 7}, "grown", {"edges": 7}),
        ({"selection": "grown", "selection_settings": {"n": 7}}, "grown", {"edges": 7}),
        ({"selection": "greedy", "greedy": True}, "greedy", {}),
        ({"selection": "threshold", "selection_settings": {"minimum": 0.5}}, "threshold", {"threshold": 0.5}),
        # YAML reads a number without a point as text.
        ({"selection": "threshold", "selection_settings": {"minimum": "1e9"}}, "threshold", {"threshold": 1e9}),
        ({"selection": "top-edges", "selection_settings": {"absolute": False}}, "top-edges", {"ranking": "signed"}),
        ({"selection": "top-components", "selection_settings": {"n": 3, "n_edges": 9}}, "top-components",
         {"nodes": 3, "edges": 9, "kind": "components"}),
        ({"method": "acdc", "settings": {"size": 7}}, "top-edges", {"edges": 7}),
        ({"method": "mask-learning", "threshold": 0}, "threshold", {"threshold": 0}),
    ],
)  # fmt: skip
def test_settings_of_a_rule_and_options_are_one(tiny: Any, more: dict[str, Any], rule: str, options: dict[str, Any]):
    told = decides(tiny, **more)
    assert told["rule"]["name"] == rule
    assert {key: told[key] for key in options} == options


def test_defaults_of_a_rule_given_or_left_out_are_the_same_job(tiny: Any):
    left_out = planned(tiny, selection="positive", edges=5)
    assert planned(tiny, selection="positive", selection_settings={"share": 0.75, "n": 5}).graph.key == (
        left_out.graph.key
    )
    assert planned(tiny, selection="positive", edges=5, selection_settings={"share": 0.9}).graph.key != (
        left_out.graph.key
    )


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"selection": "grwn"}, "no selection 'grwn'.*Did you mean 'grown'"),
        ({"selection_settings": {"share": 0.5}}, "name it with selection"),
        ({"selection": "positive", "selection_settings": {"shar": 0.5}}, "Did you mean 'share'"),
        ({"selection": "positive", "selection_settings": {"share": 2}}, "share=2.0 is not a share"),
        ({"selection": "positive", "signed": True}, "ranking and selection positive are two ways"),
        ({"selection": "grown", "edges": 5, "selection_settings": {"n": 7}}, "edges=5 and the rule's setting n=7"),
        ({"selection": "grown", "threshold": 0.5}, "threshold and selection grown are two ways"),
        ({"selection": "threshold", "edges": 5}, "edges and selection threshold are two ways|edges and threshold"),
        ({"selection": "threshold"}, "needs a least score"),
        ({"selection": "grown", "selection_settings": {"n": 0}}, "setting n: expected 1 or more"),
        ({"selection": "grown", "selection_settings": {"n": True}}, "setting n: expected what edges takes"),
        ({"selection": "top-components", "selection_settings": {"n": -1}}, "setting n: expected 1 or more"),
        ({"selection": "threshold", "selection_settings": {"minimum": -1}}, "setting minimum: expected 0 or more"),
        ({"selection": "threshold", "selection_settings": {"minimum": "inf"}}, "setting minimum: .*finite"),
        ({"selection": "flow", "selection_settings": {"time_limit": float("inf")}}, "setting time_limit: .*finite"),
        ({"selection": "flow", "greedy": True}, "greedy and selection flow are two ways"),
        ({"selection": "flow", "selection_settings": {"time_limit": "soon"}}, "setting time_limit"),
        ({"selection": "ensemble", "edges": 5}, "needs other methods"),
        ({"selection": "ensemble", "selection_settings": {"methods": ["epa"]}}, "Did you mean 'eap'"),
        ({"selection": "ensemble", "selection_settings": {"methods": ["activation-patching"]}}, "cannot be in the ens"),
        ({"selection": "ensemble", "method": "eap", "selection_settings": {"methods": ["eap"]}}, "twice"),
        ({"selection": "grown", "method": "activation-patching"}, "scores components, and selection grown chooses"),
        ({"selection": "top-components", "method": "exact-edges"}, "its edges do not add up to components"),
    ],
)
def test_rules_and_options_that_do_not_go_together_are_refused(tiny: Any, more: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        planned(tiny, **more)


def test_other_settings_of_a_rule_keep_every_measurement(tiny: Any):
    plain, chosen = planned(tiny), planned(tiny, selection="positive", edges=5)
    assert {job.key for job in chosen.measure_edges} == {job.key for job in plain.measure_edges}
    # The methods of an ensemble are measured as in runs of their own.
    together = planned(tiny, selection="ensemble", edges=5, selection_settings={"methods": ["relp"]})
    assert {job.key for job in together.measure_edges} == {job.key for job in plain.measure_edges}
    assert {job.key for job in together.measure_others} == {
        job.key for job in planned(tiny, method="relp").measure_edges
    }


@pytest.mark.usefixtures("computed_run")
@pytest.mark.parametrize(
    ("options", "selection"),
    [
        (["--selection", "positive", "--selection-set", "share=0.9"], {"name": "positive", "n": 8, "share": 0.9}),
        (["--selection", "flow"], {"name": "flow", "n": 8, "time_limit": 30.0}),
        (
            ["--selection", "ensemble", "--selection-set", "methods=[eap, relp]", "--selection-set", "how=max"],
            {"name": "ensemble", "n": 8, "methods": ["eap", "relp"], "how": "max"},
        ),
        (["--selection", "top-edges"], {"name": "top-edges", "n": 8, "keeps_unscored": False}),
        (["--greedy"], {"name": "greedy", "n": 8}),
    ],
)
def test_the_circuit_is_chosen_by_the_rule_that_was_named(
    circuits: Command, tiny: Any, options: list[str], selection: dict[str, Any]
):
    answer = circuits(*tiny.arguments, "--edges", "8", *options, "--json")
    kept = answer.json["circuit"]["selection"]
    assert {name: value for name, value in kept.items() if name != "absolute"} == selection
    run = open_run(answer.json["run"])
    assert run.circuit.n_edges == answer.json["circuit"]["n_edges"] > 0
    assert circuits(*tiny.arguments, "--edges", "8", *options, "--json").json["jobs"]["computed"] == 0


@pytest.mark.usefixtures("computed_run")
def test_a_rule_without_a_size_is_not_searched(circuits: Command, tiny: Any):
    summary = circuits(*tiny.arguments, "--selection", "significant", "--ranking", "absolute", "--json").json
    assert summary["circuit"]["selection"] == {"name": "significant", "n": None, "level": 0.95, "absolute": True}
    assert summary["choice"]["n_runs"] == 1


def test_another_size_than_was_asked_for_is_said(circuits: Command, computed: Command, tiny: Any):
    (without,) = computed((*tiny.arguments, "--json"))
    assert "asked for" not in without.stderr
    answer = circuits(*tiny.arguments, "--edges", "9999", "--json")
    assert "9,999 edges were asked for, and the circuit has" in answer.stderr
    assert "no more lie on paths from input to logits" in answer.stderr


@pytest.mark.usefixtures("computed_run")
@pytest.mark.parametrize("options", [["--greedy"], ["--selection", "grown"], ["--selection", "top-edges"]])
def test_no_size_gives_an_empty_circuit(circuits: Command, tiny: Any, options: list[str]):
    for edges in ("1", "3"):
        circuit = circuits(*tiny.arguments, "--edges", edges, *options, "--json").json["circuit"]
        assert circuit["n_edges"] > 0
        assert circuit["empty_because"] is None


def test_a_run_by_components_of_a_rule_can_be_compared_and_opened(tiny: Any, tmp_path: Path):
    run = discover(
        **tiny.settings(out=tmp_path, selection="top-components", selection_settings={"n": 2, "n_edges": 12})
    )
    assert run.node_scores is not None
    assert run.circuit.selection["name"] == "top-components"
    assert (run.circuit.selection["n"], run.circuit.selection["n_edges"]) == (2, 12)


def test_rules_are_listed_with_what_has_to_be_given(circuits: Command):
    rows = {row["selection"]: row for row in circuits("selections", "--json").json["selections"]}
    assert {"grown", "top-edges", "greedy", "threshold", "significant", "positive", "flow", "ensemble"} <= set(rows)
    assert rows["positive"]["settings"] == {"n": "-", "share": 0.75}
    assert rows["top-components"]["chooses"] == "components"
    assert json.loads(circuits("selections", "flow", "--json").stdout)["settings"]["time_limit"] == 30.0
    assert "every node used has a way in and" in circuits("selections", "flow").stdout
    assert circuits("selections", "flo").exit_code == 2


def test_stored_runs_of_other_methods_and_other_draws_of_prompts_are_combined(
    tiny: Any, tmp_path: Path, new_prompts: Callable[..., Path]
):
    """Each edge by its best rank in three runs: of two methods, and of other prompts."""
    other = str(new_prompts(tmp_path / "other.jsonl", n_prompts=8, seed=1))
    runs = [
        discover(**tiny.settings(out=tmp_path, edges=8)),
        discover(**tiny.settings(out=tmp_path, edges=8, method="relp")),
        discover(**tiny.settings(out=tmp_path, edges=8) | {"task": other}),
    ]
    first, *others = (run.scores for run in runs)
    assert {scores.n_prompts for scores in (first, *others)} == {12, 8}
    selected = Ensemble(8, how="min").choose(first, others=others)
    assert selected.n_edges == 8
    assert selected.selection["methods"] == ("relp", "eap-ig")
    ranks = np.min([scipy.stats.rankdata(-np.abs(scores.means)) for scores in (first, *others)], axis=0)
    assert ranks[selected.mask].min() == ranks[np.abs(first.means).argmax()] == 1
    alone = [Grown(8).choose(scores).mask for scores in (first, *others)]
    assert not any((selected.mask == mask).all() for mask in alone)
