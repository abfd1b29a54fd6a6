"""What all tests share: the threads of matrix products, and who runs beside whom."""

from __future__ import annotations

import os
import re
from typing import Any

# Before anything imports numpy: the package sets on how many threads its matrix products are computed.
import stream  # isort: skip # noqa: F401
import pytest
from hypothesis import settings

settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")
"""How long an example takes says how busy the machine is, and nothing of the code."""

GROUPS = {
    "kafka": r"tests/integration/.*(kafka|test_the_broker_is_killed_in_mid_job)",
    "timescale": r"tests/integration/.*timescale",
    "stand": r"tests/integration/test_api(_schema|_services)?\.py",
    "integration": r"(tests/integration/[^:]*)",
}
"""What takes long to start is shared: who runs in one process, one after the other, the longest first."""


def group(nodeid: str) -> tuple[int, str]:
    """Where a test stands in the queue, and which process's it is: that of a service it needs, or of its file."""
    for place, (name, pattern) in enumerate(GROUPS.items()):
        if found := re.match(pattern, nodeid, re.IGNORECASE):
            return place, found[1] if name == "integration" else name
    return len(GROUPS), nodeid.partition("::")[0]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Side by side (`make test`) what is short comes last and fills up; alone, tests run as they stand."""
    strays = [i.nodeid for i in items if i.get_closest_marker("kafka") and group(i.nodeid)[1] != "kafka"]
    if strays:
        raise pytest.UsageError(f"a second Apache Kafka would be started for {', '.join(strays)}: see {__file__}")
    if os.environ.get("PYTEST_XDIST_WORKER"):
        items.sort(key=lambda item: group(item.nodeid)[0])


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Whole groups go to a process."""
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group(nodeid)[1]

    return ByGroup(config, log)
