"""The prompts of a file as a model sees them, and whether it answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from circuits.ablations import Corrupt, Mean, no_partners
from circuits.data.answers import Answer, tokens_of
from circuits.data.faults import Faults, faults_of
from circuits.data.left_out import lines_left_out
from circuits.data.prompt_files import BadPrompts, set_of_lines
from circuits.data.prompt_lines import NEGATIVE, PAIR, Line, parse_entry
from circuits.data.prompts import PromptSet, copies_in
from circuits.data.records import Entry
from circuits.data.text_checks import COULD_BE_ONE, MIXED_SPACES, WITHOUT_SPACE
from circuits.data.tokenizer import joined_text, quoted, token_texts
from circuits.evaluation.first_tokens import FirstToken, first_tokens
from circuits.metrics import METRICS
from circuits.model.load import Model, load_for_reading
from circuits.model.phases import phase, reached
from circuits.model.sources import find_model
from circuits.model.tokenizers import tokenizer_of
from circuits.numbers import count_text
from pipelines.engine.watched_phase import counted_phase
from pipelines.prompts.build import built
from pipelines.prompts.checked import LINE, PROMPT, Checked
from pipelines.prompts.rows import prompt_row
from pipelines.reporting.tables import Row
from pipelines.runs.caveats import with_size
from pipelines.runs.settings import PromptSettings, RunConfig
from pipelines.runs.shell_text import shell_line

_NO_ANSWER = "the model does not answer"
_MIXED = "the prompt holds its answer, and others do not"
_CORRUPT_ANSWERS = "the corrupt prompt is answered like the clean one"
_ONLY_CORRUPT = "only the corrupt prompt gets the answer"
_EXCHANGED = "the answer and the wrong answer look exchanged"
_LONG = "answers of several tokens"
_METRIC = METRICS[RunConfig.model_fields["metric"].default]


def check_made(config: PromptSettings, path: Path) -> Checked:
    """The prompts that are made of a template, or of questions about images."""
    try:
        model, prompts = built(config, for_reading=True)
    except BadPrompts as error:
        return Checked(str(path), find_model(config.model).name, (), error.of_lines)
    pairs = dict(enumerate(Line(PAIR, prompt) for prompt in prompts))
    remarks = tuple(with_size(prompts.notes, config, len(prompts)))
    checked = Checked(str(path), model.name, _rows(model, pairs, PROMPT), unit=PROMPT, remarks=remarks)
    return _as_a_set(checked, config, pairs)


def check_lines(config: PromptSettings, path: Path, entries: Sequence[Entry]) -> Checked:
    """The prompts of a file's lines, good ones and bad ones."""
    # The tokenizer alone tells what is wrong with a line: weights are loaded for good ones.
    name, tokenizer = find_model(config.model).name, tokenizer_of(config.model)
    left_out = {line.number: line for line in lines_left_out(entries, unchanged=True)}
    good: dict[int, Line] = {}
    faults: list[tuple[int, str]] = []
    with phase(f"reading {count_text(len(entries), 'line')} of {path} as tokens"):
        for number, entry in enumerate(entries, 1):
            try:
                line = parse_entry(entry, tokenizer, file=path.name)
            except ValueError as error:
                faults += [(entry.number, fault) for fault in faults_of(error)]
            else:
                good |= {} if entry.number in left_out else {entry.number: line}
            reached(number / len(entries))
        if not faults:
            set_of_lines([*good.values()], entries, str(path), path.stem, leaves_out_unchanged=True)
    loaded = load_for_reading(config.model) if good else None
    if loaded is not None:
        with phase(f"checking the lines of {path} against what {name} takes"):
            faults += _beyond(loaded, good)
    bad = {number for number, _ in faults}
    good = {number: line for number, line in good.items() if number not in bad}
    rows = () if loaded is None else _rows(loaded, good, LINE)
    kept_out = tuple(line for number, line in left_out.items() if number not in bad)
    return _as_a_set(Checked(str(path), name, rows, tuple(sorted(faults)), kept_out), config, good)


def _as_a_set(checked: Checked, config: PromptSettings, good: Mapping[int, Line]) -> Checked:
    """What was checked, with what is to know of all good lines together: copies among them, and what `circuits
    discover` says of them before it loads a model."""
    asked = {number: line for number, line in good.items() if line.label != NEGATIVE}
    if not asked:
        return checked
    negatives = tuple(line.prompt for line in good.values() if line.label == NEGATIVE)
    prompts = PromptSet(Path(checked.file).stem, tuple(line.prompt for line in asked.values()), negatives)
    # Of labeled prompts, the negatives may all be among the bad lines.
    is_paired = all(line.label == PAIR for line in good.values())
    faults, is_of_images = Faults(), any(prompt.image is not None for prompt in prompts)
    faults.in_call(_METRIC.check, prompts)
    if not is_paired:
        faults.add(no_partners(prompts.task))
    elif not is_of_images:  # which runs put noise on
        faults.in_call(Corrupt().check, prompts)
    metric, options = _METRIC.instead(prompts), list[str]()
    options += [] if metric is None else ["--metric", metric]
    options += [] if is_paired else ["--ablation", Mean.name]
    instead = None
    if options and not (is_paired and prompts.unchanged):  # which the file has to be changed for
        instead = shell_line(["circuits", "discover", checked.file, "--model", config.model, *options])
    remarks = (*checked.remarks, *copies_in(prompts))
    return checked._replace(remarks=remarks, refusals=tuple(faults.said), instead=instead)


