"""What measurement files call things -> the twin's names: elements, objects, counters.

A counter of the standard keeps its name; spellings that occur are mapped by a table. Another one is the vendor's own:
it gets the vendor's name as a prefix, `Ericsson.pmRadioThpVolDl`, and is taken where that vendor has been declared, by
`LOCKSTEP_VENDORS` or counter by counter in a profile. What is left is dropped, and counted by name. So are vectors of
counters that nobody has declared one by one: thousands of bins would leave no room for anything else.
"""

from __future__ import annotations

import re
from collections import Counter

from stream.sources.template import escape
from twin import dn
from twin.counters import ALIASES, Catalogue, is_family
from twin.errors import BadInput

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_PART = re.compile(r"[^A-Za-z0-9_-]+")


def vendor_prefix(vendor: str) -> str:
    """The first word of a vendor's name, as a prefix: `Ericsson` of `Ericsson AB`; `Vendor` if none fits."""
    match = _WORD.search(vendor)
    word = match[0][0].upper() + match[0][1:] if match else ""
    return word if word and not is_family(word) else "Vendor"


class CounterNames:
    """Names of counters of one vendor.

    Attributes:
        dropped: What isn't in the catalogue, and how many values of it there were.
    """

    def __init__(self, catalogue: Catalogue, vendor: str = "", dropped: Counter[str] | None = None) -> None:
        self._catalogue = catalogue
        self._prefix = vendor_prefix(vendor)
        self._known: dict[str, str | None] = {}
        self.dropped: Counter[str] = Counter() if dropped is None else dropped

    def find(self, name: str) -> str | None:
        """The catalogue's name of a counter; none where it isn't in it."""
        if name not in self._known:
            self._known[name] = self._look(name)
        return self._known[name]

    def vector(self, counter: str) -> bool:
        """Whether the bins of a counter's distribution are taken, each as a sub-counter."""
        return self._catalogue.named(counter)

    def _look(self, name: str) -> str | None:
        standard = ALIASES.get(name, name)
        if standard in self._catalogue:
            return standard
        parts = [part for text in name.split(".") if (part := _PART.sub("-", text).strip("-"))]
        own = ".".join([self._prefix, *parts])
        return own if own in self._catalogue else None


def element_name(prefix: str, local: str) -> str:
    """Distinguished name of an element from a file's `dnPrefix` and its local name; what is none becomes one.

    Raises:
        BadInput: bad-name, both are empty.
    """
    if not local.strip():
        raise BadInput("bad-name", "the element has no name: neither managedElement nor fileSender gives one")
    name = _or_as(local, "ManagedElement")
    whole = f"{prefix},{name}" if prefix and _is_name(prefix) and not name.startswith(prefix) else name
    return dn.check(whole)


def object_name(element: str, local: str) -> str:
    """Name of an object relative to its element; local names begin with the element's own last part or below it."""
    if not local:
        return ""
    if local == element or local.startswith(f"{element},"):
        return local[len(element) + 1 :]
    own = element[element.rfind(",") + 1 :]
    if local == own or local.startswith(f"{own},"):
        return local[len(own) + 1 :]
    return _or_as(local, "MeasObject")


def _or_as(text: str, kind: str) -> str:
    return text if _is_name(text) else f"{kind}={escape(text.strip()[:120])}"


def _is_name(text: str) -> bool:
    try:
        dn.check(text)
    except BadInput:
        return False
    return True
