"""What all tests share: the threads of matrix products, and who runs beside whom."""

from __future__ import annotations

# Before anything imports numpy: the package sets on how many threads its matrix products are computed.
import stream  # isort: skip # noqa: F401
import pytest
from hypothesis import settings

settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")
"""How long an example takes says how busy the machine is, and nothing of the code."""

FIRST = ("kafka", "timescale", "stand", "tests/integration/")
"""Groups that take longest, in this order; what is short comes last and fills up."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Where tests run side by side (`make test`), put together what shares what takes long to make."""
    if not getattr(config.option, "loadgroup", False):  # xdist tells its processes so
        return
    items.sort(key=lambda item: next((k for k, name in enumerate(FIRST) if group(item).startswith(name)), len(FIRST)))
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group(item)))


def group(item: pytest.Item) -> str:
    """Tests of one group run in one process, one after the other: those of a service, or of a file."""
    if item.get_closest_marker("kafka"):
        return "kafka"
    names = getattr(item, "fixturenames", ())
    chosen = item.callspec.params.values() if hasattr(item, "callspec") else ()
    if "new_timescale" in names or any(isinstance(one, str) and one == "timescale" for one in chosen):
        return "timescale"
    return "stand" if "stand" in names else item.nodeid.partition("::")[0]
