-- What a twin has made up, to be learnt from beside what was measured. In tables of its own, so that no query of the
-- history can see it; of the same shape, so that both are read by the same statements. `shard` is the number of the run.

CREATE TABLE synthetic_run (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run text NOT NULL UNIQUE,
    origin text NOT NULL DEFAULT 'synthetic' CHECK (origin = 'synthetic'),
    twin_version text NOT NULL,
    since timestamptz NOT NULL,
    until timestamptz NOT NULL,
    how jsonb NOT NULL,
    topology jsonb NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE synthetic_object (
    run integer NOT NULL REFERENCES synthetic_run (id) ON DELETE CASCADE,
    id bigint NOT NULL,
    dn text NOT NULL,
    PRIMARY KEY (run, id)
);

CREATE TABLE synthetic_counter_set (
    id bigint PRIMARY KEY,
    names text[] NOT NULL
);

CREATE TABLE synthetic_observation (LIKE observation);
CREATE UNIQUE INDEX synthetic_observation_key
    ON synthetic_observation (shard, object_id, counter_set, time, log_offset);

CREATE TABLE synthetic_event (LIKE event);
CREATE UNIQUE INDEX synthetic_event_key ON synthetic_event (shard, time, id);

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        PERFORM create_hypertable('synthetic_observation', by_range('time', INTERVAL '7 days'),
            create_default_indexes => false);
        PERFORM create_hypertable('synthetic_event', by_range('time', INTERVAL '30 days'),
            create_default_indexes => false);
    ELSE
        -- Rows are dropped by time.
        CREATE INDEX ON synthetic_observation USING brin (time);
    END IF;
END $$;
