"""The first word with the brokers: when nobody can be reached, why, in one line."""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaError, SaslAuthenticationFailed, UnsupportedSaslMechanismError
from aiokafka.protocol.metadata import MetadataRequest

from twin.errors import ConfigurationError, LockstepError, Unavailable

TIMEOUT_MS = 5000
CLOSE_S = 1.0
NO_TLS = {"WRONG_VERSION_NUMBER", "UNEXPECTED_EOF_WHILE_READING", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG"}
"""What OpenSSL says when the other side speaks something else."""


async def meet(bootstrap: str, security: dict[str, Any]) -> None:
    """Connect to one of the brokers, log in and go again.

    Raises:
        Unavailable: Nobody answers: waiting may help.
        ConfigurationError: Somebody answers, but certificates, login or protocol don't fit: waiting won't help.
    """
    why: LockstepError | None = None
    for server in bootstrap.split(","):
        host, _, port = server.strip().rpartition(":")
        if not host or not port.isdigit():
            raise ConfigurationError(f"LOCKSTEP_BOOTSTRAP: {server.strip()!r} is not host:port")
        found = await _try(host.strip("[]"), int(port), security)
        if found is None:
            return
        # A broker that refuses us says more than one that is down.
        if why is None or (isinstance(found, ConfigurationError) and not isinstance(why, ConfigurationError)):
            why = found
    assert why is not None
    raise why


async def _try(host: str, port: int, security: dict[str, Any]) -> LockstepError | None:
    """What is wrong with one broker."""
    where = f"the broker {host}:{port}"
    try:
        with _quiet():
            await _greet(AIOKafkaConnection(host, port, request_timeout_ms=TIMEOUT_MS, **security))
    except ssl.SSLCertVerificationError as error:
        return ConfigurationError(f"{where}: {_certificate(error)}")
    except ssl.SSLError as error:
        return ConfigurationError(f"{where}: {_tls(error)}")
    except SaslAuthenticationFailed:
        return ConfigurationError(
            f"{where} refuses the login of {security['sasl_plain_username']!r}: LOCKSTEP_SASL_USERNAME and "
            "LOCKSTEP_SASL_PASSWORD must be those that it knows for this mechanism"
        )
    except UnsupportedSaslMechanismError:
        return ConfigurationError(
            f"{where} doesn't take {security['sasl_mechanism']}: choose another LOCKSTEP_SASL_MECHANISM"
        )
    except ValueError:
        # aiokafka checks what a broker answers in a SCRAM login: one that doesn't know the password can't.
        return ConfigurationError(f"{where} could not prove that it knows our password: it is not the right one")
    except KafkaError:
        return ConfigurationError(f"{where} {_hung_up(security)}")
    except TimeoutError:
        return Unavailable(f"{where} doesn't answer within {TIMEOUT_MS / 1000:.0f} s; see `lockstep doctor`")
    except (ConnectionResetError, ConnectionAbortedError) as error:
        return ConfigurationError(
            f"{where} hangs up ({type(error).__name__}): does LOCKSTEP_SECURITY_PROTOCOL fit this port?"
            if "SSL" not in security["security_protocol"]
            else f"{where}: it doesn't speak TLS on this port (it hangs up): is it another listener's?"
        )
    except OSError as error:
        return Unavailable(f"can't reach {where}: {error.strerror or error}; see `lockstep doctor`")
    return None


async def _greet(connection: AIOKafkaConnection) -> None:
    """Connect, ask and go again."""
    opened = False
    try:
        await connection.connect()
        opened = True
        # A broker tells its versions to everybody: only the next question shows whether it lets us in.
        await connection.send(MetadataRequest([]))
    except (KafkaError, ValueError):  # somebody has answered
        opened = True
        raise
    finally:
        if opened:
            # Till it is gone: the loop may end right after this.
            await asyncio.wait([connection.close()], timeout=CLOSE_S)


def _certificate(error: ssl.SSLCertVerificationError) -> str:
    text = error.verify_message
    if "match" in text.lower():
        return f"its certificate is another host's ({text}): LOCKSTEP_BOOTSTRAP must name it as its certificate does"
    return f"its certificate is not trusted ({text}): LOCKSTEP_SSL_CAFILE must hold who signed it"


def _tls(error: ssl.SSLError) -> str:
    if error.reason in NO_TLS:
        return f"it doesn't speak TLS on this port ({error.reason}): is it another listener's?"
    return (
        f"TLS fails ({error.reason}): does it want a certificate of ours (LOCKSTEP_SSL_CERTFILE), or speak nothing "
        "newer than TLS 1.1?"
    )


def _hung_up(security: dict[str, Any]) -> str:
    protocol = security["security_protocol"]
    if "SSL" not in protocol:
        return f"hangs up on {protocol}: it may want TLS or a login on this port; see LOCKSTEP_SECURITY_PROTOCOL"
    if protocol == "SSL":
        return "hangs up after TLS: it may want a login (SASL_SSL) or a certificate of ours (LOCKSTEP_SSL_CERTFILE)"
    return "hangs up after TLS: it may want no login on this port (SSL), or a certificate of ours"


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what aiokafka says about the same failure."""
    logger = logging.getLogger("aiokafka.conn")
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before
