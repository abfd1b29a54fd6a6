"""Measurements as JSON, as O-RAN's PM producer makes them from PM files (VES domain `perf3gpp`) -> reports.

Epochs that say microseconds and hold milliseconds are sent: their magnitude tells, and the note says it was so. What no
rule makes a period of is refused.

Source: ONAP VES 7.2 `perf3gppFields`; O-RAN SC `nonrtric-plt-ranpm`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from stream.sources.pm_report import PmReports
from stream.sources.pm_time import epoch
from twin.errors import BadInput
from twin.events import Report


class _Header(msgspec.Struct, rename="camel"):
    start_epoch_microsec: float | str
    last_epoch_microsec: float | str
    event_name: str = ""


class _Id(msgspec.Struct):
    s_meas_info_id: str = msgspec.field(default="", name="sMeasInfoId")


class _Types(msgspec.Struct):
    names: list[str] = msgspec.field(default_factory=list, name="sMeasTypesList")


class _Result(msgspec.Struct):
    p: int
    value: str | float | None = msgspec.field(default=None, name="sValue")


class _Values(msgspec.Struct, rename="camel"):
    meas_obj_inst_id: str
    meas_results: list[_Result] = []
    suspect_flag: str | bool = "false"


class _Info(msgspec.Struct, rename="camel"):
    meas_types: _Types
    meas_values_list: list[_Values] = []


class _Collection(msgspec.Struct, rename="camel"):
    granularity_period: float
    measured_entity_dn: str
    meas_info_list: list[_Info] = []


class _Fields(msgspec.Struct, rename="camel"):
    meas_data_collection: _Collection


class _Event(msgspec.Struct):
    header: _Header = msgspec.field(name="commonEventHeader")
    fields: _Fields = msgspec.field(name="perf3gppFields")


class _Message(msgspec.Struct):
    event: _Event


_DECODER = msgspec.json.Decoder(_Message)


def read(value: bytes, made: PmReports) -> Iterator[Report]:
    """The reports of one message.

    Raises:
        BadInput: malformed, wrong-type, bad-period, or what `PmReports` refuses.
    """
    try:
        event = _DECODER.decode(value).event
    except msgspec.ValidationError as error:
        raise BadInput("wrong-type", f"it is no perf3gpp event: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput("malformed", f"it is not JSON: {error}") from error
    collection = event.fields.meas_data_collection
    end, length = _period(event.header, collection.granularity_period, made)
    # `perf3gpp_gnb-Ericsson_pmMeasResult`: <type>-<vendor> in the middle, by the rule of TS 28.532.
    vendor = event.header.event_name.partition("-")[2].partition("_")[0]
    made.file("", vendor)
    made.element(collection.measured_entity_dn)
    for info in collection.meas_info_list:
        types = info.meas_types.names
        made.group(end, length, types)
        for values in info.meas_values_list:
            at = {result.p: result.value for result in values.meas_results}
            results = ["" if (one := at.get(k)) is None else str(one) for k in range(1, len(types) + 1)]
            suspect = str(values.suspect_flag).lower() in ("true", "1")
            yield from made.row(values.meas_obj_inst_id, results, suspect=suspect)
        yield from made.flush()


def _period(header: _Header, granularity_s: float, made: PmReports) -> tuple[datetime, timedelta]:
    begin, end = (epoch(text, made.notes) for text in (header.start_epoch_microsec, header.last_epoch_microsec))
    if not 0 < granularity_s <= 86_400:
        raise BadInput("bad-period", f"a granularity period of {granularity_s} s")
    length = timedelta(seconds=granularity_s)
    if end <= begin:
        raise BadInput("bad-period", f"it ends at {end.isoformat()} and begins at {begin.isoformat()}")
    if end - begin != length:
        made.notes["begin taken from the end and granularityPeriod"] += 1
    return end, length
