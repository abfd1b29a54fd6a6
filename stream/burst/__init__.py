"""Around a burst: requests read and answered, its processes, its progress, what became of it."""
