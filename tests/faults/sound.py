"""What is sound, and is then damaged: a tiny model, prompts for it, and a store with runs of them."""

from __future__ import annotations

import shutil
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.faults.trial import invoke
from tests.pipelines.conftest import write_native_model, write_prompts


class Sound(NamedTuple):
    """Sound inputs, which no trial changes.

    folder   holds the others
    model    a random model of two layers
    prompts  twelve pairs for it
    runs     a store with the runs `run` and `other` of them
    """

    folder: Path
    model: Path
    prompts: Path
    runs: Path
    run: str
    other: str

    def discover(self, *, prompts: str | Path | None = None, model: str | Path | None = None) -> list[str]:
        """A `discover` command, with what is sound where nothing else is given."""
        given = [str(prompts or self.prompts), "--model", str(model or self.model)]
        return ["discover", *given, "--method", "eap", "--edges", "20", "--prompts-per-job", "6", "--quiet"]

    def copy_runs(self, folder: Path) -> None:
        """The store, in a folder in which a trial runs."""
        shutil.copytree(self.runs, folder / "runs")


@cache
def sound(folder: Path) -> Sound:
    """The sound inputs in a folder; made at first."""
    folder.mkdir(parents=True, exist_ok=True)
    made = Sound(
        folder, write_native_model(folder / "model"), write_prompts(folder / "pairs.jsonl"), folder / "runs", "", ""
    )
    names = []
    for edges in ("20", "30"):
        arguments = made.discover()
        arguments[arguments.index("--edges") + 1] = edges
        said = invoke([*arguments, "--runs", str(made.runs)])
        assert said.exit_code == 0, said
        (name,) = {path.parent.name for path in made.runs.glob("*/run.json")} - set(names)
        names.append(name)
    return made._replace(run=names[0], other=names[1])
