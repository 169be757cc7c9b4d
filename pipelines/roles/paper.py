"""The roles of a circuit's heads as tables for papers."""

from __future__ import annotations

from pipelines.reporting.paper.facts import ablation, prompts
from pipelines.reporting.paper.table import PaperTable
from pipelines.reporting.tables import Column, Row
from pipelines.roles.report import RolesReport
from pipelines.roles.table import MEAN, csv_rows


def papers(report: RolesReport) -> dict[str, PaperTable]:
    """`roles`: the labelled heads of the circuit with what each role rests on; `rules`: what every role asks for."""
    about = report.about
    same = {name: about[name] for name in ("task", "model", "metric", "ablation")}
    judged = {"n_judging": about["n_prompts"], "judged_on": "held-out" if about["held_out"] else "same"}
    labelled = [row for row in csv_rows(report) if row["in_circuit"] and "role" in row]
    found = {}
    if labelled:
        found["roles"] = PaperTable(
            title="Roles of the heads of a circuit, and what each rests on",
            label=[Column("head"), Column("role"), Column("condition")],
            columns=[MEAN],
            rows=[{**row, **same, **judged} for row in labelled],
            conditions=[
                *map(Column, ("task", "model", "metric")),
                ablation(),
                prompts("n_judging", judged_on="judged_on"),
            ],
            intervals=f"{about['level']:.0%} t intervals over prompts, each past its bound as a whole; none of weights",
            notes=[f"Effects are shares of the gap between clean and corrupt prompts. {_counted(about, labelled)}"],
        )
    rules = [{**rule, **same, "asked": "; ".join(rule["asks"]), "n_heads": len(rule["heads"])} for rule in report.rules]
    found["rules"] = PaperTable(
        title="Rules of roles, and how many heads of the circuit follow them",
        label=[Column("role")],
        columns=[Column("asks for", "asked"), Column("heads", "n_heads"), Column("source")],
        rows=rules,
        conditions=[*map(Column, ("task", "model"))],
    )
    return found


def _counted(about: Row, labelled: list[Row]) -> str:
    return f"{len({row['head'] for row in labelled})} of {about['n_in_circuit']} heads of the circuit have a role."
