"""XML of strangers, as a stream: no document types, so no entities and nothing fetched; bounded in memory and depth.

Python's own expat through defusedxml, not libxml2: it is enough, and there is far less of it that could go wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Final, NamedTuple, NoReturn, Protocol
from xml.etree.ElementTree import Element, ParseError
from xml.parsers import expat

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from twin.errors import BadInput


class Limits(NamedTuple):
    """How much one document may be.

    Attributes:
        nesting: Elements inside each other.
        attributes: Of one element.
        piece_bytes: Of one tag, or of the text between two tags.
        subtree: Elements below one that is given out.
        total_bytes: Of the document, unpacked.
    """

    nesting: int = 32
    attributes: int = 64
    piece_bytes: int = 1 << 20
    subtree: int = 200_000
    total_bytes: int = 1 << 30


DEFAULT: Final = Limits()
READ_BYTES = 16 * 1024


class Readable(Protocol):
    """A binary file."""

    def read(self, size: int = -1, /) -> bytes: ...


def elements(source: Readable, tags: Collection[str], limits: Limits = DEFAULT) -> Iterator[Element]:
    """The elements with one of `tags`, whole, in the order in which they end; nothing else is kept.

    Args:
        tags: Local names, without their namespace. One inside another that is given out belongs to that one.

    Raises:
        BadInput: malformed, where it isn't XML or has a document type; too-large, past one of the limits.
    """
    counted = _Counted(source, limits)
    path: list[Element] = []
    inside = below = 0
    try:
        for event, element in iterparse(counted, ("start", "end"), forbid_dtd=True):
            counted.since = 0
            if event == "start":
                path.append(element)
                if len(path) > limits.nesting:
                    raise BadInput("too-large", f"elements are nested deeper than {limits.nesting}")
                if len(element.attrib) > limits.attributes:
                    raise BadInput("too-large", f"an element has more than {limits.attributes} attributes")
                below = below + 1 if inside else 0
                if below > limits.subtree:
                    raise BadInput("too-large", f"more than {limits.subtree} elements below one")
                inside += _local(element) in tags
                continue
            path.pop()
            wanted = _local(element) in tags
            inside -= wanted
            if inside:
                continue
            if wanted:
                yield element
            element.clear()
            if path:
                path[-1].remove(element)
    except DefusedXmlException as error:
        raise BadInput("malformed", f"it has a document type or entities, which are not read: {_name(error)}") from None
    except (ParseError, ValueError, LookupError) as error:
        raise BadInput("malformed", f"it is not XML: {error}") from None


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _name(error: Exception) -> str:
    return type(error).__name__


def parser(
    start: Callable[[str, list[str]], None], end: Callable[[str], None], text: Callable[[str], None]
) -> expat.XMLParserType:
    """Expat itself, for what needs neither elements nor a tree: it refuses document types and entities.

    Sizes are its caller's to bound. `Parse` raises BadInput, and `expat.ExpatError` the first of `BROKEN`.

    Args:
        start: Is given a tag and its attributes, names and values by turns.
        text: Whole texts, as far as they have come.
    """
    made = expat.ParserCreate()
    made.buffer_text = made.ordered_attributes = True
    made.StartElementHandler, made.EndElementHandler, made.CharacterDataHandler = start, end, text
    made.StartDoctypeDeclHandler = made.EntityDeclHandler = _refuse
    return made


BROKEN: Final = (expat.ExpatError, ValueError, LookupError)
"""What `parser` raises at what is not XML, or has an encoding that Python doesn't know."""


def _refuse(*_: object) -> NoReturn:
    raise BadInput("malformed", "it has a document type or entities, which are not read")


class _Counted:
    """Counts what is read, altogether and since the last tag: a parser keeps all of a piece before it says a word."""

    def __init__(self, source: Readable, limits: Limits) -> None:
        self._source, self._limits = source, limits
        self._total = self.since = 0

    def read(self, _size: int = -1, /) -> bytes:
        data = self._source.read(READ_BYTES)
        self._total += len(data)
        self.since += len(data)
        if self._total > self._limits.total_bytes:
            raise BadInput("too-large", f"more than {self._limits.total_bytes} bytes of XML")
        if self.since > self._limits.piece_bytes + READ_BYTES:
            raise BadInput("too-large", f"a tag or a text of more than {self._limits.piece_bytes} bytes")
        return data
