"""Identifiers of subscribers and their devices -> pseudonyms by a keyed hash, wherever text may hold them. Pure.

The same identifier gives the same pseudonym, however it is labelled, so that what belongs together stays together. Who
doesn't have the key can neither turn one back nor try all numbers. Without a key nothing with an identifier passes.

A pseudonym is HMAC-SHA-256 under the key, cut to 128 bits, in base 32: `psn-` and 26 characters.

Source: identifiers of TS 23.003 and TS 29.571 (`imsi-`, `nai-`, `msisdn-`, ...); RFC 2104; NIST SP 800-107 5.1 for the
cut.
"""

from __future__ import annotations

import hmac
import json
import re
from base64 import b32encode
from functools import lru_cache
from typing import Any, Final

import msgspec

from twin.errors import BadInput

MARK = "psn-"
REMOVED = "[removed]"
BYTES = 16
MOST_NESTED = 64
MOST_IN_ONE = 10_000
"""Identifiers in one message: so a message can't keep us busy for long."""
CACHE = 65_536
"""Names whose outcome is kept, since the same ones come all the time: so many, of `SHORT` characters at most."""
SHORT = 256

_START = r"(?i)(?<![a-z0-9])"
_SEPARATOR = r"(?:['\"\s=:_-]|\\[0-9a-f]{2}){0,4}"
_NEW = rf"(?!(?:[a-z0-9]+-)?{MARK})"
_BARE = r"(?:(?<=\\[0-9A-Fa-f]{2})|(?<![\d.]))"
_PAIRS = r"[0-9a-f]{2}(?P<s>[:-])[0-9a-f]{2}(?:(?P=s)[0-9a-f]{2}){4}(?:(?P=s)[0-9a-f]{2}){0,2}"
_MAC = r"mac(?:[ _-]?addr(?:ess)?)?(?:[:=\s_-]|\\[0-9a-f]{2}){1,3}(?P<id>[0-9a-f]{12}(?:[0-9a-f]{4})?)(?![0-9a-f])"
_RULES: Final = [
    re.compile(pattern, re.ASCII)
    for pattern in (
        # Numbers with a label; a label may be part of a word, such as ueImsi.
        rf"(?i)(?:imsi|supi|imeisv|imei|msisdn|gpsi|iccid)(?:{_SEPARATOR})\+?(?P<id>\d{{5,20}})",
        rf"{_START}(?:pei|subscriber(?:[ _-]?(?:id|number))?)(?:{_SEPARATOR})\+?(?P<id>\d{{5,20}})",
        # Names that hold an identifier in a form of their own.
        rf"{_START}(?:suci|(?:5g-?)?(?:[smp]-?)?tmsi|(?:5g-?)?guti|nai|extid|gci|gli)"
        rf"(?:['\"\s=:_-]|\\[0-9a-f]{{2}}){{1,4}}{_NEW}(?P<id>[a-z0-9][a-z0-9._@%+-]{{3,}})",
        # Parts of names, and numbers that a node gives a UE.
        rf"{_START}(?:ue|ueid|imsi|supi|imei|msisdn|subscriber)={_NEW}(?P<id>[^,=\s;\"'}}\]]+)",
        r"(?i)(?:(?<![a-z0-9])ue[ _-]?id|ue[ _-]?(?:ng|s1|f1|e1|xn|x2)ap[ _-]?id|rnti)"
        rf"\s{{0,4}}[=: ]\s{{0,4}}{_NEW}(?P<id>[^,=\s;\"'}}\]]+)",
        # Addresses of devices, with and without a label.
        rf"(?i)(?<![0-9a-f])(?<![0-9a-f][:-])(?P<id>{_PAIRS})(?![0-9a-f:-])",
        r"(?i)(?<![0-9a-f.])(?P<id>[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4})(?![0-9a-f.])",
        # A telephone number has a plus and up to 15 digits.
        r"\+(?P<id>[1-9]\d{7,14})(?!\d)",
    )
]
_NUMBER: Final = re.compile(rf"{_BARE}(?P<id>\d{{15}})(?!\d)", re.ASCII)
"""An IMSI or IMEI without a label, unless it is part of a digest."""
_DIGEST: Final = re.compile(r"[0-9a-f]{20,128}", re.ASCII)
"""A word in hexadecimal, as messages are named by: of a thousand such of 96 bits one or two hold 15 digits in a row."""
_DEVICE: Final = re.compile(rf"{_START}{_MAC}", re.ASCII)
_STRANGE_DEVICE: Final = re.compile(rf"{_START}(?<!urn:dev:){_MAC}", re.ASCII)

