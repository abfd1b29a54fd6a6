-- Summaries by 5 minutes, hours and days (UTC), kept computed. What is refreshed, compressed and dropped when is set by
-- `infra/store/policies.py` from the settings.

-- A period belongs to the bucket that it ends in, and one that ends on the hour to the hour that ends then:
-- `bucket` is a microsecond after the begin of its time, so that it covers (begin, end].

-- Hours whose rows are gone can't be computed again: where there are any, the old view stays under another name.
DO $$
BEGIN
    IF (SELECT min(hour) FROM observation_hourly) < (SELECT date_trunc('hour', min(time)) FROM observation)
        OR (EXISTS (SELECT FROM observation_hourly) AND NOT EXISTS (SELECT FROM observation)) THEN
        ALTER MATERIALIZED VIEW observation_hourly RENAME TO observation_hourly_2;
        PERFORM remove_continuous_aggregate_policy('observation_hourly_2');
    ELSE
        DROP MATERIALIZED VIEW observation_hourly;
        DROP AGGREGATE mean_each (real[]);
        DROP FUNCTION mean_each_step (double precision[], real[]);
        DROP FUNCTION mean_each_end (double precision[]);
    END IF;
END $$;

-- Only periods that fit into five minutes: of longer ones this would be a copy, several times as large.
CREATE MATERIALIZED VIEW summary_5min WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket(INTERVAL '5 minutes', time, "offset" => INTERVAL '1 microsecond') AS bucket, object_id, counter_set,
    granularity,
    summarize(
        array_agg(values ORDER BY time, shard, log_offset), array_agg(time ORDER BY time, shard, log_offset),
        array_agg(flags ORDER BY time, shard, log_offset)
    ) AS summary
FROM observation
WHERE granularity <= 300 AND cardinality(values) > 0
GROUP BY 1, 2, 3, 4
WITH NO DATA;

-- From the rows, because the 5 minutes don't hold longer periods.
CREATE MATERIALIZED VIEW summary_hourly WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket(INTERVAL '1 hour', time, "offset" => INTERVAL '1 microsecond') AS bucket, object_id, counter_set,
    granularity,
    summarize(
        array_agg(values ORDER BY time, shard, log_offset), array_agg(time ORDER BY time, shard, log_offset),
        array_agg(flags ORDER BY time, shard, log_offset)
    ) AS summary
FROM observation
WHERE cardinality(values) > 0
GROUP BY 1, 2, 3, 4
WITH NO DATA;

CREATE MATERIALIZED VIEW summary_daily WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket(INTERVAL '1 day', bucket, "offset" => INTERVAL '1 microsecond') AS bucket, object_id, counter_set,
    granularity,
    merge_summaries(array_agg(summary ORDER BY summary_hourly.bucket)) AS summary
FROM summary_hourly
GROUP BY 1, 2, 3, 4
WITH NO DATA;

ALTER MATERIALIZED VIEW summary_5min SET (
    timescaledb.compress, timescaledb.compress_segmentby = 'object_id, counter_set, granularity',
    timescaledb.compress_orderby = 'bucket DESC'
);
ALTER MATERIALIZED VIEW summary_hourly SET (
    timescaledb.compress, timescaledb.compress_segmentby = 'object_id, counter_set, granularity',
    timescaledb.compress_orderby = 'bucket DESC'
);
-- Tables that the plain variant has; here nothing is moved.
CREATE TABLE horizon (upto timestamptz NOT NULL);
INSERT INTO horizon VALUES ('-infinity');
