"""The embedded services: they start, keep what they must, say what is wrong, and leave nothing behind."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from infra.embedded import Embedded
from twin.errors import Unavailable

ROOT = Path(__file__).parents[2]

HOLDER = """
import json, sys, time
from pathlib import Path
from infra.embedded import Embedded
embedded = Embedded(Path(sys.argv[1]), broker=sys.argv[2] == "both")
endpoints = embedded.start()
pids = [service.pid for service in (embedded.broker, embedded.postgres) if service]
guards = [service._service._guard.pid for service in (embedded.broker, embedded.postgres) if service]
print(json.dumps({"pids": pids, "guards": guards, "dsn": endpoints.dsn}), flush=True)
time.sleep(float(sys.argv[3]))
embedded.stop()
"""


def eventually(condition: Callable[[], bool], timeout_s: float = 15) -> bool:
    until = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def there(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def server_processes(data: Path) -> list[str]:
    """Command lines of the processes that work in `data`."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "cwd").readlink() == data:
                found.append((process / "cmdline").read_text())
        except OSError:
            continue
    return found


def hold(state_dir: Path, services: str = "both", seconds: float = 60) -> tuple[subprocess.Popen[str], dict]:
    """Another program that runs the embedded services."""
    command = [sys.executable, "-c", HOLDER, str(state_dir), services, str(seconds)]
    program = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert program.stdout is not None
    line = program.stdout.readline()
    program.stdout.close()
    return program, json.loads(line)


def test_starts_fast_stops_whole_and_keeps_the_data(tmp_path: Path) -> None:
    with Embedded(tmp_path / "deep" / "state") as embedded:
        began = time.monotonic()
        first = embedded.start()
        assert time.monotonic() - began < 10
        assert embedded.broker is not None
        assert embedded.postgres is not None
        pids = [embedded.broker.pid, embedded.postgres.pid]
        with psycopg.connect(first.dsn) as connection:
            connection.execute("CREATE TABLE t AS SELECT 7 AS n")
            settings = dict(connection.execute("SELECT name, setting FROM pg_settings").fetchall())
    assert not any(map(there, pids))
    assert server_processes(tmp_path / "deep" / "state" / "postgres") == []
    assert settings["fsync"] == settings["full_page_writes"] == settings["synchronous_commit"] == "on"
    assert settings["listen_addresses"] in ("", "127.0.0.1")
    with Embedded(tmp_path / "deep" / "state") as embedded:
        second = embedded.start()
        with psycopg.connect(second.dsn) as connection:
            assert connection.execute("SELECT n FROM t").fetchone() == (7,)
    assert first.log_id != second.log_id


def test_the_password_is_needed_and_not_printed(tmp_path: Path) -> None:
    with Embedded(tmp_path, broker=False) as embedded:
        endpoints = embedded.start()
        password = psycopg.conninfo.conninfo_to_dict(endpoints.dsn)["password"]
        assert isinstance(password, str)
        assert password not in repr(endpoints)
        assert (tmp_path / "postgres.password").stat().st_mode & 0o077 == 0
        for wrong in ("password=wrong", "password=''"):
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(f"{endpoints.dsn} {wrong}")


async def test_the_broker_takes_partitions_headers_and_times(broker: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=broker)
    await admin.start()
    await admin.create_topics([NewTopic("embedded-basics", 3, 1)])
    described = await admin.describe_topics(["embedded-basics"])
    await admin.close()
    assert len(described[0]["partitions"]) == 3
    producer = AIOKafkaProducer(bootstrap_servers=broker)
    await producer.start()
    sent = await producer.send_and_wait(
        "embedded-basics", b"v", key=b"k", partition=2, timestamp_ms=1_700_000_000_123, headers=[("ce_id", b"1")]
    )
    await producer.stop()
    consumer = AIOKafkaConsumer(bootstrap_servers=broker, auto_offset_reset="earliest")
    await consumer.start()
    consumer.assign([TopicPartition("embedded-basics", 2)])
    got = await consumer.getone()
    await consumer.stop()
    assert (got.offset, got.key, got.value, got.timestamp) == (sent.offset, b"k", b"v", 1_700_000_000_123)
    assert got.headers == (("ce_id", b"1"),)


def test_one_program_at_a_time(tmp_path: Path) -> None:
    program, _ = hold(tmp_path, "database")
    try:
        with pytest.raises(Unavailable, match=rf"another Lockstep \(process {program.pid}\)"):
            Embedded(tmp_path, broker=False).start()
    finally:
        program.kill()
        program.wait()
    with Embedded(tmp_path, broker=False) as embedded:
        embedded.start()
        with pytest.raises(Unavailable, match="this program already uses"):
            Embedded(tmp_path, broker=False).start()


