"""Laws of RFC 8428: what base fields mean, and that resolved records stand on their own."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import packs

from stream.sources.senml_pack import LONGEST_NAME, MOST_RECORDS, Resolved, resolve
from twin.errors import BadInput

NOW = 1_700_000_000.0
quick = settings(max_examples=60, deadline=None)
Pack = list[dict[str, Any]]


def read(pack: Pack, now: float = NOW) -> list[Resolved]:
    return resolve(json.dumps(pack).encode(), now)


def alone(records: list[Resolved]) -> Pack:
    """Resolved records as a pack."""
    out: Pack = []
    for r in records:
        kind = {bool: "vb", str: "vs", float: "v"}[type(r.value)]
        out.append({"n": r.name, "t": r.time, kind: r.value})
        if r.unit:
            out[-1]["u"] = r.unit
        if r.sum is not None:
            out[-1]["s"] = r.sum
    return out


def plain(records: list[Resolved]) -> list[tuple[Any, ...]]:
    return [(r.name, r.unit, r.time, r.value, r.sum) for r in records]


@quick
@given(packs)
def test_a_resolved_pack_resolves_to_itself(pack: Pack) -> None:
    first = read(pack)
    assert plain(read(alone(first), now=0.0)) == plain(first), "RFC 8428 4.6"


@quick
@given(packs)
def test_base_fields_hold_until_the_next_of_their_kind(pack: Pack) -> None:
    """RFC 8428 4.1 and 4.2, by the book: each record with the base fields in force."""
    base: dict[str, Any] = {"bn": "", "bt": 0.0, "bu": "", "bv": 0.0, "bs": 0.0}
    for record, resolved in zip(pack, read(pack), strict=True):
        base |= {k: v for k, v in record.items() if k in base}
        assert resolved.name == base["bn"] + record["n"]
        assert resolved.unit == (record.get("u") or base["bu"])
        time = base["bt"] + record.get("t", 0.0)
        assert resolved.time == (time if time >= 2**28 else NOW + time)
        if "v" in record:
            assert resolved.value == record["v"] + base["bv"]
        assert resolved.sum == (record["s"] + base["bs"] if "s" in record else None)


@quick
@given(packs, st.data())
def test_a_base_record_of_its_own_changes_nothing(pack: Pack, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(pack) - 1))
    base = {k: v for k, v in pack[at].items() if k.startswith("b")}
    rest = {k: v for k, v in pack[at].items() if not k.startswith("b")}
    assert plain(read([*pack[:at], base, rest, *pack[at + 1 :]])) == plain(read(pack))


@quick
@given(packs, st.floats(-1e9, 1e9))
def test_absolute_times_do_not_depend_on_now(pack: Pack, now: float) -> None:
    fixed = [{"bt": NOW, **record, "t": 0.0} for record in pack]
    assert plain(read(fixed, now)) == plain(read(fixed, NOW))


def refused(pack: bytes) -> str:
    try:
        resolve(pack, NOW)
    except BadInput as error:
        return error.reason
    return ""


def test_what_a_pack_may_cost_is_bounded() -> None:
    long = json.dumps([{"bn": "a" * 1_000_000}, *[{"n": "b", "v": 1}] * 2_000]).encode()
    assert refused(long) == "wrong-type"
    many = json.dumps([{"n": "a", "v": 1}] * (MOST_RECORDS + 1)).encode()
    assert refused(many) == "too-large"
    assert refused(json.dumps([{"bn": "a" * (LONGEST_NAME - 1), "n": "b", "v": 1}]).encode()) == ""


def test_two_numbers_that_add_up_to_none_are_refused_not_lost() -> None:
    assert refused(b'[{"n":"a","bv":1.7e308,"v":1.7e308}]') == "out-of-range"
    assert refused(b'[{"n":"a","bs":1.7e308,"s":1.7e308}]') == "out-of-range"
