"""The tables of docs/cost_of_a_study.md, computed.

python -m pipelines.costs.page docs/cost_of_a_study.md

writes them into the page, each between `<!-- table NAME -->` and `<!-- end -->`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipelines.costs.memory import one_pair, weights
from pipelines.costs.shape import SHAPES
from pipelines.costs.speed import MEASURED, rates, sets_rate
from pipelines.costs.study import GPUS, Study
from pipelines.costs.work import METHODS_COSTED, contraction, plain_pass

_BETWEEN = re.compile(r"(<!-- table ([\w-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def with_tables(page: str) -> str:
    """The page with its tables computed again. KeyError for a table that there is not."""
    tables = all_tables()
    return _BETWEEN.sub(lambda found: f"{found[1]}\n{tables[found[2]]}\n{found[3]}", page)


def all_tables(study: Study | None = None) -> Mapping[str, str]:
    """Name -> table in Markdown."""
    study = study or Study()
    return {
        "models": _models(study),
        "hours": _hours(study),
        "methods": _methods(study),
        "measured": _measured(),
        "rates": _rates(),
    }


def _models(study: Study) -> str:
    rows = []
    for shape in SHAPES:
        sizes = {dtype: study.smallest_gpu(shape, dtype) for dtype in ("float32", "bfloat16")}
        rows.append(
            [
                shape.name,
                _count(shape.n_weights),
                f"{shape.wiring.n_edges:,}",
                _gigabytes(weights(shape, "float32")),
                _gigabytes(weights(shape, "bfloat16")),
                _gigabytes(one_pair(shape, study.n_tokens, "float32")),
                *(_fits(size) for size in sizes.values()),
                _hours_text(sum(study.gpu_hours(shape).values())),
                _gigabytes(study.store(shape)),
            ]
        )
    return _table(
        [
            *("model", "weights", "edges", "float32", "bfloat16", "one pair beyond", "fits, float32", "fits, bfloat16"),
            *("GPU hours", "store"),
        ],
        rows,
    )


def _hours(study: Study) -> str:
    parts = list(study.gpu_hours(SHAPES[0]))
    rows = [[shape.name, *map(_hours_text, study.gpu_hours(shape).values())] for shape in SHAPES]
    return _table(["model", *parts], rows)


def _methods(study: Study) -> str:
    rows = []
    for name, work in METHODS_COSTED.items():
        passes = [work(shape, study.n_tokens).whole / plain_pass(shape, study.n_tokens) for shape in SHAPES]
        rows.append([name, *(f"{of_one:,.0f}" if of_one >= 100 else f"{of_one:.3g}" for of_one in passes)])
    edges = [contraction(shape, study.n_tokens) / plain_pass(shape, study.n_tokens) for shape in SHAPES]
    rows.append(["of these, products that give edges", *(f"{of_one:,.2g}" for of_one in edges)])
    return _table(["method", *(shape.name for shape in SHAPES)], rows)


def _measured() -> str:
    rows = [
        [
            point.machine,
            f"{point.what}, {point.shape.name}, {point.n_pairs} x {point.n_tokens} tokens",
            _seconds(point.seconds),
            "sets the rate" if sets_rate(point) else _seconds(point.predicted_s),
            "" if sets_rate(point) else f"{point.predicted_s / point.seconds:.2f}",
        ]
        for point in MEASURED
    ]
    return _table(["machine", "work", "measured", "computed", "computed / measured"], rows)


def _rates() -> str:
    machines = dict.fromkeys(point.machine for point in MEASURED)
    rows = [[machine, *(f"{rate / 1e12:.3g} TFLOP/s" for rate in rates(machine))] for machine in machines]
    return _table(["machine", "runs without gradients", "runs with gradients, products of edges"], rows)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _count(number: float) -> str:
    return f"{number / 1e9:.1f} B" if number >= 1e9 else f"{number / 1e6:.0f} M"


def _gigabytes(n_bytes: float) -> str:
    size = n_bytes / 1e9
    if size < 1:
        return f"{size * 1000:,.0f} MB"
    return f"{size / 1000:,.1f} TB" if size >= 1000 else f"{size:,.0f} GB" if size >= 10 else f"{size:.2g} GB"


def _fits(size: int | None) -> str:
    return f"**no: over {GPUS[-1]} GB**" if size is None else f"{size} GB"


def _hours_text(hours: float) -> str:
    return f"{hours:,.0f}" if hours >= 10 else f"{hours:.2g}"


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        path = Path(argument)
        path.write_text(with_tables(path.read_text(encoding="utf-8")), encoding="utf-8")
