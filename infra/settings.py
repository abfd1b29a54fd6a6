"""One settings object: defaults, then `.env`, then the environment (`LOCKSTEP_...`).

A secret may also come from a file: `LOCKSTEP_DSN_FILE` names one that holds `dsn`. Only this, `secret_files`
and `infra.api` import pydantic.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError
from pydantic_settings.sources import DotEnvSettingsSource, EnvSettingsSource

from infra import plaintext
from infra.secret_files import SecretFiles
from infra.store.keep import Keep
from twin.errors import ConfigurationError

MIB = 1024 * 1024


class Settings(BaseSettings):
    """Every setting of Lockstep; with none given it runs on one machine with what it brings."""

    model_config = SettingsConfigDict(
        env_prefix="LOCKSTEP_", env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True
    )

    bootstrap: str | None = Field(None, description="Kafka brokers, host:port with commas; none: the embedded broker.")
    dsn: SecretStr | None = Field(
        None, description="PostgreSQL or TimescaleDB, TLS with sslmode=verify-full; none: the embedded database."
    )
    dsn_password: SecretStr | None = Field(None, description="Password for `dsn`, where it isn't in it.")
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
    compression: Literal["none", "lz4", "zstd", "snappy", "gzip"] = Field(
        "none", description="Of what a worker writes to the log and its outlets: less disk and network, more processor."
    )
    snapshot_every_s: float = Field(60, gt=0, description="Time between two snapshots of a partition's state [s].")

    replication: int = Field(1, ge=1, description="Copies of each topic that Lockstep creates.")
    targets: list[str] = Field(
        ["RRU.PrbTotDl>70@1h"],
        description="What congestion is: counter, threshold and horizon, such as RRU.PrbTotDl>70@1h.",
    )
    blend: Literal["learnt", "online", "batch"] = Field(
        "learnt",
        description="Congestion and failures with a batch model as champion: the blend, or one of the two alone.",
    )
    failure_targets: list[str] = Field(
        ["alarm:EQUIPMENT_ALARM@24h", "alarm:ENVIRONMENTAL_ALARM@24h", "fade>10dB@15min"],
        description="What a failure is: alarm:CLASS@HORIZON, where CLASS is an alarm type, a probable cause or oran- "
        "and a fault id; or fade>10dB@15min for links. []: none is predicted.",
    )
    alarm_window_s: float = Field(
        300, ge=0, le=86_400, description="An alarm may be the cause of those raised so long before or after it [s]."
    )
    alarm_period_s: float = Field(
        60, ge=1, le=3600, description="Causes are looked for, and alarms kept back looked at again, so often [s]."
    )
    alarm_flaps: int = Field(
        3, ge=1, le=100, description="Cleared more often than this in its window, an alarm is held as one that flaps."
    )
    alarm_flap_window_s: float = Field(600, gt=0, le=86_400, description="The window of `alarm_flaps` [s].")
    alarm_flap_quiet_s: float = Field(
        900, gt=0, le=86_400, description="What flapped is let go after so long without coming or going [s]."
    )
    alarm_qualify_s: float = Field(
        0, ge=0, le=86_400, description="An alarm counts only when it has stood for so long [s]; 0: at once."
    )
    alarm_escalate_s: float = Field(
        600, ge=0, le=86_400, description="Unacknowledged for so long, an alarm goes to the next level [s]; 0: never."
    )
    asleep_when: list[str] = Field(
        [], description="A cell sleeps to save energy while a counter says so, such as Ericsson.pmCellSleepTime>0."
    )
    own_alarms: list[Literal["failure", "congestion", "drift"]] = Field(
        [], description="What the twin finds that is raised as an alarm on alarms.own; []: nothing."
    )
    own_alarm_probability: float = Field(
        0.6, gt=0, lt=1, description="A prediction above this is raised as an own alarm, and cleared below 0.7 of it."
    )
    own_alarm_quiet_s: float = Field(
        86_400, gt=0, description="An own alarm of a drift is cleared after so long without another [s]."
    )
    profiles: list[str] = Field(
        [], description="Profiles whose vendor counters are accepted besides the built-in ones."
    )
    vendors: list[str] = Field(
        [],
        description="Vendors whose own counters are taken from measurement files as they are, without a unit.",
    )

    teiv_model: Path | None = Field(
        None, description="TOML with types of entities and relationships that TEIV's events may have, too."
    )

    source_options: dict[str, str] = Field(
        {}, description='What formats need to know, as JSON, such as {"units": "oai"}; see `lockstep formats`.'
    )

    max_message_bytes: int = Field(
        8 * MIB, ge=MIB // 2, le=1024 * MIB, description="A larger message is rejected [byte]."
    )
    reject_consecutive: int = Field(
        1000, ge=1, description="So many rejected in a row stop the worker: the fault is not one message's."
    )
    reject_share: float = Field(
        0.5, gt=0, le=1, description="This share of the last `reject_window` messages rejected stops the worker."
    )
    reject_window: int = Field(10_000, ge=1, description="How many messages `reject_share` looks at.")
    future_tolerance_s: float = Field(
        600, ge=0, le=86_400, description="How far a period may end after the time stamp of its message [s]."
    )
    lateness_periods: int = Field(
        1,
        ge=0,
        le=96,
        description="Late reports of so many periods are put in order; later ones are history, marked late.",
    )
    skew_periods: int = Field(
        8, ge=0, le=600, description="The fastest element may be so many periods ahead of the others and still count."
    )
    time_zone: str = Field("UTC", description="Whose days and hours the network lives by, such as Europe/Berlin.")
    unknown_objects: Literal["accept", "reject"] = Field(
        "accept", description="What to do with an object that is not in the inventory."
    )
    neighbour_attempts: int = Field(
        50, ge=0, description="Handovers in a window from which on two cells are neighbours; 0: never by handovers."
    )
    neighbour_window_s: float = Field(3600.0, ge=60, le=86_400, description="Length of such a window [s].")
    neighbour_silence_s: float = Field(
        604_800.0,
        ge=60,
        description="Without a handover for so long a neighbour is one no more, or is told as unused [s].",
    )
    inventory_removes_at_most: float = Field(
        0.5, ge=0, le=1, description="Share of its scope that a full inventory may remove without being confirmed."
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
    ssl_certfile: Path | None = Field(None, description="Our own certificate for the brokers, PEM; none: we show none.")
    ssl_keyfile: Path | None = Field(None, description="Key of `ssl_certfile`, PEM; none: it is in the same file.")
    ssl_keypassword: SecretStr | None = Field(None, description="Password of the key, where it is encrypted.")
    allow_plaintext: bool = Field(
        False, description="Speak to brokers and a database on other machines without TLS: in a private network only."
    )
    tokens_file: Path | None = Field(
        None, description="Who may use the HTTP interface: lines made by `lockstep token new`; none: nobody."
    )
    api_bind: str = Field("127.0.0.1:8050", description="Where `lockstep api` serves, host:port; port 0: a free one.")
    api_origins: list[str] = Field(
        [], description="Pages of other hosts that may use the API, such as https://noc.example; []: none."
    )
    api_streams: int = Field(2000, ge=1, description="Live subscribers of the API at once.")
    services_owner: str = Field(
        "", max_length=256, description="Who answers for the decision services of the API; empty: nobody has said."
    )
    pseudonym_key: SecretStr | None = Field(
        None,
        min_length=32,
        description="Key that turns identifiers of subscribers into pseudonyms; none: what has any is rejected.",
    )
    own_sensors: bool = Field(
        True, description="SenML names urn:dev:mac:... are our own sensors' and stay as they are."
    )
    rate_messages_s: float = Field(
        200, ge=0, description="A source that sends more is limited: messages a second of one key; 0: no limit."
    )
    rate_burst: int = Field(20_000, ge=1, description="So many messages of one key may come at once, as after a break.")

    health_bind: str = Field(
        "127.0.0.1:0",
        description="Where a worker serves /livez, /readyz, /metrics and /status; port 0: a free one; empty: nowhere.",
    )
    probe_every_s: float = Field(
        5, gt=0, description="Time between two questions whether broker and database answer [s]."
    )
    stuck_s: float = Field(60, gt=0, description="A partition with work and no progress for so long is stuck [s].")
    stuck_restart_s: float = Field(
        300, ge=0, description="Stuck for so long while broker and database answer, the worker stops [s]; 0: never."
    )
    livez_s: float = Field(30, gt=0, description="An event loop that hasn't run for so long makes /livez fail [s].")
    tick_s: float = Field(
        30,
        ge=0,
        description="A partition that is idle for so long gets a tick, so that silence is noticed [s]; 0: off.",
    )

    mqtt_host: str = Field("localhost", description="MQTT broker whose messages `lockstep mqtt` takes.")
    mqtt_port: int = Field(0, ge=0, le=65535, description="Its port; 0: 8883 with TLS, 1883 without.")
    mqtt_table: Path | None = Field(
        None, description="Which of its topics carry what: a TOML file, see docs/sensors.md."
    )
    mqtt_version: Literal["3.1.1", "5"] = Field("5", description="Of MQTT.")
    mqtt_client_id: str = Field(
        "lockstep",
        min_length=1,
        max_length=128,
        description="By which the broker knows us again and keeps what we haven't taken; each process needs its own.",
    )
    mqtt_session_s: int = Field(
        7 * 86_400, ge=0, le=2**32 - 1, description="How long it keeps that while we are away, with MQTT 5 [s]."
    )
    mqtt_tls: bool = Field(False, description="Speak to it with TLS; another machine must be spoken to so.")
    mqtt_cafile: Path | None = Field(None, description="Certificates that sign its own; none: those the system trusts.")
    mqtt_certfile: Path | None = Field(None, description="Our own certificate for it, PEM; none: we show none.")
    mqtt_keyfile: Path | None = Field(None, description="Key of `mqtt_certfile`, PEM; none: it is in the same file.")
    mqtt_username: str | None = Field(None, description="Who logs in to it.")
    mqtt_password: SecretStr | None = Field(None, description="Password of `mqtt_username`.")

    monitor_by: list[str] = Field(
        ["area", "region"],
        description="Attributes, of cells or of what they are part of, by which predictions are monitored.",
    )

    keep_raw_days: int = Field(90, ge=0, description="Rows as measured are dropped after this [days]; 0: never.")
    keep_5min_days: int = Field(365, ge=0, description="The same for their summaries by 5 minutes [days]; 0: never.")
    keep_hours_days: int = Field(3650, ge=0, description="The same for the summaries by hours [days]; 0: never.")
    keep_days_days: int = Field(0, ge=0, description="The same for the summaries by days [days]; 0: never.")
    keep_events_days: int = Field(730, ge=0, description="The same for drift, fidelity, updates and scores; 0: never.")
    late_days: int = Field(
        14, ge=1, description="Rows that come no later than this are worked into the summaries by themselves [days]."
    )

    radio_bursts: bool = Field(
        True, description="Whether drift of the radio may start a simulation burst, where a region declares a scene."
    )
    radio_device: Literal["auto", "cuda", "llvm"] = Field(
        "auto", description="What rays are traced on: a CUDA GPU, the CPU by LLVM, or the first that works."
    )
    burst_processes: int = Field(1, ge=1, le=64, description="Bursts that a burst worker computes at once.")
    burst_min_soundings: int = Field(
        120, ge=20, description="Positions heard since a change began, before a burst is asked for."
    )
    burst_cooldown_s: float = Field(
        3600, ge=0, description="Event time between a burst's answer and the next question of its region [s]."
    )
    burst_deadline_s: float = Field(
        21_600, gt=0, description="Event time after which a burst without an answer counts as lost [s]."
    )
    burst_budget_s: float = Field(120, gt=0, description="Time that a burst may take [s].")
    burst_memory_mib: int = Field(4096, ge=256, description="Memory that a burst may take [MiB].")

    gate_alpha: float = Field(
        0.05,
        gt=0,
        lt=0.5,
        description="Probability that a model that is no better is promoted, over its time in shadow "
        "against one champion.",
    )
    gate_margin: float = Field(
        0.005, ge=0, lt=1, description="Share of the champion's log loss by which a new model must be better."
    )
    train_command: list[str] = Field(
        ["train"], description="What the keeper runs of `lockstep` to train; []: it starts no training."
    )
    train_every_days: float = Field(7, ge=0, description="A training starts so often [days]; 0: never by schedule.")
    train_drifts: int = Field(0, ge=0, description="So many drifts within a day start a training; 0: never by drift.")
    train_below: float = Field(
        0, ge=0, le=1, description="A target's average precision below this starts a training; 0: never by score."
    )
    train_cooldown_hours: float = Field(
        12, ge=0, description="No training starts so soon after another has begun [h of event time]."
    )

    trace_endpoint: str | None = Field(
        None,
        description="Where traces go by OTLP over HTTP, such as http://collector:4318/v1/traces; none: nowhere.",
    )
    trace_share: float = Field(
        0.001, gt=0, le=1, description="Share of the traces that is kept; a trace is one element's period."
    )

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="What is logged.")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.security_protocol.startswith("SASL") and (self.sasl_username is None or self.sasl_password is None):
            raise ValueError("security_protocol needs sasl_username and sasl_password")
        if (self.ssl_keyfile or self.ssl_keypassword) and not self.ssl_certfile:
            raise ValueError("ssl_keyfile and ssl_keypassword need ssl_certfile")
        if self.mqtt_password and not self.mqtt_username:
            raise ValueError("mqtt_password needs mqtt_username")
        if self.mqtt_keyfile and not self.mqtt_certfile:
            raise ValueError("mqtt_keyfile needs mqtt_certfile")
        if self.dsn_password and not self.dsn:
            raise ValueError("dsn_password needs dsn")
        if 3 * self.broker_heartbeat_s > self.broker_session_timeout_s:
            raise ValueError("broker_session_timeout_s must be at least three times broker_heartbeat_s")
        if not self.allow_plaintext:
            self._refuse_plaintext()
        self.keep()
        return self

    def _refuse_plaintext(self) -> None:
        advice = "; in a network that nobody else can listen to, LOCKSTEP_ALLOW_PLAINTEXT=true lets it pass"
        remote = plaintext.remote_brokers(self.bootstrap) if self.bootstrap else []
        if remote and "SSL" not in self.security_protocol:
            raise ConfigurationError(
                f"the broker {remote[0]} is another machine and {self.security_protocol} sends everything in the "
                f"clear: set LOCKSTEP_SECURITY_PROTOCOL to SASL_SSL or SSL{advice}"
            )
        if not self.mqtt_tls and not plaintext.is_loopback(self.mqtt_host):
            raise ConfigurationError(
                f"the MQTT broker {self.mqtt_host} is another machine, and without TLS all goes in the clear: set "
                f"LOCKSTEP_MQTT_TLS=true{advice}"
            )
        if self.dsn and (host := plaintext.exposed_database(self.dsn.get_secret_value())):
            raise ConfigurationError(
                f"the database {host} is another machine and the connection need not be encrypted: add "
                f"sslmode=verify-full and sslrootcert to LOCKSTEP_DSN{advice}"
            )

    def keep(self) -> Keep:
        """How long the database keeps what.

        Raises:
            ConfigurationError: Summaries would be lost that way.
        """
        return Keep(
            raw=self.keep_raw_days or None,
            five_minutes=self.keep_5min_days or None,
            hours=self.keep_hours_days or None,
            days=self.keep_days_days or None,
            events=self.keep_events_days or None,
            late=self.late_days,
        )

    def conninfo(self) -> str:
        """The connection string of the user's own database, password and all; empty: the embedded one.

        Raises:
            ConfigurationError: It can't be read.
        """
        password = self.dsn_password.get_secret_value() if self.dsn_password else None
        return plaintext.with_password(self.dsn.get_secret_value(), password) if self.dsn else ""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        assert isinstance(env_settings, EnvSettingsSource)
        assert isinstance(dotenv_settings, DotEnvSettingsSource)
        files = SecretFiles(settings_cls, {**dotenv_settings.env_vars, **env_settings.env_vars})
        return init_settings, env_settings, files, dotenv_settings, file_secret_settings


def load(env_file: Path | str | None = ".env") -> Settings:
    """The settings as they are now.

    Raises:
        ConfigurationError: One of them is wrong; the message names it and never shows its value.
    """
    make: Callable[..., Settings] = Settings
    try:
        return make(_env_file=env_file)
    except UnicodeDecodeError:
        raise ConfigurationError(f"{env_file} is not text in UTF-8") from None
    except RecursionError:
        raise ConfigurationError("a list in the settings is nested too deep") from None
    except SettingsError as error:
        raise ConfigurationError(f'{error}: a list is written as JSON, such as ["RRU.PrbTotDl>70@1h"]') from None
    except ValidationError as error:
        wrong = "; ".join(
            f"{'LOCKSTEP_' + '_'.join(str(part) for part in fault['loc']).upper() if fault['loc'] else 'settings'}: "
            f"{fault['msg']}"
            for fault in error.errors(include_input=False, include_url=False)
        )
        raise ConfigurationError(wrong) from None
