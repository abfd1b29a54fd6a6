"""Who may use the HTTP interface: tokens with roles, kept as hashes, and a limit on guessing.

A token is 256 random bits. Its SHA-256 is what is kept: a slow hash such as scrypt protects secrets that people choose,
against 2^256 it adds nothing, and it would let strangers spend our processor with every wrong guess.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Callable
from enum import IntEnum
from pathlib import Path
from time import monotonic
from typing import NamedTuple

from infra.limiter import Limiter
from twin.errors import ConfigurationError

log = logging.getLogger("lockstep.access")

PREFIX = "lockstep_"
"""So that people and secret scanners know one when they see it."""
BYTES = 32
WRONG_BURST, WRONG_RATE_S = 10, 0.1
"""Wrong tokens that one address may show at once, and a second."""
_LINE = re.compile(r"(?P<name>[\w.@-]{1,64}) (?P<role>read|operate) sha256:(?P<hash>[0-9a-f]{64})")


class Role(IntEnum):
    """What somebody may do; each role may do what those below it may."""

    READ = 1
    OPERATE = 2


class Verdict(NamedTuple):
    """Whether a request may go on.

    Attributes:
        status: Of the answer: 200, 401 (who are you?), 403 (not you), 429 (later).
        name: Of the token; empty where there is none that we know.
        detail: For the answer; says nothing of what was shown.
        retry_after_s: With 429, when to come back [s].
    """

    status: int
    name: str = ""
    detail: str = ""
    retry_after_s: int = 0

    @property
    def ok(self) -> bool:
        return self.status == 200


class _Holder(NamedTuple):
    name: str
    role: Role
    hash: bytes


def new_token(name: str, role: str) -> tuple[str, str]:
    """A new token, and the line of the tokens' file that stands for it.

    Raises:
        ConfigurationError: The name or the role can't be used.
    """
    token = PREFIX + secrets.token_urlsafe(BYTES)
    line = f"{name} {role} sha256:{_hash(token).hex()}"
    if _LINE.fullmatch(line) is None:
        raise ConfigurationError(
            f"a token has a name of letters, digits and ._@- and the role read or operate, not {name!r} and {role!r}"
        )
    return token, line


class Access:
    """Answers whether a request may go on.

    Args:
        path: File of tokens, one a line, made by `lockstep token new`; it is read again when it changes, so that a
            line taken out counts at once. None: nobody may do anything.
        clock: Monotonic [s].
    """

    def __init__(self, path: Path | None, clock: Callable[[], float] = monotonic) -> None:
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._holders: list[_Holder] = []
        self._wrong = Limiter(WRONG_RATE_S, WRONG_BURST, clock, most_keys=10_000)
        if path is not None:
            self._refresh()

    def authorised(self, authorization: str | None, address: str, needed: Role = Role.READ) -> Verdict:
        """Whether whoever sends this may do what needs a role.

        Args:
            authorization: The header of that name: `Bearer` and a token.
            address: Of the sender, which wrong tokens are counted by.
        """
        if self._path is None:
            return Verdict(401, detail="no tokens are set: see `lockstep token new --help` and LOCKSTEP_TOKENS_FILE")
        if wait_s := self._wrong.wait_s(address):
            return Verdict(429, detail="too many wrong tokens", retry_after_s=1 + int(wait_s))
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return Verdict(401, detail="this needs a token: Authorization: Bearer ...")
        self._refresh()
        holder = self._holder(token.strip())
        if holder is None:
            self._wrong.take(address)
            return Verdict(401, detail="this token is not known")
        if holder.role < needed:
            return Verdict(403, holder.name, f"this needs the role {needed.name.lower()}")
        return Verdict(200, holder.name)

    def _holder(self, token: str) -> _Holder | None:
        shown = _hash(token)
        found = None
        # All of them, always: how long it takes doesn't tell which came close.
        for holder in self._holders:
            if hmac.compare_digest(holder.hash, shown):
                found = holder
        return found

    def _refresh(self) -> None:
        assert self._path is not None
        try:
            about = self._path.stat()
            stamp = (about.st_mtime_ns, about.st_size)
            if stamp != self._stamp:
                self._holders = read_tokens(self._path)
                self._stamp = stamp
        except (OSError, ConfigurationError) as error:
            if self._stamp is None and not self._holders:
                raise _unreadable(self._path, error) from None
            # What can't be read gives nobody any right; it is looked at again with the next request.
            self._holders, self._stamp = [], (0, 0)
            log.error("%s; until it is mended nobody gets in", _unreadable(self._path, error))


def _unreadable(path: Path, error: Exception) -> ConfigurationError:
    if isinstance(error, ConfigurationError):
        return error
    return ConfigurationError(f"LOCKSTEP_TOKENS_FILE: {path} can't be read: {getattr(error, 'strerror', error)}")


def read_tokens(path: Path) -> list[_Holder]:
    """What a file of tokens holds; empty lines and those with `#` before them don't count.

    Raises:
        ConfigurationError: A line is no token's, or two have one name.
    """
    found: dict[str, _Holder] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise ConfigurationError(f"LOCKSTEP_TOKENS_FILE: {path} is not text in UTF-8") from None
    for number, line in enumerate(lines, 1):
        if not (text := line.strip()) or text.startswith("#"):
            continue
        match = _LINE.fullmatch(text)
        if match is None or match["name"] in found:
            why = "is not one that `lockstep token new` prints" if match is None else "has a name that is there already"
            raise ConfigurationError(f"LOCKSTEP_TOKENS_FILE: {path}, line {number} {why}")
        found[match["name"]] = _Holder(match["name"], Role[match["role"].upper()], bytes.fromhex(match["hash"]))
    return list(found.values())


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
