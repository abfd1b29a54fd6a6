-- The history by the hour, computed when it is read; `0002_hourly.timescale.sql` keeps it computed.
CREATE VIEW observation_hourly AS
SELECT date_bin('1 hour', time, '2000-01-01 00:00:00+00') AS hour, object_id, counter_set,
    count(*) AS periods,
    count(*) FILTER (WHERE flags & 1 <> 0) AS suspect,
    count(*) FILTER (WHERE flags & 2 <> 0) AS late,
    mean_each(values) AS mean
FROM observation
GROUP BY 1, 2, 3;