def test_nothing_outlives_a_program_that_is_killed(tmp_path: Path) -> None:
    program, said = hold(tmp_path)
    with psycopg.connect(said["dsn"]) as connection:
        connection.execute("CREATE TABLE t AS SELECT 7 AS n")
    program.kill()
    program.wait()
    assert eventually(lambda: not any(map(there, said["pids"] + said["guards"])))
    assert server_processes(tmp_path / "postgres") == []
    with Embedded(tmp_path, broker=False) as embedded, psycopg.connect(embedded.start().dsn) as connection:
        assert connection.execute("SELECT n FROM t").fetchone() == (7,)


def test_nothing_outlives_its_guard(tmp_path: Path) -> None:
    program, said = hold(tmp_path)
    for guard in said["guards"]:
        os.kill(guard, signal.SIGKILL)
    try:
        assert eventually(lambda: not any(map(there, said["pids"])))
        assert eventually(lambda: server_processes(tmp_path / "postgres") == [])
    finally:
        program.kill()
        program.wait()


def test_recovers_after_kill_and_with_a_pid_file_of_another_process(tmp_path: Path) -> None:
    embedded = Embedded(tmp_path)
    with embedded:
        endpoints = embedded.start()
        with psycopg.connect(endpoints.dsn) as connection:
            connection.execute("CREATE TABLE t AS SELECT 7 AS n")
        assert embedded.postgres is not None
        assert embedded.broker is not None
        embedded.postgres.kill()
        embedded.broker.kill()
        assert not embedded.postgres.alive()
        assert not embedded.broker.alive()
        # Either can be started again by itself, and its clients find it where it was.
        embedded.broker.start()
        assert embedded.broker.bootstrap == endpoints.bootstrap
        assert embedded.broker.log_id != endpoints.log_id
        embedded.postgres.start()
        with psycopg.connect(endpoints.dsn) as connection:
            assert connection.execute("SELECT n FROM t").fetchone() == (7,)
        embedded.postgres.kill()
    pid_file = tmp_path / "postgres" / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]))
    with Embedded(tmp_path, broker=False) as embedded, psycopg.connect(embedded.start().dsn) as connection:
        assert connection.execute("SELECT n FROM t").fetchone() == (7,)


def test_a_path_too_long_for_a_socket(tmp_path: Path) -> None:
    with Embedded(tmp_path / ("long" * 30), broker=False) as embedded:
        dsn = embedded.start().dsn
        assert "host=127.0.0.1" in dsn
        with psycopg.connect(dsn) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(f"{dsn} password=wrong")


def test_a_failure_shows_the_end_of_the_log(tmp_path: Path) -> None:
    with Embedded(tmp_path, broker=False) as embedded:
        embedded.start()
    (tmp_path / "postgres" / "PG_VERSION").write_text("9.6\n")
    with pytest.raises(Unavailable, match=r"(?s)postgres\.log says.*version"):
        Embedded(tmp_path, broker=False).start()
    shutil.rmtree(tmp_path / "postgres")
    with Embedded(tmp_path, broker=False) as embedded:
        embedded.start()


def test_a_state_directory_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="LOCKSTEP_STATE_DIR"):
        Embedded(tmp_path / "file" / "state").start()


@pytest.mark.skipif(os.geteuid() != 0, reason="the other tests run as an ordinary user already")
def test_as_an_ordinary_user() -> None:
    nobody = pwd.getpwnam("nobody")
    folder = Path(tempfile.mkdtemp(prefix="lockstep-"))
    os.chown(folder, nobody.pw_uid, nobody.pw_gid)
    who = {"user": nobody.pw_uid, "group": nobody.pw_gid, "cwd": ROOT, "capture_output": True, "text": True}
    try:
        try:
            reached = subprocess.run([sys.executable, "-c", "import infra.embedded"], **who).returncode == 0
        except PermissionError:
            reached = False
        if not reached:
            pytest.skip("an ordinary user can't reach this checkout or its Python")
        done = subprocess.run([sys.executable, "-c", HOLDER, str(folder / "state"), "database", "0"], **who)
        assert done.returncode == 0, done.stderr
        # What an ordinary user began, root goes on with.
        with Embedded(folder / "state", broker=False) as embedded:
            embedded.start()
    finally:
        shutil.rmtree(folder)
