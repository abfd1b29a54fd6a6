"""How fast measurement files are read, and with how much memory: `python -m tests.bench.pm_files [--mb 200]`.

A file of TS 32.435 with `--mb` megabytes is generated: elements with cells of 40 counters. It is read in processes of
their own, one after the other, by Lockstep (to reports), by lxml's `iterparse` (to the same numbers, elements cleared
behind it) and by xmltodict (to one dictionary). Each is to find the same sum of all results.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.table import Table

COUNTERS = 40
CELLS = 12
Reader = Callable[[Path], float]
"""Gives the sum of all results of a file."""

NAMESPACE = "http://www.3gpp.org/ftp/specs/archive/32_series/32.435#measCollec"


def generate(path: Path, size: int) -> float:
    """Write a file of about `size` bytes; returns the sum of its results."""
    total, written, element = 0.0, 0, 0
    types = "".join(
        f'<measType p="{k}">{"RRU.PrbTotDlDist" if k > 1 else "RRU.PrbTotDl"}{f".{k}" if k > 1 else ""}</measType>'
        for k in range(1, COUNTERS + 1)
    )
    with path.open("w") as file:
        file.write(
            f'<?xml version="1.0" encoding="UTF-8"?>\n<measCollecFile xmlns="{NAMESPACE}">\n<fileHeader '
            'fileFormatVersion="32.435 V10.0" vendorName="Nobody" dnPrefix="SubNetwork=1"><fileSender localDn="x"/>'
            '<measCollec beginTime="2026-01-01T00:00:00Z"/></fileHeader>\n<measData>\n'
        )
        while written < size:
            rows = []
            for cell in range(CELLS):
                values = [(element * 7 + cell * 3 + k * k) % 100 for k in range(COUNTERS)]
                total += sum(values)
                results = "".join(f'\n<r p="{k}">{v}</r>' for k, v in enumerate(values, 1))
                rows.append(
                    f'<measValue measObjLdn="ManagedElement={element},GNBDUFunction=1,NRCellDU={cell}">{results}\n'
                    "<suspect>false</suspect></measValue>\n"
                )
            written += file.write(
                f'<managedElement localDn="ManagedElement={element}"/>\n<measInfo measInfoId="a"><job jobId="1"/>'
                f'<granPeriod duration="PT900S" endTime="2026-01-01T00:15:00Z"/>{types}\n{"".join(rows)}</measInfo>\n'
            )
            element += 1
        file.write(
            '</measData>\n<fileFooter><measCollec endTime="2026-01-01T00:15:00Z"/></fileFooter></measCollecFile>\n'
        )
    return total


def lockstep() -> Reader:
    """Lockstep: the whole way to reports."""
    from stream.sources.files import open_reading
    from twin.counters import CATALOGUE

    def read(path: Path) -> float:
        with path.open("rb") as file:
            reading = open_reading(path, file, CATALOGUE)
            return sum(v for report in reading.events for row in report.values for v in row if v is not None)

    return read


def by_lxml() -> Reader:
    """lxml's iterparse: nothing but the numbers."""
    from lxml import etree

    def read(path: Path) -> float:
        total = 0.0
        for _, value in etree.iterparse(str(path), tag=f"{{{NAMESPACE}}}measValue"):
            total += sum(float(r.text) for r in value.iterfind(f"{{{NAMESPACE}}}r"))
            value.clear()
            while value.getprevious() is not None:
                del value.getparent()[0]
        return total

    return read


def by_xmltodict() -> Reader:
    """xmltodict: a dictionary of all of it."""
    import xmltodict

    def read(path: Path) -> float:
        with path.open("rb") as file:
            found = xmltodict.parse(file, force_list=("measInfo", "measValue", "r"))
        infos = found["measCollecFile"]["measData"]["measInfo"]
        return sum(float(r["#text"]) for info in infos for value in info["measValue"] for r in value["r"])

    return read


READERS: dict[str, Callable[[], Reader]] = {"Lockstep": lockstep, "lxml": by_lxml, "xmltodict": by_xmltodict}


def alone(name: str, path: Path) -> dict[str, float]:
    """Run one reader in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.pm_files", "--reader", name, "--file", str(path)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Generate, read, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=float, default=200, help="size of the generated file")
    parser.add_argument("--reader", choices=READERS)
    parser.add_argument("--file", type=Path)
    asked = parser.parse_args()
    if asked.reader:
        read = READERS[asked.reader]()  # what it imports is no part of reading
        before, begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
        total = read(asked.file)
        seconds, peak = time.process_time() - begin, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(
            json.dumps({"sum": total, "cpu_s": seconds, "peak_mib": peak / 1024, "grown_mib": (peak - before) / 1024})
        )
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "A20260101.0000+0000-0015+0000_1.xml"
        total, size = generate(path, int(asked.mb * 1e6)), path.stat().st_size
        found = {name: alone(name, path) for name in READERS}
    table = Table(title=f"one file of {size / 1e6:.0f} MB, TS 32.435; processor time", title_justify="left")
    for column in ("reader", "MB/s", "peak memory MiB", "of it for the file MiB"):
        table.add_column(column, justify="left" if column == "reader" else "right")
    for name, one in found.items():
        if abs(one["sum"] - total) > 1e-6 * total:
            raise SystemExit(f"{name} found {one['sum']}, not {total}")
        table.add_row(name, f"{size / 1e6 / one['cpu_s']:.1f}", f"{one['peak_mib']:.0f}", f"{one['grown_mib']:.0f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
