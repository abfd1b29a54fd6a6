"""VES events that say a file is ready: where it lies. `lockstep ingest` fetches it, by that address, when told to.

Source: ONAP VES 7.2.1 `notificationFields` (as PM producers fill it in); TS 28.532 11.6 `notifyFileReady`.
"""

from __future__ import annotations

import msgspec

from stream.sources.ves_event import fields

MOST = 100
"""Files in one event."""


class _Map(msgspec.Struct):
    location: str = ""


class _Named(msgspec.Struct, rename="camel"):
    name: str = ""
    hash_map: _Map = msgspec.field(default_factory=_Map)


class _Notification(msgspec.Struct, rename="camel"):
    change_type: str = ""
    array_of_named_hash_map: list[_Named] = []


class _NotificationEvent(msgspec.Struct):
    fields: _Notification = msgspec.field(name="notificationFields", default_factory=_Notification)


class _Info(msgspec.Struct, rename="camel"):
    file_location: str = ""


class _Data(msgspec.Struct, rename="camel"):
    notification_type: str = ""
    file_info_list: list[_Info] = []


class _Standard(msgspec.Struct):
    data: _Data = msgspec.field(default_factory=_Data)


class _StandardEvent(msgspec.Struct):
    fields: _Standard = msgspec.field(name="stndDefinedFields", default_factory=_Standard)


def ready(domain: str, body: bytes) -> list[str]:
    """Where files lie that an event says are ready; none where it is of something else. Raises BadInput."""
    if domain == "notification":
        told = fields(body, _NotificationEvent).fields
        if told.change_type.lower() == "fileready":
            return [one.hash_map.location or one.name for one in told.array_of_named_hash_map[:MOST]]
    if domain == "stndDefined":
        data = fields(body, _StandardEvent).fields.data
        if data.notification_type.lower() == "notifyfileready":
            return [one.file_location for one in data.file_info_list[:MOST]]
    return []
