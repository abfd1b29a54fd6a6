-- One row each time that an alarm changed: what pages and dashboards read of `event`.
CREATE VIEW alarm_history AS
SELECT
    time,
    body ->> 'number' AS number,
    body -> 'alarm' ->> 'objectInstance' AS dn,
    coalesce(nullif(body -> 'alarm' ->> 'alarmId', ''), body -> 'alarm' ->> 'notificationId') AS name,
    body ->> 'change' AS change,
    body -> 'alarm' ->> 'perceivedSeverity' AS severity,
    body -> 'alarm' ->> 'alarmType' AS alarm_type,
    body -> 'alarm' ->> 'probableCause' AS cause,
    body -> 'alarm' ->> 'specificProblem' AS problem,
    body -> 'alarm' ->> 'ackState' = 'ACKNOWLEDGED' AS acknowledged,
    (body ->> 'raised')::timestamptz AS raised,
    ARRAY(SELECT jsonb_array_elements_text(body -> 'held')) AS held,
    nullif(body ->> 'rootObject', '') AS root_dn,
    nullif(body ->> 'rootAlarm', '') AS root_name,
    (body ->> 'correlated')::integer AS correlated,
    (body ->> 'flaps')::integer AS flaps,
    (body ->> 'revision')::bigint AS revision,
    shard
FROM event
WHERE kind = 'alarms';
