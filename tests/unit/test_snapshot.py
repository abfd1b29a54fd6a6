"""A snapshot is taken whole or not at all: what is damaged, foreign or of other settings is refused."""

from __future__ import annotations

import folding
import numpy as np
import pytest
from folding import A, B, inventory, report
from hypothesis import given
from hypothesis import strategies as st

from models.targets import parse_target
from stream.config import ShardConfig
from stream.shard import Shard
from twin import snapshot
from twin.counters import CATALOGUE, Catalogue, Counter
from twin.errors import SnapshotError

VENDOR = CATALOGUE.declare(Counter("Acme.Heat", "Cel", 0, 100, tracked=True))


def taken(config: ShardConfig = folding.CONFIG, catalogue: Catalogue = CATALOGUE) -> bytes:
    shard = Shard(0, config, catalogue)
    counters = ["RRU.PrbTotDl", "Acme.Heat"] if "Acme.Heat" in catalogue else ["RRU.PrbTotDl", "RRC.ConnMean"]
    folding.tell(
        shard,
        inventory(A, kind="element"),
        folding.alarm(),
        *(report(e, p, [[40.0 + p, None]], counters=counters) for p in range(6) for e in (A, B)),
    )
    return shard.snapshot()


BODY = taken()


def restored(body: bytes, config: ShardConfig = folding.CONFIG, catalogue: Catalogue = CATALOGUE) -> Shard:
    shard = Shard(0, config, catalogue)
    shard.restore(body)
    return shard


def test_what_was_stored_is_restored_to_the_bit() -> None:
    again = restored(BODY)
    assert again.snapshot() == BODY
    assert again.alarms
    assert len(again.topology) == 3


@given(at=st.integers(0, len(BODY) - 1), bit=st.integers(0, 7))
def test_a_flipped_bit_is_noticed(at: int, bit: int) -> None:
    damaged = bytearray(BODY)
    damaged[at] ^= 1 << bit
    with pytest.raises(SnapshotError):
        restored(bytes(damaged))


@given(length=st.integers(0, len(BODY) - 1))
def test_a_cut_is_noticed(length: int) -> None:
    with pytest.raises(SnapshotError):
        restored(BODY[:length])


def test_another_version_is_refused_by_its_number() -> None:
    with pytest.raises(SnapshotError, match="version 7"):
        restored(BODY[:8] + (7).to_bytes(2, "big") + BODY[10:])


@pytest.mark.parametrize(
    "changed",
    [
        {"targets": (parse_target("RRU.PrbTotDl>50@1h"),)},
        {"targets": ()},
        {"lateness_periods": 3},
        {"instant_period_ms": 300_000},
        {"unknown_objects": "reject"},
    ],
)
def test_other_settings_would_have_made_another_state(changed: dict[str, object]) -> None:
    fields = {name: getattr(folding.CONFIG, name) for name in ShardConfig.__struct_fields__}
    with pytest.raises(SnapshotError, match="settings"):
        restored(BODY, ShardConfig(**(fields | changed)))


def test_a_counter_that_is_no_longer_declared_makes_the_snapshot_useless_not_the_worker() -> None:
    body = taken(catalogue=VENDOR)
    assert restored(body, catalogue=VENDOR)
    with pytest.raises(SnapshotError):
        restored(body)


def test_a_whole_snapshot_of_something_else_is_refused() -> None:
    with pytest.raises(SnapshotError):
        restored(snapshot.pack({"config": {}}, {}))
    data, arrays = snapshot.unpack(BODY)
    del data["tables"]
    with pytest.raises(SnapshotError):
        restored(snapshot.pack(data, arrays))


def test_arrays_keep_type_shape_and_every_bit() -> None:
    arrays = {
        "nan": np.array([np.nan, -0.0, np.inf], np.float32),
        "empty": np.empty((3, 0)),
        "whole": np.array([[2**62, -1]], np.int64),
        "true": np.array([True, False]),
        "cut": np.arange(20)[::3],
    }
    data, back = snapshot.unpack(snapshot.pack({"a": [1, "b", None, 2.5, {"c": b"d"}]}, arrays))
    assert data == {"a": [1, "b", None, 2.5, {"c": b"d"}]}
    for name, array in arrays.items():
        assert folding.plain_array(back[name]) == folding.plain_array(array)
    back["nan"][0] = 1.0


def test_the_digest_sees_a_value_and_not_the_order_of_names() -> None:
    one = snapshot.digest({"a": 1, "b": 2}, {"x": np.zeros(2), "y": np.ones(2)})
    assert one == snapshot.digest({"b": 2, "a": 1}, {"y": np.ones(2), "x": np.zeros(2)})
    assert one != snapshot.digest({"a": 1, "b": 2}, {"x": np.zeros(2), "y": np.zeros(2)})
    assert one != snapshot.digest({"a": 1, "b": 3}, {"x": np.zeros(2), "y": np.ones(2)})
    assert one != snapshot.digest({"a": 1, "b": 2}, {"x": np.zeros((1, 2)), "y": np.ones(2)})
