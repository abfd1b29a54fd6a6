"""ONAP VES events -> events of the twin: faults, crossed thresholds, measurements, registrations; heartbeats.

What a domain has to say that the twin doesn't keep is taken and noted, not refused: the sender did nothing wrong.
"""

from __future__ import annotations

from collections import Counter
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import NamedTuple

import msgspec

from stream.sources import pm_json, ves_alarms, ves_files, ves_measurement
from stream.sources.pm_report import PmReports
from stream.sources.ves_event import Header, fields, split
from twin.alarm_events import AlarmNote
from twin.counters import Catalogue
from twin.errors import BadInput
from twin.events import Alarm, Entity, Report, TopologyChange

DOMAINS = frozenset(
    (
        *("fault", "heartbeat", "measurement", "mobileFlow", "notification", "other", "perf3gpp", "pnfRegistration"),
        *("sipSignaling", "stateChange", "stndDefined", "syslog", "thresholdCrossingAlert", "voiceQuality"),
    )
)
FAULTS, HEARTBEATS = "3GPP-FaultSupervision", "3GPP-Heartbeat"


class Taken(NamedTuple):
    """What a message became.

    Attributes:
        notes: What was taken differently from how it stood, or not kept.
        dropped: Values of counters that the catalogue doesn't know.
    """

    events: list[Report | Alarm | AlarmNote | TopologyChange]
    notes: Counter[str]
    dropped: Counter[str]


class _Registration(msgspec.Struct, rename="camel"):
    pnf_registration_fields_version: str
    oam_v4_ip_address: str = ""
    oam_v6_ip_address: str = ""
    vendor_name: str = ""
    model_number: str = ""
    serial_number: str = ""
    software_version: str = ""
    unit_type: str = ""
    unit_family: str = ""


class _RegistrationEvent(msgspec.Struct):
    fields: _Registration = msgspec.field(name="pnfRegistrationFields")


def read(value: bytes, catalogue: Catalogue) -> Taken:
    """All events of a message, or none: one that can't be used refuses the message.

    Raises:
        BadInput: See `ves_event.split`; the detail says which event and what is wrong.
    """
    taken = Taken([], Counter(), Counter())
    for number, (header, body) in enumerate(found := split(value), 1):
        try:
            _one(header, body, catalogue, taken)
        except BadInput as error:
            where = f"event {number} of {len(found)}: " if len(found) > 1 else ""
            raise BadInput(error.reason, where + error.detail) from error
    return taken


def _one(header: Header, body: bytes, catalogue: Catalogue, taken: Taken) -> None:
    domain, notes = header.domain, taken.notes
    if domain == "fault":
        taken.events.append(ves_alarms.fault(header, body, notes))
    elif domain == "thresholdCrossingAlert":
        taken.events.append(ves_alarms.crossing(header, body, notes))
    elif domain == "stndDefined" and header.stnd_defined_namespace == FAULTS:
        taken.events.append(ves_alarms.standard(header, body, notes))
    elif domain == "perf3gpp":
        made = PmReports(catalogue, "ves")
        taken.events.extend(pm_json.read(b'{"event":' + body + b"}", made))
        notes.update(made.notes)
        taken.dropped.update(made.names.dropped)
    elif domain == "measurement":
        taken.events.extend(ves_measurement.reports(header, body, catalogue, taken.dropped, notes))
    elif domain == "pnfRegistration":
        taken.events.append(_registered(header, body, notes))
    elif places := ves_files.ready(domain, body):
        _note_files(header, places, notes)
    elif domain == "stndDefined":
        kind = "heartbeat" if header.stnd_defined_namespace == HEARTBEATS else header.stnd_defined_namespace
        notes[f"stndDefined {kind}: nothing that the twin keeps"] += 1
    elif domain in DOMAINS:
        notes[f"{domain}: nothing that the twin keeps"] += 1
    else:
        raise BadInput("unknown-type", f"domain {domain[:40]!r} is none of VES 7")


def _note_files(header: Header, places: list[str], notes: Counter[str]) -> None:
    """Where files lie that are ready: fetching them is somebody's decision, not the sender's."""
    for place in places:
        notes[f"a file of {header.source_name[:60]} is ready at {place[:200]}: `lockstep ingest` can fetch it"] += 1


def _registered(header: Header, body: bytes, notes: Counter[str]) -> TopologyChange:
    """What an element says of itself when it comes up: reported, not declared."""
    told, name = fields(body, _RegistrationEvent).fields, header.element()
    try:
        if told.oam_v4_ip_address:
            IPv4Address(told.oam_v4_ip_address)
        if told.oam_v6_ip_address:
            IPv6Address(told.oam_v6_ip_address)
    except AddressValueError as error:
        raise BadInput("wrong-type", f"no IP address: {error}") from error
    names = {"vendor_name": "vendorName", "model_number": "modelNumber", "serial_number": "serialNumber"}
    names |= {"software_version": "swVersion", "unit_type": "unitType", "unit_family": "unitFamily"}
    names |= {"oam_v4_ip_address": "oamV4IpAddress", "oam_v6_ip_address": "oamV6IpAddress"}
    reported = {name: value for field, name in names.items() if (value := getattr(told, field))}
    if header.nf_vendor_name:
        reported.setdefault("vendorName", header.nf_vendor_name)
    end = header.period(notes)[1]
    entity = Entity(dn=name, kind="element", reported=reported)
    return TopologyChange(
        id=f"ves/{name}/{header.event_id}/{end.isoformat()}", time=end, entities=[entity], source="ves"
    )
