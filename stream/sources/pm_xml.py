"""Measurement files in XML, TS 32.435 and TS 28.532 -> reports, as a stream and with bounded memory.

One pass with Python's own expat and no tree: a network's files come by the hundred megabytes. Document types are
refused, and so are entities; sizes and depth are bounded (`stream.sources.safe_xml`).

Source: TS 32.435 4.1 (`measCollecFile`), TS 28.532 12.3 (`measDataFile`).
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterator

from stream.sources.pm_report import PmReports
from stream.sources.pm_time import duration, stamp
from stream.sources.safe_xml import BROKEN, DEFAULT, Limits, Readable, parser
from twin.errors import BadInput
from twin.events import Report

READ_BYTES = 1 << 16
_HEAD = 4096
_SHEET_FIRST = re.compile(rb"\A(\xef\xbb\xbf)?\s*<\?xml-stylesheet\b[^>]*\?>\s*(?=<\?xml\s)")

SHEET_NOTE = "style sheet before the XML declaration removed"
_TEXTS = frozenset(("measType", "measTypes", "r", "measResults", "suspect"))


def read(source: Readable, made: PmReports, limits: Limits = DEFAULT) -> Iterator[Report]:
    """The reports of one file, in its order; groups are given as soon as they end.

    Raises:
        BadInput: malformed, too-large, or what `PmReports` refuses. Reports before it have been given by then.
    """
    handler = _Handler(made, limits)
    total, first = 0, True
    try:
        while data := source.read(_HEAD if first else READ_BYTES):
            total += len(data)
            if total > limits.total_bytes:
                raise BadInput("too-large", f"more than {limits.total_bytes} bytes of XML")
            if first and _SHEET_FIRST.match(data):
                data = _SHEET_FIRST.sub(b"", data)
                made.notes[SHEET_NOTE] += 1
            first = False
            handler.feed(data)
            while handler.ready:
                yield handler.ready.popleft()
        handler.feed(b"", final=True)
    except BROKEN as error:
        raise BadInput("malformed", f"it is not XML: {error}") from None
    if not handler.known_root:
        raise BadInput(
            "malformed", "it is XML, but no measurement file: the root is not measCollecFile or measDataFile"
        )
    yield from handler.ready


class _Handler:
    """What expat calls. Between two tags the text is gathered; what ends decides what it meant.

    Results are nearly all of a file: their tags come first in every handler and cost as little as can be.
    """

    def __init__(self, made: PmReports, limits: Limits) -> None:
        self.ready: deque[Report] = deque()
        self.known_root = False
        self._made, self._limits = made, limits
        self._depth = self._since = 0
        self._text: str | None = None
        self._prefix = self._sender = ""
        self._has_element = False
        self._types: dict[str, str] = {}
        self._period: tuple[str, str] | None = None
        self._begun = self._suspect = False
        self._object = self._place = ""
        self._results: dict[str, str] = {}
        self._parser = parser(self._start, self._end, self._data)

    def feed(self, data: bytes, *, final: bool = False) -> None:
        """Parse some more."""
        self._since += len(data)
        self._parser.Parse(data, final)
        if self._since > self._limits.piece_bytes + READ_BYTES:
            raise BadInput("too-large", f"a tag or a text of more than {self._limits.piece_bytes} bytes")

    def _start(self, tag: str, pairs: list[str]) -> None:
        self._since = 0
        self._depth += 1
        if tag == "r" and 1 < self._depth <= self._limits.nesting and len(pairs) == 2 and pairs[0] == "p":
            self._text, self._place = "", pairs[1]
            return
        name = tag.rpartition(":")[2]
        if self._depth == 1:
            self.known_root = name in ("measCollecFile", "measDataFile")
            if not self.known_root:
                raise BadInput("malformed", f"a file of {name[:40]!r} is no measurement file of TS 32.435 or 28.532")
        if self._depth > self._limits.nesting:
            raise BadInput("too-large", f"elements are nested deeper than {self._limits.nesting}")
        attributes = dict(zip(pairs[::2], pairs[1::2], strict=True))
        if len(attributes) > self._limits.attributes:
            raise BadInput("too-large", f"an element has more than {self._limits.attributes} attributes")
        if name in _TEXTS:
            self._text, self._place = "", attributes.get("p", "")
        elif name == "measValue":
            if not self._begun:
                self._begin_group()
            self._object, self._results, self._suspect = attributes.get("measObjLdn", ""), {}, False
        elif name in _OPENED:
            _OPENED[name](self, attributes)

    def _end(self, tag: str) -> None:
        self._since = 0
        self._depth -= 1
        text, self._text = self._text, None
        if tag == "r" and text is not None:
            self._results[self._place or str(len(self._results) + 1)] = text
            return
        name = tag.rpartition(":")[2]
        if text is not None:
            self._told(name, text)
        elif name == "measValue":
            get = self._results.get
            results = [get(place, "") for place in self._types]
            self.ready.extend(self._made.row(self._object, results, suspect=self._suspect))
        elif name == "measInfo":
            self.ready.extend(self._made.flush())

    def _told(self, name: str, text: str) -> None:
        """A text has ended."""
        if name == "r":
            self._results[self._place or str(len(self._results) + 1)] = text
        elif name == "measResults":
            self._results = {str(k): one for k, one in enumerate(text.split(), 1)}
        elif name == "measType":
            self._types[self._place or str(len(self._types) + 1)] = text.strip()
        elif name == "measTypes":
            self._types = {str(k): one for k, one in enumerate(text.split(), 1)}
        elif name == "suspect":
            self._suspect = text.strip().lower() in ("true", "1")

    def _data(self, text: str) -> None:
        if self._text is not None:
            self._text += text

    def _header(self, attributes: dict[str, str]) -> None:
        self._prefix = attributes.get("dnPrefix", "").strip()
        self._made.file(self._prefix, attributes.get("vendorName", ""))

    def _sent_by(self, attributes: dict[str, str]) -> None:
        self._sender = attributes.get("localDn") or attributes.get("senderName", "")

    def _of_element(self, attributes: dict[str, str]) -> None:
        self._made.element(attributes.get("localDn", ""))
        self._has_element = True

    def _info(self, _attributes: dict[str, str]) -> None:
        self._types, self._period, self._begun = {}, None, False

    def _granularity(self, attributes: dict[str, str]) -> None:
        self._period = attributes.get("duration", ""), attributes.get("endTime", "")

    def _begin_group(self) -> None:
        if not self._has_element and self._sender:
            # It says who sends, not what was measured: with one element a file that is the same.
            self._made.element(self._sender)
            self._made.notes["element taken from fileSender"] += 1
            self._has_element = True
        if self._period is None:
            raise BadInput("bad-period", "measurements without a granPeriod")
        length, end = self._period
        self._made.group(stamp(end), duration(length), list(self._types.values()))
        self._begun = True


_OPENED: dict[str, Callable[[_Handler, dict[str, str]], None]] = {
    "fileHeader": _Handler._header,
    "fileSender": _Handler._sent_by,
    "managedElement": _Handler._of_element,
    "measEntity": _Handler._of_element,
    "measInfo": _Handler._info,
    "granPeriod": _Handler._granularity,
}
