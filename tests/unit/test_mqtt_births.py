"""Births of Sparkplug nodes outlive a restart, and are saved before they are acknowledged."""

from __future__ import annotations

import asyncio
from pathlib import Path

import msgspec
import pytest
from mqtt_stand import NOW, Broker, table

from stream.mqtt.bridge import Bridge
from stream.mqtt.memory import Memory
from stream.pseudonyms import Pseudonyms
from stream.sources.mqtt_messages import Arrived, Translator
from stream.sources.sparkplug_payload import Metric, Payload, write
from twin.errors import ConfigurationError

NODE = "spBv1.0/g/{}/e"


def payload(*metrics: Metric, seq: int = 0) -> bytes:
    return write(Payload(NOW, seq, list(metrics)))


def test_births_are_known_after_a_restart(tmp_path: Path) -> None:
    session = Metric("bdSeq", None, 0, 8, 7, False, False, False)
    before = Translator(table(), 4)
    memory = Memory(tmp_path / "state", "a/b", before)
    memory.load()
    birth = payload(session, Metric("Temperature", 9, 0, 10, 1.0, False, False, False))
    before.translate(Arrived(NODE.format("NBIRTH"), birth, NOW))
    memory.save()
    written = list((tmp_path / "state").iterdir())
    assert [path.name for path in written] == ["mqtt-a_b.json"]
    written[0].rename(tmp_path / "kept")
    before.translate(Arrived(NODE.format("NDATA"), payload(seq=1), NOW))
    memory.save()
    assert not written[0].exists(), "data are no news of it"
    (tmp_path / "kept").rename(written[0])

    after = Translator(table(), 4)
    Memory(tmp_path / "state", "a/b", after).load()
    by_alias = payload(Metric("", 9, 0, 10, 2.0, False, False, False), seq=2)
    ((_, message),) = after.translate(Arrived(NODE.format("NDATA"), by_alias, NOW))
    assert 2.0 in msgspec.json.decode(message.value)["values"][0]
    assert after.notes["births needed"] == 1, "what was missed meanwhile nobody knows"
    old = payload(session._replace(value=6))
    assert after.translate(Arrived(NODE.format("NDEATH"), old, NOW)) == []
    ((_, death),) = after.translate(Arrived(NODE.format("NDEATH"), payload(session), NOW))
    assert msgspec.json.decode(death.value)["entities"][0]["reported"]["connected"] is False


@pytest.mark.parametrize("spoilt", [b"", b"{", b"[" * 5000, b'{"spBv1.0/#":[{}]}', b'{"spBv1.0/#":[1]}', b"\xff"])
def test_births_that_can_not_be_read_are_waited_for(tmp_path: Path, spoilt: bytes) -> None:
    (tmp_path / "mqtt-c.json").write_bytes(spoilt)
    translator = Translator(table(), 4)
    Memory(tmp_path, "c", translator).load()
    assert translator.remember() is None


def test_a_state_directory_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    translator = Translator(table(), 4)
    translator.translate(Arrived(NODE.format("NBIRTH"), payload(), NOW))
    with pytest.raises(ConfigurationError, match="LOCKSTEP_STATE_DIR"):
        Memory(tmp_path / "state", "c", translator).save()


async def test_births_are_saved_before_they_are_acknowledged() -> None:
    broker = Broker((NODE.format("NBIRTH"), payload()))
    kept: list[int] = []
    translator = Translator(table(), 4)
    names = Pseudonyms(None)
    bridge = Bridge(broker.connect, translator, broker.send, names, keep=lambda: kept.append(len(broker.waiting)))  # type: ignore[arg-type]
    task = asyncio.create_task(bridge.run())
    await asyncio.wait_for(broker.done.wait(), 20)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert kept == [1]
