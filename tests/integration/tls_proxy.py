"""TLS before a PostgreSQL server that has none: answers the SSLRequest, takes TLS off, and hands the rest on.

The embedded server is built without OpenSSL. What is tested is the client's side, which doesn't see the difference.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from pathlib import Path

import trustme

SSL_REQUEST = struct.pack(">II", 8, 80877103)


class TlsProxy:
    """Listens on loopback and speaks for a server on a Unix socket.

    Attributes:
        port: Where it listens.
        ca: Who signed its certificate, which is `localhost`'s; `other_ca` is somebody else.
        encrypted: Connections that went through TLS.

    Args:
        server: Path of the server's Unix socket.
        answer: To an SSLRequest: b"S" for yes, b"N" for no.
    """

    def __init__(self, server: Path, papers: Path, answer: bytes = b"S") -> None:
        self._server, self._answer = server, answer
        authority = trustme.CA()
        self.ca, self.other_ca = papers / "db-ca.pem", papers / "db-other-ca.pem"
        authority.cert_pem.write_to_path(self.ca)
        trustme.CA().cert_pem.write_to_path(self.other_ca)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(self._context)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.encrypted = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=[client], daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        # Who hangs up in mid-handshake is what some tests are about.
        with contextlib.suppress(OSError, ssl.SSLError), client:
            if client.recv(8) != SSL_REQUEST:
                return
            client.sendall(self._answer)
            if self._answer != b"S":
                return
            with self._context.wrap_socket(client, server_side=True) as inside, socket.socket(socket.AF_UNIX) as server:
                server.connect(str(self._server))
                self.encrypted += 1
                back = threading.Thread(target=_pump, args=[server, inside], daemon=True)
                back.start()
                _pump(inside, server)
                back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError, ssl.SSLError, ValueError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_RDWR)
