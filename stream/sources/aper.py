"""Bits of ASN.1's aligned packed encoding rules, as far as E2SM-KPM needs them. Bounded: what isn't there is refused.

Source: ITU-T X.691 (aligned variant): 11 constrained integers and lengths, 15 reals, 17 octet strings, 30 characters.
"""

from __future__ import annotations

from math import ldexp

from twin.errors import BadInput

_64K = 65536


class Bits:
    """Reads from the first bit on. Every method raises BadInput, malformed, where the bytes end too soon."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def take(self, count: int) -> int:
        """So many bits, as a number."""
        value = 0
        for _ in range(count):
            byte, bit = divmod(self._at, 8)
            if byte >= len(self._data):
                raise BadInput("malformed", f"the encoded message ends after {len(self._data)} bytes, in mid-field")
            value = value << 1 | self._data[byte] >> (7 - bit) & 1
            self._at += 1
        return value

    def flag(self) -> bool:
        """One bit."""
        return self.take(1) == 1

    def flags(self, count: int) -> list[bool]:
        """So many bits, each for itself."""
        return [self.flag() for _ in range(count)]

    def align(self) -> None:
        """Go to the next byte."""
        self._at = -(-self._at // 8) * 8

    def octets(self, count: int) -> bytes:
        """So many bytes, from the next whole one on."""
        self.align()
        begin = self._at // 8
        if begin + count > len(self._data):
            raise BadInput("malformed", f"the encoded message ends after {len(self._data)} bytes, in mid-field")
        self._at += 8 * count
        return self._data[begin : begin + count]

    @property
    def left(self) -> int:
        """Whole bytes that are still to come."""
        return len(self._data) - -(-self._at // 8)

    def constrained(self, low: int, high: int) -> int:
        """An integer of known limits."""
        span = high - low + 1
        if span < 256:
            return low + self.take((span - 1).bit_length())
        if span == 256:
            return low + self.octets(1)[0]
        if span <= _64K:
            return low + int.from_bytes(self.octets(2))
        longest = ((high - low).bit_length() + 7) // 8
        return low + int.from_bytes(self.octets(1 + self.take((longest - 1).bit_length())))

    def extensible(self, low: int, high: int) -> int:
        """An integer whose limits may be passed."""
        return int.from_bytes(self.octets(self.length()), signed=True) if self.flag() else self.constrained(low, high)

    def length(self) -> int:
        """Of something without limits."""
        first = self.octets(1)[0]
        if first < 0x80:
            return first
        if first & 0x40:
            raise BadInput("malformed", "a list or a text in fragments of 16,384: none of a measurement is so long")
        return (first & 0x3F) << 8 | self.octets(1)[0]

    def many(self, high: int, least_bits: int) -> int:
        """How many members a list of 1 to `high` has. No more than the bytes that are left can hold.

        Args:
            least_bits: Of one member.
        """
        count = self.constrained(1, high) if high < _64K else self.length()
        if count < 1 or count * least_bits > 8 * (self.left + 1):
            raise BadInput("malformed", f"a list of {count} in {self.left} bytes")
        return count

    def text(self, low: int, high: int) -> str:
        """A PrintableString of extensible size."""
        size = self.length() if self.flag() else self.constrained(low, high)
        if size == 0:
            return ""
        try:
            return self.octets(size).decode("ascii")
        except UnicodeDecodeError as error:
            raise BadInput("malformed", f"a text that isn't ASCII: {error}") from error

    def enumerated(self, count: int) -> int:
        """Which of so many, or of those that came later."""
        if not self.flag():
            return self.take((count - 1).bit_length())
        return count + self.small()

    def small(self) -> int:
        """A number that is nearly always below 64."""
        return self.take(6) if not self.flag() else int.from_bytes(self.octets(self.length()))

    def real(self) -> float | None:
        """A number with a fraction; None for what is infinite or no number."""
        body = self.octets(self.length())
        if not body:
            return 0.0
        first = body[0]
        if first & 0xC0 == 0x40:
            return -0.0 if first == 0x43 else None
        if first & 0x80 == 0:
            return _decimal(body)
        base = {0: 1, 1: 3, 2: 4}.get(first >> 4 & 3)
        width = (first & 3) + 1
        if base is None or width == 4 or len(body) <= width + 1 or len(body) > 32:
            raise BadInput("malformed", "a real number in a form that isn't read")
        exponent = int.from_bytes(body[1 : 1 + width], signed=True)
        mantissa = int.from_bytes(body[1 + width :]) << (first >> 2 & 3)
        try:
            value = ldexp(mantissa, exponent * base)
        except OverflowError as error:
            raise BadInput("out-of-range", "a real number that is larger than any") from error
        return -value if first & 0x40 else value


def _decimal(body: bytes) -> float:
    try:
        value = float(body[1:].decode("ascii").strip().replace(",", "."))
    except (UnicodeDecodeError, ValueError) as error:
        raise BadInput("malformed", "a real number in a form that isn't read") from error
    if value - value != 0.0:
        raise BadInput("out-of-range", "a real number that is infinite or none")
    return value
