"""Services for integration tests: started once a session, a fresh database for every test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import apache_kafka as kafka
import pytest
import timescale
from api_stand import Stand, stood
from databases import database
from pipeline import Make, pipelines

from infra.embedded import Embedded
from infra.store.migrate import migrate


@pytest.fixture(scope="session")
def embedded_postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """DSN of one embedded server; use `postgres_dsn` for a database of one's own."""
    with Embedded(tmp_path_factory.mktemp("postgres"), broker=False) as embedded:
        yield embedded.start().dsn


@pytest.fixture
def postgres_dsn(embedded_postgres: str) -> Iterator[str]:
    """DSN of an empty database."""
    with database(embedded_postgres) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """`host:port` of one embedded broker for all tests: take topics of your own."""
    with Embedded(tmp_path_factory.mktemp("broker"), database=False) as embedded:
        yield embedded.start().bootstrap


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def bootstrap(request: pytest.FixtureRequest) -> str:
    """`host:port` of either broker: the same tests on both."""
    if request.param == "kafka":
        return str(request.getfixturevalue("apache_kafka").bootstrap)
    return str(request.getfixturevalue("broker"))


@pytest.fixture
def make(postgres_dsn: str, tmp_path: Path) -> Iterator[Make]:
    """Makes the pipelines of a test and ends their workers."""
    with pipelines(tmp_path, postgres_dsn) as made:
        yield made


@pytest.fixture
def bursts(tmp_path: Path) -> Iterator[Make]:
    """The same for burst workers alone, which need no database."""
    with pipelines(tmp_path, "postgresql://nobody@127.0.0.1:1/nothing") as made:
        yield made


@pytest.fixture(scope="session")
def stand(broker: str, embedded_postgres: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """A worker that has folded some hours of a network, and `lockstep api` beside it."""
    with stood(broker, embedded_postgres, tmp_path_factory.mktemp("api")) as made:
        yield made


@pytest.fixture(scope="session")
def apache_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[kafka.ApacheKafka]:
    """One Apache Kafka for all tests marked `kafka`; whoever stops it starts it again."""
    if reason := kafka.missing():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}, and CI must not skip these tests")
        pytest.skip(reason)
    server = kafka.ApacheKafka(Path(tmp_path_factory.mktemp("kafka")) / "kafka")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def new_timescale(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], str]]:
    """Starts a TimescaleDB without a schema and gives its DSN; see `timescale.py` for what it can't do."""
    if reason := timescale.missing():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}, and CI must not skip these tests")
        pytest.skip(reason)
    servers: list[timescale.Timescale] = []

    def start() -> str:
        servers.append(timescale.Timescale(tmp_path_factory.mktemp("timescale")))
        return servers[-1].dsn

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="session")
def timescale_dsn(new_timescale: Callable[[], str]) -> str:
    """DSN of one TimescaleDB with the schema, for all tests: write of objects of your own."""
    dsn = new_timescale()
    migrate(dsn)
    return dsn
