-- The history, and where each partition of the log stands.

-- One partition of one log, and who may write for it. `next_offset` moves in the transaction that writes the rows.
CREATE TABLE shard (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partition integer NOT NULL,
    log_id text NOT NULL,
    epoch bigint NOT NULL,
    owner text NOT NULL,
    next_offset bigint NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (partition, log_id)
) WITH (fillfactor = 50);

CREATE TABLE snapshot (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    partition integer NOT NULL,
    log_id text NOT NULL,
    next_offset bigint NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT now(),
    body bytea NOT NULL
);
ALTER TABLE snapshot ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE INDEX ON snapshot (partition, id DESC);

CREATE TABLE object (
    id bigint PRIMARY KEY,
    dn text NOT NULL,
    object_class text NOT NULL,
    first_seen timestamptz NOT NULL DEFAULT now()
);
-- Hashed, because a name may be longer than an ordered index takes.
CREATE INDEX ON object USING hash (dn);

CREATE TABLE counter_set (
    id bigint PRIMARY KEY,
    names text[] NOT NULL
);

-- One row an object and period. NaN in `values`, `expected` and `probability` is missing, never zero.
-- `time` ends the period; `granularity` is its length [s]; `flags`: 1 suspect, 2 late, 4 discovered.
CREATE TABLE observation (
    time timestamptz NOT NULL,
    object_id bigint NOT NULL,
    counter_set bigint NOT NULL,
    log_offset bigint NOT NULL,
    shard integer NOT NULL,
    granularity integer NOT NULL,
    expected real NOT NULL,
    flags smallint NOT NULL,
    probability real[] NOT NULL,
    values real[] NOT NULL
);
-- A late or corrected report of the same period comes from another offset and is another row.
CREATE UNIQUE INDEX observation_key ON observation (object_id, counter_set, time, shard, log_offset);

-- What the twin said of itself: drift, fidelity, updates, scores.
CREATE TABLE event (
    time timestamptz NOT NULL,
    id text NOT NULL,
    kind text NOT NULL,
    key text NOT NULL,
    shard integer NOT NULL,
    body jsonb NOT NULL
);
CREATE UNIQUE INDEX event_key ON event (time, id);
CREATE INDEX ON event (kind, time DESC);

-- One row a counter: what dashboards and people read.
CREATE VIEW measurement AS
SELECT o.time, o.granularity, object.dn, object.object_class, one.counter,
    nullif(one.value, 'NaN') AS value, o.flags, o.shard, o.log_offset
FROM observation AS o
JOIN object ON object.id = o.object_id
JOIN counter_set AS s ON s.id = o.counter_set
CROSS JOIN LATERAL unnest(s.names, o.values) AS one (counter, value);

-- The newest row of every object and counter set, one row a counter.
CREATE VIEW latest AS
SELECT o.time, o.granularity, object.dn, object.object_class, one.counter,
    nullif(one.value, 'NaN') AS value, o.flags
FROM object
CROSS JOIN counter_set AS s
CROSS JOIN LATERAL (
    SELECT time, granularity, flags, values
    FROM observation
    WHERE object_id = object.id AND counter_set = s.id
    ORDER BY time DESC, shard DESC, log_offset DESC
    LIMIT 1
) AS o
CROSS JOIN LATERAL unnest(s.names, o.values) AS one (counter, value);

-- Mean of each column of an array, leaving out what is missing. The state holds sums, then counts.
CREATE FUNCTION mean_each_step(state double precision[], row_values real[]) RETURNS double precision[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    n integer := coalesce(array_length(row_values, 1), 0);
BEGIN
    IF state IS NULL THEN
        state := array_fill(0::double precision, ARRAY[2 * n]);
    END IF;
    FOR i IN 1..n LOOP
        IF row_values[i] <> 'NaN' THEN
            state[i] := state[i] + row_values[i];
            state[n + i] := state[n + i] + 1;
        END IF;
    END LOOP;
    RETURN state;
END $$;

CREATE FUNCTION mean_each_end(state double precision[]) RETURNS real[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(coalesce((state[i] / nullif(state[n + i], 0))::real, 'NaN') ORDER BY i), '{}')
    FROM (SELECT coalesce(array_length(state, 1), 0) / 2 AS n) AS size, generate_series(1, n) AS i
$$;

CREATE AGGREGATE mean_each(real[]) (
    SFUNC = mean_each_step, STYPE = double precision[], FINALFUNC = mean_each_end, PARALLEL = SAFE
);
