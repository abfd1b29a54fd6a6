"""Distinguished names (3GPP TS 32.300): `SubNetwork=1,ManagedElement=gnb-17,NRCellDU=2`."""

from __future__ import annotations

import re

from twin.errors import BadInput

_RDN = r"[A-Za-z][A-Za-z0-9-]{0,63}=[^,=\x00-\x1f\x7f-\x9f\ud800-\udfff]{1,128}"
_NAME = re.compile(rf"{_RDN}(,{_RDN}){{0,15}}")

LONGEST = 1024
"""Characters of a name: it is repeated for every object below it."""


def check(name: str) -> str:
    """Return `name` if it is a distinguished name of at most 16 parts and `LONGEST` characters.

    Raises:
        BadInput: It isn't.
    """
    if len(name) > LONGEST or _NAME.fullmatch(name) is None:
        raise BadInput("bad-name", f"{name[:80]!r} is not a distinguished name such as 'ManagedElement=gnb-17'")
    return name


def region(name: str) -> str:
    """The part of the network a name belongs to: its SubNetwork parts, or its first part where it has none.

    Elements of one region share a partition, so that neighbours share a shard.
    """
    end = 0
    for part in name.split(","):
        if not part.startswith("SubNetwork="):
            break
        end += len(part) + 1
    return name[: end - 1] if end else name.split(",", 1)[0]


def object_class(name: str) -> str:
    """The class of an object: the attribute of its last part, e.g. `NRCellDU`."""
    return name[name.rfind(",") + 1 :].partition("=")[0]


def join(element: str, relative: str) -> str:
    """Name of an object given relative to its element; an empty relative name is the element itself."""
    return f"{element},{relative}" if relative else element


def parent(name: str) -> str:
    """The name without its last part; empty for a name of one part."""
    return name.rpartition(",")[0]
