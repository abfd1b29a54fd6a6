"""Whether others can read what goes to a broker or a database: on the loopback interface or with TLS they can't."""

from __future__ import annotations

import ipaddress

from twin.errors import ConfigurationError

ENCRYPTED = {"require", "verify-ca", "verify-full"}


def is_loopback(host: str) -> bool:
    """Whether a host, as it is written, is this machine; names are not looked up, since an answer can be forged."""
    if host.lower() in ("localhost", "localhost."):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def hosts_of(bootstrap: str) -> list[str]:
    """The hosts of `host:port` pairs with commas between them."""
    return [server.strip().rpartition(":")[0] or server.strip() for server in bootstrap.split(",")]


def remote_brokers(bootstrap: str) -> list[str]:
    """Those brokers that are not this machine."""
    return [host for host in hosts_of(bootstrap) if not is_loopback(host)]


def with_password(dsn: str, password: str | None) -> str:
    """The connection string with a password that is kept apart from it."""
    from psycopg.conninfo import make_conninfo

    _parts(dsn)
    return make_conninfo(dsn, password=password) if password else dsn


def exposed_database(dsn: str) -> str:
    """The host that a connection string would speak to without TLS, or may speak to; empty where there is none.

    libpq's own variables (`PGHOST`, `PGSSLMODE`, ...) count, since it would use them.

    Raises:
        ConfigurationError: It is no connection string; the message doesn't show it.
    """
    given = _parts(dsn)
    parts = {**_defaults(), **given}
    if parts.get("sslmode", "prefer") in ENCRYPTED:
        return ""
    if given.get("service") and not given.get("host"):
        return f"service {given['service']}"
    hosts = [h for h in (parts.get("hostaddr") or parts.get("host") or "").split(",") if h]
    return next((host for host in hosts if not (host.startswith(("/", "@")) or is_loopback(host))), "")


def _parts(dsn: str) -> dict[str, str]:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    try:
        return {key: str(value) for key, value in conninfo_to_dict(dsn).items() if value is not None}
    except psycopg.ProgrammingError:
        # libpq's own message quotes what it doesn't understand, and that may be the password.
        raise ConfigurationError(
            "LOCKSTEP_DSN is not a connection string such as postgresql://user:password@host/database "
            "(special characters of a password must be percent-encoded there, or stand in LOCKSTEP_DSN_PASSWORD)"
        ) from None


def _defaults() -> dict[str, str]:
    from psycopg import pq

    return {o.keyword.decode(): o.val.decode() for o in pq.Conninfo.get_defaults() if o.val}
