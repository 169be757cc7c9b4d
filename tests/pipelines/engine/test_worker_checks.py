"""A worker that would compute with another model is named before a job is sent to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from distributed import Client

from circuits.model.sources import model_fingerprint
from pipelines.engine.worker_checks import require_models


@pytest.fixture
def client(scheduler: str) -> Iterator[Any]:
    with Client(scheduler, set_as_default=False) as client:
        yield client


def workers_of(client: Any) -> list[str]:
    return list(client.scheduler_info()["workers"])


def test_the_same_model_is_taken(client: Any):
    require_models(client, workers_of(client), {"reference": model_fingerprint("reference")})


def test_other_weights_are_named_with_the_worker_and_both_hashes(client: Any):
    (worker,) = workers_of(client)
    found = model_fingerprint("reference")
    with pytest.raises(ValueError, match=f"worker {worker} has other weights as 'reference'") as error:
        require_models(client, [worker], {"reference": "0" * 16})
    assert f"(hash {found}) than this process ({'0' * 16})" in str(error.value)


def test_a_model_that_a_worker_does_not_have_is_named(client: Any, tmp_path: Any):
    (worker,) = workers_of(client)
    with pytest.raises(ValueError, match=r"worker tcp://\S+: .*nowhere.* Put the model's files where"):
        require_models(client, [worker], {str(tmp_path / "nowhere"): "0" * 16})
