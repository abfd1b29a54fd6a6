"""Messages as their senders make them, on one topic: VES events, PM JSON, PM XML, KPM indications, alarm records.

A message is read like a file (`stream/sources/files.py`): what it is, its first bytes tell. It is taken as a whole or
rejected as a whole. Only what was measured, heard or reported comes by this topic; whoever may send measurements may
not declare what exists: that has topics of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from stream.source_messages import SourceEvent, Told, told
from stream.sources.files import read_bytes
from twin.alarm_events import PlannedOutage
from twin.counters import CATALOGUE, Catalogue
from twin.errors import BadInput
from twin.events import Inventory, TopologyChange

MOST: Final = 10_000
"""Events of one message."""


class RawMessages:
    """Reads them.

    Args:
        options: What formats need to know, see `lockstep formats`.
    """

    def __init__(self, catalogue: Catalogue = CATALOGUE, options: Mapping[str, str] | None = None) -> None:
        self._catalogue, self._options = catalogue, options or {}

    def read(self, value: bytes) -> list[Told]:
        """The events of one message.

        Raises:
            BadInput: It can't be read, holds nothing that the twin keeps, or what mayn't come this way.
        """
        made: list[Told] = []
        account, events = read_bytes(value, self._catalogue, self._options)
        for event in events:
            if len(made) == MOST:
                raise BadInput("too-many", f"more than {MOST} events in one message: split it")
            _check(event)
            made.append(told(event))
        if not made and not account.set_aside and not account.dropped:
            raise BadInput("empty", "it holds nothing that the twin keeps")
        return made


def _check(event: SourceEvent) -> None:
    if isinstance(event, Inventory | PlannedOutage):
        raise BadInput("unknown-type", f"a {type(event).__name__} comes by a topic of its own, not by this one")
    if isinstance(event, TopologyChange) and (
        event.removed or event.relations or any(entity.attributes for entity in event.entities)
    ):
        raise BadInput("unknown-type", "what declares the network comes by inventory.changes, not by this topic")
