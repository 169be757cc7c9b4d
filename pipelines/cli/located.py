"""Where what a command in a file names lies here: files tell no path of what lay elsewhere when they were made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from circuits.files import read_bytes
from circuits.methods import METHODS
from circuits.model.sources import find_model, is_path, source_fingerprint
from pipelines.engine.execution import DEFAULT_STORE
from pipelines.runs.run import is_file, run_folders
from pipelines.runs.settings import IMAGE_PATHS


def located(words: Sequence[str], facts: Mapping[str, Any], file: Path, out: Path) -> list[str]:
    """The words of a command with what they name where it lies here: as they say, beside the file that keeps them, or
    where runs of the same store say that they took it from.

    facts  what the file says of itself

    ValueError where a prompt file is not here, or has another content than the file says, and for a model with other
    weights.
    """
    hashes, weights, known = _hashes(facts), _weights(facts), _Known(file, out)
    found = []
    for before, word in zip(["", *words], words, strict=False):
        if (name := Path(word).name) in hashes:
            found.append(_prompt_file(word, hashes[name], file, known))
        elif before == "--model":
            found.append(_model(word, weights, file, known))
        else:
            key, is_set, value = word.rpartition("=")
            place = _place(value, file, known) if value and not word.startswith("-") else None
            found.append(word if place is None else f"{key}{is_set}{place}")
    return found


class _Known:
    """What the runs of the stores near a file took from where, read when first asked for: name -> places."""

    def __init__(self, file: Path, out: Path) -> None:
        self._stores = dict.fromkeys((file, file.parent, file.parent.parent, DEFAULT_STORE, out))
        self._places: dict[str, list[Path]] | None = None

    def __call__(self, name: str) -> list[Path]:
        if self._places is None:
            self._places = {}
            for path in (path for store in self._stores for path in _paths_in(store)):
                self._places.setdefault(path.name, []).append(path)
        return list(dict.fromkeys(self._places.get(name, [])))


def _paths_in(store: Path) -> Iterator[Path]:
    """The absolute paths in the settings of a store's runs; of damaged ones none."""
    from pipelines.runs.record import read_record

    for folder in run_folders(store):
        try:
            config = read_record(folder)["config"]
        except ValueError:
            continue
        method = METHODS.get(config["method"])
        of_method = config.get("settings") or {}
        given = [config["task"], config["model"], *(config.get(name) for name in IMAGE_PATHS)]
        given += [] if method is None else [of_method.get(name) for name in method.path_settings()]
        yield from (Path(one) for one in given if isinstance(one, str) and Path(one).is_absolute())


def _candidates(word: str, file: Path, known: _Known) -> Iterator[Path]:
    """Where something may lie that a command names, nearest first."""
    folder = file if file.is_dir() else file.parent
    yield Path(word)
    yield from (folder / word, folder / Path(word).name)
    yield from known(Path(word).name)


def _place(word: str, file: Path, known: _Known) -> str | None:
    """Where something lies that is not where a command says; None where it is there, or nowhere."""
    if _exists(Path(word)) or (not Path(word).suffix and "/" not in word):
        return None
    return next((str(path) for path in _candidates(word, file, known) if _exists(path)), None)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that no file can have
        return False


def _prompt_file(word: str, hashes: set[str], file: Path, known: _Known) -> str:
    name = Path(word).name
    if len(hashes) > 1:
        raise ValueError(
            f"{file} keeps commands on {len(hashes)} prompt files that are all called {name}: which of them a command "
            "takes is not said. Not run: rerun a file of one of the runs."
        )
    there = [path for path in _candidates(word, file, known) if is_file(path)]
    place = next((path for path in there if hashlib.sha256(read_bytes(path)).hexdigest() in hashes), None)
    if place is not None:
        return word if place == Path(word) else str(place)
    what = f"{file} was made from a prompt file {name} with the SHA-256 {min(hashes)}"
    if there:
        raise ValueError(f"{what}, and {_listed(there)} holds something else. Not run.")
    raise ValueError(f"{what}, which is not here. Not run: put it where the command says, {word}.")


def _model(word: str, weights: set[str], file: Path, known: _Known) -> str:
    is_folder = is_path(word) or word.startswith("./")
    if not is_folder and not known(Path(word).name):
        return word
    there = [path for path in _candidates(word, file, known) if _exists(path)]
    place = next((path for path in there if not weights or source_fingerprint(find_model(str(path))) in weights), None)
    if place is not None:
        return word if place == Path(word) else str(place)
    if there and is_folder:
        raise ValueError(
            f"{file} was made with the weights {' or '.join(sorted(weights))} (fingerprint), and {_listed(there)} has "
            "others. Not run."
        )
    return word


def _listed(paths: Sequence[Path]) -> str:
    return " and ".join(dict.fromkeys(map(str, paths)))


def _hashes(facts: Any) -> dict[str, set[str]]:
    """Name of every prompt file that facts tell the content of -> its hashes."""
    found: dict[str, set[str]] = {}
    for one in _mappings(facts):
        if isinstance(one.get("file"), str) and isinstance(one.get("sha256"), str):
            found.setdefault(one["file"], set()).add(one["sha256"])
    return found


def _weights(facts: Mapping[str, Any]) -> set[str]:
    """The fingerprints of all models that facts tell of."""
    found = (one.get("model_fingerprint") for one in _mappings(facts))
    of_jobs = facts.get("models")
    return {*filter(None, found), *(of_jobs.values() if isinstance(of_jobs, Mapping) else ())}


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
    if isinstance(value, Mapping | list):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _mappings(inner)
