"""What `lockstep replay` says to people: a result where it folded here, how many were sent where it did not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from stream import recording, replaying
from stream.cli import app
from stream.sources.emulator import EmulatedNetwork, Rates, records


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    path = tmp_path / "two.jsonl.gz"
    recording.write(path, 1, records(EmulatedNetwork(3, 1, 1, 3600, rates=Rates.none()), 2, 1))
    return path


def said(*words: str) -> str:
    done = CliRunner().invoke(app, ["replay", *words], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_what_was_folded_here(recorded: Path) -> None:
    assert "digest" in said(str(recorded))


def test_what_was_sent(recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only counted: the broker is not asked here."""

    async def send(source: Any) -> dict[str, Any]:
        return {"sent": sum(1 for _ in source.records)}

    monkeypatch.setattr(replaying, "_send", send)
    count = sum(1 for _ in recording.read(recorded))
    assert said(str(recorded), "--to-kafka") == f"{count} records sent to the log\n"
    assert said(str(recorded), "--to-kafka", "--json") == f'{{"sent": {count}}}\n'
