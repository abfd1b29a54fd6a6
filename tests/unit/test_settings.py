"""Settings: defaults that work, errors that name the variable, secrets that stay secret."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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
    monkeypatch.setenv("LOCKSTEP_DSN", "postgresql://u:opensesame@db/x")
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


def test_nothing_else_imports_pydantic() -> None:
    modules = "infra.embedded, infra.store.writer, infra.store.migrate, infra.store.queries, twin.events"
    code = f"import sys, {modules}; sys.exit('pydantic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
