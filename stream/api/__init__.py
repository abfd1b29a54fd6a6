"""What stands behind the HTTP API: a read replica of the twin, its past, and commands into the log."""