def _beyond(model: Model, good: Mapping[int, Line]) -> list[tuple[int, str]]:
    """The lines that this model cannot take, such as those with ids beyond its vocabulary."""
    prompts = tuple(line.prompt for line in good.values())
    try:
        if prompts:
            model.check_prompts(PromptSet("prompts", prompts))
    except ValueError:
        return [(number, fault) for number, line in good.items() if (fault := _fault(model, line)) is not None]
    return []


def _fault(model: Model, line: Line) -> str | None:
    try:
        model.check_prompts(PromptSet("prompts", (line.prompt,)))
    except ValueError as error:
        return str(error).removeprefix(str(line.prompt.origin)).lstrip(": ")
    return None


def _rows(model: Model, good: Mapping[int, Line], unit: str) -> tuple[Row, ...]:
    if not good:
        return ()
    with counted_phase(f"asking {model.name} what it says after {count_text(len(good), 'prompt')}"):
        said = first_tokens(model, PromptSet("prompts", tuple(line.prompt for line in good.values())))
    rows = [
        {unit: number, **_row(model, line, says.clean, says.corrupt if line.label == PAIR else None)}
        for (number, line), says in zip(good.items(), said, strict=True)
    ]
    asking = [row for row in rows if row["label"] != NEGATIVE]
    copying = [(row, copied) for row in asking if (copied := _copied(row)) is not None]
    if len(copying) < len(asking):
        for row, copied in copying:
            detail = f"{quoted(copied)} stands in it: to copy an answer and to know it are two tasks."
            row["notes"].append({"kind": _MIXED, "detail": detail})
    for row, line in zip(rows, good.values(), strict=True):
        # What is not meant to have several is said already.
        kinds = {warning.kind for warning in line.prompt.warnings}
        if line.prompt.has_long_answers and kinds.isdisjoint((COULD_BE_ONE, MIXED_SPACES, WITHOUT_SPACE)):
            long = max([*row["answers"], *row["wrong_answers"]], key=len)
            row["notes"].append({"kind": _LONG, "detail": f"{' + '.join(map(quoted, long))}."})
    return tuple(rows)


def _copied(row: Row) -> str | None:
    """The answer whose tokens stand in the clean prompt, but for spaces; None where none does."""
    clean = [token.strip() for token in row["clean"]]
    for answer in row["answers"]:
        tokens = [token.strip() for token in answer]
        if any(clean[start : start + len(tokens)] == tokens for start in range(len(clean))):
            return joined_text(answer)
    return None


def _row(model: Model, line: Line, says: FirstToken, corrupt: FirstToken | None) -> Row:
    prompt = line.prompt
    notes = [warning._asdict() for warning in prompt.warnings]
    (top,) = token_texts([says.token], model.tokenizer)
    firsts = [tokens_of(answer)[0] for answer in prompt.answers]
    near = (
        answer
        for answer, text in zip(firsts, token_texts(firsts, model.tokenizer), strict=True)
        if says.token not in firsts and text != top and text.strip() == top.strip()
    )
    # What the text says already is not said again.
    is_said = any(warning.kind in (WITHOUT_SPACE, MIXED_SPACES) for warning in prompt.warnings)
    if not is_said and (meant := next(near, None)) is not None:
        (given,) = token_texts([meant], model.tokenizer)
        notes.append({"kind": "answer that differs by a space", "detail": _space(given, top)})
    if says.is_correct == (line.label == NEGATIVE):
        what = "the model gives the answer of a negative" if line.label == NEGATIVE else _NO_ANSWER
        notes.append({"kind": what, "detail": f"it says {quoted(top)} first ({says.probability:.0%})."})
    is_as_wrong = _begins(prompt.wrong_answers, says) and not _begins(prompt.answers, says)
    if corrupt is not None and corrupt.is_correct and is_as_wrong:
        (answered,) = token_texts([corrupt.token], model.tokenizer)
        clean = f"the clean prompt is answered {quoted(top)}, which stands as wrong"
        detail = f"{clean}, and the corrupt one {quoted(answered)}."
        notes.append({"kind": _EXCHANGED, "detail": detail})
    elif corrupt is not None and corrupt.is_correct and not says.is_correct:
        detail = "the model prefers it there, and not after the clean prompt."
        notes.append({"kind": _ONLY_CORRUPT, "detail": detail})
    elif corrupt is not None and corrupt.is_correct:
        detail = "what the corrupt prompt changes is not what the answer rests on, for this model."
        notes.append({"kind": _CORRUPT_ANSWERS, "detail": detail})
    return {
        **prompt_row(prompt, line.label, model.tokenizer),
        "says": _says(model, says),
        "corrupt_says": None if corrupt is None else _says(model, corrupt),
        "notes": notes,
    }


def _begins(answers: Sequence[Answer], says: FirstToken) -> bool:
    return says.token in [tokens_of(answer)[0] for answer in answers]


def _space(given: str, top: str) -> str:
    return f"the answer begins with {quoted(given)}, and the model says {quoted(top)}: did you mean {quoted(top)}?"


def _says(model: Model, first: FirstToken) -> dict[str, Any]:
    (text,) = token_texts([first.token], model.tokenizer)
    return {"token": text, "probability": first.probability, "is_correct": first.is_correct}
