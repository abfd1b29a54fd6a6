"""What is asked for by API is let in by ingest, whatever digits its random id has."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from stream.api.commands import LogCommands
from stream.pseudonyms import Pseudonyms
from stream.services import Services

UNLUCKY = UUID("abc262011234567890defabcdefabcde")
"""15 digits in a row, as an IMSI has: so has one of some hundred."""
CELL = "SubNetwork=1,ManagedElement=1,GNBDUFunction=1,NRCellDU=1"


@pytest.mark.parametrize("what", ["desired", "note", "burst"])
async def test_an_id_that_looks_like_a_subscriber_is_none(monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.setattr("stream.api.commands.uuid4", lambda: UNLUCKY)
    sent: list[Any] = []

    async def send(_topic: str, messages: list[Any]) -> None:
        sent.extend(messages)

    live = SimpleNamespace(now_ms=lambda: 1_767_600_000_000, ask=lambda *_: None)
    settings = SimpleNamespace(topic_prefix="")
    services = Services(bootstrap="", dsn="", log_id="", partitions=1)
    commands = LogCommands(SimpleNamespace(send=send), settings, services, live)  # type: ignore[arg-type]
    if what == "desired":
        await commands.change_desired(CELL, "cell", {"tilt_deg": 2.5}, "")
    elif what == "note":
        await commands.note_alarm({"objectInstance": CELL, "alarmId": "1"}, "acknowledge", "", "ops")
    else:
        await commands.order_burst("SubNetwork=1", "looks odd", "ops")
    for message in sent:
        assert b"262011234567890" in message.value
        assert Pseudonyms().json(message.value) is message.value
    assert sent
