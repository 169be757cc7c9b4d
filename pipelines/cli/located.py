"""Where what a command in a file names lies here: files tell no path of what lay elsewhere when they were made."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from circuits.files import is_file, read_bytes, reading_fault
from circuits.methods import METHODS
from circuits.model.fetchable import FETCHABLE
from circuits.model.sources import BUNDLED, GGUF, find_model, is_path, source_fingerprint
from pipelines.engine.execution import DEFAULT_STORE
from pipelines.runs.options import as_yaml_values
from pipelines.runs.run import run_folders
from pipelines.runs.settings import IMAGE_PATHS, CommandSettings, NamedRunConfig, RunConfig
from pipelines.runs.settings_file import parse_assignments, parse_lists


def located(
    commands: Sequence[tuple[Sequence[str], type[CommandSettings]]], facts: Mapping[str, Any], file: Path, out: Path
) -> list[list[str]]:
    """The words of each command with what they name where it lies here: as they say, beside the file that keeps them,
    or where runs of the same store say that they took it from.

    commands  the words of each, and its settings
    facts     what the file says of itself

    Only what has the content that the file says is taken, and of what it says no content, what is where the command
    says. ValueError where a prompt file or the file of a method's setting is not here, or has another content, for a
    model with other weights, and where it is not told which content belongs to which command.
    """
    known = _Known(file, out)
    parted = [([part for word in words for part in _parted(word)], settings) for words, settings in commands]
    return [_located(words, settings, own, file, known) for words, settings, own in _with_facts(parted, facts)]


def _located(
    words: Sequence[str], settings: type[CommandSettings], facts: Mapping[str, Any], file: Path, known: _Known
) -> list[str]:
    hashes, method, found = _hashes(facts), _method(words, settings), []
    for before, word in zip(["", *words], words, strict=False):
        if (name := Path(word).name) in hashes:
            found.append(_prompt_file(word, hashes[name], file, known))
        elif before == "--model":
            found.append(_model(word, facts, file, known))
        elif before == "--set":
            found.append(_assignment(word, method, facts, file, known))
        elif before == "--vary":
            found.append(_varied(word, method, facts, file, known))
        else:
            found.append(word)
    return found


def _with_facts(
    commands: Sequence[tuple[list[str], type[CommandSettings]]], facts: Mapping[str, Any]
) -> Iterator[tuple[list[str], type[CommandSettings], Mapping[str, Any]]]:
    """The commands, each with those facts that are of what it read.

    A command that makes a run has those of the run's circuit: of the one that is called as it says, else of the one in
    its place, where there are as many as such commands; else of all circuits by its method. Others have what jobs read.
    """
    circuits = [one for one in facts.get("circuits") or [facts.get("circuit")] if isinstance(one, Mapping)]
    labels = facts.get("compared") or [one.get("run") for one in circuits]
    names = [Path(label).name if isinstance(label, str) else None for label in labels]
    n_making, number = sum(issubclass(settings, NamedRunConfig) for _, settings in commands), 0
    for words, settings in commands:
        own = dict(facts)
        if circuits and issubclass(settings, NamedRunConfig):
            method, name = _method(words, settings), _given(words, "--name")
            if name is not None and names.count(name) == 1 and len(names) == len(circuits):
                fitting = [circuits[names.index(name)]]
            elif len(circuits) == n_making:
                fitting = [circuits[number]]
            else:
                fitting = [one for one in circuits if any(of.get("method") == method for of in _mappings(one))]
            own = {"circuits": fitting or circuits}
            own |= {} if _hashes(own) else {"prompts": facts.get("prompts")}
            number += 1
        elif facts.get("models"):
            own = {"models": facts["models"], "prompts": facts.get("prompts"), "read": facts.get("read")}
        yield words, settings, own


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

    content  the hash of what lies at a place; None where nothing does, and an OSError where that cannot be read
    """
    if len(wanted.hashes) > 1:
        raise ValueError(
            f"{file} keeps commands on {len(wanted.hashes)} {wanted.what} with different content: which of them a "
            "command takes is not said. Not run: rerun a file of one of the runs."
        )
    there, unread = [], []
    for path in _candidates(word, file, known):
        try:
            held = content(path)
        except OSError as error:
            unread.append(f"{path} ({reading_fault(error)})")
            continue
        if held in wanted.hashes:
            return path
        there += [] if held is None else [path]
    what = f"{file} was made from {wanted.what} with the {wanted.kind} {min(wanted.hashes)}"
    if unread:
        others = f" {_listed(there)} holds something else." if there else ""
        raise ValueError(f"{what}. Not readable: {', '.join(dict.fromkeys(unread))}.{others} Not run.")
    if there:
        raise ValueError(f"{what}, and {_listed(there)} holds something else. Not run.")
    raise ValueError(f"{what}, which is not here. Not run: put it where the command says, {word}.")


def _prompt_file(word: str, hashes: set[str], file: Path, known: _Known) -> str:
    wanted = _Wanted(f"a prompt file {Path(word).name}", hashes, "SHA-256")
    place = _taken(word, wanted, _sha256, file, known)
    return word if place == Path(word) else _from_here(place)


def _sha256(path: Path) -> str | None:
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "it is a folder")
    return hashlib.sha256(read_bytes(path)).hexdigest() if is_file(path) else None


def _assignment(word: str, method: str | None, facts: Any, file: Path, known: _Known) -> str:
    """A setting of a method, `KEY=VALUE`; of what is no path, or of what no content is told, as it is."""
    try:
        ((name, value),) = parse_assignments([word]).items()
    except ValueError:  # which the command says itself
        return word
    place = _setting(name, value, method, facts, file, known)
    return word if place == value else f"{name}={as_yaml_values([place])}"


