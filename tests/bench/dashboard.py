"""The dashboard in Chromium: frames a second with many cells, and how long after a report its value is on the page.

python -m tests.bench.dashboard [--cells 5000] [--changes 20]
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median, quantiles
from typing import NamedTuple

from playwright.sync_api import Page, sync_playwright

sys.path.append(str(Path(__file__).parents[1] / "integration"))
sys.path.append(str(Path(__file__).parents[1] / "browser"))
from a_chromium import ARGUMENTS, chromium
from api_stand import Stand, stood
from asking import a_cell, report
from world import cells, pretend

from infra.embedded import Embedded

PAN = """(seconds) => new Promise((done) => {
  const { map } = document.querySelector('main');
  const start = performance.now();
  const drawn = map.frames;
  const gaps = [];
  let last = start;
  const step = (now) => {
    gaps.push(now - last);
    last = now;
    map.move(Math.cos(now / 300) * 4, Math.sin(now / 300) * 4);
    if (now - start < seconds * 1000) requestAnimationFrame(step);
    else done({ frames: map.frames - drawn, seconds: (now - start) / 1000, gaps: gaps.slice(1) });
  };
  requestAnimationFrame(step);
})"""


class Panned(NamedTuple):
    """How the map was moved.

    Attributes:
        rate: Frames a second.
        slow: The longest tenth of the times between two [ms].
        cost: Processor time of a frame, all of the browser's processes [ms]: it doesn't depend on who else is at work.
    """

    rate: float
    slow: float
    cost: float


def panned(page: Page, seconds: float) -> Panned:
    """Move the map in every frame."""
    before = processor_s()
    told = page.evaluate(PAN, seconds)
    cost = 1000 * (processor_s() - before) / max(told["frames"], 1)
    return Panned(told["frames"] / told["seconds"], quantiles(told["gaps"], n=10)[-1], cost)


def processor_s() -> float:
    """What the processes of the browser, all of them below this one, have used [s]."""
    parents, used = {}, {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            head, _, rest = (entry / "stat").read_text().rpartition(")")
        except OSError:  # it has ended
            continue
        fields = rest.split()
        parents[int(entry.name)] = int(fields[1])
        if "(chrom" in head:
            used[int(entry.name)] = int(fields[11]) + int(fields[12])

    def ours(pid: int) -> bool:
        while pid > 1 and pid != os.getpid():
            pid = parents.get(pid, 0)
        return pid == os.getpid()

    return sum(ticks for pid, ticks in used.items() if ours(pid)) / os.sysconf("SC_CLK_TCK")


def shown_after(stand: Stand, page: Page, changes: int) -> list[float]:
    """From sending a report to its value on the page [s]."""
    cell = a_cell(stand)
    row = page.locator("tr", has=page.locator(f'a[title="{cell}"]')).last
    found = []
    with ThreadPoolExecutor(1) as pool:
        for number in range(changes):
            value = 61.0 + number % 39
            message = report(stand, cell, value)
            sent = time.monotonic()
            pool.submit(stand.pipe.send, "telemetry.reports", [message]).result()
            row.get_by_text(f"{value:.0f} %", exact=True).first.wait_for(timeout=60_000)
            found.append(time.monotonic() - sent)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=5000)
    parser.add_argument("--changes", type=int, default=20)
    chosen = parser.parse_args()
    where = chromium()
    if where is None:
        sys.exit("there is no Chromium: install Debian's package chromium")
    with (
        tempfile.TemporaryDirectory(prefix="lockstep-bench-") as folder,
        Embedded(Path(folder) / "services") as embedded,
    ):
        services = embedded.start()
        home = Path(folder) / "stand"
        home.mkdir()
        # Playwright brings an event loop of its own: last in, first out.
        with stood(services.bootstrap, services.dsn, home) as stand, sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=where, args=ARGUMENTS)
            page = browser.new_page(viewport={"width": 1440, "height": 900})
            page.goto(stand.url)
            page.wait_for_selector("main:not([aria-busy]) h1")
            times = shown_after(stand, page, chosen.changes)
            print(f"report sent -> shown: median {median(times):.2f} s, longest of {len(times)} {max(times):.2f} s")
            page.close()
            for width, height in ((1440, 900), (3840, 2160)):
                page = browser.new_page(viewport={"width": width, "height": height})
                pretend(page, cells(chosen.cells))
                page.goto(f"{stand.url}/#/?by=RRU.PrbTotDl")
                page.wait_for_selector("main:not([aria-busy]) h1")
                page.wait_for_timeout(1000)
                told = panned(page, 5)
                size = f"{chosen.cells} cells, {width} x {height}"
                speed = f"{told.rate:.0f} frames/s, nine tenths within {told.slow:.0f} ms"
                print(f"{size}: {speed}, {told.cost:.0f} ms of processor time a frame")
                page.close()
            browser.close()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; Chromium draws without a GPU here")


if __name__ == "__main__":
    main()
