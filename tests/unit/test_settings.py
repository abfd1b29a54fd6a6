"""Settings: defaults that work, errors that name the variable, secrets that stay secret."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from infra.settings import Settings, load
from twin.errors import ConfigurationError

ROOT = Path(__file__).parents[2]


def test_every_field_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_environment_over_file_over_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".env"
    file.write_text("LOCKSTEP_PARTITIONS=8\nLOCKSTEP_GROUP=file\n")
    monkeypatch.setenv("LOCKSTEP_GROUP", "environment")
    settings = load(file)
    assert (settings.partitions, settings.group, settings.batch_reports) == (8, "environment", 250)


def test_secrets_are_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKSTEP_DSN", "postgresql://u:opensesame@db/x?sslmode=require")
    monkeypatch.setenv("LOCKSTEP_SASL_PASSWORD", "opensesame")
    settings = load(None)
    assert "opensesame" not in repr(settings) + str(settings) + settings.model_dump_json()
    assert settings.dsn is not None
    assert "opensesame" in settings.dsn.get_secret_value()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOCKSTEP_PARTITIONS", "opensesame"),
        ("LOCKSTEP_UNKNOWN_OBJECTS", "opensesame"),
        ("LOCKSTEP_TOPIC_PREFIX", "open sesame"),
        ("LOCKSTEP_REJECT_SHARE", "1.5"),
    ],
)
def test_an_error_names_the_variable_and_hides_the_value(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigurationError, match=name) as caught:
        load(None)
    assert value not in str(caught.value)


def test_sasl_needs_who_and_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKSTEP_SECURITY_PROTOCOL", "SASL_SSL")
    with pytest.raises(ConfigurationError, match="sasl_username"):
        load(None)


SECRETS = ("DSN", "SASL_PASSWORD", "SSL_KEYPASSWORD", "PSEUDONYM_KEY")


def test_a_secret_may_come_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SECRETS:
        (tmp_path / name).write_text(f"postgresql:///{name.lower() * 8}\n")
        monkeypatch.setenv(f"LOCKSTEP_{name}_FILE", str(tmp_path / name))
    monkeypatch.setenv("LOCKSTEP_SSL_CERTFILE", "x.pem")
    settings = load(None)
    for name in SECRETS:
        value = getattr(settings, name.lower())
        assert value.get_secret_value() == f"postgresql:///{name.lower() * 8}"


def test_a_file_of_a_secret_may_be_named_in_the_env_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("k" * 32)
    (tmp_path / ".env").write_text(f"LOCKSTEP_PSEUDONYM_KEY_FILE={tmp_path / 'key'}\n")
    key = load(tmp_path / ".env").pseudonym_key
    assert key is not None
    assert key.get_secret_value() == "k" * 32


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_named(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    monkeypatch.setenv("LOCKSTEP_DSN_FILE", str(tmp_path / "secret"))
    with pytest.raises(ConfigurationError, match="LOCKSTEP_DSN_FILE"):
        load(None)


def test_a_secret_both_ways_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("opensesame")
    monkeypatch.setenv("LOCKSTEP_DSN_FILE", str(tmp_path / "secret"))
    monkeypatch.setenv("LOCKSTEP_DSN", "postgresql:///opensesame")
    with pytest.raises(ConfigurationError, match="both") as caught:
        load(None)
    assert "opensesame" not in str(caught.value)


LOCAL_BROKERS = ["127.0.0.1:9092", "localhost:9092", "[::1]:9092", "127.0.0.1:1,LOCALHOST:2"]
REMOTE_BROKERS = ["kafka:9092", "127.0.0.1:9092,kafka:9092", "10.0.0.1:9092", "localhost.example.net:9092", "0.0.0.0:1"]
LOCAL_DATABASES = [
    "postgresql:///x",
    "postgresql://u@localhost/x",
    "host=/run/postgres dbname=x",
    "postgresql://u@[::1]:5432/x",
    "postgresql://u@127.0.0.1,127.0.0.2/x",
]
REMOTE_DATABASES = [
    "postgresql://u@db/x",
    "host=localhost,db",
    "hostaddr=10.0.0.1",
    "service=x",
    "host=db sslmode=allow",
]
TLS_DATABASES = ["postgresql://u@db/x?sslmode=require", "host=db sslmode=verify-full sslrootcert=/ca.pem"]


@pytest.mark.parametrize("setting", [("BOOTSTRAP", b) for b in REMOTE_BROKERS] + [("DSN", d) for d in REMOTE_DATABASES])
def test_plain_text_to_another_machine_needs_a_word(setting: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"LOCKSTEP_{setting[0]}", setting[1])
    with pytest.raises(ConfigurationError, match="LOCKSTEP_ALLOW_PLAINTEXT"):
        load(None)
    monkeypatch.setenv("LOCKSTEP_ALLOW_PLAINTEXT", "true")
    load(None)


@pytest.mark.parametrize(
    "setting", [("BOOTSTRAP", b) for b in LOCAL_BROKERS] + [("DSN", d) for d in LOCAL_DATABASES + TLS_DATABASES]
)
def test_this_machine_and_tls_need_none(setting: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"LOCKSTEP_{setting[0]}", setting[1])
    load(None)


def test_tls_lets_a_remote_broker_pass_and_a_password_alone_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKSTEP_BOOTSTRAP", "kafka:9092")
    monkeypatch.setenv("LOCKSTEP_SASL_USERNAME", "u")
    monkeypatch.setenv("LOCKSTEP_SASL_PASSWORD", "p")
    for protocol, passes in {"SSL": True, "SASL_SSL": True, "SASL_PLAINTEXT": False, "PLAINTEXT": False}.items():
        monkeypatch.setenv("LOCKSTEP_SECURITY_PROTOCOL", protocol)
        if passes:
            load(None)
        else:
            with pytest.raises(ConfigurationError, match=protocol):
                load(None)


def test_what_libpq_takes_from_the_environment_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKSTEP_DSN", "dbname=x")
    load(None)
    monkeypatch.setenv("PGHOST", "db")
    with pytest.raises(ConfigurationError, match="PLAINTEXT"):
        load(None)
    monkeypatch.setenv("PGSSLMODE", "verify-full")
    load(None)


def test_a_password_kept_apart_is_put_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKSTEP_DSN", "postgresql://u@localhost/x")
    monkeypatch.setenv("LOCKSTEP_DSN_PASSWORD", "it's a / pass:word@")
    assert conninfo_to_dict(load(None).conninfo())["password"] == "it's a / pass:word@"
    monkeypatch.setenv("LOCKSTEP_DSN", "postgresql://u:open sesame@x")
    with pytest.raises(ConfigurationError, match="LOCKSTEP_DSN") as caught:
        load(None).conninfo()
    assert "sesame" not in str(caught.value)


def test_nothing_else_imports_pydantic() -> None:
    modules = "infra.embedded, infra.store.writer, infra.store.migrate, infra.store.queries, twin.events"
    code = f"import sys, {modules}; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
