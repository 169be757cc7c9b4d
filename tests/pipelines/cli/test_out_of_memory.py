"""A batch that does not fit is halved, and the command says so while the run goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from circuits.model.forward import Forward


def test_a_command_warns_that_batches_are_halved_and_goes_on(
    circuits: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    record = Forward.record

    def limited(self: Forward, ids: Any, *rest: Any, **options: Any) -> Any:
        """As in a process in which no three prompts can be recorded at once."""
        if len(ids) > 2:
            raise MemoryError
        return record(self, ids, *rest, **options)

    monkeypatch.setattr(Forward, "record", limited)
    done = circuits("discover", "induction", "--prompts", "8", "--method", "eap", "--edges", "20")
    assert done.exit_code == 0, done.stderr
    said = [text for text in caplog.messages if text.startswith("out of memory on cpu")]
    assert said
    assert all("going on with half of them" in text for text in said)
    assert "7 of 7 jobs computed" in done.stdout