_KEYS: Final = re.compile(
    r".*(?:imsi|supi|imei|imeisv|msisdn|iccid)|(?:suci|gpsi|pei|nai|extid|subscriber(?:id|number)?)"
    r"|(?:5g)?[smp]?tmsi|(?:5g)?guti|.*ueid|.*ue(?:ng|s1|f1|e1|xn|x2)apid|c?rnti|.*mac(?:addr(?:ess)?)?"
)
"""Keys of JSON, letters and digits only, whose value is an identifier whatever it looks like."""

_TOKENS: Final = [
    *(b"imsi", b"supi", b"suci", b"gpsi", b"imei", b"msisdn", b"tmsi", b"guti", b"iccid", b"subscriber", b"rnti"),
    *(b"ue=", b"ueid", b"apid", b"pei", b"nai", b"extid", b"gci", b"gli", b"mac"),
]
"""One of these stands in every text with a label, seen through `_LETTERS`."""
_LETTERS: Final = bytes(b + 32 if 65 <= b <= 90 else b for b in range(256))
_NOT_LETTERS: Final = b"0123456789.,:;[]{}()+-_'\" \t\r\n"
"""Most of a report is numbers: without them there is little left to search."""
_SHAPES: Final = [b"+00000000", b"00:00:00:00:00:00", b"00-00-00-00-00-00", b"0000.0000.0000"]
"""One of these, or 15 digits, stands in every text with an identifier that has no label, seen through `_HEX`."""
_HEX: Final = bytes(0x30 if chr(b) in "0123456789abcdefABCDEF" else b for b in range(256))
_LONG: Final = b"0" * 15
_LONG_NUMBER: Final = re.compile(rf"{_BARE}\d{{15}}(?!\d)".encode())
_ESCAPE: Final = re.compile(rb"\\u00([0-7][0-9a-fA-F])")
"""How JSON may write a letter or a digit."""
_OWN_DEVICE: Final = b"urn:dev:mac:"


