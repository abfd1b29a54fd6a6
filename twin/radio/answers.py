"""Answers to burst requests: what they have in common, whoever gives them."""

from __future__ import annotations

from typing import Literal

from twin.radio.events import BurstRequest, BurstResult


def result_id(request: BurstRequest) -> str:
    """The same for every answer to a request: the fold takes the first."""
    return f"{request.id}/result"


def result_of(
    request: BurstRequest, outcome: Literal["done", "failed", "cancelled"], reason: str, seconds: float = 0.0
) -> BurstResult:
    """An answer with nothing in it but how it ended."""
    return BurstResult(
        id=result_id(request),
        time=request.time,
        request=request.id,
        partition=request.partition,
        region=request.region,
        base_version=request.base_version,
        outcome=outcome,
        reason=reason,
        seconds=seconds,
    )
