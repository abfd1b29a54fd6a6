"""Where the workers of this machine serve their health: one small file a worker in the state directory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, NamedTuple

import msgspec

from infra.settings import Settings
from stream.services import DEMO

FOLDER = "workers"


class Endpoint(NamedTuple):
    """One worker of this machine."""

    pid: int
    url: str


class _Written(msgspec.Struct):
    """The same in its file."""

    pid: Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
    url: str


def publish(state_dir: Path, url: str) -> Path:
    """Let other commands on this machine find this worker; whoever ends removes the file."""
    folder = Path(state_dir) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{os.getpid()}.json"
    new = file.with_suffix(".new")  # whoever finds half of it would take the worker for a dead one
    new.write_bytes(msgspec.json.encode(Endpoint(os.getpid(), url)._asdict()))
    new.replace(file)
    return file


def publish_api(state_dir: Path, url: str) -> Path:
    """Let other commands on this machine find the API; whoever ends removes the file."""
    folder = Path(state_dir) / "api"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{os.getpid()}.json"
    new = file.with_suffix(".new")
    new.write_bytes(msgspec.json.encode(Endpoint(os.getpid(), url)._asdict()))
    new.replace(file)
    return file


def api_url(state_dir: Path) -> str | None:
    """Where an API of this machine serves that runs with this state directory; None if none does."""
    found = (_alive(file) for file in sorted((Path(state_dir) / "api").glob("*.json")))
    return next((one.url for one in found if one is not None), None)


def endpoints(settings: Settings) -> list[Endpoint]:
    """The workers that run with this state directory, or those of its demo; files of dead ones are removed."""
    for folder in (Path(settings.state_dir) / FOLDER, Path(settings.state_dir) / DEMO / FOLDER):
        found = [one for file in sorted(folder.glob("*.json")) if (one := _alive(file)) is not None]
        if found:
            return found
    return []


def _alive(file: Path) -> Endpoint | None:
    try:
        endpoint = Endpoint(*msgspec.structs.astuple(msgspec.json.decode(file.read_bytes(), type=_Written)))
        os.kill(endpoint.pid, 0)
    except PermissionError:
        return endpoint
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        file.unlink(missing_ok=True)
        return None
    return endpoint
