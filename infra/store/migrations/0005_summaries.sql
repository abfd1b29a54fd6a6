-- Summaries by 5 minutes, hours and days (UTC), computed from the rows when they are read. Before old rows are dropped
-- (`infra/store/prune.py`) their summaries are kept in tables; `horizon` is the time up to which that is done.
-- `0005_summaries.timescale.sql` keeps all of them computed.

-- A period belongs to the bucket that it ends in, and one that ends on the hour to the hour that ends then:
-- `bucket` is a microsecond after the begin of its time, so that it covers (begin, end].

DROP VIEW observation_hourly;
DROP AGGREGATE mean_each (real[]);
DROP FUNCTION mean_each_step (double precision[], real[]);
DROP FUNCTION mean_each_end (double precision[]);

CREATE TABLE horizon (upto timestamptz NOT NULL);
INSERT INTO horizon VALUES ('-infinity');

CREATE TABLE kept_5min (
    object_id bigint NOT NULL,
    counter_set bigint NOT NULL,
    granularity integer NOT NULL,
    bucket timestamptz NOT NULL,
    summary double precision[] NOT NULL,
    PRIMARY KEY (object_id, counter_set, granularity, bucket)
);
CREATE INDEX ON kept_5min (bucket);
CREATE TABLE kept_hourly (LIKE kept_5min INCLUDING ALL);
CREATE TABLE kept_daily (LIKE kept_5min INCLUDING ALL);

CREATE VIEW summary_5min AS
SELECT date_bin('5 minutes', time, '2000-01-01 00:00:00.000001+00') AS bucket, object_id, counter_set, granularity,
    summarize(
        array_agg(values ORDER BY time, shard, log_offset), array_agg(time ORDER BY time, shard, log_offset),
        array_agg(flags ORDER BY time, shard, log_offset)
    ) AS summary
FROM observation
WHERE time > (SELECT upto FROM horizon) AND granularity <= 300 AND cardinality(values) > 0
GROUP BY 1, 2, 3, 4
UNION ALL
SELECT bucket, object_id, counter_set, granularity, summary
FROM kept_5min WHERE bucket <= (SELECT upto FROM horizon);

CREATE VIEW summary_hourly AS
SELECT date_bin('1 hour', time, '2000-01-01 00:00:00.000001+00') AS bucket, object_id, counter_set, granularity,
    summarize(
        array_agg(values ORDER BY time, shard, log_offset), array_agg(time ORDER BY time, shard, log_offset),
        array_agg(flags ORDER BY time, shard, log_offset)
    ) AS summary
FROM observation
WHERE time > (SELECT upto FROM horizon) AND cardinality(values) > 0
GROUP BY 1, 2, 3, 4
UNION ALL
SELECT bucket, object_id, counter_set, granularity, summary
FROM kept_hourly WHERE bucket <= (SELECT upto FROM horizon);

CREATE VIEW summary_daily AS
SELECT date_bin('1 day', bucket, '2000-01-01 00:00:00.000001+00') AS bucket, object_id, counter_set, granularity,
    merge_summaries(array_agg(summary ORDER BY bucket)) AS summary
FROM summary_hourly
WHERE bucket > (SELECT upto FROM horizon)
GROUP BY 1, 2, 3, 4
UNION ALL
SELECT bucket, object_id, counter_set, granularity, summary
FROM kept_daily WHERE bucket <= (SELECT upto FROM horizon);
