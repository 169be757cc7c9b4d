"""A discovered circuit as a table."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from circuits.components import Component
from circuits.numbers import count_text
from circuits.solved import kept_of_drawn
from pipelines.discover.listed_edges import only_named_edges, print_named_edges
from pipelines.discover.minimal_report import minimal_rows
from pipelines.discover.minimize import ALL_EDGES
from pipelines.discover.settings import RANKINGS
from pipelines.discover.sizes_tried import larger_sizes
from pipelines.discover.steepness import steep_in_words
from pipelines.discover.strongest_heads import print_strongest_heads
from pipelines.reporting.tables import UNBOUNDED, print_facts, print_line, value_and_ends, with_interval

if TYPE_CHECKING:
    from graphs import CircuitEdge, CircuitGraph, CircuitNode
    from pipelines.discover.report import Discovery

_STRONGEST = {"MLPs": 4, "edges": 8}


def print_discovery(discovery: Discovery) -> None:
    """The findings of a run with its strongest edges and MLPs, and at the end its strongest heads."""
    facts = list(_facts(discovery))
    print_facts(discovery.run.name, facts)
    print_named_edges(discovery.summary)
    print_strongest_heads(discovery.summary)
    sampled = discovery.summary.get("of_method", {}).get("sampled")
    over = "prompts" if sampled is None else f"prompts; {sampled}"
    print_line(f"In brackets: 95 % intervals, Wilson's of shares answered correctly, else t over {over}.")
    if any(UNBOUNDED in fact for _, fact in facts):
        print_line(
            f"{UNBOUNDED}: no bound, of one prompt or trial alone, or of a share of clean minus corrupt where that "
            "difference may be 0."
        )


def _facts(discovery: Discovery) -> Iterator[tuple[str, str]]:
    run, summary = discovery.run, discovery.summary
    metric, circuit = summary["metric"], summary["circuit"]
    yield "task, model, method", f"{summary['task']}, {summary['model']}, {summary['method']}"
    yield "prompts", _prompts(summary)
    chance = "" if summary["chance"] is None else f"; chance {summary['chance']:.1%}"
    of_all = (
        f" of all {summary['n_prompts']}"
        if summary["judged_on"] == "held-out" and summary["accuracy"] is not None
        else ""
    )
    if summary["solved"] is None:
        yield "answer above wrong ones", with_interval(summary, "accuracy", ".1%") + of_all + chance
    else:
        yield "answer above wrong ones", f"on all: only such prompts were kept{chance}"
    yield "answer above all tokens", with_interval(summary, "top1", ".1%") + of_all
    yield from ((name, fact) for name, fact in summary.get("of_method", {}).get("facts", ()))
    no_circuit = only_named_edges(summary)
    for label in ("clean", "corrupt") if no_circuit else ("clean", "corrupt", "circuit"):
        shown = summary["ablation"].partition("(")[0] if label == "corrupt" else label
        yield f"{metric['name']}, {shown}", with_interval(metric, label, ".3f")
    if no_circuit:
        lack = "make no path from the embedding (input) to the logits"
        yield (
            "circuit",
            f"none: the edges asked for {lack}" if not circuit["n_edges"] else "none was asked for (--edges)",
        )
        return
    yield "circuit", _size(circuit)
    yield "chosen by", _chosen_by(summary, 1 - run.config.tolerance)
    if "minimal" in summary:
        yield from minimal_rows(summary["minimal"])
    if summary["judged_on"] == "held-out":
        yield "faithfulness, judged", with_interval(summary, "faithfulness", ".3f")
        yield "on those that chose it", with_interval(summary, "faithfulness_on_choosing", ".3f")
    else:
        yield "faithfulness", with_interval(summary, "faithfulness", ".3f") + ", on the prompts that chose it"
    if (steep := steep_in_words(summary)) is not None:
        yield "near this size", steep
    if "curve" in summary:
        curve = summary["curve"]
        yield "curve", f"CPR {curve['cpr']:z.3f}, CMD {curve['cmd']:z.3f}, edges ranked by {curve['ranked_by']}"
    graph = run.circuit
    mlps = [node for node in graph.nodes if node.component.in_mlp]
    for kind, members in (("MLPs", mlps), ("edges", graph.edges)):
        scored = sorted(
            (member for member in members if member.score is not None), key=lambda member: -abs(member.score or 0)
        )
        if scored:
            by = _scored_by(graph, kind)
            heading = f"strongest {kind} in the circuit{by}"
            summed = "\nsums over all outgoing edges" if kind == "MLPs" and not graph.scores_components else ""
            yield heading, "\n".join(_scored(member) for member in scored[: _STRONGEST[kind]]) + summed
    if left_out := summary["strongest_left_out"]:
        lines = [f"{_score(row['score'], row['interval'])}  {row['edge']}" for row in left_out]
        against = "\nnegative: works against the behavior" if any(row["score"] < 0 for row in left_out) else ""
        yield "strongest edges left out", "\n".join(lines) + against


def _size(circuit: Mapping[str, Any]) -> str:
    """How large the circuit is; where chosen edges were dropped, how many, and which heads went with them."""
    size = f"{circuit['n_edges']:,} of {count_text(circuit['of_edges'], 'edge')}; heads: {circuit['n_heads']}"
    if not (n := circuit["on_no_path"]):
        return size
    lost = sorted(
        filter(lambda part: part.is_head, map(Component.parse, circuit["left_out"])), key=lambda part: part.order
    )
    heads = ", ".join(map(str, lost)) or "none"
    return (
        f"{size}\n{circuit['n_chosen']:,} edges were chosen: {n:,} lay on no path from the embedding (input) to the "
        f"logits; heads that went with them: {heads}"
    )


def _prompts(summary: Mapping[str, Any]) -> str:
    """How many there are, which of them choose and judge, and how many were drawn for it."""
    solved = "" if summary["solved"] is None else f"; {kept_of_drawn(summary['solved'])}"
    return _halves(summary) + solved


def _halves(summary: Mapping[str, Any]) -> str:
    n, choosing = summary["n_prompts"], summary["n_choosing"]
    if summary["judged_on"] == "same":
        return f"{n}, which choose the circuit and judge it"
    return f"{n}: {choosing} choose the circuit, the {n - choosing} others judge it"


def _chosen_by(summary: Mapping[str, Any], bound: float) -> str:
    """The rule, the ranking, and how many circuits it took.

    bound  the least faithfulness of a circuit that is faithful
    """
    choice, rule = summary["choice"], summary["circuit"]["selection"]["name"]
    if "minimal" in summary:
        began = summary["minimal"]["began_with"]
        rule = f"elimination from {_edges(began['n_edges'])} ({began['what']})"
        if began["what"] == ALL_EDGES:
            (n_chosen,) = (e["n_edges"] for e in choice["choices"] if e["ranking"] == choice["ranking"])
            shown = RANKINGS[choice["ranking"]].removeprefix("by ")
            return f"{rule} and from {n_chosen:,} chosen ones, those of the weakest {shown} first"
    (best,) = (entry for entry in choice["choices"] if entry["ranking"] == choice["ranking"])
    n_tried = sum(len(search["tried"]) for search in best["searches"])
    of_others = [_other(entry, bound) for entry in choice["choices"] if entry is not best]
    larger = larger_sizes(choice)
    n_larger = 0 if larger is None else len(larger["tried"]) - 1  # the first is the size that was asked for
    counted = {"": n_tried, "larger ": n_larger}
    said = [
        *(f"{n} {what}size{'s' if n > 1 else ''} tried" for what, n in counted.items() if n),
        *(text for text in of_others if text is not None),
    ]
    ran = "circuit was run" if choice["n_runs"] == 1 else "different circuits were run"
    told = f" ({'; '.join(said)})" if said else ""
    return f"{rule}, {RANKINGS[choice['ranking']]}{told}; {choice['n_runs']} {ran}"


def _other(entry: Mapping[str, Any], bound: float) -> str | None:
    """What the ranking that was not taken would have given; None where that is not known."""
    if entry["faithfulness"] is None:
        return None
    ranked = RANKINGS[entry["ranking"]]
    failed = [search for search in entry["searches"] if search["size"] is None]
    if failed:
        (most, _), of = failed[-1]["tried"][-1], failed[-1]["of"]
        n = len(failed[-1]["tried"])
        return f"{ranked}, none of {n} sizes up to {most:,} {of} reaches {bound:z.3g}"
    return f"rather than {_edges(entry['n_edges'])} {ranked}, faithfulness {entry['faithfulness']:z.3f}"


def _scored_by(graph: CircuitGraph, kind: str) -> str:
    """` (estimated by eap)` where components were scored by one method and the edges between them by another."""
    nodes, edges = graph.scored_by["nodes"], graph.scored_by["edges"]
    if nodes is None or edges is None or nodes == edges:
        return ""
    own = edges if kind == "edges" else nodes
    return f" ({own['scores_are']} by {own['method']})"


def _scored(part: CircuitNode | CircuitEdge) -> str:
    return f"{_score(part.score, (part.low, part.high))}  {part.name}"


def _score(value: float | None, ends: Sequence[float | None] | None) -> str:
    return " ".join(value_and_ends(value or 0.0, ends, "+.3f"))


def _edges(n: int) -> str:
    return f"{n:,} edge" if n == 1 else f"{n:,} edges"
