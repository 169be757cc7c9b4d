"""Where what a command in a file names lies here: files tell no path of what lay elsewhere when they were made."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from circuits.files import read_bytes
from circuits.methods import METHODS
from circuits.model.sources import find_model, is_path, source_fingerprint
from pipelines.engine.execution import DEFAULT_STORE
from pipelines.runs.options import as_yaml_values
from pipelines.runs.run import is_file, run_folders
from pipelines.runs.settings import IMAGE_PATHS, CommandSettings, RunConfig
from pipelines.runs.settings_file import parse_assignments


def located(
    words: Sequence[str], settings: type[CommandSettings], facts: Mapping[str, Any], file: Path, out: Path
) -> list[str]:
    """The words of a command with what they name where it lies here: as they say, beside the file that keeps them, or
    where runs of the same store say that they took it from.

    facts  what the file says of itself

    Only what has the content that the file says is taken, and of what it says no content, what is where the command
    says. ValueError where a prompt file or the file of a method's setting is not here, or has another content, and for
    a model with other weights.
    """
    words = [part for word in words for part in _parted(word)]
    hashes, weights, known = _hashes(facts), _weights(facts), _Known(file, out)
    method, found = _method(words, settings), []
    for before, word in zip(["", *words], words, strict=False):
        if (name := Path(word).name) in hashes:
            found.append(_prompt_file(word, hashes[name], file, known))
        elif before == "--model":
            found.append(_model(word, weights, file, known))
        elif before == "--set":
            found.append(_assignment(word, method, facts, file, known))
        else:
            found.append(word)
    return found


def _parted(word: str) -> list[str]:
    """An option and its value, also where one word holds both."""
    return word.split("=", 1) if word.startswith("--") else [word]


def _given(words: Sequence[str], option: str) -> str | None:
    return next((word for before, word in pairwise(words) if before == option), None)


def _method(words: Sequence[str], settings: type[CommandSettings]) -> str | None:
    """The name of the method that a command uses; None of a command that uses none."""
    default = settings.model_fields["method"].default if issubclass(settings, RunConfig) else None
    return _given(words, "--method") or default


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


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that no file can have
        return False


class _Wanted(NamedTuple):
    """What a command reads, by its content.

    what    how errors call it, with its name
    hashes  its content, as the file tells it
    kind    what the hashes are called
    """

    what: str
    hashes: set[str]
    kind: str


def _taken(word: str, wanted: _Wanted, content: Callable[[Path], str | None], file: Path, known: _Known) -> Path:
    """The nearest place that holds what is wanted. ValueError where none does.

    content  the hash of what lies at a place; None where nothing does
    """
    if len(wanted.hashes) > 1:
        raise ValueError(
            f"{file} keeps commands on {len(wanted.hashes)} {wanted.what} with different content: which of them a "
            "command takes is not said. Not run: rerun a file of one of the runs."
        )
    there = {path: held for path in _candidates(word, file, known) if (held := content(path)) is not None}
    place = next((path for path, held in there.items() if held in wanted.hashes), None)
    if place is not None:
        return place
    what = f"{file} was made from {wanted.what} with the {wanted.kind} {min(wanted.hashes)}"
    if there:
        raise ValueError(f"{what}, and {_listed([*there])} holds something else. Not run.")
    raise ValueError(f"{what}, which is not here. Not run: put it where the command says, {word}.")


def _prompt_file(word: str, hashes: set[str], file: Path, known: _Known) -> str:
    wanted = _Wanted(f"a prompt file {Path(word).name}", hashes, "SHA-256")
    place = _taken(word, wanted, _sha256, file, known)
    return word if place == Path(word) else _from_here(place)


def _sha256(path: Path) -> str | None:
    return hashlib.sha256(read_bytes(path)).hexdigest() if is_file(path) else None


def _assignment(word: str, method: str | None, facts: Any, file: Path, known: _Known) -> str:
    """A setting of a method, `KEY=VALUE`; of what is no path, or of what no content is told, as it is."""
    try:
        ((name, value),) = parse_assignments([word]).items()
    except ValueError:  # which the command says itself
        return word
    fingerprint = METHODS[method].path_settings().get(name) if method is not None and method in METHODS else None
    hashes = _settings(facts, name, method)
    if fingerprint is None or not isinstance(value, str) or not hashes:
        return word

    def content(path: Path) -> str | None:
        if not _exists(path):
            return None
        try:
            return fingerprint(str(path.absolute()))
        except (OSError, ValueError):  # something that the method cannot read
            return ""

    place = _taken(value, _Wanted(f"{name} {Path(value).name}", hashes, "hash"), content, file, known)
    return word if place == Path(value) else f"{name}={as_yaml_values([_from_here(place)])}"


def _from_here(place: Path) -> str:
    """A path that is taken for neither an option nor a name."""
    return str(place) if place.is_absolute() else f"./{place}"


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


def _settings(facts: Any, name: str, method: str | None) -> set[str]:
    """The hashes that facts tell of what a method read for a setting that is a path."""
    scored = [one for one in _mappings(facts) if one.get("method") == method and "model_fingerprint" in one]
    used = [given for one in scored if isinstance(given := one.get("settings"), Mapping)]
    return {hashed for given in used if isinstance(hashed := given.get(name), str)}


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
