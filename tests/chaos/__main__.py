"""`python -m tests.chaos`: do every fault, compare, print the table; exit 1 if anything is lost, doubled or differs."""

from __future__ import annotations

import argparse
import json
import logging
import signal
import sys
import time

from tests.chaos.faults import FAULTS
from tests.chaos.recovery import recovery
from tests.chaos.report import markdown, plain
from tests.chaos.stand import Stand
from tests.chaos.trial import Outcome, run
from tests.integration.apache_kafka import missing


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--fault", action="append", metavar="NAME", help="only this one; may be given again")
    parser.add_argument("--times", type=int, help="how often each one is done, instead of what the table says")
    parser.add_argument("--broker", choices=["kafka", "embedded"], default="kafka")
    parser.add_argument("--cells", type=int, default=10_000, help="of the state that a worker recovers")
    parser.add_argument("--load", type=float, default=1000, help="cell-periods a second while it recovers")
    parser.add_argument("--seed", type=int, default=1, help="of moments and choices")
    parser.add_argument("--json", action="store_true", help="one object a line instead of the table")
    parser.add_argument("--list", action="store_true", help="say which faults there are")
    asked = parser.parse_args()
    if asked.list:
        for fault in FAULTS:
            print(f"{fault.name:24} {fault.what}")
        print(f"{'recovery':24} kill -9 of a worker with {asked.cells} cells")
        return 0
    known = {*(fault.name for fault in FAULTS), "recovery"}
    if strange := set(asked.fault or ()) - known:
        parser.error(f"there is no fault {', '.join(sorted(strange))}: see --list")
    if asked.broker == "kafka" and (reason := missing()):
        parser.error(f"{reason}; or try --broker embedded")
    # Leave nothing running behind when told to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    logging.basicConfig(level=logging.ERROR, format="%(message)s", stream=sys.stderr)
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    logging.getLogger("tests.chaos").setLevel(logging.INFO)
    outcomes: list[Outcome] = []
    begin = time.monotonic()
    try:
        break_all(asked, outcomes)
    finally:  # what was measured before a fault of the suite itself is not lost with it
        if not asked.json:
            print(markdown(outcomes))
            print(f"\n{time.monotonic() - begin:.0f} s")
    return 0 if all(outcome.good() or outcome.skipped for outcome in outcomes) else 1


def break_all(asked: argparse.Namespace, outcomes: list[Outcome]) -> None:
    """Do what was asked for, one after the other; `outcomes` grows."""

    def done(outcome: Outcome) -> None:
        outcomes.append(outcome)
        word = "good" if outcome.good() else outcome.skipped or outcome.error or f"{outcome.verdict}"
        print(f"{outcome.fault}: {word} ({outcome.seconds:.0f} s)", file=sys.stderr, flush=True)
        if asked.json:
            print(json.dumps(plain(outcome)), flush=True)

    with Stand(asked.broker == "kafka") as stand:
        for fault in FAULTS:
            if asked.fault and fault.name not in asked.fault:
                continue
            if fault.needs_log and not stand.keeps_log:
                done(Outcome(fault.name, fault.what, skipped="the embedded broker keeps no log"))
                continue
            done(run(fault, stand, asked.times or fault.times, asked.seed))
        if not asked.fault or "recovery" in asked.fault:
            done(recovery(stand, asked.cells, asked.load, asked.times or 3, asked.seed))


if __name__ == "__main__":
    sys.exit(main())
