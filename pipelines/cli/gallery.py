"""The gallery of the documentation: a picture of every kind of figure, from runs of the bundled model.

python -m pipelines.cli.gallery [FOLDER]

Writes figures.md and gallery/KIND.png in the folder, by default `docs`. The runs are kept in build/gallery, so that the
command computes nothing the second time; the same package gives the same pictures.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from circuits.files import write_atomically
from graphs.figures.sizes import SIZES
from pipelines.compare.command import compare
from pipelines.discover.command import discover
from pipelines.draw.draw import draw
from pipelines.draw.kinds import FIGURES
from pipelines.evaluate.command import evaluate
from pipelines.intervene.concept.command import add_concept
from pipelines.intervene.edit.command import edit_heads
from pipelines.intervene.rank.command import rank_curve
from pipelines.intervene.remedy.command import try_remedy
from pipelines.intervene.repair.command import repair
from pipelines.roles.command import label_heads
from pipelines.runs.run import Run
from pipelines.study.command import study
from pipelines.trace.command import trace

STORE = Path("build/gallery")
TASKS = ("ioi", "colored-objects", "induction")
METHODS = ("eap", "exact-edges", "activation-patching")
N_PROMPTS = 64
_DPI = 100  # a third of that on which lines lie, so that they are sharp

# Kind -> what it is drawn from, of `_results`.
SHOWN: Mapping[str, Sequence[str]] = {
    "circuit": ("ioi",),
    "two-circuits": ("two",),
    "heads": TASKS,
    "sizes": ("ioi", "judged"),
    "methods": ("judged",),
    "scores": ("eap", "exact-edges"),
    "prompt-effects": ("ioi",),
    "shared-edges": ("ioi", *METHODS, "colored-objects", "induction"),
    "shared-heads": TASKS,
    "transfer": ("three",),
    "overlap": ("three",),
    "sets": ("three",),
    "clusters": ("three",),
    "stages": ("staged",),
    "study": ("study",),
    "trace": ("trace",),
    "trace-depth": ("trace",),
    "trace-heads": ("trace",),
    "effects": ("roles",),
    "edit": ("edit",),
    "repair": ("repair",),
    "masking": ("masked",),
    "remedy": ("masked",),
    "rank": ("rank",),
    "concept": ("concept",),
}
_SIZES = ", ".join(f"`{name}` ({size.width:g} x {size.height:g} inches)" for name, size in SIZES.items())
_INTRODUCTION = f"""# Figures

`circuits draw KIND SUBJECT... --out FILE` draws any of these from what is stored: runs, comparisons, evaluations,
studies. No model runs, and the same results give the same bytes. `FILE` ends in `.pdf`, `.svg`, `.png` or `.eps`; what
it is drawn from is in its metadata (`circuits show FILE`). In Python, `pipelines.draw` gives the content of the file.
`circuits figures` lists the kinds, and other packages can add some (`circuit_workbench.figures`).

`--size` makes a figure fit: {_SIZES}, or `WIDTHxHEIGHT`.
It is then as wide as asked and never taller, with text of `--font` points, 6 or more. Figures of rows and columns show
less where they have no room for all, and say what they leave out; a figure that could not be read at that size is
refused, with the size that it needs.

The pictures are of the bundled model, made by `make gallery`.
"""


def page() -> str:
    """figures.md: every kind, what it takes, and its picture."""
    parts = [_INTRODUCTION]
    for name in SHOWN:
        kind = FIGURES[name]
        parts.append(
            f"## {name}\n\n{kind.summary[0].upper()}{kind.summary[1:]}: `circuits draw {name} {kind.takes}`.\n\n"
            f"![{kind.summary}](gallery/{name}.png)\n"
        )
    return "\n".join(parts)


def make_gallery(folder: Path, *, store: Path = STORE) -> list[Path]:
    """Write the page and the pictures; returns the files."""
    results = _results(store)
    pictures = {
        f"gallery/{kind}.png": draw(kind, *(results[name] for name in shown), to="png", dpi=_DPI, out=store)
        for kind, shown in SHOWN.items()
    }
    files = {folder / name: data for name, data in {"figures.md": page().encode(), **pictures}.items()}
    for path, data in files.items():
        write_atomically(path, data)
    return list(files)


def main() -> None:
    """Make the gallery in the folder given, by default `docs`."""
    for path in make_gallery(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs")):
        sys.stdout.write(f"{path}\n")


def _results(store: Path) -> dict[str, str]:
    """What the pictures are drawn from, by name: all of it in one store."""

    def by(method: str) -> Run:
        return discover("ioi", method=method, prompts=N_PROMPTS, out=store)

    runs: dict[str, Run] = {task: discover(task, curve=True, prompts=N_PROMPTS, out=store) for task in TASKS}
    runs |= {method: by(method) for method in METHODS}
    runs["staged"] = by("staged-path-patching")
    runs["trace"] = trace(
        "ioi", prompts=N_PROMPTS, settings={"kinds": ["residual", "attention", "mlp", "head"]}, out=store
    )
    judged = [runs["ioi"], *(runs[method] for method in METHODS)]
    evaluate(judged, random=20, knockouts=0, resamples=0, random_curve=10, folder=store / "judged", out=store)
    compare(runs["ioi"], runs["colored-objects"], overlap_only=True, folder=store / "two", out=store)
    compare(*(runs[task] for task in TASKS), folder=store / "three", out=store)
    vary = {"method": ["eap", "eap-ig", "exact-edges", "random"]}
    study("ioi", prompts=N_PROMPTS, vary=vary, truth=runs["exact-edges"].name, folder=store / "study", out=store)
    made = {name: name for name in ("judged", "two", "three", "study")} | _interventions(store, runs["induction"])
    return {name: run.name for name, run in runs.items()} | made


def _interventions(store: Path, run: Run) -> dict[str, str]:
    """The folders of what changes of the model do, and of the roles of heads, by name."""
    reports = {
        "roles": label_heads(run, out=store),
        "edit": edit_heads("ioi", heads="a3.h2,a3.h3", edit="scale END 0.5", prompts=N_PROMPTS, out=store),
        "repair": repair("colored-objects", model="reference-early", heads="a2.h0,a3.h1", prompts=N_PROMPTS, out=store),
        "masked": try_remedy("mask-heads", "induction", by="induction:1,2,4", prompts=N_PROMPTS, out=store),
        "rank": rank_curve("ioi", heads="a1.h2", prompts=N_PROMPTS, out=store),
        "concept": add_concept("ioi", layer=3, at="END", prompts=N_PROMPTS, out=store),
    }
    return {name: report.folder.name for name, report in reports.items()}


if __name__ == "__main__":
    main()
