"""A watched folder: every file once, whole, whatever writers, renames, restarts and brokers do."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from stream.fetching import fetched, is_address
from stream.folder import Folder, watch
from stream.folder_ledger import Ledger, Mark
from twin.errors import BadInput, ConfigurationError, Unavailable

SETTLE_S = 2.0


class Watched:
    """A watcher over a folder, its clock in our hands; what it took, by content."""

    def __init__(self, root: Path, ledger: Path) -> None:
        self.root, self.path = root, ledger
        self.now = 0.0
        self.took: list[tuple[str, str]] = []
        self.broker_away = False

    async def take(self, path: Path) -> None:
        if self.broker_away:
            raise Unavailable("the broker doesn't answer")
        self.took.append((path.name, path.read_text()))

    def look(self, seconds: float = 0.0, folder: Folder | None = None, ledger: Ledger | None = None) -> None:
        """One look after so long."""
        self.now += seconds
        assert folder is not None
        assert ledger is not None
        stop = asyncio.Event()
        rounds = 0

        def clock() -> float:
            nonlocal rounds
            rounds += 1
            if rounds == 2:
                stop.set()
            return self.now

        asyncio.run(watch(folder, ledger, self.take, stop, clock, every_s=0.0, patience_s=0.0))

    def session(self, steps: Callable[[Callable[[float], None]], None]) -> None:
        """A process: from its start to its end."""
        with Ledger(self.path) as ledger:
            folder = Folder(self.root, ledger, SETTLE_S)
            steps(lambda seconds: self.look(seconds, folder, ledger))


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    (tmp_path / "in").mkdir()
    return Watched(tmp_path / "in", tmp_path / "state" / "ledger.jsonl")


def test_a_file_is_taken_when_nobody_writes_to_it_any_more_and_once(watched: Watched) -> None:
    file = watched.root / "a.xml"

    def steps(look: Callable[[float], None]) -> None:
        file.write_text("half")
        look(0.0)
        look(1.0)
        file.write_text("half and half")
        look(1.5)
        assert watched.took == []
        look(2.0)
        look(5.0)
        assert watched.took == [("a.xml", "half and half")]

    watched.session(steps)


def test_what_isnt_ready_by_its_name_waits_until_it_is_renamed(watched: Watched) -> None:
    def steps(look: Callable[[float], None]) -> None:
        for name in ("a.xml.part", "b.tmp", ".c.xml"):
            (watched.root / name).write_text(name)
        look(0.0)
        look(10.0)
        assert watched.took == []
        (watched.root / "a.xml.part").rename(watched.root / "a.xml")
        look(0.0)
        look(2.0)
        assert watched.took == [("a.xml", "a.xml.part")]

    watched.session(steps)


def test_a_restart_takes_nothing_twice_and_finds_what_came_meanwhile(watched: Watched) -> None:
    def take_all(look: Callable[[float], None]) -> None:
        look(0.0)
        look(2.0)

    (watched.root / "a.xml").write_text("a")
    watched.session(take_all)
    (watched.root / "a.xml").rename(watched.root / "renamed.xml")
    (watched.root / "below").mkdir()
    (watched.root / "below" / "copy.xml").write_text("a")
    (watched.root / "below" / "b.xml").write_text("b")
    watched.session(take_all)
    assert watched.took == [("a.xml", "a"), ("b.xml", "b")], "neither another name nor a copy is anything new"


def test_a_file_that_grows_after_all_is_taken_again_as_a_whole(watched: Watched) -> None:
    file = watched.root / "a.csv"

    def steps(look: Callable[[float], None]) -> None:
        file.write_text("1\n")
        look(0.0)
        look(2.0)
        file.write_text("1\n2\n")
        look(0.0)
        look(2.0)
        assert [text for _, text in watched.took] == ["1\n", "1\n2\n"]

    watched.session(steps)


def test_files_are_taken_in_the_order_in_which_they_were_written(watched: Watched) -> None:
    for name, second in (("a", 3), ("b", 1), ("c", 2)):
        (watched.root / name).write_text(name)
        os.utime(watched.root / name, (second, second))
    watched.session(lambda look: (look(0.0), look(2.0))[0])
    assert [name for name, _ in watched.took] == ["b", "c", "a"]


def test_while_the_broker_is_away_files_wait(watched: Watched) -> None:
    def steps(look: Callable[[float], None]) -> None:
        (watched.root / "a.xml").write_text("a")
        watched.broker_away = True
        look(0.0)
        look(2.0)
        look(2.0)
        assert watched.took == []
        watched.broker_away = False
        look(0.0)
        assert watched.took == [("a.xml", "a")]

    watched.session(steps)


def test_a_file_that_the_broker_doesnt_take_holds_no_other_up_and_is_tried_after_a_restart(watched: Watched) -> None:
    refused = True

    async def take(path: Path) -> None:
        if refused and path.name == "a.xml":
            raise ConfigurationError("a message is larger than the broker takes")
        watched.took.append((path.name, path.read_text()))

    watched.take = take  # type: ignore[method-assign]

    def steps(look: Callable[[float], None]) -> None:
        look(0.0)
        look(2.0)
        look(2.0)

    (watched.root / "a.xml").write_text("a")
    (watched.root / "b.xml").write_text("b")
    watched.session(steps)
    assert [name for name, _ in watched.took] == ["b.xml"]
    refused = False
    watched.session(steps)
    assert [name for name, _ in watched.took] == ["b.xml", "a.xml"]


def test_a_ledger_cut_off_by_a_power_failure_is_read_as_far_as_it_is_sound(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    marks = [Mark(1, number, 1, 1) for number in range(3)]
    with Ledger(path) as ledger:
        for number, mark in enumerate(marks):
            ledger.add(mark, str(number), "x")
    path.write_bytes(path.read_bytes()[:-5])
    with Ledger(path) as ledger:
        assert [ledger.knows(mark) for mark in marks] == [True, True, False]
        ledger.add(marks[2], "2", "x")
    with Ledger(path) as ledger:
        assert [ledger.holds(str(number)) for number in range(3)] == [True] * 3
        with pytest.raises(ConfigurationError, match="another"):
            Ledger(path)


def test_a_long_ledger_is_shortened_and_still_held(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    with Ledger(path, most=10) as ledger:
        for number in range(25):
            ledger.add(Mark(1, number, 1, 1), str(number), "x")
    with Ledger(path, most=10) as ledger:
        assert len(path.read_bytes().splitlines()) == 10
        assert [ledger.knows(Mark(1, number, 1, 1)) for number in (14, 15, 24)] == [False, True, True]
        with pytest.raises(ConfigurationError, match="another"):
            Ledger(path)
        ledger.add(Mark(1, 99, 1, 1), "99", "x")
    assert len(path.read_bytes().splitlines()) == 11


# Addresses ------------------------------------------------------------------------------------------------------------


def served(handler: Callable[[web.Request], web.StreamResponse]) -> TestServer:
    async def answer(request: web.Request) -> web.StreamResponse:
        return handler(request)

    app = web.Application()
    app.router.add_get("/{rest:.*}", answer)
    return TestServer(app)


async def fetch(
    handler: Callable[[web.Request], web.StreamResponse], place: str, most: int = 1000
) -> tuple[str, bytes]:
    async with served(handler) as server:
        async with fetched(str(server.make_url(place)), most=most) as path:
            found = path.name, path.read_bytes()
        assert not path.exists()
        return found


def test_a_file_comes_from_an_address_under_its_own_name() -> None:
    found = asyncio.run(fetch(lambda _: web.Response(body=b"abc"), "/pm/A2024%2B0200.xml.gz?key=1"))
    assert found == ("A2024+0200.xml.gz", b"abc")
    assert asyncio.run(fetch(lambda _: web.Response(body=b"abc"), "/"))[0] == "file"
    assert asyncio.run(fetch(lambda _: web.Response(body=b"abc"), "/%2e%2e%2f%2e%2e"))[0] == "file"


def test_what_doesnt_come_or_is_too_large_is_told() -> None:
    with pytest.raises(Unavailable, match="answers 404"):
        asyncio.run(fetch(lambda _: web.Response(status=404), "/a"))
    with pytest.raises(BadInput, match="too-large"):
        asyncio.run(fetch(lambda _: web.Response(body=b"x" * 1001), "/a"))

    def elsewhere(request: web.Request) -> web.StreamResponse:
        raise web.HTTPFound("file:///etc/passwd")

    with pytest.raises(Unavailable, match="can't fetch"):
        asyncio.run(fetch(elsewhere, "/a"))

    async def nobody() -> None:
        async with fetched("http://user:secret@127.0.0.1:9/a?token=secret"):  # pragma: allowlist secret
            pass

    with pytest.raises(Unavailable) as caught:
        asyncio.run(nobody())
    assert "secret" not in str(caught.value)


def test_addresses_and_paths_are_told_apart() -> None:
    assert is_address("https://x/a.xml")
    assert is_address("HTTP://x/a.xml")
    assert not any(is_address(text) for text in ("a.xml", "/x/a.xml", "http:/x", "file:///etc/passwd", "ftp://x/a"))
