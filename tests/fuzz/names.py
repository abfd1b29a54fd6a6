"""Targets that read words: names, targets and durations, settings."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from io import StringIO
from zlib import crc32

from dotenv import dotenv_values
from pydantic import BaseModel, ValidationError

from infra.settings import Settings, load
from models.targets import parse_duration_s, parse_target
from stream.config import shard_config
from stream.health.endpoints import endpoints
from stream.partition import murmur2, partition_of
from stream.services import running
from tests.fuzz.codecs import JSON
from tests.fuzz.sources import folder
from tests.fuzz.target import Target
from twin import dn
from twin.counters import CATALOGUE
from twin.errors import ConfigurationError, Unavailable


def _name(data: bytes) -> None:
    assert 0 <= murmur2(data) < 2**32
    text = data.decode("utf-8", "surrogatepass") if _is_text(data) else data.decode("latin-1")
    name = dn.check(text)
    parent, region = dn.parent(name), dn.region(name)
    assert not parent or (dn.check(parent) and dn.join(parent, name[len(parent) + 1 :]) == name)
    assert name == region or name.startswith(region + ",")
    assert dn.check(region)
    assert dn.object_class(name).isascii()
    assert partition_of(name, 7) == partition_of(region, 7)
    assert 0 <= partition_of(name, 7) < 7
    assert len(name) <= 4096


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def _target(data: bytes) -> None:
    text = data.decode("utf-8", "replace")
    with suppress(ConfigurationError):
        assert parse_duration_s(text) >= 0
    target = parse_target(text)
    assert target.horizon_s > 0
    assert parse_target(target.name).horizon_s == target.horizon_s
    CATALOGUE.get(target.counter)


def _settings(data: bytes) -> None:
    """A file of settings; one in ten takes the whole way, whose cost is that of looking at 60 annotations each time."""
    if crc32(data) % 10 == 0:
        file = folder() / "fuzz.env"
        file.write_bytes(data)
        shard_config(load(file))
        return
    given = dotenv_values(stream=StringIO(data.decode("utf-8", "replace")), interpolate=False)
    values = {name.lower().removeprefix("lockstep_"): value for name, value in given.items()}
    if "targets" in values:
        values["targets"] = str(values["targets"]).split(",")
    made = Settings.__new__(Settings)
    try:
        BaseModel.__init__(made, **values)
    except ValidationError:
        return
    shard_config(made)


@cache
def _defaults() -> Settings:
    return load(None)


def _endpoints(data: bytes) -> None:
    state = folder() / "state"
    state.mkdir(exist_ok=True)
    (state / "endpoints.json").write_bytes(data)
    settings = _defaults().model_copy(update={"state_dir": state})
    (state / "workers").mkdir(exist_ok=True)
    (state / "workers" / "1.json").write_bytes(data)
    assert all(worker.pid > 0 for worker in endpoints(settings))
    try:
        found = running(settings)
    except Unavailable:
        return
    assert isinstance(found.bootstrap, str)
    assert isinstance(found.partitions, int)


_NAMES = [
    "SubNetwork=1,SubNetwork=north,ManagedElement=gnb-17,NRCellDU=2",
    "ManagedElement=局-1",
    ",".join(["A=1"] * 17),
    "A=",
    "A" * 300 + "=1",
]
_TARGETS = ["RRU.PrbTotDl>70@1h", "24h", " RRU.PrbTotDl > 70.5 @ 15min ", "x>1@0s", "PEE.AvgPower>1e3@1d", "٣h"]
_SETTINGS = [
    b'LOCKSTEP_TARGETS=["RRU.PrbTotDl>70@1h"]\nLOCKSTEP_PARTITIONS=8\nLOCKSTEP_DSN=host=localhost dbname=d\n',
    b"LOCKSTEP_LATENESS_PERIODS=2\nLOCKSTEP_FUTURE_TOLERANCE_S=inf\nLOCKSTEP_REJECT_SHARE=nan\n",
    b"LOCKSTEP_SECURITY_PROTOCOL=SASL_SSL\nLOCKSTEP_SASL_USERNAME=a\nLOCKSTEP_SASL_PASSWORD='x'\n",
    b"LOCKSTEP_PROFILES=[[[[1]]]]\nexport LOCKSTEP_LOG_ID=\"${HOME}\"\nLOCKSTEP_MAX_MESSAGE_BYTES=1e9\n",
]  # fmt: skip
_ENDPOINTS = [
    b'{"bootstrap":"127.0.0.1:9092","dsn":"postgresql://x","log_id":"main","partitions":4}',
    b'{"bootstrap":"127.0.0.1:9092","dsn"',
    b'{"pid":1,"url":"http://127.0.0.1:1"}',
    b"",
]
TARGETS = [
    Target("name", _name, lambda: [text.encode() for text in _NAMES], None, 2048),
    Target("target", _target, lambda: [text.encode() for text in _TARGETS], None, 512),
    Target("settings", _settings, lambda: _SETTINGS, None, 2048),
    Target("endpoints", _endpoints, lambda: _ENDPOINTS, JSON, 2048),
]
