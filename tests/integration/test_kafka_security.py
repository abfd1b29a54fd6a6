"""TLS, logins and rights on a real Apache Kafka: who belongs works, who doesn't is told why in one line."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import apache_kafka as kafka
import pytest
from pipeline import Pipeline, network
from secure_kafka import STRANGER, WORKER, SecureKafka

from infra.settings import load
from stream.engine.contact import meet
from stream.engine.security import kafka_security
from tests.integration.worker_process import ROOT
from twin.errors import ConfigurationError

pytestmark = pytest.mark.kafka


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecureKafka]:
    if reason := kafka.missing():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}, and CI must not skip these tests")
        pytest.skip(reason)
    folder = tmp_path_factory.mktemp("secure-kafka")
    server = SecureKafka(folder / "kafka", folder / "papers")
    server.start()
    yield server
    server.stop()


def with_login(broker: SecureKafka, mechanism: str = "SCRAM-SHA-512", user: str = WORKER) -> dict[str, str]:
    return {
        "LOCKSTEP_BOOTSTRAP": broker.login,
        "LOCKSTEP_SECURITY_PROTOCOL": "SASL_SSL",
        "LOCKSTEP_SASL_MECHANISM": mechanism,
        "LOCKSTEP_SASL_USERNAME": user,
        "LOCKSTEP_SASL_PASSWORD": broker.password,
        "LOCKSTEP_SSL_CAFILE": str(broker.ca),
    }


def with_certificate(broker: SecureKafka) -> dict[str, str]:
    return {
        "LOCKSTEP_BOOTSTRAP": broker.mutual,
        "LOCKSTEP_SECURITY_PROTOCOL": "SSL",
        "LOCKSTEP_SSL_CAFILE": str(broker.ca),
        "LOCKSTEP_SSL_CERTFILE": str(broker.client),
        "LOCKSTEP_SSL_KEYFILE": str(broker.client_key),
        "LOCKSTEP_SSL_KEYPASSWORD": broker.password,
    }


def lockstep(command: str, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stream.cli", command],
        cwd=ROOT,
        env={**os.environ, "LOCKSTEP_DSN": "postgresql:///nowhere", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize("door", ["SCRAM-SHA-512", "certificate"])
def test_a_worker_works_through_it_and_keeps_the_secrets(
    door: str, broker: SecureKafka, postgres_dsn: str, tmp_path: Path
) -> None:
    """With no right but those of docs/security.md, at DEBUG: all is folded, and no log holds the password."""
    pipeline = Pipeline(broker.bootstrap, postgres_dsn, tmp_path, log_level="DEBUG")
    settings = pipeline.settings
    try:
        broker.allow(WORKER, settings.topic_prefix, settings.group)
        pipeline.environment |= with_certificate(broker) if door == "certificate" else with_login(broker, door)
        pipeline.start()
        emulated = network(sites=2)
        pipeline.send_items([*emulated.inventory(), *(item for _ in range(8) for item in emulated.step())])
        pipeline.until(lambda: any(pipeline.ends().values()), 60, "something in the log")
        pipeline.until_folded()
        assert pipeline.rows()
        assert any(kind == "congestion" for kind, _ in pipeline.outlets())
        assert pipeline.workers[0].stop() == 0
        log = pipeline.workers[0].log.read_text(errors="replace")
        assert "DEBUG" in log or "aiokafka" in log
        assert "sentinel" not in log
    finally:
        pipeline.close()


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_every_mechanism_logs_in(mechanism: str, broker: SecureKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in with_login(broker, mechanism).items():
        monkeypatch.setenv(name, value)
    settings = load(None)
    asyncio.run(meet(broker.login, kafka_security(settings)))


WRONG = {
    "password": ({"LOCKSTEP_SASL_PASSWORD": "not-it"}, "refuses the login"),
    "plain password": ({"LOCKSTEP_SASL_PASSWORD": "not-it", "LOCKSTEP_SASL_MECHANISM": "PLAIN"}, "refuses the login"),
    "authority": ({"LOCKSTEP_SSL_CAFILE": "{other_ca}"}, "certificate is not trusted"),
    "host name": ({"LOCKSTEP_BOOTSTRAP": "{by_address}"}, "certificate is another host's"),
    "no TLS": ({"LOCKSTEP_SECURITY_PROTOCOL": "PLAINTEXT"}, "it may want TLS"),
    "TLS on a plain port": ({"LOCKSTEP_BOOTSTRAP": "{bootstrap}"}, "doesn't speak TLS on this port"),
    "no login": ({"LOCKSTEP_SECURITY_PROTOCOL": "SSL"}, "it may want a login"),
    "no certificate": ({"LOCKSTEP_BOOTSTRAP": "{mutual}", "LOCKSTEP_SECURITY_PROTOCOL": "SSL"}, "certificate of ours"),
    "no such file": ({"LOCKSTEP_SSL_CAFILE": "/nowhere/ca.pem"}, "LOCKSTEP_SSL_CAFILE"),
}


@pytest.mark.parametrize("what", WRONG)
def test_who_does_not_belong_is_told_why(what: str, broker: SecureKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    change, says = WRONG[what]
    places = {
        "other_ca": broker.other_ca,
        "bootstrap": broker.bootstrap,
        "mutual": broker.mutual,
        "by_address": broker.login.replace("localhost", "127.0.0.1"),
    }
    for name, value in with_login(broker).items():
        monkeypatch.setenv(name, change.get(name, value).format(**places))

    def connect() -> None:
        settings = load(None)
        asyncio.run(meet(settings.bootstrap or "", kafka_security(settings)))

    with pytest.raises(ConfigurationError, match=says) as caught:
        connect()
    assert "\n" not in str(caught.value)
    assert "sentinel" not in str(caught.value)


@pytest.mark.parametrize("command", ["topics", "doctor"])
def test_a_command_says_it_in_one_line_and_fails(command: str, broker: SecureKafka) -> None:
    done = lockstep(command, with_login(broker) | {"LOCKSTEP_SASL_PASSWORD": "sentinel-wrong", "COLUMNS": "400"})
    assert done.returncode == 1
    assert "sentinel" not in done.stdout + done.stderr
    out = done.stderr if command == "topics" else done.stdout
    (line,) = [text for text in out.splitlines() if "refuses the login" in text]
    assert done.stderr.splitlines() == ([line] if command == "topics" else [])


def test_a_login_without_rights_gets_nothing(broker: SecureKafka) -> None:
    done = lockstep("topics", with_login(broker, user=STRANGER))
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "right" in done.stderr
