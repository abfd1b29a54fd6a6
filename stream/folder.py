"""A folder that is watched: files are taken when nobody writes to them any more, each once, in the order of writing.

A file is taken when its size and time of writing have not changed for a while, and its name isn't one of those that
writers give to what is not ready. Should it change afterwards, it is taken again as a whole: what it said before is
known by its content and does nothing. A folder is looked through again and again, rather than told about changes by the
system: so it may lie on a network drive, and nothing is missed that came while nobody watched.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

from stream.folder_ledger import Ledger, Mark, content_of
from twin.errors import ConfigurationError, Unavailable

log = logging.getLogger("lockstep.folder")

UNREADY: Final = (".tmp", ".part", ".partial", ".filepart", ".crdownload", ".swp", ".writing")
"""How names of files end that are being written."""

Take = Callable[[Path], Awaitable[None]]
"""Sends one file; returns when the broker has all of it, or it was refused. Raises Unavailable."""


class Folder:
    """What lies in a folder, and since when it hasn't changed.

    Args:
        settle_s: How long a file has to stay as it is [s].
    """

    def __init__(self, root: Path, ledger: Ledger, settle_s: float) -> None:
        self._root, self._ledger, self._settle_s = root, ledger, settle_s
        self._since: dict[Path, tuple[Mark, float]] = {}

    def ready(self, now: float) -> list[tuple[Path, Mark]]:
        """Files that can be taken, oldest first.

        Args:
            now: A clock that never goes back [s].
        """
        seen: dict[Path, tuple[Mark, float]] = {}
        for path, mark in self._files():
            before = self._since.get(path)
            seen[path] = before if before is not None and before[0] == mark else (mark, now)
        self._since = seen
        settled = [(path, mark) for path, (mark, since) in seen.items() if now - since >= self._settle_s]
        return sorted(settled, key=lambda one: (one[1].written_ns, one[0]))

    def _files(self) -> Iterator[tuple[Path, Mark]]:
        waiting = [self._root]
        while waiting:
            try:
                with os.scandir(waiting.pop()) as entries:
                    for entry in entries:
                        if entry.name.startswith(".") or entry.name.lower().endswith(UNREADY):
                            continue
                        if entry.is_dir(follow_symlinks=False):
                            waiting.append(Path(entry.path))
                        elif entry.is_file():
                            mark = Mark.of(entry.stat())
                            if not self._ledger.knows(mark):
                                yield Path(entry.path), mark
            except OSError as error:  # gone meanwhile, or not ours to read: looked at again next time
                log.warning("can't look through %s: %s", self._root, error.strerror)


async def watch(
    folder: Folder,
    ledger: Ledger,
    take: Take,
    stop: asyncio.Event,
    clock: Callable[[], float],
    every_s: float = 1.0,
    patience_s: float = 5.0,
) -> None:
    """Take what is ready until told to stop.

    Args:
        every_s: Between two looks [s].
        patience_s: How long to wait for a broker that doesn't answer [s].
    """
    left: set[Mark] = set()
    while not stop.is_set():
        wait_s = every_s
        for path, mark in folder.ready(clock()):
            if stop.is_set():
                return
            if mark in left:
                continue
            try:
                await _one(path, mark, ledger, take)
            except OSError as error:
                log.warning("can't read %s: %s", path, error.strerror)
            except ConfigurationError as error:  # such as a message that the broker finds too large
                log.error("%s is left out until the next start: %s", path, error)
                left.add(mark)
            except Unavailable as error:
                log.warning("%s; the files wait", error)
                wait_s = patience_s
                break
        try:
            await asyncio.wait_for(stop.wait(), wait_s)
        except TimeoutError:
            continue


async def _one(path: Path, mark: Mark, ledger: Ledger, take: Take) -> None:
    """Send one file and note it, unless its content has been sent, or it changes meanwhile."""
    content = content_of(path)
    if not ledger.holds(content):
        await take(path)
    if Mark.of(path.stat()) == mark and content_of(path) == content:
        ledger.add(mark, content, path.name)
