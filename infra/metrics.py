"""What a worker counts: one typed catalogue, each metric with what it means and what to do about it.

Nothing is labelled with an element: the number of series depends on partitions and on fixed lists, not on the network.
Staleness per element is at `/status`.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

PREFIX = "lockstep_"
SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
MINUTES = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)
RECORDS = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500)


class Metric(NamedTuple):
    """One metric.

    Attributes:
        name: Without the prefix; it ends in the unit, a counter's in `_total`.
        labels: Names of its labels.
        unit: Of its values.
        meaning: What it says.
        advice: What to do when it is high, or changes.
        buckets: Upper bounds of a histogram's.
    """

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    unit: str
    meaning: str
    advice: str
    buckets: tuple[float, ...] = ()


READY = Metric(
    "ready", "gauge", (), "0 or 1", "What /readyz answers.", "`lockstep status` says which condition isn't met."
)
PARTITIONS = Metric(
    "partitions", "gauge", (), "1", "Partitions of the log this worker folds.", "0 on a spare worker is fine."
)
LOOP_STALL = Metric(
    "loop_stall_seconds",
    "gauge",
    (),
    "s",
    "How long the event loop has not run.",
    "Above a second: the worker's log shows where it is; above `livez_s` /livez fails.",
)
SERVICE_UP = Metric(
    "service_up",
    "gauge",
    ("service",),
    "0 or 1",
    "Whether broker and database answer.",
    "0: bring it back; the worker waits and goes on by itself.",
)
PROGRESS_AGE = Metric(
    "progress_age_seconds",
    "gauge",
    ("partition",),
    "s",
    "How long a partition has had work without getting any done; 0 while idle.",
    "Above `stuck_s` it is stuck: `lockstep status` says what it waits for.",
)
STUCK = Metric(
    "stuck", "gauge", ("partition",), "0 or 1", "Whether the partition is stuck.", "Alert on 1; `lockstep status`."
)
EVENT_TIME_LAG = Metric(
    "event_time_lag_seconds",
    "gauge",
    ("partition",),
    "s",
    "How old the twin is: wall clock less the newest period it has entered.",
    "Above two periods: sources are silent or late, unless the committed lag is high, too.",
)
POSITION_LAG = Metric(
    "position_lag_records",
    "gauge",
    ("partition",),
    "records",
    "Records of the log that are not folded.",
    "Growing: the worker is too slow; add workers, up to the number of partitions.",
)
COMMITTED_LAG = Metric(
    "committed_lag_records",
    "gauge",
    ("partition",),
    "records",
    "Records of the log whose effects are not in the database.",
    "Growing while the position lag is not: the database or the broker is slow.",
)
STALE = Metric(
    "stale_elements",
    "gauge",
    ("partition",),
    "elements",
    "Elements that have been silent for longer than usual.",
    "`lockstep status` names them and says since when.",
)
SNAPSHOT_AGE = Metric(
    "snapshot_age_seconds",
    "gauge",
    ("partition",),
    "s",
    "Time since this worker last stored the partition's state, while something has changed since.",
    "Much above `snapshot_every_s`: recovery will take longer; see `transaction_seconds`.",
)
SNAPSHOT_SIZE = Metric(
    "snapshot_size_bytes",
    "gauge",
    ("partition",),
    "byte",
    "Size of the last snapshot.",
    "Above 256 MB: more partitions, or `snapshot_every_s` longer.",
)
RECORDS_FOLDED = Metric(
    "records_total", "counter", ("partition",), "records", "Records of the log folded.", "Its rate is the throughput."
)
REPORTS = Metric("reports_total", "counter", (), "reports", "Reports folded, repeated ones too.", "")
CELL_PERIODS = Metric("cell_periods_total", "counter", (), "rows", "Objects x periods written to the history.", "")
OUTLETS = Metric("outlets_total", "counter", ("kind",), "messages", "Messages published for subscribers.", "")
REJECTED = Metric(
    "rejected_total",
    "counter",
    ("stage", "reason"),
    "messages",
    "Messages that could not be used: at the `door` (`lockstep listen`, `lockstep mqtt`), at `ingest`, in the `fold`.",
    "`lockstep rejected` shows them; mend the source, then `lockstep rejected --resend`.",
)
ARRIVALS = Metric(
    "arrivals_total",
    "counter",
    ("kind",),
    "reports",
    "Reports by what they were: in_order, reordered, late, duplicate, corrected.",
    "Many late ones: raise `lateness_periods`, or look for an element whose clock runs ahead.",
)
MISSING = Metric(
    "missing_periods_total",
    "counter",
    (),
    "periods",
    "Periods that elements have skipped.",
    "`twin.updates` names them.",
)
INGESTED = Metric(
    "ingested_total",
    "counter",
    ("source",),
    "messages",
    "Messages of the sources written to the log, or by `lockstep listen` and `lockstep mqtt` to their topics.",
    "",
)
BATCH = Metric(
    "batch_records",
    "histogram",
    (),
    "records",
    "Records a database transaction carries.",
    "Always at the limit: the worker is behind.",
    RECORDS,
)
TRANSACTION = Metric(
    "transaction_seconds",
    "histogram",
    (),
    "s",
    "Time of a database transaction: rows, offset and, if due, snapshot.",
    "Above a second: the database is the bottleneck.",
    SECONDS,
)
PUBLISH = Metric(
    "publish_seconds",
    "histogram",
    (),
    "s",
    "Time until the broker has a batch's outlets.",
    "Above a second: the broker is the bottleneck.",
    SECONDS,
)
SNAPSHOTS = Metric("snapshots_total", "counter", (), "snapshots", "Snapshots stored.", "")
REBALANCES = Metric(
    "rebalances_total",
    "counter",
    (),
    "rebalances",
    "Times the group has shared out the partitions anew.",
    "More than workers come and go: raise `broker_session_timeout_s`.",
)
FENCED = Metric(
    "fenced_total",
    "counter",
    (),
    "times",
    "Writes refused because another worker owns the partition.",
    "A few around a rebalance are the guarantee at work; many: two groups fold one log into one database.",
)
RETRIES = Metric(
    "retries_total",
    "counter",
    ("step",),
    "attempts",
    "Attempts that failed because broker or database did not answer.",
    "The worker's log says what they answered.",
)
TICKS = Metric("ticks_total", "counter", (), "ticks", "Ticks written into idle partitions.", "")
BURSTS_OPEN = Metric(
    "bursts_open",
    "gauge",
    (),
    "requests",
    "Requests for bursts without an answer, of a burst worker's partitions.",
    "Growing: add burst workers, or raise `burst_processes`.",
)
BURSTS = Metric(
    "bursts_total",
    "counter",
    ("outcome",),
    "requests",
    "Requests for bursts answered, by outcome: done, failed, cancelled.",
    "Many failed: `lockstep bursts` says why.",
)
BURST_ENDS = Metric(
    "burst_attempts_total",
    "counter",
    ("cause",),
    "attempts",
    "Attempts at bursts by how they ended: done, time, memory, crash, error, stopped; all but done kill the process.",
    "time or memory: raise `burst_budget_s` or `burst_memory_mib`; crash: the log says which signal.",
)
BURST_TIME = Metric(
    "burst_seconds",
    "histogram",
    (),
    "s",
    "Time from the start of a burst to its end, all attempts.",
    "Near `burst_budget_s`: raise it, or add a GPU.",
    MINUTES,
)
PRECISION = Metric(
    "prediction_precision",
    "gauge",
    ("partition", "target"),
    "1",
    "Share of the warnings of the last seven days that came true, of the version that predicts now.",
    "Falling: `lockstep models` says what has changed; a retraining is due, or the network has drifted.",
)
RECALL = Metric(
    "prediction_recall",
    "gauge",
    ("partition", "target"),
    "1",
    "Share of the positive labels of the last seven days that had been warned of.",
    "Falling: as for the precision; low from the start: the decision is stricter than the target is likely.",
)
EPISODE_RECALL = Metric(
    "prediction_episode_recall",
    "gauge",
    ("partition", "target"),
    "1",
    "Share of the episodes of the last seven days that were warned of before their onset.",
    "Much below the recall: warnings come when it is there already; judge by this one.",
)
CALIBRATION_ERROR = Metric(
    "prediction_calibration_error",
    "gauge",
    ("partition", "target"),
    "1",
    "How far probabilities are from how often they come true, on average, over the last seven days.",
    "Above 0.05: don't take the probabilities at their word; rows of kind monitoring say which are off.",
)
BRIER = Metric(
    "prediction_brier_score",
    "gauge",
    ("partition", "target"),
    "1",
    "Mean squared error of the probabilities of the last seven days.",
    "Compare with base rate x (1 - base rate), which who only knows the base rate gets.",
)
LEAD_TIME = Metric(
    "prediction_lead_time_seconds",
    "gauge",
    ("partition", "target"),
    "s",
    "Mean time from the first warning of an episode to its onset, of those of the last seven days.",
    "Shorter than you need to act: declare the target with a longer horizon.",
)
FALSE_ALARMS = Metric(
    "prediction_false_alarms_per_cell_day",
    "gauge",
    ("partition", "target"),
    "1/day",
    "Alarms of the last seven days none of whose warnings came true, for each cell and day.",
    "More than people can look at: act on higher probabilities only.",
)
LABELS = Metric(
    "prediction_labels",
    "gauge",
    ("partition", "target"),
    "labels",
    "Matured labels that the figures of the predictions rest on.",
    "Few: the figures say little yet, as after a promotion.",
)
ALARMS = Metric(
    "alarms",
    "gauge",
    ("partition", "severity"),
    "alarms",
    "Alarms of the network that stand and are not kept back, by severity.",
    "CRITICAL: `lockstep alarms list --roots` says which, and what caused the others.",
)
ALARMS_UNSEEN = Metric(
    "alarms_unacknowledged",
    "gauge",
    ("partition", "severity"),
    "alarms",
    "Those of them that nobody has acknowledged.",
    "`lockstep alarms ack NUMBER`, or the dashboard: whoever acknowledges one looks after it.",
)
ALARMS_HELD = Metric(
    "alarms_held",
    "gauge",
    ("partition", "reason"),
    "alarms",
    "Alarms that are kept back now: qualifying, flapping, planned-outage, energy-saving.",
    "Many flapping: mend what comes and goes, or its thresholds; planned work that is over: `lockstep alarms outage`.",
)
ALARM_CHANGES = Metric(
    "alarm_changes_total",
    "counter",
    ("change",),
    "changes",
    "What has happened to alarms: raised, changed, cleared, acknowledged, held, released, correlated and others.",
    "Many raised at once: `lockstep alarms list --roots` shows the few that caused them.",
)
ALARMS_SUPPRESSED = Metric(
    "alarms_suppressed_total",
    "counter",
    ("reason",),
    "alarms",
    "Times an alarm was kept back, by why: qualifying, flapping, planned-outage, energy-saving.",
    "`lockstep alarms list --all` shows them; docs/alarms.md has the settings.",
)
MODELS = Metric(
    "models",
    "gauge",
    ("state",),
    "models",
    "Batch models by how far they have come: candidate, shadow, champion, retired; of the keeper.",
    "No champion is fine: the online models speak. Candidates that stay candidates: `lockstep models show` says why.",
)
TRANSITIONS = Metric(
    "model_transitions_total",
    "counter",
    ("state",),
    "transitions",
    "Steps of batch models' lives that entered the log, by the state they led to; of the keeper.",
    "retired soon after champion is a roll-back: `lockstep models show` has the evidence.",
)
TRAININGS = Metric(
    "trainings_total",
    "counter",
    ("outcome",),
    "trainings",
    "Trainings that the keeper started and that have ended: done, failed.",
    "failed: the keeper's log has what the training said, such as which check of its data stopped it.",
)
TRAINING = Metric(
    "training_running", "gauge", (), "0 or 1", "Whether a training that the keeper started is under way.", ""
)
API_ANSWERS = Metric(
    "api_answers_total",
    "counter",
    ("status",),
    "answers",
    "Answers of the HTTP API, by the first digit of their status.",
    "5xx: its log says which; 4xx in numbers: a client is wrong, or guesses tokens.",
)
API_TIME = Metric(
    "api_answer_seconds",
    "histogram",
    (),
    "s",
    "Time until an answer of the HTTP API begins.",
    "Above a second: questions to the past take seconds; if it is others, look at the database and at the processor.",
    SECONDS,
)
API_SUBSCRIBERS = Metric(
    "api_subscribers",
    "gauge",
    (),
    "subscribers",
    "Who listens to live changes.",
    "Near `api_streams`: raise it, or start another API.",
)

CATALOGUE = (
    *(READY, PARTITIONS, LOOP_STALL, SERVICE_UP, PROGRESS_AGE, STUCK, EVENT_TIME_LAG, POSITION_LAG, COMMITTED_LAG),
    *(STALE, SNAPSHOT_AGE, SNAPSHOT_SIZE, RECORDS_FOLDED, REPORTS, CELL_PERIODS, OUTLETS, REJECTED, ARRIVALS, MISSING),
    *(INGESTED, BATCH, TRANSACTION, PUBLISH, SNAPSHOTS, REBALANCES, FENCED, RETRIES, TICKS),
    *(BURSTS_OPEN, BURSTS, BURST_ENDS, BURST_TIME),
    *(PRECISION, RECALL, EPISODE_RECALL, CALIBRATION_ERROR, BRIER, LEAD_TIME, FALSE_ALARMS, LABELS),
    *(ALARMS, ALARMS_UNSEEN, ALARMS_HELD, ALARM_CHANGES, ALARMS_SUPPRESSED),
    *(MODELS, TRANSITIONS, TRAININGS, TRAINING),
    *(API_ANSWERS, API_TIME, API_SUBSCRIBERS),
)
