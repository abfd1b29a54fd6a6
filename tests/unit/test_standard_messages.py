"""Every sample file is taken with the right values, or rejected with the right reason; none is passed over.

What the values should be is read from the files by regular expressions and plain JSON, never by a reader of ours.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from stream.decode import decode
from tests.standard_messages.survey import FILES, PAPERS, ROOT, Became, survey
from twin.errors import REASONS
from twin.events import Report, TopologyChange

pytestmark = pytest.mark.skipif(not ROOT.is_dir(), reason="the sample messages are not in ../shared/data")


@pytest.fixture(scope="module")
def files() -> dict[str, Became]:
    return {one.path: one for one in survey()}


def of(files: dict[str, Became], prefix: str) -> Iterator[tuple[str, Became]]:
    return ((path, one) for path, one in files.items() if path.startswith(prefix))


def verdicts(files: dict[str, Became], prefix: str) -> Counter[str]:
    return Counter(one.verdict for _, one in of(files, prefix))


def events(one: Became) -> list[Any]:
    return [decode(told.type, told.body) for told in one.told]


def text(path: str) -> str:
    return (ROOT / path).read_text()


def test_every_file_is_accounted_for(files: dict[str, Became]) -> None:
    assert len(files) == FILES == sum(1 for path in ROOT.rglob("*") if path.is_file())
    assert {one.verdict for one in files.values()} == {"taken", "aside", "rejected", "paper"}
    for path, one in files.items():
        if one.verdict == "rejected":
            assert one.reason in REASONS, f"{path}: {one.outcome.rejected}"
        if one.verdict == "taken":
            assert one.outcome.format, path
    assert sum(one.verdict == "paper" for one in files.values()) == sum(
        path.rpartition("/")[2] in PAPERS for path in files
    )


def test_whatever_was_taken_the_log_reads(files: dict[str, Became]) -> None:
    for one in files.values():
        for told in one.told:
            decode(told.type, told.body)


@pytest.mark.parametrize(
    ("folder", "taken", "aside", "rejected", "paper"),
    [
        ("pm_files_oran_sc_ranpm", 5, 0, 1, 1),
        ("pm_files_onap_pm_mapper", 21, 0, 20, 2),
        ("e2sm_kpm_xer", 0, 0, 2, 0),
        ("tmf_samples/tmf639", 0, 0, 4, 0),
        ("tmf_samples/tmf656", 0, 0, 7, 0),
        ("tmf_samples/tmf657", 0, 0, 2, 0),
        ("tmf_samples/tmf642", 5, 2, 0, 0),
        ("teiv_topology_cloudevents", 49, 0, 48, 1),
        ("senml_rfc8428", 28, 0, 23, 1),
        ("ves_onap", 12, 2, 28, 2),
    ],
)
def test_so_many_of_each_folder(
    files: dict[str, Became], folder: str, taken: int, aside: int, rejected: int, paper: int
) -> None:
    found = verdicts(files, folder + "/")
    assert (found["taken"], found["aside"], found["rejected"], found["paper"]) == (taken, aside, rejected, paper)


def test_reasons_are_those_that_the_files_give(files: dict[str, Became]) -> None:
    expected = {
        "pm_files_oran_sc_ranpm/A2000": "bad-period",  # its epochs are 15198378 and 151983
        "pm_files_onap_pm_mapper/files/A_no_managed_element": "bad-period",  # duration="some duration"
        "pm_files_onap_pm_mapper/files/A_no_measdata": "empty",
        "pm_files_onap_pm_mapper/files/valid_metadata": "bad-period",  # begins after its end
        "tmf_samples/tmf639/PhysicalResource": "malformed",  # a quotation mark is missing
        "tmf_samples/tmf656/": "unknown-type",  # problems of services, one of which wraps an alarm
        "tmf_samples/tmf657/": "unknown-type",  # objectives of service levels
        "ves_onap/ves7_invalid_ip": "wrong-type",
        "ves_onap/ves7_invalid_30": "unknown-schema-version",
        "ves_onap/ves4_": "unknown-schema-version",
        "ves_onap/measurement5x": "unknown-schema-version",
        "e2sm_kpm_xer/testfile1": "unknown-counter",
        "e2sm_kpm_xer/testfile2": "unknown-type",
        "senml_rfc8428/ex7": "wrong-type",  # texts and truth values
        "teiv_topology_cloudevents/expected_results/": "unknown-type",  # answers of a service, no events
    }
    for prefix, reason in expected.items():
        found = list(of(files, prefix))
        assert found, prefix
        for path, one in found:
            assert one.reason == reason, f"{path}: {one.outcome.rejected}"


def test_what_is_called_invalid_is_rejected_and_what_is_called_valid_is_taken(files: dict[str, Became]) -> None:
    for path, one in of(files, "ves_onap/"):
        name = path.rpartition("/")[2]
        if "invalid" in name:
            assert one.verdict == "rejected", path
        elif "_valid" in name and '"xyz"' not in text(path) and not name.startswith("ves4"):
            assert one.verdict in ("taken", "aside"), f"{path}: {one.outcome.rejected}"
    for path, one in of(files, "teiv_topology_cloudevents/common/"):
        if "invalid" in path.rpartition("/")[2]:
            assert one.verdict == "rejected", path


def test_pm_xml_by_types(files: dict[str, Became]) -> None:
    path = "pm_files_onap_pm_mapper/split/meas_results_typeC.xml"
    numbers = [list(map(float, m.split())) for m in re.findall(r"<measResults>([\d ]+)</measResults>", text(path))]
    ends = [datetime.fromisoformat(m) for m in re.findall(r'granPeriod[^>]*endTime="([^"]+)"', text(path))]
    lengths = [int(m) for m in re.findall(r'granPeriod[^>]*duration="PT(\d+)S"', text(path))]
    reports = events(files[path])
    assert [report.values for report in reports] == [[row] for row in numbers]
    assert [report.end for report in reports] == ends
    assert [(report.end - report.begin).total_seconds() for report in reports] == lengths
    assert [report.element for report in reports] == [f"ManagedElement=Dublin{k}" for k in (1, 2, 3)]


def test_pm_xml_of_ts_28_552_after_its_style_sheet(files: dict[str, Became]) -> None:
    ((path, one),) = of(files, "pm_files_oran_sc_ranpm/D2024")
    body = text(path)
    for counter in ("RRU.PrbAvailDl", "RRU.PrbAvailUl"):
        block = next(m for m in re.findall(r"<measInfo\b.*?</measInfo>", body, re.S) if f">{counter}<" in m)
        types = dict(re.findall(r'<measType p="(\d+)">([^<]+)<', block))
        place = next(p for p, name in types.items() if name == counter)
        told = [float(v) for v in re.findall(rf'<r p="{place}">([^<]+)</r>', block)]
        kept = [
            report.values[k][report.counters.index(counter)]
            for report in events(one)
            if counter in report.counters
            for k in range(len(report.objects))
        ]
        assert kept[: len(told)] == told
        assert told, counter
    assert {report.end - report.begin for report in events(one)} == {timedelta(minutes=1)}


def test_pm_json(files: dict[str, Became]) -> None:
    path = "pm_files_oran_sc_ranpm/pm_report.json"
    collection = json.loads(text(path))["event"]["perf3gppFields"]["measDataCollection"]
    told = [
        float(result["sValue"])
        for info in collection["measInfoList"]
        for values in info["measValuesList"]
        for result in values["measResults"]
        if "," not in result["sValue"]
    ]
    kept = [v for report in events(files[path]) for row in report.values for v in row if v is not None]
    assert sorted(kept) == sorted(told)
    assert len(kept) == 27
    milliseconds = json.loads(text(path))["event"]["commonEventHeader"]["lastEpochMicrosec"]
    assert {report.end for report in events(files[path])} == {
        datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(milliseconds))
    }


def test_ves_faults(files: dict[str, Became]) -> None:
    path = "ves_onap/ves7_batch_valid.json"
    told = [event["commonEventHeader"] | event["faultFields"] for event in json.loads(text(path))["eventList"]]
    for said, kept in zip(told, events(files[path]), strict=True):
        assert kept.object_instance == f"ManagedElement={said['sourceName']}"
        assert kept.probable_cause == said["alarmCondition"]
        assert kept.perceived_severity == said["eventSeverity"]
        assert kept.event_time.timestamp() * 1e6 == said["lastEpochMicrosec"]


def test_ves_registration(files: dict[str, Became]) -> None:
    path = "ves_onap/ves7_valid_ip_v6.json"
    said = json.loads(text(path))["event"]["pnfRegistrationFields"]
    (change,) = events(files[path])
    assert isinstance(change, TopologyChange)
    assert change.entities[0].reported["oamV6IpAddress"] == said["oamV6IpAddress"]


def test_senml(files: dict[str, Became]) -> None:
    path = "senml_rfc8428/ex3.json"
    pack = json.loads(text(path))
    told = {(round(pack[0]["bt"] + one.get("t", 0), 3), one["n"]): one["v"] for one in pack}
    kept: dict[tuple[float, str], float | None] = {}
    for report in events(files[path]):
        assert isinstance(report, Report)
        for row in report.values:
            for counter, value in zip(report.counters, row, strict=True):
                kept[round(report.end.timestamp(), 3), counter.partition(".")[2].lower()] = value
    assert kept == told


def test_teiv(files: dict[str, Became]) -> None:
    path = "teiv_topology_cloudevents/common/ce-one-entity.json"
    ((_, listed),) = json.loads(text(path))["data"]["entities"][0].items()
    (change,) = events(files[path])
    assert isinstance(change, TopologyChange)
    assert change.time == datetime.fromisoformat(json.loads(text(path))["time"])
    assert any(listed[0]["id"] in repr(entity) for entity in change.entities)


def test_tmf642(files: dict[str, Became]) -> None:
    path = "tmf_samples/tmf642/Alarm.example.json"
    said = json.loads(text(path))
    (kept,) = events(files[path])
    assert kept.perceived_severity == said["perceivedSeverity"].upper()
    assert kept.probable_cause == said["probableCause"]
    assert kept.event_time == datetime.fromisoformat(said["alarmChangedTime"])
    assert said["id"] in kept.notification_id


def test_kpm_with_the_subscriptions_names() -> None:
    names = ",".join(f"RRU.PrbUsedDl.{k}" for k in range(1, 21))
    (one,) = (one for one in survey(ROOT / "e2sm_kpm_xer", {"counters": names}) if one.path == "testfile1.txt")
    message = re.search(r"<RICindicationMessage>([0-9A-F ]+)<", text("e2sm_kpm_xer/testfile1.txt"))
    assert message is not None
    octets = bytes.fromhex(message[1])
    (report,) = events(one)
    assert len(report.values[0]) == octets[4]
    assert (report.end - report.begin) / timedelta(milliseconds=1) == int.from_bytes(octets[-2:]) + 1
