"""Every input that fuzzing has kept is read again: what was found once stays mended. (`make fuzz` finds new ones.)"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz.target import CORPUS, Target, attempt, corpus
from tests.fuzz.targets import TARGETS


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS.keys())
def test_nothing_that_was_kept_breaks_its_decoder(target: Target) -> None:
    kept: list[tuple[str, bytes]] = [(file.name, file.read_bytes()) for file in corpus(target.name)]
    assert kept, f"tests/fuzz/corpus/{target.name} is empty: python -m tests.fuzz --runs 100000 --keep"
    kept += [(f"seed {number}", data) for number, data in enumerate(target.seeds())]
    for name, data in kept:
        verdict = attempt(target, data)
        assert not verdict.fault, f"{name}: {verdict.trace}"


def test_the_corpus_is_small_and_belongs_to_targets() -> None:
    folders = {path.name for path in CORPUS.iterdir()}
    assert folders == TARGETS.keys()
    sizes = [file.stat().st_size for file in Path(CORPUS).rglob("*") if file.is_file()]
    assert sum(sizes) < 1_000_000
