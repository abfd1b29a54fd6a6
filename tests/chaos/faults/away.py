"""The database or the broker is killed, away or frozen; recovery counts from when it answers again."""

from __future__ import annotations

import time

from tests.chaos.stand import frozen
from tests.chaos.trial import Trial

AWAY_S, FROZEN_S = 60.0, 15.0


def kill_database(trial: Trial) -> float:
    """Kill -9, and at once another start on the same data."""
    trial.database.kill()
    trial.database.start()
    return time.time()


def database_away(trial: Trial) -> float:
    """Nothing there for a minute, while the feed goes on."""
    before = trial.memory_mib()
    trial.database.kill()
    seen = []
    until = time.monotonic() + AWAY_S
    while time.monotonic() < until:
        time.sleep(0.5)
        seen.append(trial.memory_mib())
    trial.note(f"memory {before:.0f} MiB before, {seen[len(seen) // 2]:.0f} after half, {seen[-1]:.0f} at the end, "
               f"{max(seen):.0f} at most")  # fmt: skip
    trial.database.start()
    return time.time()


def freeze_database(trial: Trial) -> float:
    """It takes connections and answers nothing."""
    with frozen(trial.database.pid):
        time.sleep(FROZEN_S)
    return time.time()


def kill_broker(trial: Trial) -> float:
    """Kill -9, and at once another start on the same log."""
    trial.stand.broker.kill()
    trial.stand.broker.start()
    return time.time()


def broker_away(trial: Trial) -> float:
    """Nothing there for a minute."""
    before = trial.memory_mib()
    trial.stand.broker.kill()
    time.sleep(AWAY_S)
    trial.note(f"memory {before:.0f} MiB before, {trial.memory_mib():.0f} at the end")
    trial.stand.broker.start()
    return time.time()


def freeze_broker(trial: Trial) -> float:
    """It takes connections and answers nothing, for longer than the workers' session."""
    with frozen(trial.stand.broker.pid):
        time.sleep(FROZEN_S)
    return time.time()
