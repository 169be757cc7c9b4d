"""Scores as pandas frames. pandas is imported when a frame is made: nothing else here needs it.

A frame that is wider than its terminal is shown without its middle: what a row is stands first, its score last, and
numbers that names say too between them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from circuits.arrays import Bools, Floats, Numbers
from circuits.components import Component, Wiring
from circuits.intervals import Interval
from circuits.masks import edge_sources

if TYPE_CHECKING:
    import pandas as pd

Columns = dict[str, Any]


def edge_frame(wiring: Wiring, values: Mapping[str, Any]) -> pd.DataFrame:
    """One row per possible edge: its name, its ends and its port, then the columns `values`.

    `layer`, `head` and `index` (of a head in its layer) are those of the source, which writes; `target_layer` and
    `target_index` of the target.
    """
    import pandas as pd

    of_edges = _edge_columns(wiring, np.arange(wiring.n_edges))
    return pd.DataFrame({name: column.of_rows() for name, column in of_edges.items()} | {**values})


def edge_frame_per_prompt(wiring: Wiring, per_prompt: Floats, measured: Bools, more: Columns) -> pd.DataFrame:
    """One row per prompt and measured edge, in the order of the prompts; names are categories, which take two bytes.

    per_prompt, measured  [prompt, edge], [edge]
    """
    import pandas as pd

    chosen, n_prompts = np.flatnonzero(measured), len(per_prompt)
    columns: Columns = {"prompt": np.repeat(np.arange(n_prompts, dtype=np.int32), len(chosen))}
    columns |= {name: column.tiled(n_prompts) for name, column in _edge_columns(wiring, chosen).items()}
    return pd.DataFrame(columns | _with_score(per_prompt.take(chosen, axis=1).ravel(), more), copy=False)


def component_frame(
    components: Sequence[Component], positions: Sequence[str], values: Mapping[str, Any]
) -> pd.DataFrame:
    """One row per position and component: its name, kind, layer, head, index, position; then the columns `values`."""
    import pandas as pd

    at = np.repeat(np.asarray(positions, dtype=object), len(components))
    repeated = list(components) * len(positions)
    return pd.DataFrame({**_parts(repeated), "position": at, **values})


def component_frame_per_prompt(
    components: Sequence[Component], positions: Sequence[str], per_prompt: Floats, measured: Bools, more: Columns
) -> pd.DataFrame:
    """One row per prompt, position and component, where it was measured.

    per_prompt, measured  [prompt, position, component]
    """
    import pandas as pd

    prompt, position, part = np.nonzero(measured)
    columns: Columns = {"prompt": prompt.astype(np.int32)}
    columns |= {name: _taken(values, part) for name, values in _parts(components).items()}
    columns["position"] = pd.Categorical.from_codes(position, pd.Index(positions))  # pyright: ignore[reportArgumentType]
    return pd.DataFrame(columns | _with_score(per_prompt[prompt, position, part], more), copy=False)


def score_columns(
    means: Floats, interval: Interval[Floats], measured: Bools, *, score_is: str, measured_by: str
) -> Columns:
    """What frames say of scores [row]: missing where not measured, ends also where the interval is unbounded."""

    def known(values: Floats) -> Floats:
        return np.where(measured & np.isfinite(values), values, np.nan)

    return {
        "score_is": [score_is if one else "not measured" for one in measured],
        "measured_by": [measured_by if one else None for one in measured],
        "score": known(means),
        "low": known(interval.low),
        "high": known(interval.high),
    }


def strongest_rows(frame: pd.DataFrame, columns: Sequence[str], n: int) -> list[tuple[object, ...]]:
    """The values of the rows with the largest scores of either sign; None for what is missing."""
    order = (-frame["score"].abs()).argsort(kind="stable").iloc[:n]
    chosen = frame[list(columns)].iloc[order].astype(object)
    return [tuple(row) for row in chosen.where(chosen.notna(), None).to_numpy()]


class _Column(NamedTuple):
    """A column as values that rows take by number: of 70,000 edges there are 1,200 ends.

    values  a list of texts or None, or an array of whole numbers
    """

    values: Any
    numbers: Numbers

    def of_rows(self) -> Any:
        """The column: texts as they are."""
        if isinstance(self.values, list):
            return np.array(self.values, dtype=object)[self.numbers]
        return self.values.take(self.numbers)

    def tiled(self, n: int) -> Any:
        """The column n times over: texts as categories, of which it has those that occur."""
        import pandas as pd

        if isinstance(self.values, list):
            used, numbers = np.unique(self.numbers, return_inverse=True)
            once = pd.Categorical([self.values[number] for number in used.tolist()]).take(numbers)
            return pd.Categorical.from_codes(np.tile(once.codes, n), dtype=once.dtype)
        once = self.values.take(self.numbers)
        numbers, lacks = once.to_numpy(once.dtype.numpy_dtype, na_value=0), once.isna()
        return pd.arrays.IntegerArray(np.tile(numbers, n), np.tile(lacks, n))


def _edge_columns(wiring: Wiring, chosen: Numbers) -> dict[str, _Column]:
    """What is said of the edges of these numbers, from what is said of the writers and the readers once."""
    source = edge_sources(wiring)[chosen]
    target = np.repeat(np.arange(len(wiring.readers)), np.diff(wiring.edge_offsets))[chosen]
    writers, readers = wiring.writers, wiring.readers
    targets = [reader.component for reader in readers]
    begin, end = [f"{writer}->" for writer in writers], [str(reader) for reader in readers]
    names = [begin[one] + end[other] for one, other in zip(source.tolist(), target.tolist(), strict=True)]
    return {
        "edge": _Column(names, np.arange(len(names))),
        "source": _Column([str(writer) for writer in writers], source),
        "target": _Column([str(part) for part in targets], target),
        "port": _Column([reader.port for reader in readers], target),
        **{name: _Column(values, source) for name, values in _place(writers).items()},
        "target_layer": _Column(_whole(part.layer for part in targets), target),
        "target_index": _Column(_indices(targets), target),
    }


def _parts(components: Sequence[Component]) -> Columns:
    names = {"component": [str(part) for part in components], "kind": [part.kind for part in components]}
    return names | _place(components)


def _place(parts: Sequence[Component]) -> Columns:
    """The layer, missing where a component is of none, and the name and index of a head, missing for what is none."""
    heads = [str(part) if part.is_head else None for part in parts]
    return {"layer": _whole(part.layer for part in parts), "head": heads, "index": _indices(parts)}


def _indices(parts: Sequence[Component]) -> Any:
    """Those of heads in their layers; missing for what is none."""
    return _whole(part.index if part.is_head else None for part in parts)


def _whole(values: Iterable[int | None]) -> Any:
    """Whole numbers, some of them missing."""
    import pandas as pd

    return pd.array(list(values), dtype="Int16")


def _taken(values: Any, rows: Numbers) -> Any:
    import pandas as pd

    column = pd.Categorical(values) if isinstance(values, list) else values
    return column.take(rows)


def _with_score(scores: Floats, more: Mapping[str, str]) -> Columns:
    """Columns of single scores [row]: what they are and by what they were measured, as categories, and the scores."""
    import pandas as pd

    codes = np.zeros(len(scores), dtype=np.int8)
    same = {name: pd.Categorical.from_codes(codes, pd.Index([text])) for name, text in more.items()}  # pyright: ignore[reportArgumentType]
    return same | {"score": scores}
