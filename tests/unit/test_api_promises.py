"""Within version 1 the API only grows: what docs/contract/api.txt lists is kept. New lines are added to it by

python tests/unit/test_api_promises.py
"""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.api.app import create_app
from infra.api.hub import Hub
from infra.api.promises import broken, promises

LEDGER = Path(__file__).parents[2] / "docs" / "contract" / "api.txt"


def now() -> list[str]:
    return promises(create_app(None, Hub(), None).openapi())  # type: ignore[arg-type]


def test_every_promise_is_kept_and_written_down() -> None:
    before, found = LEDGER.read_text().splitlines(), now()
    assert broken(before, found) == []
    assert found == before, "new promises: write them down, see the head of this file"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (["get /a", "A.x: text"], ["get /a"], ["gone: A.x: text"]),
        (["get /a", "A.x: text"], ["get /a", "A.x: integer"], ["gone: A.x: text"]),
        (["get /a"], ["get /a", "get /a needs query b: text"], ["new demand: get /a needs query b: text"]),
        (["get /a"], ["get /a", "get /a takes query b: text"], []),
        (["get /a"], ["get /a", "get /b", "get /b needs query b: text"], []),
    ],
)
def test_what_breaks_a_promise(before: list[str], after: list[str], told: list[str]) -> None:
    assert broken(before, after) == told


def test_the_document_says_what_there_is() -> None:
    lines = now()
    assert "get /api/v1/state/{dn}" in lines
    assert "Summary.event_time: null or text date-time" in lines
    assert len([line for line in lines if line.startswith("get ") and line.count(" ") == 1]) >= 30


if __name__ == "__main__":
    if LEDGER.exists() and (wrong := broken(LEDGER.read_text().splitlines(), now())):
        raise SystemExit("\n".join(wrong))
    LEDGER.write_text("\n".join(now()) + "\n")
