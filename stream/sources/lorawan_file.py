"""Files of LoRaWAN frames, one JSON object a line, as network servers and archives write them.

A line that can't be used is left out, and noted with its reason: the others stand alone. Options: `profile`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from stream.sources.account import Account
from stream.sources.lorawan import Frames
from stream.sources.lorawan_profile import load_lorawan
from stream.sources.safe_xml import Readable
from twin.errors import BadInput
from twin.events import Report

OPTIONS: Final = {"profile": "how frames are written: campusiot, which is the default, or a TOML file"}
LONGEST_LINE: Final = 1 << 20
"""[byte]"""

_DEVICES = (b'"dev_eui"', b'"devEui"', b'"devEUI"', b'"device_id"', b'"dev_id"')
_COUNTS = (b'"fcnt"', b'"fCnt"', b'"f_cnt"')


def begins(first: bytes, _name: str) -> bool:
    """Whether a file has frames, by its first line: an object with a device and a frame counter."""
    line = first.lstrip(b"\xef\xbb\xbf \t\r\n").partition(b"\n")[0]
    return line[:1] == b"{" and any(d in line for d in _DEVICES) and any(c in line for c in _COUNTS)


def read(source: Readable, account: Account) -> Iterator[Report]:
    """The reports of a file's frames, in its order.

    Raises:
        BadInput: too-large, a line is longer than any frame; wrong-type, not one line can be used.
        ConfigurationError: The profile can't be read.
    """
    profile = load_lorawan(account.options.get("profile", "campusiot"), account.catalogue, Path())
    frames = Frames(profile, account.format, account.notes)
    last: BadInput | None = None
    taken = 0
    for line in _lines(source):
        if not line.strip():
            continue
        try:
            yield from frames.read(line)
            taken += 1
        except BadInput as error:
            last = error
            account.notes[f"lines left out: {error.reason}"] += 1
    if last is not None and not taken:
        raise BadInput(last.reason, f"no line can be used; the last: {last.detail}")


def _lines(source: Readable) -> Iterator[bytes]:
    held = b""
    while piece := source.read(1 << 16):
        *whole, held = (held + piece).split(b"\n")
        if len(held) > LONGEST_LINE:
            raise BadInput("too-large", f"a line of more than {LONGEST_LINE} bytes")
        yield from whole
    if held:
        yield held
