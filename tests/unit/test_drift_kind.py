"""The kind of a drift: total, the same for the same evidence, blind to signs where it should be, and with reasons."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.drift_kind import (
    DOUBTED,
    EQUIPMENT_COUNTERS,
    MOVED,
    RULES,
    SOUNDED,
    STILL,
    Change,
    Evidence,
    Kind,
    classify,
    of_soundings,
)

LOAD = "RRU.PrbTotDl"
FAN = ("EQUIPMENT_ALARM", "heatingOrVentilationOrCoolingSystemProblem")
TRANSMITTER = ("EQUIPMENT_ALARM", "transmitterFailure")
LINK = ("COMMUNICATIONS_ALARM", "lossOfSignal")

sizes = st.floats(-20, 20)
shares = st.floats(-0.95, 20)
maybe_size = st.none() | sizes
changes = st.none() | st.builds(
    lambda size, factor: Change(size, factor ** (1 if size > 0 else -1) - 1), sizes, st.floats(1.001, 20)
)
"""A quantity that has grown has a positive size, one that has shrunk a negative one."""
loads = st.sampled_from(["", LOAD, "DRB.UEThpDl"])
equipment = st.sampled_from(["PEE.AvgPower", "PEE.Voltage", "PEE.AvgTemperature", "Sensor.FanSpeed", "Sensor.Other"])
alarms = st.lists(st.sampled_from([FAN, TRANSMITTER, LINK]), max_size=2)


def evidence(**fixed: Any) -> st.SearchStrategy[Evidence]:
    """Any evidence, of which some is fixed."""
    strategies: dict[str, Any] = {
        "counter": loads | equipment,
        "size": sizes,
        "doubted": st.floats(0, 1),
        "still": st.integers(0, 4),
        "silent": st.booleans(),
        "alarms": alarms,
        "asset_alarms": alarms,
        "volume": changes,
        "users": changes,
        "throughput": changes,
        "efficiency": changes,
        "load": maybe_size,
        "traced": maybe_size,
        "power": maybe_size,
        "neighbours": maybe_size,
        "radio_residual_db": st.none() | st.floats(-30, 30),
        "radio_error_db": st.none() | st.floats(0, 5),
        "uniform": st.none() | st.booleans(),
    }
    given_here = {name: v if isinstance(v, st.SearchStrategy) else st.just(v) for name, v in fixed.items()}
    return st.builds(Evidence, **(strategies | given_here))


SOUND: dict[str, Any] = {"doubted": 0.0, "still": 0, "silent": False}
HEALTHY: dict[str, Any] = SOUND | {"alarms": (), "asset_alarms": (), "power": None}


@given(evidence())
def test_every_evidence_has_one_kind_and_says_why(found: Evidence) -> None:
    kind, reasons = classify(found)
    assert kind in get_args(Kind)
    assert reasons
    assert all(reason.strip() for reason in reasons)
    assert classify(found) == (kind, reasons)


@given(evidence())
def test_the_first_rule_with_a_reason_decides(found: Evidence) -> None:
    firsts = [kind for kind, rule in RULES if rule(found)]
    assert classify(found)[0] == (firsts[0] if firsts else "unknown")


@given(evidence(), st.sampled_from([("doubted", DOUBTED), ("still", STILL), ("silent", True)]))
def test_nothing_is_concluded_from_bad_data(found: Evidence, fault: tuple[str, Any]) -> None:
    assert classify(found._replace(**{fault[0]: fault[1]}))[0] == "data"


@given(evidence(**SOUND, alarms=[TRANSMITTER]))
def test_an_alarm_of_the_object_itself_is_the_equipment(found: Evidence) -> None:
    kind, reasons = classify(found)
    assert kind == "equipment"
    assert TRANSMITTER[1] in reasons[0]


def pure_traffic() -> st.SearchStrategy[Evidence]:
    """Demand has moved the load; blocks carry what they did, soundings and the map agree."""

    def build(sign: int, size: float, volume: float, users: float, factor: float, rest: Evidence) -> Evidence:
        return rest._replace(
            counter=LOAD,
            size=sign * size,
            volume=Change(sign * volume, factor**sign - 1),
            users=Change(sign * users, factor**sign - 1),
        )

    steady = st.none() | st.builds(Change, st.floats(-MOVED, MOVED), st.floats(-0.02, 0.02))
    rest = evidence(
        **HEALTHY,
        efficiency=steady,
        throughput=steady,
        traced=st.none() | st.floats(-MOVED / 2, MOVED / 2),
        radio_residual_db=st.floats(-1, 1),
        radio_error_db=st.just(1 / SOUNDED),
    )
    moved = st.floats(MOVED, 20)
    return st.builds(build, st.sampled_from([1, -1]), moved, moved, moved, st.floats(1.1, 20), rest)


@given(pure_traffic())
def test_a_pure_shift_of_traffic_is_traffic_and_never_radio(found: Evidence) -> None:
    kind, reasons = classify(found)
    assert kind == "traffic"
    assert any("volume" in reason and any(c.isdigit() for c in reason) for reason in reasons)


@given(pure_traffic())
def test_a_worn_fan_beside_a_crowd_does_not_explain_it(found: Evidence) -> None:
    assert classify(found._replace(asset_alarms=[FAN]))[0] == "traffic"
    assert classify(found._replace(asset_alarms=[FAN], volume=None, efficiency=None))[0] == "equipment"


@given(evidence(**HEALTHY, counter=loads, radio_error_db=st.floats(0.1, 3)), st.floats(1.01, 10), st.booleans())
def test_soundings_beyond_their_error_are_radio_whatever_demand_does(
    found: Evidence, times: float, below: bool
) -> None:
    assert found.radio_error_db is not None
    moved = times * SOUNDED * found.radio_error_db * (-1 if below else 1)
    kind, reasons = classify(found._replace(radio_residual_db=moved))
    assert kind == "radio"
    assert f"{abs(moved):.1f} dB {'below' if below else 'above'}" in reasons[0]


@given(
    evidence(**HEALTHY, counter=LOAD, traced=None, radio_residual_db=None, volume=st.none()),
    st.sampled_from([1, -1]),
    st.floats(MOVED, 20),
)
def test_a_block_that_carries_other_than_usual_at_unchanged_demand_is_radio(
    found: Evidence, sign: int, size: float
) -> None:
    assert classify(found._replace(efficiency=Change(sign * size, 0.5 * sign)))[0] == "radio"


@given(evidence(**HEALTHY, counter=LOAD, radio_residual_db=None, volume=None, efficiency=changes), st.floats(-1, 1))
def test_what_the_map_explains_is_not_the_radio(found: Evidence, traced: float) -> None:
    """Neighbours that are fuller disturb more: a block carries less, and the ray-traced tier says how much less."""
    assert classify(found._replace(traced=traced))[0] != "radio"


@given(st.floats(1.2, 5), st.floats(1.05, 3), st.sampled_from([1, -1]))
def test_of_two_that_moved_the_larger_one_decides(smaller: float, times: float, sign: int) -> None:
    """A crowd fills the neighbours too, and a block carries less: still a crowd."""
    larger = smaller**times
    more, worse = (Change(3.0 * sign, factor**sign - 1) for factor in (larger, smaller))
    less = Change(-worse.size, 1 / (1 + worse.relative) - 1)
    crowd = Evidence(counter=LOAD, size=4.0 * sign, volume=more, efficiency=less)
    assert classify(crowd)[0] == "traffic"
    much_less = Change(-more.size, 1 / (1 + more.relative) - 1)
    assert classify(crowd._replace(volume=worse, efficiency=much_less))[0] == "radio"


def mirrored(found: Evidence) -> Evidence:
    """All that went up went down."""

    def turned(value: Any) -> Any:
        if isinstance(value, Change):
            return Change(-value.size, 1 / (1 + value.relative) - 1)
        return None if value is None else -value

    signed = ("size", "volume", "users", "throughput", "efficiency", "load", "traced", "neighbours")
    return found._replace(**{name: turned(getattr(found, name)) for name in (*signed, "radio_residual_db")})


@given(evidence(**HEALTHY))
def test_up_and_down_are_alike(found: Evidence) -> None:
    assert classify(mirrored(mirrored(found)))[0] == classify(mirrored(found))[0] == classify(found)[0]


def test_less_power_and_a_cell_that_is_heard_less_everywhere_is_the_equipment() -> None:
    found = Evidence(counter=LOAD, size=3.0, power=-4.0, radio_residual_db=-6.0, radio_error_db=1.0, uniform=True)
    assert classify(found)[0] == "equipment"
    assert classify(found._replace(power=-0.1))[0] == "radio"
    assert classify(found._replace(uniform=False))[0] == "radio"
    assert classify(found._replace(radio_residual_db=6.0))[0] == "radio"


@given(st.sampled_from([1, -1]), st.floats(3, 20))
def test_equipment_that_moves_alone_is_the_equipment(sign: int, size: float) -> None:
    alone = Evidence(counter="Sensor.FanSpeed", size=sign * size, load=0.1, neighbours=-0.1)
    assert classify(alone)[0] == "equipment"
    assert classify(alone._replace(neighbours=sign * size))[0] == "unknown", "the weather"
    assert classify(alone._replace(load=sign * size))[0] == "traffic", "heat"
    assert classify(alone._replace(load=None))[0] == "unknown"


def test_voltage_falls_where_power_rises() -> None:
    assert classify(Evidence(counter="PEE.Voltage", size=-4.0, load=4.0))[0] == "traffic"
    assert classify(Evidence(counter="PEE.Voltage", size=4.0, load=4.0))[0] == "equipment"
    assert classify(Evidence(counter="PEE.Current", size=4.0, load=4.0))[0] == "traffic"


@given(evidence(**HEALTHY, counter=equipment))
def test_equipment_is_never_called_radio(found: Evidence) -> None:
    assert found.counter.startswith(EQUIPMENT_COUNTERS)
    assert classify(found)[0] != "radio"


def test_without_volume_users_get_a_word() -> None:
    slow = Evidence(counter=LOAD, size=3.0, throughput=Change(-4.0, -0.5))
    assert classify(slow)[0] == "radio"
    assert classify(slow._replace(throughput=Change(-0.4, -0.1)))[0] == "unknown"


def test_unknown_says_what_is_missing() -> None:
    kind, reasons = classify(Evidence(counter=LOAD, size=3.0))
    assert kind == "unknown"
    assert reasons == ["not known of it: volume, users, soundings"]


@given(st.floats(0.1, 30), st.integers(1, 50))
def test_soundings_alone(size_db: float, tiles: int) -> None:
    for whole in (True, False):
        assert of_soundings(size_db, whole_cell=whole, tiles=tiles, alarms=[TRANSMITTER])[0] == "radio"
        assert of_soundings(-size_db, whole_cell=whole, tiles=tiles, alarms=[LINK])[0] == "radio"
    assert of_soundings(-size_db, whole_cell=True, tiles=tiles, alarms=[TRANSMITTER])[0] == "equipment"
    assert of_soundings(-size_db, whole_cell=False, tiles=tiles, alarms=[TRANSMITTER])[0] == "radio"


@pytest.mark.parametrize("kind", get_args(Kind))
def test_every_kind_can_be_reached(kind: Kind) -> None:
    reached = {
        "radio": Evidence(radio_residual_db=3.0, radio_error_db=1.0),
        "traffic": Evidence(counter=LOAD, size=3.0, volume=Change(3.0, 1.0)),
        "equipment": Evidence(alarms=[FAN]),
        "data": Evidence(silent=True),
        "unknown": Evidence(),
    }
    assert classify(reached[kind])[0] == kind