class Pseudonyms:
    """Puts pseudonyms in place of identifiers.

    Args:
        key: Secret, at least 32 bytes; None: there is none, and what would need one is refused.
        own_sensors: Names `urn:dev:mac:` (RFC 9039) are those of our own equipment and stay as they are.
    """

    def __init__(self, key: bytes | None = None, own_sensors: bool = True) -> None:
        if key is not None and len(key) < 2 * BYTES:
            raise ValueError(f"a key has at least {2 * BYTES} bytes")
        self._key = key
        self._own_sensors = own_sensors
        self._rules = [*_RULES, _STRANGE_DEVICE if own_sensors else _DEVICE]
        self._made = 0
        self._short = lru_cache(maxsize=CACHE)(self._text)

    def text(self, text: str) -> str:
        """Text with pseudonyms in it, `[removed]` in their place without a key; all removed if it has too many."""
        self._made = 0
        try:
            return self._clean(text)
        except BadInput:
            return REMOVED

    def _clean(self, text: str) -> str:
        return self._short(text) if len(text) <= SHORT else self._text(text)

    def pseudonym(self, identifier: str) -> str:
        """Of one identifier; digits and addresses count, not how they are written."""
        if identifier.startswith(MARK):
            return identifier
        if self._key is None:
            return REMOVED
        digest = hmac.digest(self._key, b"lockstep.pseudonym.v1\0" + _canonical(identifier).encode(), "sha256")
        return MARK + b32encode(digest[:BYTES]).decode().rstrip("=").lower()

    def may_hold_one(self, value: bytes) -> bool:
        """Whether bytes may hold an identifier: quick, and wrong only in saying so."""
        if b"\\u" in value:
            value = _ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), value)
        letters = value.translate(_LETTERS, _NOT_LETTERS)
        if self._own_sensors and b"urndevmac" in letters:
            value = value.replace(_OWN_DEVICE, b"")
            letters = value.translate(_LETTERS, _NOT_LETTERS)
        for token in _TOKENS:
            if token in letters:
                return True
        shapes = value.translate(_HEX)
        for shape in _SHAPES:
            if shape in shapes:
                return True
        return _LONG in shapes and _LONG_NUMBER.search(value) is not None

    def json(self, value: bytes) -> bytes:
        """JSON with pseudonyms in it; the very same bytes where there is nothing to replace, or no JSON.

        Raises:
            BadInput: subscriber-id, where there is one and no key; malformed, nested too deep; too-many.
        """
        if not self.may_hold_one(value):
            return value
        try:
            tree = msgspec.json.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return value
        self._made = 0
        clean = self._walk(tree, 0)
        if clean == tree:
            # Of a key that stands twice a reader sees the last; the first would stay in the bytes.
            return msgspec.json.encode(tree) if _has_doubles(value) else value
        if self._key is None:
            raise BadInput(
                "subscriber-id",
                "it holds an identifier of a subscriber or a device, and there is no LOCKSTEP_PSEUDONYM_KEY to make a "
                "pseudonym with: set one, or mend the source; the original is not kept here",
            )
        try:
            return msgspec.json.encode(clean)
        except (OverflowError, ValueError) as error:
            raise BadInput("malformed", f"a number in it can't be written again: {error}") from error

    def _text(self, text: str) -> str:
        for rule in self._rules:
            text = rule.sub(self._replaced, text)
        return _NUMBER.sub(lambda match: match[0] if _in_digest(match) else self._replaced(match), text)

    def _replaced(self, match: re.Match[str]) -> str:
        self._made += 1
        if self._made > MOST_IN_ONE:
            raise BadInput("too-many", f"one message with more than {MOST_IN_ONE} identifiers of subscribers: split it")
        whole, (begin, end) = match[0], match.span("id")
        return whole[: begin - match.start()] + self.pseudonym(match["id"]) + whole[end - match.start() :]

    def _walk(self, node: Any, depth: int, labelled: bool = False) -> Any:
        """A tree with pseudonyms in it; `labelled`: its key says that it is an identifier."""
        if depth > MOST_NESTED:
            raise BadInput("malformed", f"nested deeper than {MOST_NESTED}")
        if isinstance(node, str):
            return self._whole(node) if labelled else self._clean(node)
        if isinstance(node, list):
            return [self._walk(child, depth + 1, labelled) for child in node]
        if isinstance(node, dict):
            return {self._clean(key): self._walk(child, depth + 1, _is_label(key)) for key, child in node.items()}
        if labelled and isinstance(node, int) and not isinstance(node, bool):
            return self.pseudonym(str(node))
        return node

    def _whole(self, text: str) -> str:
        known = self._clean(text)
        return known if not text or MARK in known or REMOVED in known else self.pseudonym(text)


def _in_digest(match: re.Match[str]) -> bool:
    """Whether what was found is but a part of a digest."""
    text, (begin, end) = match.string, match.span()
    first, last = max(begin - 128, 0), min(end + 128, len(text))
    while begin > first and text[begin - 1].isalnum():
        begin -= 1
    while end < last and text[end].isalnum():
        end += 1
    # Two digits behind a backslash are an escaped letter, and no part of the word.
    return text[begin - 1 : begin] != "\\" and _DIGEST.fullmatch(text, begin, end) is not None


def _has_doubles(value: bytes) -> bool:
    """Whether an object of valid JSON has a key twice."""
    doubles = False

    def look(pairs: list[tuple[str, Any]]) -> None:
        nonlocal doubles
        doubles = doubles or len({key for key, _ in pairs}) < len(pairs)

    json.loads(value, object_pairs_hook=look)
    return doubles


def _canonical(identifier: str) -> str:
    if re.fullmatch(r"\+?\d+", identifier):
        return identifier.lstrip("+")
    plain = re.sub(r"[:.-]", "", identifier).lower()
    return plain if re.fullmatch(r"[0-9a-f]{12}(?:[0-9a-f]{4})?", plain) else identifier


@lru_cache(maxsize=4096)
def _is_label(key: str) -> bool:
    return _KEYS.fullmatch(re.sub(r"[^a-z0-9]", "", key.lower())) is not None
