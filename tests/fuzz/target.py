"""What a fuzz target is, and what one input does to it."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

from tests.fuzz.codecs import Codec
from twin.errors import BadInput, ConfigurationError, SnapshotError

CORPUS = Path(__file__).with_name("corpus")
EXPECTED = (BadInput, ConfigurationError, SnapshotError)
"""A decoder may refuse an input with these; whatever else leaves it is a finding."""

LIMIT_S = 1.0
"""Processor time that one input may take [s]: not the clock's, since other programs run on the same cores."""


class Target(NamedTuple):
    """One decoder.

    Attributes:
        run: Gives the decoder the bytes and checks what it makes of them; raises what it raises.
        seeds: Inputs to begin with.
        codec: How inputs are taken apart for mutation; none: bytes only.
        max_len: Of an input [byte].
    """

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    codec: Codec | None = None
    max_len: int = 8192


class Verdict(NamedTuple):
    """What one input did.

    Attributes:
        fault: What went wrong and where, the same for the same cause; empty: nothing.
        seconds: Processor time [s].
        trace: For a person.
    """

    fault: str
    seconds: float
    trace: str = ""


def attempt(target: Target, data: bytes) -> Verdict:
    """Give a target one input."""
    begin = time.thread_time()
    fault = trace = ""
    try:
        target.run(data)
    except EXPECTED:
        pass
    except Exception as error:  # noqa: BLE001 - to find whatever it is, is the purpose
        fault, trace = _cause(error), traceback.format_exc()
    seconds = time.thread_time() - begin
    if seconds > LIMIT_S and not fault:
        fault = "slow"
        trace = f"{seconds:.2f} s"
    return Verdict(fault, seconds, trace)


def corpus(name: str) -> list[Path]:
    """The kept inputs of a target."""
    return sorted(file for file in (CORPUS / name).glob("*") if file.is_file())


def _cause(error: BaseException) -> str:
    """The type of an error and the line of ours that it left last."""
    ours = [f for f in traceback.extract_tb(error.__traceback__) if "site-packages" not in f.filename]
    own = [f for f in ours if f"{CORPUS.parents[2]}/" in f.filename]
    last = (own or ours)[-1]
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.lineno}"
