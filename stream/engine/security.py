"""How to speak to the Kafka brokers safely: TLS, who we are, and nothing of it in a log."""

from __future__ import annotations

import logging
import ssl
from typing import Any

from infra.settings import Settings
from twin.errors import ConfigurationError

CLIENT_LOG = "aiokafka.conn"
"""Writes every request to the log at DEBUG, logins among them."""
LOGIN = "SaslAuthenticate"


def kafka_security(settings: Settings) -> dict[str, Any]:
    """Connection arguments for aiokafka.

    Raises:
        ConfigurationError: A certificate or a key can't be read.
    """
    hide_logins()
    out: dict[str, Any] = {"security_protocol": settings.security_protocol}
    if "SSL" in settings.security_protocol:
        out["ssl_context"] = tls_context(settings)
    if "SASL" in settings.security_protocol:
        assert settings.sasl_password is not None
        out |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": settings.sasl_password.get_secret_value(),
        }
    return out


def faust_credentials(settings: Settings) -> Any:
    """The same for Faust; None for a plain connection."""
    import faust

    security = kafka_security(settings)
    context = security.get("ssl_context")
    if "sasl_mechanism" in security:
        return faust.SASLCredentials(
            username=security["sasl_plain_username"],
            password=security["sasl_plain_password"],
            mechanism=security["sasl_mechanism"],
            ssl_context=context,
        )
    return faust.SSLCredentials(context=context) if context else None


def tls_context(settings: Settings) -> ssl.SSLContext:
    """Certificates and host names are always checked, and nothing older than TLS 1.2 is spoken.

    Raises:
        ConfigurationError: A certificate or a key can't be read.
    """
    try:
        context = ssl.create_default_context(cafile=settings.ssl_cafile)
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(f"LOCKSTEP_SSL_CAFILE: no certificates in it can be read ({_kind(error)})") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = True
    context.verify_mode = ssl.CERT_REQUIRED
    if settings.ssl_certfile is not None:
        password = settings.ssl_keypassword
        try:
            # Without a password OpenSSL would ask for one on the terminal.
            context.load_cert_chain(
                settings.ssl_certfile, settings.ssl_keyfile, password.get_secret_value() if password else ""
            )
        except (OSError, ssl.SSLError, ValueError) as error:
            raise ConfigurationError(
                "LOCKSTEP_SSL_CERTFILE, LOCKSTEP_SSL_KEYFILE: certificate and key can't be read or don't belong "
                f"together ({_kind(error)}); an encrypted key needs LOCKSTEP_SSL_KEYPASSWORD"
            ) from None
    return context


def _kind(error: Exception) -> str:
    return getattr(error, "strerror", None) or getattr(error, "reason", None) or type(error).__name__


def hide_logins() -> None:
    """Keep the requests that carry a password out of aiokafka's log. Doing so twice changes nothing."""
    logging.getLogger(CLIENT_LOG).addFilter(_no_login)


def _no_login(record: logging.LogRecord) -> bool:
    return not any(type(argument).__name__.startswith(LOGIN) for argument in _arguments(record))


def _arguments(record: logging.LogRecord) -> tuple[object, ...]:
    return record.args if isinstance(record.args, tuple) else ()
