"""The account PostgreSQL runs as: it refuses to run as root."""

from __future__ import annotations

import os
import pwd
from pathlib import Path
from typing import NamedTuple

from twin.errors import Unavailable

UNPRIVILEGED = "nobody"


class Account(NamedTuple):
    """User and group ids to become; both None where the caller's own will do."""

    uid: int | None
    gid: int | None

    def give(self, path: Path) -> None:
        """Hand a file or folder over to the account."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)


def account_for(data: Path) -> Account:
    """Who runs a server on `data`: the caller, or for root the owner of the data, or nobody.

    Raises:
        Unavailable: The data are somebody else's, or root finds no account to use.
    """
    owner = data.stat().st_uid if data.exists() else None
    if os.geteuid() != 0:
        if owner not in (None, os.geteuid()):
            raise Unavailable(f"{data} belongs to user {owner}: run as that user, or set LOCKSTEP_STATE_DIR elsewhere")
        return Account(None, None)
    if owner:
        return Account(owner, data.stat().st_gid)
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise Unavailable(
            "PostgreSQL does not run as root and there is no user 'nobody': run Lockstep as an ordinary user"
        ) from None
    return Account(entry.pw_uid, entry.pw_gid)
