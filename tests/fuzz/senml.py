"""The target that reads SenML packs in JSON; those in other forms (`sensors`) are held to the same."""

from __future__ import annotations

import json
from typing import Any

import folding
import msgspec
from bad_input import REJECTED, SENT

from stream import decode as events
from stream.sources.senml import reports
from stream.sources.senml_pack import resolve
from tests.fuzz.codecs import JSON
from tests.fuzz.target import Target
from twin import dn


def run(data: bytes) -> None:
    """Resolve a pack, and make reports of it."""
    key = folding.A if data[:1] == b" " else ""
    found = resolve(data, SENT / 1000)
    again = msgspec.json.encode(
        [
            {"n": r.name, "t": r.time, **({"u": r.unit} if r.unit else {}), **_value(r.value)}
            | ({} if r.sum is None else {"s": r.sum})
            for r in found
        ]
    )
    if all(r.time >= 2**28 and r.value == r.value for r in found):
        assert [(r.name, r.time, r.value, r.sum) for r in resolve(again, 0.0)] == [
            (r.name, r.time, r.value, r.sum) for r in found
        ], "what is resolved resolves to itself (RFC 8428 4.6)"
    for report in reports(data, key, SENT):
        dn.check(report.element)
        for name in report.objects:
            dn.check(dn.join(report.element, name))
        assert events.decode(events.REPORT, msgspec.json.encode(report)) == report, "no value may be lost on the way"


def _value(value: object) -> dict[str, Any]:
    # Data is text like `vs`: which of the two it was is not kept.
    return {} if value is None else {{bool: "vb", str: "vs", float: "v"}[type(value)]: value}


DEVICE = "urn:dev:mac:0024befffe804ff1"
PACKS = [
    json.dumps(pack).encode()
    for pack in (
        [
            {"bn": f"{DEVICE}:", "bt": 1.7e9, "bu": "Cel", "bv": 20, "n": "temperature", "v": 1.5},
            {"n": "voltage", "u": "V", "v": 2, "t": -5},
        ],
        [
            {"bn": "gw-7/", "bt": 1.7e9, "n": "door:humidity", "u": "%RH", "v": 1},
            {"n": "roof:fan-speed", "u": "1/min", "v": 9, "ut": 60},
        ],
        [{"n": f"{DEVICE}", "u": "W", "v": 1, "s": 4}, {"n": "a:energy", "u": "J", "v": 3}],
        [{"n": "a", "vs": "x"}, {"n": "b", "vb": True}, {"n": "c", "vd": "AA=="}],
        [{"bver": 10, "bs": 1, "n": "d", "s": 1}],
    )
]
SEEDS = [bad.value for bad in REJECTED.values() if bad.kind == "senml"] + PACKS

TARGETS = (Target("senml", run, lambda: SEEDS, JSON),)
