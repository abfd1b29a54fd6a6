"""Writes the log, or what a profile reads, to a recording."""

from __future__ import annotations

import asyncio
from pathlib import Path

from stream import recording


def record_profile(path: Path, source: Path, profile: str, partitions: int) -> int:
    """Convert what a profile reads; returns how many records were written."""
    from infra.settings import load
    from stream.guarding import protected, pseudonyms
    from stream.sources.profile import load_profile, records

    found = records(load_profile(profile), source, partitions)
    return recording.write(path, partitions, protected(found, pseudonyms(load())))


def record_log(path: Path) -> int:
    """Record the running log from its oldest record up to now; returns how many records were written."""
    return asyncio.run(_record_log(path))


async def _record_log(path: Path) -> int:
    from infra.settings import load
    from stream.engine.security import kafka_security
    from stream.log_slices import extent, read_log
    from stream.services import running
    from stream.topics import INBOX

    settings = load()
    services = running(settings)
    security = kafka_security(settings)
    topic = settings.topic_prefix + INBOX.name
    extents = await extent(services.bootstrap, security, topic, range(services.partitions))
    count = 0
    with recording.Writer(path, services.partitions) as out:
        for partition, (start, stop) in sorted(extents.items()):
            async for records in read_log(services.bootstrap, security, topic, partition, start, stop, ""):
                for record in records:
                    out.write(record)
                    count += 1
    return count
