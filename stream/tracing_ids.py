"""Ids of OpenTelemetry's spans that are known beforehand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator

if TYPE_CHECKING:
    from stream.tracing import Ids


class FixedIds(IdGenerator):
    """Random ids, but for a span that is begun inside `next`."""

    def __init__(self) -> None:
        self._random = RandomIdGenerator()
        self._next: Ids | None = None

    @contextmanager
    def next(self, ids: Ids) -> Iterator[None]:
        """The span that is begun here has these."""
        self._next = ids
        try:
            yield
        finally:
            self._next = None

    def generate_trace_id(self) -> int:
        """See `IdGenerator`."""
        return self._next.trace if self._next else self._random.generate_trace_id()

    def generate_span_id(self) -> int:
        """See `IdGenerator`."""
        return self._next.span if self._next else self._random.generate_span_id()
