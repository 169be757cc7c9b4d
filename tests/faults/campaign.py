"""The campaign: every bad input there is, and one table of how they went. `make test-faults` runs it."""

from __future__ import annotations

import os
import resource
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from tests.faults import (
    command_lines,
    environments,
    failures,
    images,
    kills,
    model_folders,
    names,
    other_files,
    prompt_files,
    python_calls,
    settings_files,
    stores,
    views,
)
from tests.faults.sound import Sound, sound
from tests.faults.trial import Trial, Verdict, tried

KINDS: dict[str, Callable[[Sound], Iterator[Trial]]] = {
    module.KIND: module.trials
    for module in (
        command_lines,
        settings_files,
        prompt_files,
        images,
        other_files,
        names,
        python_calls,
        views,
        model_folders,
        stores,
        environments,
        failures,
        kills,
    )
}
_OUTCOMES = ("clear error", "restored", "right", "wrong")
_MEMORY = 24 * 2**30  # bytes of addresses: an input that asks for more fails, and not the computer
_SHOWN = 300


def all_trials(of: Sound) -> Iterator[Trial]:
    """Every trial of every kind."""
    for trials in KINDS.values():
        yield from trials(of)


def verdicts(trials: Iterable[Trial], work: Path) -> Iterator[Verdict]:
    """The verdict on each trial, in an empty folder."""
    for number, trial in enumerate(trials):
        folder = work / str(number)
        yield tried(trial, folder)
        for path in [folder, *folder.rglob("*")]:
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)


def table(found: Sequence[Verdict]) -> str:
    """How they went, by kind, in Markdown; below it what went wrong."""
    lines = ["| kind | tried | clear error | restored | right | wrong |", "| --- | ---: | ---: | ---: | ---: | ---: |"]
    for kind in (*dict.fromkeys(verdict.trial.kind for verdict in found), "all"):
        counts = Counter(verdict.outcome for verdict in found if kind in (verdict.trial.kind, "all"))
        lines.append(f"| {kind} | {counts.total()} | {' | '.join(str(counts[name]) for name in _OUTCOMES)} |")
    wrong = [verdict for verdict in found if verdict.outcome == "wrong"]
    lines += ["", *(f"- {verdict.trial}: {verdict.why} ({verdict.message[-_SHOWN:]!r})" for verdict in wrong)]
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    """Run all of them, write the table to the file that is named, and fail where anything went wrong."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, resource.getrlimit(resource.RLIMIT_AS)[1]))
    out = Path(sys.argv[1]).absolute()
    found: list[Verdict] = []
    with tempfile.TemporaryDirectory(prefix="faults-") as place:
        of = sound(Path(place) / "sound")
        for verdict in verdicts(all_trials(of), Path(place) / "work"):
            found.append(verdict)
            if verdict.outcome == "wrong":
                sys.stdout.write(f"{verdict.trial}: {verdict.why}\n")
                sys.stdout.flush()
    text = table(found)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text)
    sys.stdout.write(text.partition("\n\n")[0] + f"\n{out}\n")
    sys.exit(any(verdict.outcome == "wrong" for verdict in found))


if __name__ == "__main__":
    main()
