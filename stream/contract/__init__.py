"""What others may rely on: every event's schema, every topic, and what may change from one version to the next."""
