"""Every message that a real worker writes keeps the contract: headers, keys and bodies."""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline import Pipeline, network

from tests.integration.worker_process import ROOT

sys.path.append(str(ROOT / "tests" / "unit"))
from contract_checks import message_faults

from stream.broker import Message
from stream.contract.vocabulary import carried
from stream.topics import INBOX, OUTLETS, SOURCES

PERIODS = 16


def test_what_a_worker_writes_keeps_the_contract(broker: str, postgres_dsn: str, tmp_path: Path) -> None:
    pipe = Pipeline(broker, postgres_dsn, tmp_path)
    try:
        worker = pipe.start()
        emulated = network()
        pipe.send_items([item for _ in range(PERIODS) for item in emulated.step()])
        pipe.send(SOURCES["report"].name, [Message(0, "ManagedElement=x", 0, b"no JSON", [])])
        pipe.until(lambda: len(list(pipe.messages(OUTLETS["rejected"].name))) > 0, 60, "one refused message")
        pipe.until_folded()
        assert worker.stop() == 0
        seen = set()
        for topic in (INBOX, *OUTLETS.values()):
            for _, message in pipe.messages(topic.name, topic.partitions or 2):
                assert message_faults(topic.name, carried(topic), message) == []
                seen.add(topic.name)
        assert seen >= {INBOX.name, "predictions.congestion", "twin.updates", "telemetry.rejected"}
    finally:
        pipe.close()
