"""Profiles of drive tests: TOML files, see `stream.sources.drive_spec`."""
