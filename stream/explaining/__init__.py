"""Why the twin predicts what it predicts."""
