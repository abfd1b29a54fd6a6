"""One target under atheris, in a process of its own: `python -m tests.fuzz.process NAME OUT [libFuzzer's options]`.

Goes on after a finding; writes what it has seen to OUT, a folder.
"""

from __future__ import annotations

import atexit
import json
import logging
import resource
import sys
import warnings
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["stream", "twin", "models", "infra", "tomllib"]):
    from tests.fuzz.targets import TARGETS

from tests.fuzz.mutation import Mutator
from tests.fuzz.target import attempt, corpus

MEMORY = 4 << 30
"""Address space of the process [byte]: a decoder that asks for more gets a MemoryError, which is a finding."""

EVERY = 2000
"""Inputs after which the counts are written: the process may be ended from outside."""


class Watch:
    """Counts, times, and keeps what went wrong."""

    def __init__(self, name: str, out: Path) -> None:
        self._target = TARGETS[name]
        self._out = out
        self.inputs = 0
        self.slowest = 0.0
        self.faults: dict[str, str] = {}

    def one(self, data: bytes) -> None:
        """Give the target an input; the first of each kind of finding is kept."""
        verdict = attempt(self._target, data)
        self.inputs += 1
        if verdict.seconds > self.slowest:
            self.slowest = verdict.seconds
            (self._out / "slowest").write_bytes(data)
        if verdict.fault and verdict.fault not in self.faults:
            self.faults[verdict.fault] = verdict.trace
            (self._out / f"finding-{len(self.faults)}").write_bytes(data)
            print(f"== finding {len(self.faults)}: {verdict.fault}\n{verdict.trace}", file=sys.stderr, flush=True)
        if self.inputs % EVERY == 0:
            self.write()

    def write(self) -> None:
        """Tell the parent."""
        seen = {"inputs": self.inputs, "slowest_ms": 1000 * self.slowest, "faults": self.faults}
        (self._out / "seen.json").write_text(json.dumps(seen))


def _program(name: str, out: Path) -> Path:
    """A program that does the same as this process: libFuzzer starts itself again when it merges."""
    made = out / "again"
    made.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m tests.fuzz.process {name} "{out}" "$@"\n')
    made.chmod(0o755)
    return made


def main() -> None:
    name, out, *options = sys.argv[1:]
    target = TARGETS[name]
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    warnings.simplefilter("error")
    logging.disable()
    watch = Watch(name, Path(out))
    atexit.register(watch.write)
    seeds = [*target.seeds(), *(file.read_bytes() for file in corpus(name))]
    # Looked up when it is called: until then it is a stand-in.
    mutator = Mutator(target.codec, seeds, lambda data, most: atheris.Mutate(data, most))
    own = {} if target.codec is None else {"custom_mutator": mutator}
    atheris.Setup([str(_program(name, Path(out))), *options], watch.one, **own)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
