"""A radio twin as plain data and arrays, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from twin.radio.expecting import Believed
from twin.radio.looking import Looking
from twin.radio.maps import RadioMap, unpack
from twin.radio.posterior import Posterior
from twin.radio.twin import RadioTwin

Arrays = dict[str, NDArray[Any]]

HUGE, LARGE, SMALL, NEVER = 10**15, 1e9, 1e-3, -(2**62)
MOMENTS = ("time", "last", "start", "open_row")
SCALES = ("scale", "weight", "stated")
"""That are 0 until there is a first value, and never small after it."""


def dump(twin: RadioTwin) -> tuple[dict[str, Any], Arrays]:
    """Everything but the region, which is the topology's."""
    arrays: Arrays = {"trial": twin.trial.copy()}
    for name, part in (("memory", twin.memory), ("watch", twin.watch), ("agreement", twin.agreement)):
        arrays |= {f"{name}/{key}": array for key, array in part.state().items()}
    data = {
        "believed": _believed(twin.believed),
        "previous": None if twin.previous is None else _believed(twin.previous),
        "period": twin.period,
        "since": twin.since,
        "cells": twin.memory.cells,
        "keys": [list(key) for key in twin.watch.keys],
        "whole": [[name, *change] for name, change in sorted(twin.watch.whole.items())],
        "plan": twin.planner.state(),
        "scored": twin.agreement.cells,
        "heard": twin.heard.state(),
        "usual": sorted(twin.usual.errors.items()),
        "looking": msgspec.to_builtins(twin.looking),
        "last": sorted(twin.agreement.last.items()),
    }
    return data, arrays


def load(twin: RadioTwin, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Put what `dump` returned into a new twin.

    Raises:
        LookupError, TypeError, ValueError, msgspec.ValidationError, BadInput: It is no such thing.
    """
    _check(arrays)
    twin.believed = _read(data["believed"])
    twin.previous = None if data["previous"] is None else _read(data["previous"])
    twin.period, twin.since = _moment(data["period"]), _moment(data["since"])
    twin.trial = arrays["trial"].copy()
    if twin.trial.ndim != 2 or len(twin.trial) != 2 or twin.trial.dtype != np.float64:
        raise ValueError("a radio twin's trial has other than two rows of errors")
    twin.memory.restore(msgspec.convert(data["cells"], list[str]), _below(arrays, "memory/"))
    twin.watch.restore(msgspec.convert(data["keys"], list[tuple[str, int, int]]), _below(arrays, "watch/"))
    whole = msgspec.convert(data["whole"], list[tuple[str, int, bool]])
    twin.watch.whole = {name: (period, up) for name, period, up in whole}
    scored, last = msgspec.convert(data["scored"], list[str]), msgspec.convert(data["last"], list[tuple[str, float]])
    twin.agreement.restore(scored, dict(last), _below(arrays, "agreement/"))
    twin.planner.restore(data["plan"])
    twin.heard.restore(msgspec.convert(data["heard"], list[int]))
    twin.usual.errors = dict(msgspec.convert(data["usual"], list[tuple[str, float]]))
    twin.looking = msgspec.convert(data["looking"], Looking | None)
    _check_moments(twin)


def _check(arrays: Mapping[str, NDArray[Any]]) -> None:
    """Numbers that no radio twin comes to would make others of the same kind, or none. Raises ValueError."""
    for name, array in arrays.items():
        if array.dtype.kind == "f":
            low, high = -LARGE, LARGE
        else:
            low, high = NEVER if name.endswith(MOMENTS) else 0, HUGE
        fits = (array >= low) & (array <= high)
        if name == "memory/rsrp":
            fits |= np.isnan(array)
        if name.endswith(SCALES):
            fits &= (array == 0) | (array > SMALL)
        if name.endswith("correlation"):
            fits &= (array >= 0) & (array < 1)
        if not fits.all():
            raise ValueError(f"a radio twin's {name[:40]!r} holds numbers that make no sense")


def _check_moments(twin: RadioTwin) -> None:
    plan, looking = twin.planner, twin.looking
    wants = [want for want in (plan.want, plan.asked.want if plan.asked else None) if want]
    moments = [plan.rests_until, *(t for want in wants for t in (want.at, want.since, want.waits_until, want.lost))]
    moments += [plan.asked.at] if plan.asked else []
    moments += [looking.since, looking.use_since, looking.looks] if looking else []
    for moment in (*moments, *(period for period, _ in twin.watch.whole.values())):
        _moment(moment)


def _moment(value: Any) -> int:
    """`value` if it is a time [ms since 1970] or a period of any year that has four digits. Raises ValueError."""
    if type(value) is not int or not -HUGE <= value <= HUGE:
        raise ValueError(f"{str(value)[:40]!r} is no time that a radio twin has seen")
    return value


def _believed(believed: Believed) -> list[Any]:
    return [None if one is None else msgspec.msgpack.encode(one) for one in believed]


def _read(data: Any) -> Believed:
    posterior, radio_map = data
    read = Believed(
        None if posterior is None else msgspec.msgpack.decode(posterior, type=Posterior),
        None if radio_map is None else msgspec.msgpack.decode(radio_map, type=RadioMap),
    )
    if read.map is not None:
        unpack(read.map)
    if read.posterior is not None and not np.isfinite(read.posterior.mean).all():
        raise ValueError("a radio twin's parameters are not finite")
    return read


def _below(arrays: Mapping[str, NDArray[Any]], start: str) -> Arrays:
    return {name[len(start) :]: array for name, array in arrays.items() if name.startswith(start)}
