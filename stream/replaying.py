"""Finds out what a path holds and replays it: in-process, or onto Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from infra.settings import load
from models.targets import CongestionTarget, parse_duration_s, parse_target
from stream.config import shard_config
from stream.engine.collector import settle
from stream.replay import replay
from twin.counters import Catalogue
from twin.errors import ConfigurationError
from twin.log import LogRecord


class Source:
    """Log records of a path, and what is known about how to fold them.

    Args:
        path: A recording (`.jsonl.gz`), or what a profile reads.
        profile: Name or file of a profile; needed unless `path` is a recording.

    Raises:
        ConfigurationError: It can't be read.
    """

    def __init__(self, path: Path, profile: str | None, partitions: int = 4) -> None:
        from stream import recording
        from stream.sources.link_levels import LinkLevels, is_link_levels
        from stream.sources.profile import full_catalogue, load_profile, records

        self.catalogue: Catalogue = full_catalogue(load().profiles, load().vendors)
        self.targets: list[CongestionTarget] = [parse_target(text) for text in load().targets]
        self.window_s: int | None = None
        self.rejected: list[Any] = []
        if profile is not None:
            spec = load_profile(profile)
            self.catalogue = spec.catalogue()
            self.targets = list(spec.targets)
            self.window_s = spec.score.window_s if spec.score else None
            self.records: Iterable[LogRecord] = records(spec, path, partitions)
        elif is_link_levels(path):
            self.records = LinkLevels(path, partitions)
        elif path.is_file():
            self.records = recording.read(path)
        else:
            raise ConfigurationError(f"{path} is a directory: say with --profile how to read it, or name a recording")


def replay_path(
    path: Path,
    profile: str | None,
    targets: list[str],
    batch: int,
    score_last: str | None,
    *,
    to_kafka: bool,
    progress: bool,
) -> dict[str, Any]:
    """Replay what a path holds and return the result object."""
    source = Source(path, profile)
    if to_kafka:
        return asyncio.run(_send(source))
    chosen = [parse_target(text) for text in targets] or source.targets
    newest = 0

    def noting(records: Iterable[LogRecord]) -> Iterator[LogRecord]:
        nonlocal newest
        for record in records:
            newest = max(newest, record.time)
            yield record

    settle()
    config = msgspec.structs.replace(shard_config(load()), targets=tuple(chosen))
    records = noting(source.records)
    if progress:
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        with Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn(), transient=True) as bar:
            task = bar.add_task("reading")
            done = replay(
                records,
                config,
                source.catalogue,
                batch=batch,
                on_progress=lambda n: bar.update(task, description=f"{n:,} records folded"),
            )
    else:
        done = replay(records, config, source.catalogue, batch=batch)
    window_s = parse_duration_s(score_last) if score_last else source.window_s
    result = done.result(newest - window_s * 1000 if window_s else None)
    unreadable = getattr(source.records, "rejected", [])
    for row in unreadable:
        result["rejected"][row.reason] = result["rejected"].get(row.reason, 0) + 1
    return result


async def _send(source: Source) -> dict[str, Any]:
    """Play records onto `twin.inbox`, partition by partition as recorded."""
    from stream.broker import Message, Producer
    from stream.engine.security import kafka_security
    from stream.guarding import protected, pseudonyms
    from stream.services import running
    from stream.topics import INBOX, headers

    settings = load()
    services = running(settings)
    security = kafka_security(settings)
    producer = Producer(services.bootstrap, security, settings.max_message_bytes)
    await producer.start()
    sent = 0
    try:
        waiting: list[Message] = []

        async def flush() -> None:
            await producer.send(settings.topic_prefix + INBOX.name, waiting)
            waiting.clear()

        for record in protected(source.records, pseudonyms(settings)):
            if record.partition >= services.partitions:
                raise ConfigurationError(
                    f"the recording has a partition {record.partition}, the log only {services.partitions}: elements "
                    "would lose their neighbours; record it anew from its source with --partitions, or set "
                    "LOCKSTEP_PARTITIONS"
                )
            id_ = f"replay-{record.partition}-{record.offset}"
            head = headers(record.type, id_, record.key, record.time, "replay", record.time)
            waiting.append(Message(record.partition, record.key, record.time, record.value, head))
            sent += 1
            if len(waiting) >= 1000:
                await flush()
        await flush()
    finally:
        await producer.stop()
    return {"sent": sent}
