"""Live changes: nobody is waited for, nothing is missed without a word."""

from __future__ import annotations

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

import pytest

from infra.api import routes_live
from infra.api.hub import Change, Hub
from infra.api.routes_live import EventStream, Note, Subscription, told

ALL = Subscription(frozenset(), "")


def changes(first: int, count: int, key: str = "", kind: str = "updates") -> list[Change]:
    return [Change(kind, key, json.dumps({"n": n}).encode()) for n in range(first, first + count)]


async def numbers(hub: Hub, count: int, last: str | None = None, wanted: Subscription = ALL) -> list[Any]:
    """The first so many things that a subscriber is told: `n` of changes, kinds of notes."""
    found: list[Any] = []
    stream = told(hub, wanted, last)
    async for what in stream:
        if isinstance(what, Note):
            found.append(what.kind)
        elif what is not None:
            found += [json.loads(one.change.body)["n"] for one in what]
        if len(found) >= count:
            break
    await stream.aclose()
    return found[:count]


async def test_every_subscriber_gets_every_change_in_order() -> None:
    hub = Hub()
    listening = [asyncio.create_task(numbers(hub, 101)) for _ in range(50)]
    await asyncio.sleep(0)
    while hub.subscribers < 50:
        await asyncio.sleep(0.001)
    for at in range(0, 100, 7):
        hub.publish(changes(at, min(7, 100 - at)))
        await asyncio.sleep(0)
    assert await asyncio.gather(*listening) == [["hello", *range(100)]] * 50
    assert hub.subscribers == 0


async def test_it_goes_on_after_an_id() -> None:
    hub = Hub()
    hub.publish(changes(0, 10))
    assert await numbers(hub, 4, hub.id_of(6)) == ["hello", 7, 8, 9]


@pytest.mark.parametrize(
    "last", ["00000000-3", "x", "", "-", "{epoch}-", "{epoch}-99", "{epoch}-9999999999999999999999"]
)
async def test_an_id_that_means_nothing_says_resync(last: str) -> None:
    hub = Hub()
    hub.publish(changes(0, 10))
    hub_id = last.format(epoch=hub.epoch)
    waiting = asyncio.create_task(numbers(hub, 3 if last else 2, hub_id))
    await asyncio.sleep(0.01)
    hub.publish(changes(10, 1))
    assert await waiting == (["resync", "hello", 10] if last else ["hello", 10])


async def test_the_ring_holds_so_many_and_so_much() -> None:
    hub = Hub(capacity=8)
    hub.publish(changes(0, 20))
    assert (hub.first, hub.next) == (12, 20)
    assert hub.since(11, 5) is None
    assert [one.number for one in hub.since(12, 3) or []] == [12, 13, 14]
    small = Hub(most_bytes=100)
    small.publish([Change("updates", "", b"x" * 40) for _ in range(5)])
    assert small.next - small.first == 2


async def test_who_is_too_slow_is_told_so_and_holds_up_nobody() -> None:
    hub = Hub(capacity=8)
    stream = told(hub, ALL, None)
    hello = await anext(stream)
    assert isinstance(hello, Note)
    hub.publish(changes(0, 1))
    assert isinstance(await anext(stream), list)
    hub.publish(changes(1, 100))
    dropped = await anext(stream)
    assert isinstance(dropped, Note)
    assert dropped.kind == "dropped"
    assert "too slow" in dropped.body["reason"]
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_who_takes_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes_live, "SEND_S", 0.05)
    hub = Hub()

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    async def receive() -> MutableMapping[str, Any]:
        await asyncio.Event().wait()
        raise AssertionError

    async with asyncio.timeout(5):
        await EventStream(hub, ALL, None)({}, receive, send)
    assert hub.subscribers == 0


async def test_the_end_of_the_service_is_said() -> None:
    hub = Hub()
    waiting = asyncio.create_task(numbers(hub, 2))
    await asyncio.sleep(0.01)
    hub.close()
    assert await waiting == ["hello", "dropped"]


@pytest.mark.parametrize(
    ("wanted", "key", "kind", "told_"),
    [
        (Subscription(frozenset({"drift"}), ""), "", "updates", False),
        (Subscription(frozenset({"drift"}), ""), "", "drift", True),
        (Subscription(frozenset(), "SubNetwork=1"), "SubNetwork=1,ManagedElement=2", "drift", True),
        (Subscription(frozenset(), "SubNetwork=1"), "SubNetwork=12,ManagedElement=2", "drift", False),
        (Subscription(frozenset(), "SubNetwork=1,ManagedElement=2"), "SubNetwork=1", "updates", True),
        (Subscription(frozenset(), "SubNetwork=1"), "", "fidelity", True),
    ],
)
async def test_subscribers_are_told_what_they_want(wanted: Subscription, key: str, kind: str, told_: bool) -> None:
    hub = Hub()
    hub.publish(changes(0, 1, key, kind))
    (one,) = hub.since(0, 1) or []
    assert wanted.wants(one) is told_
