"""Scores as pandas frames. pandas is imported when a frame is made: nothing else here needs it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from circuits.arrays import Bools, Floats, Numbers
from circuits.components import Component, Edge
from circuits.intervals import Interval

if TYPE_CHECKING:
    import pandas as pd

Columns = dict[str, Any]


def edge_frame(edges: Sequence[Edge], values: Mapping[str, Any]) -> pd.DataFrame:
    """One row per edge: its name, its ends and its port, then the columns `values`.

    `layer` and `index` (of a head in its layer) are those of the source, which writes; `target_layer` and
    `target_index` of the target.
    """
    import pandas as pd

    return pd.DataFrame({"edge": [str(edge) for edge in edges], **_ends(edges), **values})


def edge_frame_per_prompt(edges: Sequence[Edge], per_prompt: Floats, measured: Bools, more: Columns) -> pd.DataFrame:
    """One row per prompt and measured edge, in the order of the prompts; names are categories, which take two bytes.

    per_prompt  [prompt, edge]
    """
    import pandas as pd

    chosen = np.flatnonzero(measured).tolist()
    n_prompts, kept = len(per_prompt), [edges[number] for number in chosen]
    of_one = {"edge": [str(edge) for edge in kept], **_ends(kept)}
    columns: Columns = {"prompt": np.repeat(np.arange(n_prompts, dtype=np.int32), len(kept))}
    columns |= {name: _repeated(values, n_prompts) for name, values in of_one.items()}
    columns["score"] = per_prompt[:, chosen].ravel()
    return pd.DataFrame(columns | _same(more, n_prompts * len(kept)), copy=False)


def component_frame(
    components: Sequence[Component], positions: Sequence[str], values: Mapping[str, Any]
) -> pd.DataFrame:
    """One row per position and component: its name, kind, layer, index and position, then the columns `values`."""
    import pandas as pd

    at = np.repeat(np.asarray(positions, dtype=object), len(components))
    return pd.DataFrame({**_parts(components, len(positions)), "position": at, **values})


def component_frame_per_prompt(
    components: Sequence[Component], positions: Sequence[str], per_prompt: Floats, measured: Bools, more: Columns
) -> pd.DataFrame:
    """One row per prompt, position and component, where it was measured.

    per_prompt, measured  [prompt, position, component]
    """
    import pandas as pd

    prompt, position, part = np.nonzero(measured)
    of_one = _parts(components, 1)
    columns: Columns = {"prompt": prompt.astype(np.int32)}
    columns |= {name: _taken(values, part) for name, values in of_one.items()}
    columns["position"] = pd.Categorical.from_codes(position, pd.Index(positions))  # pyright: ignore[reportArgumentType]
    columns["score"] = per_prompt[prompt, position, part]
    return pd.DataFrame(columns | _same(more, len(prompt)), copy=False)


def score_columns(means: Floats, interval: Interval[Floats], measured: Bools, *, score_is: str, method: str) -> Columns:
    """What frames say of scores [row]: missing where not measured, ends also where the interval is unbounded."""

    def known(values: Floats) -> Floats:
        return np.where(measured & np.isfinite(values), values, np.nan)

    return {
        "score": known(means),
        "low": known(interval.low),
        "high": known(interval.high),
        "score_is": [score_is if one else "not measured" for one in measured],
        "method": [method if one else None for one in measured],
    }


def strongest_rows(frame: pd.DataFrame, columns: Sequence[str], n: int) -> list[tuple[object, ...]]:
    """The values of the rows with the largest scores of either sign; None for what is missing."""
    order = (-frame["score"].abs()).argsort(kind="stable").iloc[:n]
    chosen = frame[list(columns)].iloc[order].astype(object)
    return [tuple(row) for row in chosen.where(chosen.notna(), None).to_numpy()]


def _ends(edges: Sequence[Edge]) -> Columns:
    sides = {"": [edge.source for edge in edges], "target_": [edge.target for edge in edges]}
    numbers = {
        f"{side}{name}": values for side, parts in sides.items() for name, values in _layer_and_index(parts).items()
    }
    named = {"source": [str(part) for part in sides[""]], "target": [str(part) for part in sides["target_"]]}
    return named | {"port": [edge.port for edge in edges]} | numbers


def _parts(components: Sequence[Component], n: int) -> Columns:
    """The columns of components, all of them n times."""
    repeated = list(components) * n
    return {
        "component": [str(part) for part in repeated],
        "kind": [part.kind for part in repeated],
        **_layer_and_index(repeated),
    }


def _layer_and_index(parts: Iterable[Component]) -> Columns:
    """Whole numbers; missing where a component is of no layer, or no head."""
    import pandas as pd

    parts = list(parts)
    layers, heads = [part.layer for part in parts], [part.index if part.is_head else None for part in parts]
    return {"layer": pd.array(layers, dtype="Int16"), "index": pd.array(heads, dtype="Int16")}


def _repeated(values: Any, n: int) -> Any:
    """The values n times over; texts as categories."""
    return _taken(values, np.tile(np.arange(len(values)), n))


def _taken(values: Any, rows: Numbers) -> Any:
    import pandas as pd

    column = pd.Categorical(values) if isinstance(values, list) else values
    return column.take(rows)


def _same(more: Columns, n_rows: int) -> Columns:
    """The same text in every row, as a category."""
    import pandas as pd

    codes = np.zeros(n_rows, dtype=np.int8)
    return {name: pd.Categorical.from_codes(codes, pd.Index([text])) for name, text in more.items()}  # pyright: ignore[reportArgumentType]
