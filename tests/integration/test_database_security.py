"""TLS to the database, and nothing secret in what commands and workers say."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pipeline import Pipeline, network
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from tls_proxy import TlsProxy

from tests.integration.worker_process import ROOT

SENTINEL = "sentinel0123456789"


@pytest.fixture
def proxy(postgres_dsn: str, tmp_path: Path) -> Iterator[TlsProxy]:
    parts = conninfo_to_dict(postgres_dsn)
    found = TlsProxy(Path(str(parts["host"])) / f".s.PGSQL.{parts['port']}", tmp_path)
    yield found
    found.close()


def encrypted(dsn: str, proxy: TlsProxy, **more: object) -> str:
    about = {"host": "localhost", "port": proxy.port, "sslmode": "verify-full", "sslrootcert": proxy.ca}
    return make_conninfo(dsn, **{key: str(value) for key, value in (about | more).items()})


def lockstep(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stream.cli", command],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "400", **{f"LOCKSTEP_{k}": v for k, v in environment.items()}},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_a_worker_works_through_tls(postgres_dsn: str, proxy: TlsProxy, broker: str, tmp_path: Path) -> None:
    pipeline = Pipeline(broker, postgres_dsn, tmp_path, log_level="DEBUG")
    password = str(conninfo_to_dict(postgres_dsn)["password"])
    secret = tmp_path / "password"
    secret.write_text(password + "\n")
    try:
        pipeline.environment["LOCKSTEP_DSN"] = encrypted(postgres_dsn, proxy, password="")
        pipeline.environment["LOCKSTEP_DSN_PASSWORD_FILE"] = str(secret)
        pipeline.start()
        emulated = network(sites=2)
        pipeline.send_items([*emulated.inventory(), *(item for _ in range(4) for item in emulated.step())])
        pipeline.until(lambda: any(pipeline.ends().values()), 60, "something in the log")
        pipeline.until_folded()
        assert pipeline.rows()
        assert proxy.encrypted
        assert pipeline.workers[0].stop() == 0
        assert password not in pipeline.workers[0].log.read_text(errors="replace")
    finally:
        pipeline.close()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"sslrootcert": "other_ca"}, "certificate verify failed"),
        ({"host": "127.0.0.1"}, "does not match host name"),
        ({"user": "nobody-we-know"}, "password authentication failed"),
        ({"answer": "N"}, "server does not support SSL"),
    ],
    ids=["authority", "host name", "login", "no TLS"],
)
def test_what_does_not_fit_is_said_in_one_line(
    change: dict[str, str], says: str, postgres_dsn: str, proxy: TlsProxy
) -> None:
    if "answer" in change:
        proxy._answer = b"N"
        change = {}
    if "sslrootcert" in change:
        change = {"sslrootcert": str(proxy.other_ca)}
    dsn = encrypted(postgres_dsn, proxy, password=SENTINEL, **change)
    for command in ("migrate", "doctor"):
        done = lockstep(command, DSN=dsn, BOOTSTRAP="127.0.0.1:1")
        assert done.returncode == 1
        assert says in done.stdout + done.stderr
        assert SENTINEL not in done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        if command == "migrate":
            assert len(done.stderr.splitlines()) == 1, done.stderr


REMOTE = f"postgresql://someone:{SENTINEL}@db.example.net/lockstep"
BAD = {
    "remote database in the clear": {"DSN": REMOTE, "BOOTSTRAP": "127.0.0.1:1"},
    "no connection string": {"DSN": f"postgres//someone:{SENTINEL} @x", "BOOTSTRAP": "127.0.0.1:1"},
    "half a connection string": {"DSN": f"host=127.0.0.1 password={SENTINEL}'x {SENTINEL}", "BOOTSTRAP": "127.0.0.1:1"},
    "nobody there": {
        "DSN": f"postgresql://someone:{SENTINEL}@127.0.0.1:1/lockstep",
        "BOOTSTRAP": "127.0.0.1:1",
        "SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "SASL_USERNAME": "someone",
        "SASL_PASSWORD": SENTINEL,
        "PSEUDONYM_KEY": SENTINEL * 2,
    },
    "key too short": {"PSEUDONYM_KEY": SENTINEL},
    "user without password": {"SASL_PASSWORD": SENTINEL, "SECURITY_PROTOCOL": "SASL_SSL"},
    "key of a certificate": {
        "BOOTSTRAP": "127.0.0.1:1",
        "DSN": "host=127.0.0.1 port=1",
        "SECURITY_PROTOCOL": "SSL",
        "SSL_CERTFILE": "/nowhere",
        "SSL_KEYPASSWORD": SENTINEL,
    },
}


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("command", ["doctor", "worker"])
def test_no_secret_in_what_a_command_says(command: str, what: str, tmp_path: Path) -> None:
    began = time.monotonic()
    done = lockstep(command, STATE_DIR=str(tmp_path), LOG_LEVEL="DEBUG", **BAD[what])
    assert time.monotonic() - began < 45
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert SENTINEL not in said
    assert SENTINEL[:-1] not in said
    assert "Traceback" not in said
    if command == "worker":
        assert len(done.stderr.splitlines()) == 1, done.stderr
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(SENTINEL.encode() in path.read_bytes() for path in files)
