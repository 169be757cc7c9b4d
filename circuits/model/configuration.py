"""The configuration of a model of the Hugging Face layout, as transformers reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from circuits.model.fitting import text_of
from circuits.model.sources import ModelSource

_LONGEST_VALUE = 80  # characters of one in an error


def read_configuration(source: ModelSource) -> Any:
    """The configuration. ValueError that names a value which the family does not take."""
    from transformers import AutoConfig

    with values_refused_by_name(source):
        return AutoConfig.from_pretrained(source.folder, trust_remote_code=False)


@contextmanager
def values_refused_by_name(source: ModelSource) -> Iterator[None]:
    """Within it, a value that the family does not take is named as it is written, in a ValueError."""
    from huggingface_hub.errors import StrictDataclassFieldValidationError

    try:
        yield
    except StrictDataclassFieldValidationError as error:
        name = str(error).partition("'")[2].partition("'")[0]
        written = source.config
        value = json.dumps(text_of(written).get(name, written.get(name)))
        raise ValueError(
            f"{source.folder / 'config.json'} says {name} = {value[:_LONGEST_VALUE]}, which models of type "
            f"{written.get('model_type')!r} do not take. Give the model's own configuration."
        ) from None
