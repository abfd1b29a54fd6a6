"""docker-compose.yml: it parses, has no default password, and names only settings that exist."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from infra.settings import Settings
from stream.cli import app

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()


OURS = {"api", "keeper", "migrate", "topics", "worker", "burst-worker", "burst-worker-gpu"}
BURSTS = ("burst-worker", "burst-worker-gpu")


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    return yaml.safe_load(TEXT)["services"]


def test_it_is_valid_by_the_schema_of_compose() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    done = subprocess.run([*command, str(ROOT / "docker-compose.yml")], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout


def test_every_secret_is_required() -> None:
    secrets = re.findall(r"\$\{(\w*(?:PASSWORD|CLUSTER_ID)\w*)(:?[?-]?)", TEXT)
    passwords = {"KAFKA_PASSWORD", "POSTGRES_PASSWORD", "READER_PASSWORD", "GRAFANA_PASSWORD"}
    assert {name for name, _ in secrets} == {*passwords, "KAFKA_CLUSTER_ID"}
    assert {how for _, how in secrets} == {":?"}
    example = (ROOT / "infra" / "compose" / "env.example").read_text()
    for name, _ in secrets:
        assert f"\n{name}=\n" in example


def test_every_setting_exists() -> None:
    named = {name.removeprefix("LOCKSTEP_").lower() for name in re.findall(r"^\s+(LOCKSTEP_\w+):", TEXT, re.MULTILINE)}
    assert named
    assert named <= set(Settings.model_fields)


def test_our_own_containers_are_locked_down(services: dict[str, Any]) -> None:
    assert {name for name, service in services.items() if "build" in service} == OURS
    for name in OURS:
        service = services[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert (ROOT / service["build"]["dockerfile"]).is_file()
    images = re.split(r"^FROM ", (ROOT / "infra" / "compose" / "Dockerfile").read_text(), flags=re.MULTILINE)
    stages = {re.match(r"\S+ AS (\S+)", image).group(1): image for image in images[1:]}  # type: ignore[union-attr]
    assert list(stages)[-1] == "slim"
    assert {name for name in OURS if services[name]["build"]["target"] == "full"} == {"keeper", *BURSTS}
    for name in OURS:
        assert "\nUSER 10001" in stages[services[name]["build"]["target"]]


def test_nothing_is_published_off_this_host_and_nothing_floats(services: dict[str, Any]) -> None:
    for service in services.values():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
        assert service.get("privileged") is None
        assert ":latest" not in service["image"]
        assert ":" in service["image"]


def test_the_long_running_services_have_a_health_check(services: dict[str, Any]) -> None:
    assert all(
        "healthcheck" in services[name]
        for name in ("kafka", "timescaledb", "worker", "keeper", "prometheus", "grafana", *BURSTS)
    )


@pytest.mark.parametrize("name", ["worker", "keeper", *BURSTS])
def test_the_health_check_of_a_worker_asks_where_it_answers(services: dict[str, Any], name: str) -> None:
    worker = services[name]
    host, _, port = worker["environment"]["LOCKSTEP_HEALTH_BIND"].rpartition(":")
    assert (host, port) == ("0.0.0.0", "8080")
    kind, program, *arguments = worker["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "lockstep")
    assert arguments == ["status", "--ready", "--url", f"http://127.0.0.1:{port}"]
    help_text = CliRunner().invoke(app, ["status", "--help"], env={"COLUMNS": "200", "TERM": "dumb"}).stdout
    assert all(option in help_text for option in ("--ready", "--url"))


@pytest.mark.parametrize("name", BURSTS)
def test_a_burst_worker_has_ray_tracing_and_no_way_to_the_database(services: dict[str, Any], name: str) -> None:
    service = services[name]
    assert service["command"] == ["burst-worker"]
    assert service["build"]["target"] == "full"
    assert service["image"] != services["worker"]["image"]
    assert not [key for key in service["environment"] if key.startswith("LOCKSTEP_DSN")]
    shared = {"LOCKSTEP_BOOTSTRAP", "LOCKSTEP_SASL_PASSWORD", "LOCKSTEP_PARTITIONS", "LOCKSTEP_SECURITY_PROTOCOL"}
    for key in shared:
        assert service["environment"][key] == services["worker"]["environment"][key]
    assert "radio = [" in (ROOT / "pyproject.toml").read_text()


def test_the_gpu_is_asked_for_only_with_its_profile(services: dict[str, Any]) -> None:
    assert {name for name in services if services[name].get("profiles")} == {"burst-worker-gpu"}
    gpu = services["burst-worker-gpu"]
    (device,) = gpu["deploy"]["resources"]["reservations"]["devices"]
    assert device["capabilities"] == ["gpu"]
    assert gpu["environment"]["LOCKSTEP_RADIO_DEVICE"] == "cuda"
    assert all("deploy" not in services[name] for name in services if name != "burst-worker-gpu")
