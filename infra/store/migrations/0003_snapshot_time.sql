-- When in the network's time a snapshot was taken, so that a past state can be found. Null: before this column, or empty.
ALTER TABLE snapshot ADD COLUMN event_time timestamptz;
CREATE INDEX snapshot_time ON snapshot (partition, log_id, event_time);
