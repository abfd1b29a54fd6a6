"""Faust as Lockstep uses it: no tables, no web server, raw bytes, prompt and quiet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import faust

from infra.settings import Settings
from stream.engine.faust_consumer import prompt_transport
from stream.engine.quiet_monitor import QuietMonitor
from stream.engine.security import faust_credentials


def faust_app(settings: Settings, bootstrap: str) -> Any:
    """A Faust app without agents.

    Args:
        bootstrap: Of the broker.
    """
    app = faust.App(
        settings.group,
        broker=[f"kafka://{server}" for server in bootstrap.split(",")],
        broker_credentials=faust_credentials(settings),
        datadir=str(Path(settings.state_dir) / "faust"),
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        web_tables_enabled=False,
        consumer_auto_offset_reset="earliest",
        broker_session_timeout=settings.broker_session_timeout_s,
        broker_rebalance_timeout=settings.broker_session_timeout_s,
        broker_heartbeat_interval=settings.broker_heartbeat_s,
        broker_commit_interval=1.0,
        broker_max_poll_interval=300.0,
        consumer_max_fetch_size=1 << 20,
        stream_wait_empty=False,
        # In chunks (`stream.engine.chunks`), of one topic: no more than what is folded in about half a second.
        stream_buffer_maxsize=8,
        worker_redirect_stdouts=False,
        monitor=QuietMonitor(),
    )
    app.transport = prompt_transport(app, settings.fetch_wait_ms)
    return app


def raw_topic(app: Any, name: str) -> Any:
    """A topic whose keys and values are bytes that Faust leaves alone."""
    return app.topic(
        name, key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw", internal=False
    )
