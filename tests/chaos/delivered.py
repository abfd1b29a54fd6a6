"""The settings that an operator gets with nothing set, where the pipelines of tests have quicker ones."""

from __future__ import annotations

import json

from infra.settings import load

QUICKER = ("broker_session_timeout_s", "batch_wait_ms", "snapshot_every_s")


def as_delivered(**other: str) -> dict[str, str]:
    """Arguments of a pipeline.

    Args:
        other: What is to be different all the same.
    """
    defaults = load(None)
    plain = {name: str(getattr(defaults, name)) for name in QUICKER}
    return {**plain, "targets": json.dumps(defaults.targets), **other}
