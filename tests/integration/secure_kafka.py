"""Apache Kafka with listeners that want TLS, a login and rights; certificates and passwords made for the test."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path

import trustme
from aiokafka.conn import create_conn
from aiokafka.protocol.admin import CreateAclsRequest
from apache_kafka import ApacheKafka
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from infra.embedded.broker import free_port

HOST = "localhost"
"""The only name in the broker's certificate."""
WORKER, STRANGER = "worker", "stranger"

TOPIC, GROUP, LITERAL, PREFIXED, ALLOW = 2, 3, 3, 4, 3
READ, WRITE, CREATE, DESCRIBE = 3, 4, 5, 8
"""Numbers of Kafka's protocol."""

PROPERTIES = """
listeners=PLAINTEXT://127.0.0.1:{plain},CONTROLLER://127.0.0.1:{controller},LOGIN://127.0.0.1:{login},\\
MUTUAL://127.0.0.1:{mutual}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain},LOGIN://localhost:{login},MUTUAL://localhost:{mutual}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,LOGIN:SASL_SSL,MUTUAL:SSL
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
ssl.truststore.type=PEM
ssl.truststore.location={ca}
listener.name.mutual.ssl.client.auth=required
listener.name.mutual.ssl.principal.mapping.rules=RULE:^CN=([^,]+),.*$/$1/,DEFAULT
listener.name.login.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.login.scram-sha-256.sasl.jaas.config=\\
org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.login.scram-sha-512.sasl.jaas.config=\\
org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.login.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \\
user_{worker}="{password}" user_{stranger}="{password}";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
"""


class SecureKafka(ApacheKafka):
    """One broker with three doors: without anything (for the test itself), with TLS and login, with TLS on both sides.

    Attributes:
        password: Of `WORKER` and of `STRANGER`, whom nobody has given any right.
        ca: Who signed the broker's certificate; `other_ca` is somebody else.
        client: Our certificate, `client_key` its key, encrypted with `password`.
    """

    def __init__(self, folder: Path, papers: Path) -> None:
        super().__init__(folder)
        self.password = "sentinel" + secrets.token_hex(12)
        papers.mkdir()
        self._papers = papers
        authority = trustme.CA()
        self.ca, self.other_ca = papers / "ca.pem", papers / "other-ca.pem"
        authority.cert_pem.write_to_path(self.ca)
        trustme.CA().cert_pem.write_to_path(self.other_ca)
        broker = authority.issue_cert(HOST)
        self._keystore = papers / "broker.pem"
        self._keystore.write_bytes(_pkcs8(broker, None) + b"".join(pem.bytes() for pem in broker.cert_chain_pems))
        client = authority.issue_cert("worker@lockstep", common_name="worker")
        self.client, self.client_key = papers / "client.pem", papers / "client.key"
        self.client.write_bytes(b"".join(pem.bytes() for pem in client.cert_chain_pems))
        self.client_key.write_bytes(_pkcs8(client, self.password))
        self.login = self.mutual = ""

    def more_properties(self) -> str:
        login, mutual = free_port(), free_port()
        self.login, self.mutual = f"{HOST}:{login}", f"{HOST}:{mutual}"
        return PROPERTIES.format(
            plain=self._port,
            controller=self.controller_port,
            login=login,
            mutual=mutual,
            keystore=self._keystore,
            ca=self.ca,
            worker=WORKER,
            stranger=STRANGER,
            password=self.password,
        )

    def format_arguments(self) -> list[str]:
        users = [(m, u) for m in ("SCRAM-SHA-256", "SCRAM-SHA-512") for u in (WORKER, STRANGER)]
        return [a for m, u in users for a in ("--add-scram", f"{m}=[name={u},password={self.password}]")]

    def allow(self, principal: str, prefix: str, group: str) -> None:
        """Give the rights of docs/security.md: the topics with a prefix, and one consumer group."""
        asyncio.run(self._allow(f"User:{principal}", prefix, group))

    async def _allow(self, principal: str, prefix: str, group: str) -> None:
        host, _, port = self.bootstrap.rpartition(":")
        connection = await create_conn(host, int(port))
        try:
            for kind, name, pattern, operations in (
                (TOPIC, prefix, PREFIXED, (READ, WRITE, CREATE, DESCRIBE)),
                (GROUP, group, LITERAL, (READ,)),
            ):
                for operation in operations:
                    rule = CreateAclsRequest(kind, name, pattern, principal, "*", operation, ALLOW)
                    reply = await connection.send(rule)
                    assert [code for code, _ in reply.creation_responses] == [0]
        finally:
            await connection.close()


def _pkcs8(cert: trustme.LeafCert, password: str | None) -> bytes:
    key = load_pem_private_key(cert.private_key_pem.bytes(), None)
    how = BestAvailableEncryption(password.encode()) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)
