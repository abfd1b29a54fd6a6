"""The Kubernetes example: valid by schema, locked down, and naming only what there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from infra.settings import Settings
from stream.burst.group import SUFFIX
from stream.bursts import REQUESTS
from stream.cli import app
from stream.topics import INBOX

ROOT = Path(__file__).parents[2] / "infra" / "kubernetes"
BASE = ROOT / "base"
KUSTOMIZATION: dict[str, Any] = yaml.safe_load((BASE / "kustomization.yaml").read_text())
DOCUMENTS: list[dict[str, Any]] = [
    one for name in KUSTOMIZATION["resources"] for one in yaml.safe_load_all((BASE / name).read_text())
]
WORKLOADS = [one for one in DOCUMENTS if one["kind"] in ("Deployment", "Job")]
SETTINGS = dict(line.split("=", 1) for line in (BASE / "settings.env").read_text().splitlines())
VERSION = "1.31"


def pod(workload: dict[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = workload["spec"]["template"]["spec"]
    return made


def name_of(document: dict[str, Any]) -> str:
    return f"{document['kind']}/{document['metadata']['name']}"


def test_every_file_is_a_resource() -> None:
    files = {file.name for file in BASE.glob("*.yaml")} - {"kustomization.yaml"}
    assert files == set(KUSTOMIZATION["resources"])


@pytest.mark.parametrize("document", [d for d in DOCUMENTS if "keda" not in d["apiVersion"]], ids=name_of)
def test_what_kubernetes_defines_is_valid(document: dict[str, Any]) -> None:
    kubernetes_validate.validate(document, VERSION, strict=True)


def test_a_mistake_is_found_out() -> None:
    wrong = yaml.safe_load(yaml.safe_dump(WORKLOADS[0]))
    pod(wrong)["containers"][0]["livenessprobe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


@pytest.mark.parametrize("workload", WORKLOADS, ids=name_of)
def test_pods_are_locked_down(workload: dict[str, Any]) -> None:
    security = pod(workload)["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod(workload)["automountServiceAccountToken"] is False
    for container in pod(workload)["containers"]:
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True
        assert context["allowPrivilegeEscalation"] is False
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert "memory" in container["resources"]["limits"]


@pytest.mark.parametrize("workload", WORKLOADS, ids=name_of)
def test_pods_run_commands_and_settings_that_exist(workload: dict[str, Any]) -> None:
    commands = {command.name or command.callback.__name__ for command in app.registered_commands}  # type: ignore[union-attr]
    images = {image["name"] for image in KUSTOMIZATION["images"]}
    for container in pod(workload)["containers"]:
        assert container["args"][0] in commands
        assert container["image"] in images
        names = {entry["name"] for entry in container["env"]}
        for name in names:
            setting = name.removeprefix("LOCKSTEP_").lower()
            known = setting in Settings.model_fields or setting.removesuffix("_file") in Settings.model_fields
            assert known, name
        keys = {entry["value"].rpartition("/")[2] for entry in container["env"] if "value" in entry}
        assert keys == {item["key"] for item in pod(workload)["volumes"][1]["secret"]["items"]}


def test_settings_exist_and_are_consistent() -> None:
    fields = {name.removeprefix("LOCKSTEP_").lower(): value for name, value in SETTINGS.items()}
    assert set(fields) <= set(Settings.model_fields)
    made = Settings(_env_file=None, sasl_username="x", sasl_password="y", **fields)  # type: ignore[arg-type, call-arg]
    assert made.partitions == int(fields["partitions"])


def test_a_burst_worker_can_not_reach_the_database() -> None:
    burst = next(one for one in WORKLOADS if one["metadata"]["name"] == "burst-worker")
    assert "dsn" not in yaml.safe_dump(burst).lower()


def test_scaling_looks_at_topics_and_groups_that_exist() -> None:
    scaled = {one["metadata"]["name"]: one["spec"] for one in DOCUMENTS if one["kind"] == "ScaledObject"}
    deployments = {one["metadata"]["name"] for one in WORKLOADS if one["kind"] == "Deployment"}
    group = Settings.model_fields["group"].default
    expected = {"worker": (INBOX.name, group), "burst-worker": (REQUESTS.name, group + SUFFIX)}
    assert set(scaled) == set(expected)
    for name, spec in scaled.items():
        assert spec["scaleTargetRef"]["name"] == name
        assert name in deployments
        trigger = spec["triggers"][0]["metadata"]
        assert (trigger["topic"], trigger["consumerGroup"]) == expected[name]
        assert trigger["bootstrapServers"] == SETTINGS["LOCKSTEP_BOOTSTRAP"]
    assert scaled["worker"]["maxReplicaCount"] <= int(SETTINGS["LOCKSTEP_PARTITIONS"])


def test_the_overlay_patches_what_there_is() -> None:
    overlay = yaml.safe_load((ROOT / "gpu" / "kustomization.yaml").read_text())
    assert (ROOT / "gpu" / overlay["resources"][0]).resolve() == BASE
    for patch in overlay["patches"]:
        target = next(d for d in WORKLOADS if name_of(d) == f"{patch['target']['kind']}/{patch['target']['name']}")
        for step in yaml.safe_load(patch["patch"]):
            inside: Any = target
            for part in step["path"].strip("/").split("/")[:-1]:
                inside = inside[int(part)] if part.isdecimal() else inside[part]
