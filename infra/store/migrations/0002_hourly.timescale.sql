-- With TimescaleDB: chunks of a day, compressed after two, dropped after ninety; the hours stay for ten years.
SELECT create_hypertable('observation', by_range('time', INTERVAL '1 day'), create_default_indexes => false);
ALTER TABLE observation SET (
    timescaledb.compress,
    timescaledb.compress_segmentby = 'object_id, counter_set',
    timescaledb.compress_orderby = 'time DESC, shard DESC, log_offset DESC'
);
SELECT add_compression_policy('observation', compress_after => INTERVAL '2 days');

SELECT create_hypertable('event', by_range('time', INTERVAL '30 days'), create_default_indexes => false);
SELECT add_retention_policy('event', drop_after => INTERVAL '730 days');

CREATE MATERIALIZED VIEW observation_hourly WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
SELECT time_bucket(INTERVAL '1 hour', time) AS hour, object_id, counter_set,
    count(*) AS periods,
    count(*) FILTER (WHERE flags & 1 <> 0) AS suspect,
    count(*) FILTER (WHERE flags & 2 <> 0) AS late,
    mean_each(values) AS mean
FROM observation
GROUP BY 1, 2, 3
WITH NO DATA;

-- A refresh that reached past the retention of the rows would delete the hours they were computed from:
-- `start_offset` stays far below `drop_after` (tested).
SELECT add_continuous_aggregate_policy('observation_hourly', start_offset => INTERVAL '14 days',
    end_offset => INTERVAL '1 hour', schedule_interval => INTERVAL '30 minutes');
SELECT add_retention_policy('observation', drop_after => INTERVAL '90 days');
SELECT add_retention_policy('observation_hourly', drop_after => INTERVAL '3650 days');
