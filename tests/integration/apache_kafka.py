"""Apache Kafka without Docker, for tests: jars from Maven Central, one broker in KRaft mode under the guard."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import uuid
from pathlib import Path

from infra.embedded.broker import answers, free_port
from infra.embedded.server import Server
from infra.embedded.service import Job, Service
from twin.errors import Unavailable

ROOT = Path(__file__).parents[2]
POM = ROOT / "tests" / "kafka" / "pom.xml"
CACHE = ROOT / ".lockstep" / "kafka"
READY_S = 90.0
ATTEMPTS = 3

PROPERTIES = """
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2000
auto.create.topics.enable=false
"""


def missing() -> str:
    """Why Apache Kafka can't run here; empty if it can."""
    absent = [program for program in ("java", "mvn") if shutil.which(program) is None]
    return f"Apache Kafka needs {' and '.join(absent)}" if absent else ""


def jars() -> Path:
    """The folder with Kafka's jars; resolved once for each version of the pom, from then on nothing is fetched."""
    folder = CACHE / hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    if not folder.exists():
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={partial}"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=900)
        if done.returncode != 0:
            raise Unavailable(f"Maven could not resolve Apache Kafka: {done.stdout[-2000:]}")
        partial.rename(folder)
    return folder


def cluster_id() -> str:
    """A new name for a cluster, as Kafka's own tool makes them: never with a dash in front, which begins an option."""
    return base64.urlsafe_b64encode(b"\0" + uuid.uuid4().bytes[1:]).decode().rstrip("=")


class ApacheKafka(Server):
    """One Apache Kafka broker on the loopback interface; data and ports outlive a stop or kill, for restarts.

    Attributes:
        bootstrap: `host:port`.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._port = 0
        self.controller_port = 0

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start the broker, the first time on an empty log, and wait until it answers."""
        java = ["java", "-Xmx512m", "-XX:TieredStopAtLevel=1", "-cp", f"{jars()}/*"]
        for attempt in range(ATTEMPTS):
            if not self._port:
                self._format(java)
            try:
                self._service = self._launch(java)
            except Unavailable as error:
                if attempt == ATTEMPTS - 1 or "in use" not in str(error):
                    raise
                self._port = 0
            else:
                return

    def _format(self, java: list[str]) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        self._folder.mkdir(parents=True)
        self._port = free_port()
        self.controller_port = free_port()
        text = PROPERTIES.format(port=self._port, controller=self.controller_port, data=self._folder / "data")
        self._properties.write_text(text + self.more_properties())
        command = [*java, "kafka.tools.StorageTool", "format", "-t", cluster_id(), "-c", str(self._properties)]
        command += self.format_arguments()
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=READY_S)
        if done.returncode != 0:
            raise Unavailable(f"Apache Kafka's log could not be formatted: {(done.stdout + done.stderr)[-2000:]}")

    def more_properties(self) -> str:
        """Properties after, and so instead of, those above."""
        return ""

    def format_arguments(self) -> list[str]:
        """What else the first format of the log is told."""
        return []

    def _launch(self, java: list[str]) -> Service:
        program = shutil.which("java")
        assert program is not None
        job = Job(
            command=[program, *java[1:], "kafka.Kafka", str(self._properties)],
            log=self._folder / "kafka.log",
            lock=self._folder / "kafka.lock",
            grace_s=20,
        )
        service = Service("Apache Kafka", job)
        service.wait_ready(lambda: answers(self._port), READY_S)
        return service

    @property
    def _properties(self) -> Path:
        return self._folder / "server.properties"
