"""The table of faults: what is done, how often, to what; the comparison afterwards is one for all (`check`)."""

from __future__ import annotations

from tests.chaos.faults import away, bursts, disks, groups, processes, snapshots
from tests.chaos.faults.fault import Fault
from tests.chaos.feeder import emulated_sources, many_cells
from tests.chaos.sounded import sounded_log

__all__ = ["FAULTS", "Fault"]


FAULTS = (
    Fault("kill-worker", "kill -9 of the worker, another one started at once", processes.kill_worker, times=8),
    Fault("kill-ingest", "the same, the worker also ingests", processes.kill_worker, times=5, feed=emulated_sources),
    Fault("sigterm", "SIGTERM under load; it must end within 10 s", processes.terminate, times=3),
    Fault("sigterm-alone", "SIGTERM while neither broker nor database answers", processes.terminate_alone, times=2,
          needs_log=True),
    Fault("kill-database", "kill -9 of PostgreSQL, started again", away.kill_database, times=5),
    Fault("database-away", "no PostgreSQL for 60 s, 9,000 cell-periods/s", away.database_away, times=1,
          feed=lambda _: many_cells(3000), per_s=750, settings={"batch_reports": "250", "snapshot_every_s": "20"}),
    Fault("freeze-database", "PostgreSQL frozen for 15 s", away.freeze_database, times=1),
    Fault("kill-broker", "kill -9 of Apache Kafka, started again", away.kill_broker, times=3, needs_log=True),
    Fault("kill-broker-ingest", "the same, the worker also ingests", away.kill_broker, times=2,
          feed=emulated_sources, needs_log=True),
    Fault("broker-away", "no Apache Kafka for 60 s", away.broker_away, times=1, needs_log=True),
    Fault("freeze-broker", "Apache Kafka frozen for 15 s", away.freeze_broker, times=1),
    Fault("freeze-worker", "one of two workers frozen past its session, thawed", groups.freeze, times=3, workers=2),
    Fault("freeze-in-copy", "the same, frozen while it writes", groups.freeze_in_copy, times=2, workers=2),
    Fault("rebalance", "a worker joins or leaves in mid-batch", groups.rebalance, times=4, workers=2),
    Fault("snapshot-damaged", "the newest snapshots are damaged", snapshots.damaged, times=4),
    Fault("snapshot-old", "all snapshots are an older version's", snapshots.older, times=2),
    Fault("state-full", "no room in the state directory", disks.state_full, times=2, around=disks.small_state),
    Fault("database-full", "no room for PostgreSQL's data", disks.database_full, times=2, around=disks.small_database),
    Fault("kill-burst-worker", "kill -9 of the burst worker in mid-job, another one started at once",
          bursts.kill_burst_worker, times=5, feed=sounded_log, per_s=300, settings=bursts.SETTINGS,
          beside=bursts.beside, after=bursts.all_answered),
)  # fmt: skip
