"""Measurement files as base stations write them: TS 28.532 in XML."""

from __future__ import annotations

HEAD_28532 = (
    '<?xml version="1.0"?><measDataFile xmlns="http://www.3gpp.org/ftp/specs/archive/28_series/28.532#measData">'
    '<fileHeader dnPrefix="SubNetwork=1" vendorName="Nobody"><fileSender senderName="x"/></fileHeader><measData>'
    '<measEntity localDn="ManagedElement=7"/>'
)
TAIL_28532 = "</measData></measDataFile>"


def group(rows: str, types: str = "RRU.PrbTotDl RRC.ConnMean", end: str = "2024-05-01T10:15:00+02:00") -> str:
    """A measInfo of 15 minutes."""
    return f'<measInfo><granPeriod duration="PT900S" endTime="{end}"/><measTypes>{types}</measTypes>{rows}</measInfo>'


def row(name: str, results: str, suspect: str = "") -> str:
    told = f"<suspect>{suspect}</suspect>" if suspect else ""
    return f'<measValue measObjLdn="{name}"><measResults>{results}</measResults>{told}</measValue>'


def measurements(element: str, load: float) -> str:
    """A whole file: one cell of one element."""
    head = HEAD_28532.replace("ManagedElement=7", f"ManagedElement={element}")
    return head + group(row("NRCellDU=1", f"{load} 3")) + TAIL_28532
