"""SenML packs in XML -> records with the labels that JSON has; numbers are texts.

Source: RFC 8428 7.
"""

from __future__ import annotations

from io import BytesIO
from typing import Final

from stream.sources.safe_xml import Limits, elements
from twin.errors import BadInput

LIMITS: Final = Limits(nesting=3, attributes=32, piece_bytes=64 * 1024, subtree=0, total_bytes=8 << 20)


def begins(pack: bytes) -> bool:
    """Whether a pack is in XML."""
    return pack.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<"


def records(pack: bytes, most: int) -> list[dict[str, str]]:
    """The records as sent.

    Args:
        most: Records that a pack may have.

    Raises:
        BadInput: malformed; too-large.
    """
    found: list[dict[str, str]] = []
    for element in elements(BytesIO(pack), {"senml"}, LIMITS):
        if len(found) >= most:
            raise BadInput("too-large", f"a pack of more than {most} records: split it")
        found.append(dict(element.attrib))
    return found
