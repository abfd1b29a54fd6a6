"""One settings object: defaults, then `.env`, then the environment (`LOCKSTEP_...`). Nothing else imports pydantic."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from twin.errors import ConfigurationError

MIB = 1024 * 1024


class Settings(BaseSettings):
    """Every setting of Lockstep; with none given it runs on one machine with what it brings."""

    model_config = SettingsConfigDict(
        env_prefix="LOCKSTEP_", env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    bootstrap: str | None = Field(None, description="Kafka brokers, host:port with commas; none: the embedded broker.")
    dsn: SecretStr | None = Field(None, description="PostgreSQL or TimescaleDB; none: the embedded database.")
    state_dir: Path = Field(Path(".lockstep"), description="Where the embedded services keep their data and logs.")
    log_id: str = Field(
        "main",
        min_length=1,
        description="Name of the log that offsets belong to; change it with a new inbox. Embedded: automatic.",
    )

    partitions: int = Field(4, ge=1, le=1024, description="Partitions of the inbox; fixed for the life of a log.")
    topic_prefix: str = Field("", pattern=r"^[A-Za-z0-9._-]*$", description="Put before the name of every topic.")
    group: str = Field("lockstep", min_length=1, description="Consumer group of the workers.")
    batch_reports: int = Field(250, ge=1, description="Messages in a batch, and so in a database transaction, at most.")
    batch_wait_ms: int = Field(50, ge=0, description="How long a batch waits for more messages [ms].")
    fetch_wait_ms: int = Field(50, ge=1, description="How long the broker may hold an empty fetch [ms].")
    snapshot_every_s: float = Field(60, gt=0, description="Time between two snapshots of a partition's state [s].")

    replication: int = Field(1, ge=1, description="Copies of each topic that Lockstep creates.")
    targets: list[str] = Field(
        ["RRU.PrbTotDl>70@1h"],
        description="What congestion is: counter, threshold and horizon, such as RRU.PrbTotDl>70@1h.",
    )
    profiles: list[str] = Field(
        [], description="Profiles whose vendor counters are accepted besides the built-in ones."
    )

    max_message_bytes: int = Field(8 * MIB, ge=1024, description="A larger message is rejected [byte].")
    reject_consecutive: int = Field(
        1000, ge=1, description="So many rejected in a row stop the worker: the fault is not one message's."
    )
    reject_share: float = Field(
        0.5, gt=0, le=1, description="This share of the last `reject_window` messages rejected stops the worker."
    )
    reject_window: int = Field(10_000, ge=1, description="How many messages `reject_share` looks at.")
    future_tolerance_s: float = Field(
        600, ge=0, description="How far a period may end after the time stamp of its message [s]."
    )
    lateness_periods: int = Field(
        1, ge=0, description="Late reports of so many periods are put in order; later ones are history, marked late."
    )
    unknown_objects: Literal["accept", "reject"] = Field(
        "accept", description="What to do with an object that is not in the inventory."
    )

    broker_session_timeout_s: int = Field(6, ge=3, description="A silent worker loses its partitions after this [s].")
    broker_heartbeat_s: int = Field(1, ge=1, description="Time between two signs of life to the broker [s].")
    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How to speak to the Kafka brokers."
    )
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "SCRAM-SHA-512", description="How to log in to the Kafka brokers, with a SASL protocol."
    )
    sasl_username: str | None = Field(None, description="Who logs in to the Kafka brokers.")
    sasl_password: SecretStr | None = Field(None, description="Password of `sasl_username`.")
    ssl_cafile: Path | None = Field(
        None, description="Certificates that sign the brokers' own; none: those the system trusts."
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="What is logged.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.security_protocol.startswith("SASL") and (self.sasl_username is None or self.sasl_password is None):
            raise ValueError("security_protocol needs sasl_username and sasl_password")
        if 3 * self.broker_heartbeat_s > self.broker_session_timeout_s:
            raise ValueError("broker_session_timeout_s must be at least three times broker_heartbeat_s")
        return self


def load(env_file: Path | str | None = ".env") -> Settings:
    """The settings as they are now.

    Raises:
        ConfigurationError: One of them is wrong; the message names it and never shows its value.
    """
    make: Callable[..., Settings] = Settings
    try:
        return make(_env_file=env_file)
    except SettingsError as error:
        raise ConfigurationError(f'{error}: a list is written as JSON, such as ["RRU.PrbTotDl>70@1h"]') from None
    except ValidationError as error:
        wrong = "; ".join(
            f"{'LOCKSTEP_' + '_'.join(str(part) for part in fault['loc']).upper() if fault['loc'] else 'settings'}: "
            f"{fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        )
        raise ConfigurationError(wrong) from None
