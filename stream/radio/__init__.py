"""The radio twins of a shard's regions: soundings, drift, and counters that a map explains."""
