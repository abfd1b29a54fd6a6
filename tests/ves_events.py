"""VES events as senders make them."""

from __future__ import annotations

from typing import Any

AT = 1_700_000_000_000_000


def event(domain: str, name: str, body: dict[str, Any], **header: Any) -> dict[str, Any]:
    common = {
        "domain": domain, "eventId": "e1", "eventName": "x", "priority": "High", "reportingEntityName": "r",
        "sequence": 1, "sourceName": "gnb-7", "startEpochMicrosec": AT, "lastEpochMicrosec": AT,
        "version": "4.1", "vesEventListenerVersion": "7.2.1",
    }  # fmt: skip
    return {"commonEventHeader": common | header, name: body}


def fault(severity: str = "MAJOR", **header: Any) -> dict[str, Any]:
    fields = {
        "alarmCondition": "heatingOrVentilationOrCoolingSystemProblem", "eventSeverity": severity,
        "eventSourceType": "other", "faultFieldsVersion": "4.0", "specificProblem": "Cooling fan broken",
        "vfStatus": "Active", "eventCategory": "EQUIPMENT_ALARM",
    }  # fmt: skip
    return event("fault", "faultFields", fields, **header)
