"""QUANTITIES: what is measured, each with the one name that tables, files, figures and the documentation give it.

The name is the column of a CSV file and the key of this registry, the heading what people read. Stored JSON keeps its
own keys, which may nest these names (`random.faithfulness`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from circuits.registry import Registry, instance_of

Better = Literal["high", "low", "one"]


@dataclass(frozen=True)
class Quantity:
    """Something that is measured.

    name     in CSV files
    heading  in tables and figures, in lower case where it is no symbol
    says     one line: what it is
    better   `high`, `low`, or `one`: nearest to 1; None where neither is better
    unit     behind the heading, in parentheses; without one it is a share, a count or in units of the metric
    symbol   as in formulas, which LaTeX reads as mathematics
    format   how terminals print it, as in f-strings
    """

    name: str
    heading: str
    says: str = ""
    better: Better | None = None
    unit: str = ""
    symbol: str = ""
    format: str = ".3f"

    @property
    def title(self) -> str:
        """The heading at the beginning of a line: its first letter large, where it begins a word."""
        first, _, _ = self.heading.partition(" ")
        is_word = len(first.rstrip(",")) > 1
        return f"{self.heading[0].upper()}{self.heading[1:]}" if is_word else self.heading

    @property
    def shown(self) -> str:
        """The title, with the unit."""
        return f"{self.title} ({self.unit})" if self.unit else self.title


QUANTITIES: Registry[Quantity] = Registry("quantities", instance_of(Quantity))


def _all() -> tuple[Quantity, ...]:
    return (*_of_circuits(), *_of_transfer(), *_of_overlap(), *_of_tasks(), *_of_parts(), *_of_codes())


def _of_circuits() -> tuple[Quantity, ...]:
    quantity = Quantity
    return (
        quantity("n_prompts", "prompts", format="d"),
        quantity("n_edges", "edges", format=","),
        quantity("of_edges", "edges of the model", format=","),
        quantity("n_heads", "heads", "in the circuit", format="d"),
        quantity(
            "faithfulness",
            "faithfulness",
            "share of the metric's gap between clean and ablated runs that the circuit keeps",
            "one",
        ),
        quantity(
            "distance",
            "distance",
            "how far the circuit's mean metric over prompts is from the model's",
            "low",
            symbol="|F(M) - F(C)|",
        ),
        quantity("cpr", "CPR", "area under the faithfulness of circuits of growing size", "high"),
        quantity("cmd", "CMD", "area between 1 and the faithfulness of circuits of growing size", "low"),
        quantity(
            "incompleteness_sampled",
            "incompleteness, sampled",
            "how far circuit and model differ once components are knocked out of both, mean over random sets",
            "low",
        ),
        quantity(
            "incompleteness_greedy", "incompleteness, greedy", "the same where a search makes them differ most", "low"
        ),
        quantity(
            "minimality",
            "minimality",
            "how far the metric moves when the component that the circuit needs least is knocked out",
            "high",
        ),
        quantity("random_faithfulness", "random circuits, faithfulness", "mean of random circuits of the same size"),
        quantity(
            "random_p",
            "random circuits, p",
            "share of random circuits that do as well, itself counted as one",
            "low",
            format=".2g",
        ),
        quantity("stability", "stability", "mean overlap (IoU) of circuits of resampled prompts", "high", format=".2f"),
        *(
            quantity(f"auroc_{part}", f"AUROC of {part}", f"probability that a known one of {part} ranks first", "high")
            for part in ("edges", "nodes", "heads")
        ),
        *(
            quantity(
                f"auroc_{part}_by_prompt",
                f"AUROC of {part}, by largest",
                "ranked by the largest |score| on any one prompt",
                "high",
            )
            for part in ("edges", "nodes", "heads")
        ),
        *(
            quantity(
                f"auroc_{part}_of_trials", f"AUROC of {part}, one trial", "mean over trials, each ranked alone", "high"
            )
            for part in ("nodes", "heads")
        ),
        quantity("heads_precision", "heads, precision", better="high"),
        quantity("heads_recall", "heads, recall", better="high"),
        quantity("heads_f1", "heads, F1", better="high"),
        quantity("heads_best_f1", "heads, best F1", "at the best number of heads", better="high"),
        quantity("forward_equivalents", "cost", "in forward passes over all prompts", "low", "passes", format=".1f"),
        quantity("seconds", "time", better="low", unit="s", format=".2f"),
        quantity("peak_memory_mb", "peak memory", better="low", unit="MB", format=".0f"),
    )


def _of_transfer() -> tuple[Quantity, ...]:
    quantity, short = Quantity, ".2f"
    matched = "of the same circuit, its heads renamed within layers"
    return (
        quantity("own_faithfulness", "faithfulness of the own circuit", "that of the task itself", format=short),
        quantity(
            "retention",
            "retention",
            "faithfulness as a share of that of the task's own circuit, or of 1 where that goes beyond the model",
            "high",
            format=short,
        ),
        quantity(
            "normalized",
            "normalized transfer",
            "0 where the circuit does as well on other heads, 1 where it does as well as the task's own",
            "high",
            format=short,
        ),
        quantity("matched_circuits", "on other heads, circuits", f"number {matched}", format="d"),
        quantity("matched_faithfulness", "on other heads, faithfulness", f"mean {matched}", format=short),
        quantity(
            "matched_p",
            "on other heads, p",
            "share of these that do as well, itself counted as one",
            "low",
            format=".2g",
        ),
        quantity("random_circuits", "random circuits", "of the same size", format="d"),
        quantity(
            "accuracy_circuit", "accuracy of the circuit", "an answer above every wrong one", "high", format=".1%"
        ),
        quantity("accuracy_own", "accuracy of the own circuit", "that of the task itself", format=".1%"),
        quantity("accuracy_model", "accuracy of the model", better="high", format=".1%"),
        quantity("accuracy_empty", "accuracy of the empty circuit", format=".1%"),
        quantity(
            "accuracy_retention",
            "retention of the accuracy",
            "what the circuit adds to that of the empty one, as a share of what the task's own adds",
            "high",
            format=short,
        ),
        quantity("sized_n_edges", "at equal size, edges", format=","),
        quantity("sized_faithfulness", "at equal size, faithfulness", format=short),
        quantity("recovered", "recovered", "share of the difference between two models", "high", format=short),
        quantity("n_components", "components", format=","),
    )


def _of_overlap() -> tuple[Quantity, ...]:
    quantity, short = Quantity, ".2f"
    return (
        quantity("n_a", "in A", format=","),
        quantity("n_b", "in B", format=","),
        quantity("n_shared", "shared", format=","),
        quantity("n_common", "common", "shared by all circuits", format=","),
        quantity("iou", "IoU", "what both have, of what either has", format=short),
        quantity("iom", "IoM", "what both have, of what the smaller one has", format=short),
        quantity("of_a", "shared of A", format=short),
        quantity("of_b", "shared of B", format=short),
        quantity("expected", "by chance", format=short),
        quantity("expected_iou", "IoU by chance", format=short),
        quantity("weighted_jaccard", "weighted Jaccard", format=short),
        quantity("cosine", "cosine", format=short),
        quantity("spearman", "rank correlation", format=short),
        quantity("sign_agreement", "same sign", format=short),
        quantity("rank_biased_overlap", "rank-biased overlap", format=short),
        quantity("within_a", "IoU within A", "of the circuits of two halves of the prompts of A", format=short),
        quantity("within_b", "IoU within B", "the same of B", format=short),
        quantity("between", "IoU of halves", "of the circuits of half of the prompts of each", format=short),
        quantity("between_expected", "IoU of halves by chance", format=short),
        quantity(
            "reuse_index",
            "reuse index",
            "0 where the tasks share what chance gives, 1 where they share as much as halves of one task",
            format=short,
        ),
        quantity("p_value", "p", format=".2g"),
        quantity("p_value_corrected", "p, corrected", "for all pairs (Holm)", format=".2g"),
        quantity(
            "p_generic",
            "p, generic",
            "where every edge is as likely as in the circuits of the other runs",
            format=".2g",
        ),
        quantity("likeness", "likeness", "from 0 to 1", format=".2f"),
        quantity("margin", "margin", "in likeness, to the nearest head that it was not aligned with", format=short),
        quantity("depth_difference", "difference in depth", "mean over aligned heads, from 0 to 1", format=".2f"),
        quantity("shared_retention", "shared part, retention", "of the part that both circuits have", format=short),
    )


def _of_tasks() -> tuple[Quantity, ...]:
    quantity = Quantity
    return (
        quantity("chance", "chance", "accuracy of random answers", format=".1%"),
        quantity("accuracy", "accuracy", "an answer above every wrong one", "high", format=".1%"),
        quantity("accuracy_difference", "change of the accuracy", better="high", format="+.1%"),
        quantity("top1", "top-1", "an answer above all tokens", "high", format=".1%"),
        quantity("difference", "answers minus wrong", "mean of the metric", "high", format=".2f"),
        quantity("metric", "metric", "mean over prompts", format=".2f"),
        quantity("metric_difference", "change of the metric", better="high", format="+.2f"),
        quantity("top1_difference", "change of top-1", better="high", format="+.1%"),
        quantity("new_mistakes", "new mistakes", "prompts that became wrong", "low", format="d"),
        quantity("mended", "mended", "prompts that became right", "high", format="d"),
        quantity("clean", "clean", "mean of the metric on clean prompts", format=".2f"),
        quantity("corrupt", "corrupt", "mean of the metric on corrupt prompts, or of ablated runs", format=".2f"),
    )


def _of_parts() -> tuple[Quantity, ...]:
    quantity, short = Quantity, ".2f"
    return (
        quantity("recovery", "recovery rate", "share of the gap that one restored component brings back", format=short),
        quantity("mean_of_ratios", "mean of ratios", "the same share of each prompt, averaged", format=short),
        quantity("total", "total effect", "what changes without the part", format=short),
        quantity("direct", "direct effect", "on the way to the logits alone", format=short),
        quantity("indirect", "indirect effect", "total minus direct", format=short),
        quantity("writes", "direct logit attribution", "what the part writes on the logit difference", format=short),
    )


def _of_codes() -> tuple[Quantity, ...]:
    quantity = Quantity
    return (
        quantity("score", "score", format=".3g"),
        quantity("n_positives", "positives", "how many of them show the code", format="d"),
        quantity("positive_only_codes", "codes of positives alone", "that no negative shows", format="d"),
        quantity("by_chance", "codes by chance", "mean with shuffled labels", format=".1f"),
        quantity(
            "tells_is_positive",
            "information, whether positive",
            "adjusted mutual information: 0 by chance, 1 if told",
            "high",
            format=".2f",
        ),
        quantity("tells_answer", "information, which answer", "the same of the answer", "high", format=".2f"),
    )


for _quantity in _all():
    QUANTITIES.register(_quantity)
