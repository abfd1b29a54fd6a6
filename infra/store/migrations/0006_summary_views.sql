-- What people and dashboards read. `begin` is where a bucket begins; `periods` of `granularity` seconds lie in it. A period
-- that was reported again counts once, with what was said last; `suspect` ones count too.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['5min', 'hourly', 'daily'] LOOP
        -- One row an object and counter set; arrays in the order of `counter_set.names`.
        EXECUTE format($view$
            CREATE VIEW %1$I AS
            SELECT s.bucket - INTERVAL '1 microsecond' AS begin, s.object_id, s.counter_set, s.granularity,
                s.summary[1]::integer AS periods, s.summary[2]::integer AS suspect, s.summary[3]::integer AS late,
                s.summary[4]::integer AS corrected,
                s.summary[5:4 + n] AS sum, s.summary[5 + n:4 + 2 * n]::integer[] AS count,
                s.summary[5 + 2 * n:4 + 3 * n]::real[] AS min, s.summary[5 + 3 * n:4 + 4 * n]::real[] AS max
            FROM %2$I AS s CROSS JOIN LATERAL (SELECT (cardinality(s.summary) - 4) / 4 AS n) AS size
        $view$, 'observation_' || name, 'summary_' || name);
        -- One row a counter.
        EXECUTE format($view$
            CREATE VIEW %1$I AS
            SELECT o.begin, o.granularity, object.dn, object.object_class, one.counter,
                one.sum / nullif(one.count, 0) AS mean, nullif(one.min, 'NaN') AS min, nullif(one.max, 'NaN') AS max,
                CASE WHEN one.count > 0 THEN one.sum END AS sum, one.count, o.periods, o.suspect, o.late, o.corrected
            FROM %2$I AS o
            JOIN object ON object.id = o.object_id
            JOIN counter_set AS s ON s.id = o.counter_set
            CROSS JOIN LATERAL unnest(s.names, o.sum, o.count, o.min, o.max) AS one (counter, sum, count, min, max)
        $view$, 'measurement_' || name, 'observation_' || name);
    END LOOP;
END $$;

-- How long what is kept [days]; null: for ever. Written by `lockstep migrate` from the settings.
CREATE TABLE retention (what text PRIMARY KEY, days integer);
