"""Numbered SQL files, applied in order by `infra.store.migrate`."""
