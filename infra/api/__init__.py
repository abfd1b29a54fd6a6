"""The HTTP API: thin routes over ports that whoever starts it fills in."""
