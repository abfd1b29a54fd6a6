"""Files with one SenML pack each, in JSON, CBOR or XML, such as a gateway's spool.

Options: `element`, whose sensors they are; `sent`, when: without it a pack with relative times can't be placed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from stream.sources import senml
from stream.sources.account import Account
from stream.sources.pm_time import stamp
from stream.sources.senml_pack import ABSOLUTE
from twin.errors import BadInput
from twin.events import Report

OPTIONS: Final = {
    "element": "name of the element that the sensors belong to; none: every device is an element",
    "sent": "when the pack was sent, such as 2026-05-01T12:00:00Z, for relative times",
}

_FIRST = datetime.fromtimestamp(ABSOLUTE, UTC)


def begins(first: bytes, name: str) -> bool:
    """Whether a file is a SenML pack, by its first bytes; CBOR by its name, too: a byte is little to go by."""
    text = first.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] == b"[":
        return any(mark in text for mark in (b'"bn"', b'"n"')) and any(
            mark in text for mark in (b'"v"', b'"vs"', b'"vb"', b'"vd"', b'"s"')
        )
    if text[:1] == b"<":
        return b"urn:ietf:params:xml:ns:senml" in text
    return name.endswith((".senmlc", ".senml.cbor", ".senml"))


def read(pack: bytes, account: Account) -> Iterator[Report]:
    """The reports of a file.

    Raises:
        BadInput: As `senml.reports`; bad-period, times are relative and nothing says to when.
    """
    sent = account.options.get("sent", "")
    now = stamp(sent).timestamp() if sent else 0.0
    made = senml.reports(pack, account.options.get("element", ""), round(now * 1000))
    if not sent and any(report.end < _FIRST for report in made):
        raise BadInput("bad-period", "its times are relative to when it was sent: say when, with --set sent=TIME")
    yield from made
