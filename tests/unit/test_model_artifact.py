"""A model survives the way through bytes, and whatever is damaged is refused with a reason."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.artifact import MOST_BYTES, Layer, ModelArtifact, Output, Training, check, pack, unpack, with_version
from models.network import Network
from twin import snapshot
from twin.errors import ArtifactError

F32 = np.float32


def artifact(
    seed: int = 0, features: int = 9, marked: int = 3, units: tuple[int, ...] = (6, 6), activation: str = "relu"
) -> ModelArtifact:
    """A network of random weights: two targets, three quantiles."""
    rng = np.random.default_rng(seed)
    outputs = [Output(kind="log_odds", target=f"x>{k}@1h", horizon_s=3600) for k in range(2)]
    outputs += [
        Output(kind="quantile", target="x", horizon_s=3600, level=level, scale=2.0, shift=5.0)
        for level in (0.1, 0.5, 0.9)
    ]
    arrays = {
        "mean": rng.normal(size=features).astype(F32),
        "deviation": rng.uniform(0.5, 2, features).astype(F32),
    }
    layers, width = [], features + marked
    for k, units_here in enumerate((*units, len(outputs))):
        last = k == len(units)
        kind: Any = "wide" if last else "residual" if k and units[k - 1] == units_here else "dense"
        layers.append(Layer(kind=kind, units=units_here, activation="linear" if last else activation))  # type: ignore[arg-type]
        inputs = width + (features + marked if last else 0)
        arrays[f"{k}/weights"] = (rng.normal(size=(units_here, inputs)) / inputs**0.5).astype(F32)
        arrays[f"{k}/bias"] = rng.normal(size=units_here).astype(F32)
        width = units_here
    return with_version(
        ModelArtifact(
            m_l_model_id="test",
            kind="failure",
            targets=[o.target for o in outputs[:2]],
            horizons=[3600],
            granularity_ms=3_600_000,
            features=[f"f{k}" for k in range(features)],
            marked=list(range(features - marked, features)),
            layers=layers,
            outputs=outputs,
            training=Training(begin=0, end=1, samples=10, seed=seed),
            arrays=arrays,
        )
    )


def inputs(n: int = 700, features: int = 9, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(features, n), scale=3).astype(F32)
    X[-3:][rng.random((3, n)) < 0.3] = np.nan
    return X


def test_what_is_packed_is_unpacked() -> None:
    made = artifact()
    body = pack(made)
    again = unpack(body)
    assert pack(again) == body
    assert again.m_l_model_version == made.m_l_model_version
    assert all((again.arrays[name] == array).all() for name, array in made.arrays.items())
    assert Network(again).outputs(inputs()).tobytes() == Network(made).outputs(inputs()).tobytes()


def test_the_version_names_the_content_and_not_the_scores() -> None:
    made = artifact()
    scored = msgspec.structs.replace(made, model_performance_validation={"ap": 0.5})
    assert with_version(scored).m_l_model_version == made.m_l_model_version
    assert artifact(seed=1).m_l_model_version != made.m_l_model_version
    moved = dict(made.arrays, mean=made.arrays["mean"] + F32(1e-6))
    other = with_version(msgspec.structs.replace(made, arrays=moved))
    assert other.m_l_model_version != made.m_l_model_version


@pytest.mark.parametrize("seed", range(3))
def test_any_flipped_bit_and_any_cut_is_refused(seed: int) -> None:
    body, rng = pack(artifact()), random.Random(seed)
    for _ in range(100):
        at = rng.randrange(len(body))
        with pytest.raises(ArtifactError):
            unpack(body[:at] + bytes([body[at] ^ (1 << rng.randrange(8))]) + body[at + 1 :])
        with pytest.raises(ArtifactError):
            unpack(body[:at])


@given(st.binary(max_size=200))
@settings(max_examples=50, deadline=None)
def test_bytes_of_nobody_are_refused(body: bytes) -> None:
    with pytest.raises(ArtifactError):
        unpack(body)


VALUES: list[Any] = [None, -1, 0, 1 << 40, 1e308, "", "x" * 5000, [], {}, [1, 2], {"kind": "lambda"}, b"\0", True]


@pytest.mark.parametrize("seed", range(4))
def test_a_description_with_a_right_checksum_is_checked_too(seed: int) -> None:
    """Whoever makes a checksum can make anything: it is either a network that runs or refused."""
    rng = random.Random(seed)
    data, arrays = snapshot.unpack(pack(artifact()))
    refused = 0
    for _ in range(150):
        wrong, other = msgspec.msgpack.decode(msgspec.msgpack.encode(data)), dict(arrays)
        _damage(rng, wrong, other)
        try:
            again = unpack(snapshot.pack(wrong, other))
        except ArtifactError:
            refused += 1
            continue
        out = Network(again).outputs(inputs(5, len(again.features)))
        assert not np.isinf(out).any()
    assert refused > 75


def _damage(rng: random.Random, data: dict[str, Any], arrays: dict[str, Any]) -> None:
    if rng.random() < 0.4:
        name = rng.choice(sorted(arrays))
        array = arrays[name].copy()
        way = rng.randrange(5)
        if way == 0:
            del arrays[name]
        elif way == 1:
            array.flat[rng.randrange(array.size)] = rng.choice([np.nan, np.inf, 1e30, -1e13])
            arrays[name] = array
        elif way == 2:
            arrays[name] = array[..., :-1]
        elif way == 3:
            arrays[name] = array.astype(np.float64)
        else:
            arrays[f"{name}x"] = array
        return
    place: Any = data
    key = rng.choice(sorted(place))
    while isinstance(place[key], dict | list) and place[key] and rng.random() < 0.7:
        place = place[key]
        key = rng.choice(sorted(place)) if isinstance(place, dict) else rng.randrange(len(place))
    place[key] = rng.choice(VALUES)


def test_a_bomb_is_refused() -> None:
    data, arrays = snapshot.unpack(pack(artifact()))
    body = snapshot.pack(data, dict(arrays, huge=np.zeros(40_000_000, dtype=F32)))
    assert len(body) < MOST_BYTES
    with pytest.raises(ArtifactError, match="unpacks to more"):
        unpack(body)


def test_what_is_too_large_for_the_log_is_not_packed() -> None:
    with pytest.raises(ArtifactError, match="fit into the log"):
        pack(artifact(features=300, units=(900, 900)))


def test_weights_that_would_make_sums_inexact_are_refused() -> None:
    made = artifact()
    huge = dict(made.arrays)
    huge["1/weights"] = huge["1/weights"] * F32(1e9)
    with pytest.raises(ArtifactError, match="bits"):
        check(msgspec.structs.replace(made, arrays=huge))


def test_a_snapshot_of_something_else_is_no_model() -> None:
    with pytest.raises(ArtifactError, match="something else"):
        unpack(snapshot.pack({"config": {}}, {}))
