"""The audit: a source that knows nothing is not taken for one that found nothing."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

FILE = Path(__file__).parents[2] / ".ci" / "audit.py"


@pytest.fixture
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HOLE = {"id": "CVE-0", "fix_versions": ["9"]}
CANARY = {"name": "jinja2", "version": "2.4.1", "vulns": [HOLE]}


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ([CANARY, {"name": "numpy", "version": "1", "vulns": []}], 0),
        ([CANARY, {"name": "numpy", "version": "1", "vulns": [HOLE]}], 1),
        ([{"name": "jinja2", "version": "2.4.1", "vulns": []}], 3),
        ([{"name": "jinja2", "skip_reason": "not found"}, {"name": "numpy", "skip_reason": "not found"}], 3),
        ([], 3),
        (None, 3),
    ],
    ids=["clean", "hole", "knows no holes", "knows no packages", "empty", "no answer"],
)
def test_dependencies(answer: Any, status: int, audit: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "" if answer is None else json.dumps({"dependencies": answer})
    monkeypatch.setattr(audit.subprocess, "run", lambda *a, **k: subprocess.CompletedProcess(a, 1, text, ""))
    assert audit.dependencies() == status


@pytest.mark.parametrize(("required", "status"), [("", 0), ("required", 3)])
def test_not_asked_is_said_last(
    required: str, status: int, audit: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AUDIT", required)
    for name, value in {"licences": 0, "secrets": 0, "dependencies": 3}.items():
        monkeypatch.setattr(audit, name, lambda value=value: value)
    assert audit.main() == status
    assert capsys.readouterr().out.splitlines()[-1].startswith("audit: NOT AUDITED")
    monkeypatch.setattr(audit, "secrets", lambda: 1)
    assert audit.main() == 1


@pytest.mark.parametrize(
    ("licence", "binds"),
    [
        ("MIT", False),
        ("LGPL-3.0-only", False),
        ("GPL-3.0-or-later", True),
        ("AGPL-3.0", True),
        ("MIT OR GPL-2.0", False),
        ("GNU General Public License v3 (GPLv3)", True),
        ("GNU Lesser General Public License v3 (LGPLv3)", False),
    ],
)
def test_licences_that_bind(licence: str, binds: bool, audit: ModuleType) -> None:
    assert audit._binds(licence) is binds
