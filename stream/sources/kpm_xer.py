"""E2AP RICindication as XER: XML around a KPM header and message in hexadecimal, as test equipment writes it.

Source: O-RAN.WG3.E2AP 9.1.1.9 (RICindication); ITU-T X.693 for XER.
"""

from __future__ import annotations

from collections.abc import Iterator

from stream.sources import kpm, kpm_aper
from stream.sources.account import Account
from stream.sources.safe_xml import Limits, Readable, elements
from twin.errors import BadInput
from twin.events import Report

_WANTED = ("RICindicationHeader", "RICindicationMessage")
_LIMITS = Limits(total_bytes=64 << 20)


def read(source: Readable, account: Account) -> Iterator[Report]:
    """The reports of one indication.

    Raises:
        BadInput: malformed, header or message are missing or no hexadecimal; what `kpm_aper` and `kpm` refuse.
    """
    parts: dict[str, bytes] = {}
    for element in elements(source, _WANTED, _LIMITS):
        name = element.tag.rpartition("}")[2]
        if name in parts:
            raise BadInput("too-many", f"more than one {name} in one file: one indication is read")
        try:
            parts[name] = bytes.fromhex(element.text or "")
        except ValueError as error:
            raise BadInput("malformed", f"{name} is not hexadecimal: {error}") from error
    if missing := [name for name in _WANTED if not parts.get(name)]:
        raise BadInput("malformed", f"an E2AP message without {' and '.join(missing)}: no indication with measurements")
    yield from kpm.reports(kpm_aper.header(parts[_WANTED[0]]), [kpm_aper.message(parts[_WANTED[1]])], account)
