"""A file from an address, by HTTP or HTTPS, to a place on this machine: streamed, bounded, and gone afterwards."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from twin.errors import BadInput, Unavailable

SCHEMES: Final = ("http", "https")
LARGEST: Final = 4 << 30
"""[byte]"""

SILENCE_S: Final = 60.0
"""So long may nothing come."""

REDIRECTS: Final = 5
PIECE: Final = 1 << 18


def is_address(text: str) -> bool:
    """Whether a path is an address, and not one of a file."""
    return urlsplit(text).scheme.lower() in SCHEMES and "://" in text


@asynccontextmanager
async def fetched(
    address: str, on_bytes: Callable[[int, int | None], None] = lambda _done, _of: None, most: int = LARGEST
) -> AsyncIterator[Path]:
    """The file, under its own name, until this ends.

    Args:
        on_bytes: Is told how many bytes have come, and of how many, where the server says so.

    Raises:
        Unavailable: There is no answer, or not the file.
        BadInput: too-large.
    """
    import aiohttp

    timeout = aiohttp.ClientTimeout(total=None, sock_connect=30, sock_read=SILENCE_S)
    # What is packed stays packed: it is unpacked by rules of our own, with limits.
    session = aiohttp.ClientSession(timeout=timeout, auto_decompress=False, headers={"Accept-Encoding": "identity"})
    with tempfile.TemporaryDirectory(prefix="lockstep-") as folder:
        async with session:
            try:
                async with session.get(address, max_redirects=REDIRECTS) as answer:
                    if answer.status != 200:
                        raise Unavailable(f"{_shown(address)} answers {answer.status} {answer.reason}")
                    path = Path(folder) / _name(answer.url.path)
                    await _save(answer.content.iter_chunked(PIECE), path, answer.content_length, on_bytes, most)
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                raise Unavailable(f"can't fetch {_shown(address)}: {error or type(error).__name__}") from error
        yield path


async def _save(
    pieces: AsyncIterator[bytes],
    path: Path,
    size: int | None,
    on_bytes: Callable[[int, int | None], None],
    most: int,
) -> None:
    done = 0
    with path.open("wb") as file:
        async for piece in pieces:
            done += len(piece)
            if done > most:
                raise BadInput("too-large", f"more than {most} bytes at that address: fetch it in parts")
            file.write(piece)
            on_bytes(done, size)


def _name(path: str) -> str:
    name = unquote(path).rpartition("/")[2].replace("\0", "")
    return name[-200:] if name.strip(".") else "file"


def _shown(address: str) -> str:
    """Without user and password."""
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()[:200]
