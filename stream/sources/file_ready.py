"""What goes beside measurement files: where one lies and of which period it is. None of it is kept, but it is checked.

Collectors write such metadata for every file they fetch; the measurements stand in the file itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from stream.sources.account import Account
from stream.sources.pm_time import epoch
from twin.errors import BadInput


class _Metadata(msgspec.Struct, rename="camel"):
    location: str
    file_format_type: str
    source_name: str
    start_epoch_microsec: float | str
    last_epoch_microsec: float | str


def recognise(first: bytes, _name: str) -> bool:
    """Whether a file is such metadata by itself, and no event that holds some."""
    text = first.lstrip(b"\xef\xbb\xbf \t\r\n")
    return text[:1] == b"{" and b'"fileFormatType"' in text and b'"location"' in text and b'"event' not in text


def read(value: bytes, account: Account) -> Iterator[Any]:
    """No events; a note where the file lies.

    Raises:
        BadInput: malformed; wrong-type; bad-period, it ends before it begins.
    """
    try:
        told = msgspec.json.decode(value, type=_Metadata)
    except msgspec.ValidationError as error:
        raise BadInput("wrong-type", f"it is no metadata of a file: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput("malformed", f"it is not JSON: {error}") from error
    begin, end = (epoch(text, account.notes) for text in (told.start_epoch_microsec, told.last_epoch_microsec))
    if end <= begin:
        raise BadInput("bad-period", f"it ends at {end.isoformat()} and begins at {begin.isoformat()}")
    account.aside(f"a file of {told.source_name[:60]} is ready at {told.location[:120]}")
    yield from ()
