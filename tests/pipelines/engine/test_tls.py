"""A cluster that asks for certificates takes jobs from who has them, and from nobody else."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.engine.execution import Execution
from pipelines.engine.on_workers import execute_on_workers
from pipelines.engine.store import Store
from pipelines.runs.options import command_line
from tests.pipelines.engine.test_on_workers import chain


def openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


def certificates(folder: Path, name: str) -> dict[str, Path]:
    """A certificate authority of its own, and a certificate that it signed."""
    folder.mkdir(parents=True)
    files = {"ca": folder / "ca.pem", "cert": folder / "cert.pem", "key": folder / "key.pem"}
    new_key = ["-newkey", "rsa:2048", "-nodes", "-days", "2"]
    openssl(
        "req", "-x509", *new_key, "-keyout", folder / "ca.key", "-out", files["ca"], "-subj", f"/CN={name} authority"
    )
    openssl("req", *new_key[:3], "-keyout", files["key"], "-out", folder / "cert.csr", "-subj", f"/CN={name}")
    signed_by = ["-CA", files["ca"], "-CAkey", folder / "ca.key", "-CAcreateserial", "-days", "2"]
    openssl("x509", "-req", "-in", folder / "cert.csr", *signed_by, "-out", files["cert"])
    return files


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    return certificates(tmp_path_factory.mktemp("ours") / "tls", "ours")


@pytest.fixture(scope="module")
def address(ours: dict[str, Path]) -> Iterator[str]:
    """A scheduler with a worker, which ask for certificates."""
    from distributed import LocalCluster
    from distributed.security import Security

    files = {name: str(path) for name, path in ours.items()}
    of_all = {
        f"tls_{role}_{part}": files[part] for role in ("scheduler", "worker", "client") for part in ("cert", "key")
    }
    security = Security(require_encryption=True, tls_ca_file=files["ca"], **of_all)
    settings: dict[str, Any] = {"threads_per_worker": 1, "processes": False, "dashboard_address": None}
    made: Any = LocalCluster(n_workers=1, protocol="tls", host="127.0.0.1", security=security, **settings)
    with made:
        yield made.scheduler_address


def run(tmp_path: Path, execution: Execution) -> list[str]:
    store, done = Store(tmp_path), list[str]()
    store.prepare()
    execute_on_workers(
        chain(4), store, execution, on_done=lambda job: done.append(job.key), on_waiting=lambda text: None
    )
    return done


def test_jobs_run_with_the_certificates_of_the_settings(tmp_path: Path, address: str, ours: dict[str, Path]):
    assert address.startswith("tls://")
    execution = Execution(out=tmp_path, scheduler=address, scheduler_tls=ours)
    assert sorted(run(tmp_path, execution)) == sorted(job.key for job in chain(4))


def test_without_certificates_or_with_those_of_another_authority_nothing_is_said(tmp_path: Path, address: str):
    theirs = certificates(tmp_path / "theirs", "theirs")
    with pytest.raises(ValueError, match="over TLS, and there are no certificates: give --scheduler-tls"):
        run(tmp_path, Execution(out=tmp_path, scheduler=address))
    with pytest.raises(ValueError, match="no Dask scheduler answers at 'tls://"):
        run(tmp_path, Execution(out=tmp_path, scheduler=address, scheduler_tls=theirs))


def test_the_command_that_continues_has_them(address: str, ours: dict[str, Path]):
    said = command_line("discover", Execution(scheduler=address, scheduler_tls=ours))
    for name, path in ours.items():
        assert f"--scheduler-tls {name}={path}" in said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"scheduler_tls": {"ca": "ca.pem"}}, "has ca; a cluster with TLS needs ca, cert, key"),
        ({"scheduler_tls": dict.fromkeys(("ca", "cert", "key"), "nowhere.pem")}, "there is no file nowhere.pem"),
        ({"scheduler": "tcp://host:8786"}, "an address that begins with tls://"),
        ({"scheduler": None}, "an address that begins with tls://"),
    ],
)
def test_settings_that_do_not_fit_are_refused(ours: dict[str, Path], changes: dict[str, Any], said: str):
    given = {"scheduler": "tls://host:8786", "scheduler_tls": ours} | changes
    with pytest.raises(ValueError, match=said):
        Execution(**given)
