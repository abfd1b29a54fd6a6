"""The emulated network as a whole: deterministic, of any possible size, quick."""

from __future__ import annotations

import time
from datetime import datetime

import pytest
from emulated import stream

from stream.sources.emulator import EmulatedNetwork
from twin.errors import ConfigurationError


def test_same_seed_same_bytes_and_another_seed_others() -> None:
    first, again, other = (stream(EmulatedNetwork(seed, num_sites=6), 30) for seed in (1, 1, 2))
    assert first == again
    assert [item.value for item in first] != [item.value for item in other]


@pytest.mark.parametrize(
    "arguments",
    [
        {"num_sites": 0},
        {"num_sites": 2, "regions": 3},
        {"granularity_s": 7000},
        {"granularity_s": 0},
        {"start": datetime(2026, 1, 1)},  # noqa: DTZ001 - that it has no zone is the point
        {"seed": -1},
    ],
)
def test_impossible_networks_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError):
        EmulatedNetwork(**{"seed": 1, **arguments})


@pytest.mark.parametrize("num_sites", [1, 2, 3])
def test_smallest_networks_work(num_sites: int) -> None:
    assert stream(EmulatedNetwork(1, num_sites=num_sites, regions=1), 4)


def test_ten_thousand_cells_step_quickly() -> None:
    network = EmulatedNetwork(1, num_sites=3334)
    network.step()
    spent = []
    for _ in range(6):
        started = time.process_time()
        network.step()
        spent.append(time.process_time() - started)
    assert min(spent) < 0.3  # below 0.1 s on an idle core; the limit allows for a crowded machine
