"""`lockstep ingest DIRECTORY --watch`: what comes into a directory is sent, until told to stop."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from stream.commands.ingest import Asked


async def watch_folder(root: Path, asked: Asked, settle_s: float, as_json: bool) -> None:
    """Send files as they come; a line is printed for each.

    Raises:
        ConfigurationError: The options are wrong, or another process watches this folder.
        Unavailable: The broker can't be reached at the beginning.
    """
    from infra.settings import load
    from stream.broker import Producer
    from stream.engine.security import kafka_security
    from stream.folder import Folder, watch
    from stream.folder_ledger import Ledger
    from stream.ingesting import send
    from stream.services import running

    asked.intake([])  # what the user says of the files is checked before anything is begun
    settings = load()
    services = running(settings)
    producer = Producer(services.bootstrap, kafka_security(settings), settings.max_message_bytes, settings.compression)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    whose = json.dumps([str(root.resolve()), services.bootstrap, services.log_id, settings.topic_prefix])
    name = blake2b(whose.encode(), digest_size=8).hexdigest()

    async def take(path: Path) -> None:
        intake = asked.intake([path])
        await send(intake.events(), producer, settings.topic_prefix, services.partitions)
        _tell(intake.result()["files"][0], as_json)

    with Ledger(Path(settings.state_dir) / "watched" / f"{name}.jsonl") as ledger:
        await producer.start()
        try:
            await watch(Folder(root, ledger, settle_s), ledger, take, stop, time.monotonic)
        finally:
            await producer.stop()


def _tell(one: dict[str, object], as_json: bool) -> None:
    if as_json:
        line = json.dumps(one)
    else:
        counts = {"reports": one["reports"], **dict(one["events"])}  # type: ignore[call-overload]
        said = ", ".join(f"{n} {kind}" for kind, n in counts.items() if n) or "nothing"
        taken = f"{one['format']}, {said}"
        line = f"{one['path']}: {one['rejected'] or taken}"
    print(line, flush=True)  # noqa: T201 - what was asked for
