"""The command that searches the size of a circuit whose size was given."""

from __future__ import annotations

from graphs.selection import SELECTIONS
from pipelines.discover.plan import selection_of
from pipelines.discover.rules import SIZES, has_size
from pipelines.discover.settings import DiscoverSettings
from pipelines.runs.method_settings import with_portable_paths
from pipelines.runs.options import command_line


def search_command(config: DiscoverSettings, *, is_told: bool) -> str | None:
    """The same discovery with the smallest faithful circuit; None where that is what was asked for, or cannot be.

    is_told  as files tell it that others read; False: as it is pasted here, with paths in full

    A rule that has no size to be searched, such as a threshold, is left to the default one. The store is not named:
    results say the same wherever they are kept.
    """
    rule = None if config.selection is None else SELECTIONS[config.selection]
    keeps_rule = rule is not None and has_size({"name": rule.name})
    own = {key: value for key, value in config.selection_settings.items() if keeps_rule and key not in SIZES}
    changes = {"edges": None, "threshold": None, "nodes": None, "selection_settings": own, "name": None}
    searching = config.model_copy(update=changes if keeps_rule else {**changes, "selection": None})
    if searching == config.model_copy(update={"name": None}) or not has_size(selection_of(searching)["rule"]):
        return None
    return command_line("discover", with_portable_paths(searching) if is_told else searching)