def _varied(word: str, method: str | None, facts: Mapping[str, Any], file: Path, known: _Known) -> str:
    """A setting and its values, `KEY=V1,V2`: each that is a model, or a path that the method reads, where it lies."""
    try:
        ((name, values),) = parse_lists([word], "--vary").items()
    except ValueError:  # which the command says itself
        return word
    if name == "model":
        places = [_model(value, facts, file, known) if isinstance(value, str) else value for value in values]
    else:
        places = [_setting(name.replace("-", "_"), value, method, facts, file, known) for value in values]
    return word if places == values else f"{name}={as_yaml_values(places)}"


def _setting(name: str, value: Any, method: str | None, facts: Any, file: Path, known: _Known) -> Any:
    """The value of a method's setting; of a path of which a content is told, where that lies."""
    fingerprint = METHODS[method].path_settings().get(name) if method is not None and method in METHODS else None
    if fingerprint is None or not isinstance(value, str) or not (hashes := _settings(facts, name, method, value)):
        return value

    def content(path: Path) -> str | None:
        if not _exists(path):
            return None
        try:
            return fingerprint(str(path.absolute()))
        except ValueError:  # something that the method cannot take
            return ""

    place = _taken(value, _Wanted(f"{name} {Path(value).name}", hashes, "hash"), content, file, known)
    return value if place == Path(value) else _from_here(place)


def _from_here(place: Path) -> str:
    """A path that is taken for neither an option nor a name."""
    return str(place) if place.is_absolute() else f"./{place}"


def _model(word: str, facts: Mapping[str, Any], file: Path, known: _Known) -> str:
    if word in BUNDLED or word in FETCHABLE:
        return word
    weights, is_told_path = _weights(word, facts), _is_told_path(word, facts)
    there = [path for path in _candidates(word, file, known) if _exists(path)]
    if not there and not is_told_path:
        return word
    if len(weights) > 1:
        raise ValueError(
            f"{file} keeps commands on models with {len(weights)} weights: which of them are those of {word} is not "
            "said. Not run: rerun a file of one of the runs."
        )
    if not weights:
        if is_told_path and not _exists(Path(word)):
            raise ValueError(
                f"{file} says nothing of the weights of the model {word}, which is not where the command says. Not "
                "run: put it there."
            )
        return word
    others = []
    for path in there:
        if (held := _weights_at(path)) in weights:
            return word if path == Path(word) else _from_here(path)
        others += [] if held is None else [path]
    what = f"{file} was made with the weights {min(weights)} (fingerprint)"
    if others:
        raise ValueError(f"{what}, and {_listed(others)} has others. Not run.")
    if not is_told_path:
        return word
    if there:
        raise ValueError(f"{what}, and {_listed(there)} is no model. Not run.")
    raise ValueError(f"{what}, which are not here. Not run: put the model where the command says, {word}.")


def _weights_at(path: Path) -> str | None:
    """The fingerprint of the model at a place; None where there is none that can be read."""
    try:
        return source_fingerprint(find_model(str(path.absolute())))
    except (OSError, ValueError):
        return None


def _is_told_path(word: str, facts: Any) -> bool:
    """Whether a model is told by its path, not as OWNER/NAME of Hugging Face: such a one is shown by its whole name."""
    if word.startswith(("./", "../", "/")) or word.count("/") > 1 or word.lower().endswith(GGUF):
        return True
    shown = {one["model"] for one in _mappings(facts) if "model_fingerprint" in one and isinstance(one["model"], str)}
    return is_path(word) or ("/" in word and Path(word).name in shown and word not in shown)


def _listed(paths: Sequence[Path]) -> str:
    return " and ".join(dict.fromkeys(map(str, paths)))


def _hashes(facts: Any) -> dict[str, set[str]]:
    """Name of every prompt file that facts tell the content of -> its hashes."""
    found: dict[str, set[str]] = {}
    for one in _mappings(facts):
        if isinstance(one.get("file"), str) and isinstance(one.get("sha256"), str):
            found.setdefault(one["file"], set()).add(one["sha256"])
    return found


def _settings(facts: Any, name: str, method: str | None, value: str) -> set[str]:
    """The hashes that facts tell of what a method read for a setting that is a path: by the name of the file where they
    tell that, as those of a command do that read several."""
    read = [one for one in _mappings(facts) if one.get("setting") == name and one.get("read") == Path(value).name]
    if read:
        return {hashed for one in read if isinstance(hashed := one.get("hash"), str)}
    scored = [one for one in _mappings(facts) if one.get("method") == method and "model_fingerprint" in one]
    used = [given for one in scored if isinstance(given := one.get("settings"), Mapping)]
    return {hashed for given in used if isinstance(hashed := given.get(name), str)}


def _weights(word: str, facts: Mapping[str, Any]) -> set[str]:
    """The fingerprints that facts tell of a model: of jobs by its name, of circuits all."""
    of_jobs = facts.get("models")
    told = of_jobs.items() if isinstance(of_jobs, Mapping) else ()
    models = {name: one for name, one in told if isinstance(one, str)}
    own = word.removeprefix("./")
    # Of two folders that are called the same, one has its fingerprint behind its name.
    named = {one for name, one in models.items() if name.removeprefix("./") in (own, f"{own} ({one})")}
    if named:
        return named
    found = {one["model_fingerprint"] for one in _mappings(facts) if isinstance(one.get("model_fingerprint"), str)}
    return found | {*models.values()}


def _mappings(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        yield value
    if isinstance(value, Mapping | list):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _mappings(inner)
