"""Settings of a method, checked against its fields before anything runs."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter, ValidationError

from circuits.lookup import lookup, unknown
from circuits.methods import METHODS, Method
from pipelines.runs.settings import require_current_names


def make_method(name: str, settings: Mapping[str, Any]) -> Method:
    """The method `name` with `settings`; raises a ValueError that names the setting at fault."""
    method = lookup(METHODS, name, "method")
    known = [field.name for field in dataclasses.fields(method) if field.init]
    require_current_names(settings, known)
    for key in settings:
        if key not in known:
            if not known:
                raise ValueError(f"method {name!r} has no settings; got {key!r}.")
            raise ValueError(unknown(key, known, f"setting of {name}"))
    try:
        return TypeAdapter(method).validate_python(dict(settings))
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(str(part) for part in fault["loc"])
        message = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "tuple_type":
            message = "expected a list, such as [a, b]"
        if not where:
            raise ValueError(f"method {name!r}: {message}") from None
        raise ValueError(f"method {name!r}, setting {where}: {message} (got {fault['input']!r}).") from None


def checked_settings(name: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """All settings of a method with their defaults filled in, as JSON values."""
    return json.loads(json.dumps(dataclasses.asdict(make_method(name, settings))))


def without_places(method: Mapping[str, Any]) -> dict[str, Any]:
    """A method's name and settings, with the fingerprint of given autoencoders in place of their path."""
    settings = dict(method["settings"])
    if settings.get("autoencoder") is not None:
        from circuits.head_codes.saelens_files import fingerprint

        settings["autoencoder"] = fingerprint(settings["autoencoder"])
    return {**method, "settings": settings}
