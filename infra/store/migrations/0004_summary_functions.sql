-- What the rows of one bucket come to, as one array: periods, suspect, late, corrected; then of each of n counters the
-- sums, the counts, the least and the greatest values. What is missing (NaN) counts nowhere; a counter without any value
-- has count 0 and NaN as least and greatest. Sums and counts, not means, so that summaries can be merged.

-- The rows come ordered by time, shard and offset: of several rows of one period the last one counts.
CREATE FUNCTION summarize(rows real[], times timestamptz[], flags smallint[]) RETURNS double precision[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    m integer := array_length(rows, 1);
    n integer := array_length(rows, 2);
    state double precision[] := array_fill(0::double precision, ARRAY[4 + 4 * n]);
    counts boolean[] := array_fill(true, ARRAY[m]);
    total double precision;
    found integer;
    least_one double precision;
    greatest_one double precision;
    x double precision;
BEGIN
    FOR r IN 1..m LOOP
        IF r < m AND times[r] = times[r + 1] THEN
            counts[r] := false;
        ELSE
            state[1] := state[1] + 1;
            IF flags[r] <> 0 THEN
                state[2] := state[2] + (flags[r] & 1);
                state[3] := state[3] + (flags[r] >> 1 & 1);
                state[4] := state[4] + (flags[r] >> 3 & 1);
            END IF;
        END IF;
    END LOOP;
    FOR i IN 1..n LOOP
        total := 0;
        found := 0;
        -- NaN is greater than all numbers here: the least of it and a number is the number.
        least_one := 'NaN';
        greatest_one := 'NaN';
        FOR r IN 1..m LOOP
            x := rows[r][i];
            IF x <> 'NaN' AND counts[r] THEN
                total := total + x;
                found := found + 1;
                least_one := least(least_one, x);
                greatest_one := least(greatest_one, -x);
            END IF;
        END LOOP;
        state[4 + i] := total;
        state[4 + n + i] := found;
        state[4 + 2 * n + i] := least_one;
        state[4 + 3 * n + i] := -greatest_one;
    END LOOP;
    RETURN state;
END $$;

-- The same of the summaries of several buckets, one a row.
CREATE FUNCTION merge_summaries(rows double precision[]) RETURNS double precision[]
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
DECLARE
    m integer := array_length(rows, 1);
    n integer := (array_length(rows, 2) - 4) / 4;
    state double precision[] := array_fill(0::double precision, ARRAY[4 + 4 * n]);
    x double precision;
BEGIN
    FOR i IN 1..4 + 4 * n LOOP
        x := CASE WHEN i <= 4 + 2 * n THEN 0 ELSE 'NaN'::double precision END;
        FOR r IN 1..m LOOP
            x := CASE WHEN i <= 4 + 2 * n THEN x + rows[r][i]
                WHEN i <= 4 + 3 * n THEN least(x, rows[r][i])
                ELSE least(x, -rows[r][i]) END;
        END LOOP;
        state[i] := CASE WHEN i <= 4 + 3 * n THEN x ELSE -x END;
    END LOOP;
    RETURN state;
END $$;
