"""A topology wherever it is: in a file, in the running twin, or in the twin as it was at a time."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from stream.moments import moment
from twin.contents import Contents, contents
from twin.errors import ConfigurationError
from twin.events import TopologyChange
from twin.topology import Topology

LIVE: Final = "live"


def topology_of(text: str, *, format: str = "auto", scope: str = "") -> Contents:
    """What there is.

    Args:
        text: A file, `live`, or a time such as 2026-03-01T12:00:00Z.
        format: Of a file; `auto` looks.
        scope: That a file's objects are put below, where its format has names of its own.

    Raises:
        ConfigurationError: There is no such file, and it is no time.
        BadInput: The file can't be read.
        Unavailable: The running twin is not there, or has not been sent anything.
    """
    path = Path(text)
    if path.exists():
        return _of_path(path, format, scope)
    if text == LIVE:
        from stream.showing.results import of_twin

        return contents(of_twin().graph)
    try:
        time = moment(text)
    except ConfigurationError as error:
        raise ConfigurationError(f"{text!r} is no file, not {LIVE!r}, and {error}") from error
    assert time is not None
    from stream.state_at import topology_at

    return contents(topology_at(time)[0].graph)


def _of_path(path: Path, format: str, scope: str) -> Contents:
    from stream.showing.results import of_path
    from stream.sources.files import GZIP, open_reading, whole
    from stream.sources.safe_gzip import GzipReader
    from stream.sources.topology_file import KINDS, contents_of
    from twin.counters import CATALOGUE

    if path.is_dir() or path.suffixes[-2:] == [".jsonl", ".gz"]:
        return contents(of_path(path, None, None).graph)
    with path.open("rb") as file:
        reading = open_reading(path, file, CATALOGUE, format, {"scope": scope} if scope else {})
        if reading.format in {kind for kind, *_ in KINDS}:
            # Straight from the file: what nobody declares is in it, but in no event.
            file.seek(0)
            packed = file.read(2) == GZIP
            file.seek(0)
            return contents_of(GzipReader(file) if packed else file, reading.account, whole)
        topology = Topology()
        for revision, event in enumerate(reading.events, 1):
            if isinstance(event, TopologyChange):
                topology.apply(event, revision)
    return contents(topology.graph)
