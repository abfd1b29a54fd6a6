"""The soak's feed, in a process of its own, until SIGTERM; then says how many messages it was."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import threading

from tests.bench.workload import CELLS
from tests.chaos.feeder import Feeder, many_cells


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak_feeder", description=__doc__)
    parser.add_argument("bootstrap")
    parser.add_argument("prefix")
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=15_000)
    parser.add_argument("--compression", default="none")
    asked = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    feeder = Feeder(
        asked.bootstrap, asked.prefix, many_cells(asked.cells), asked.rate / CELLS, compression=asked.compression
    )
    feeder.start()
    told.wait()
    feeder.stop()
    print(json.dumps({"sent": feeder.sent, "repeated": feeder.repeated}))


if __name__ == "__main__":
    main()
