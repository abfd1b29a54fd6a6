"""What the fold needs to know besides the log."""

from __future__ import annotations

import msgspec

from infra.settings import Settings
from models.blend import Mode
from models.failure.target import FailureTarget, parse_failure_target
from models.targets import CongestionTarget, parse_target
from twin.alarm_rules import AlarmRules, parse_asleep


class ShardConfig(msgspec.Struct, frozen=True, kw_only=True):
    """What the fold needs to know besides the log; part of what makes a replay repeatable.

    Attributes:
        lateness_periods: How many periods a report may come late and still count, seen from the elements' watermark.
        skew_periods: How many periods the fastest element may be ahead of the others and still count.
        time_zone: Whose days and hours the network lives by, an IANA name.
        future_tolerance_ms: How far a period may end after its record's own time [ms].
        instant_period_ms: The period into which samples taken at an instant are sorted [ms].
        unknown_objects: What to do with objects that the inventory doesn't know.
        inventory_removes_at_most: Share of the declared objects of its scope that an unconfirmed inventory may remove.
        neighbour_attempts: Handovers in a window from which on two cells are neighbours; 0: never by handovers.
        neighbour_window_ms: Length of such a window [ms].
        neighbour_silence_ms: Without a handover for so long a neighbour is one no more, or is told as unused [ms].
        monitor_by: Attributes by which cells are grouped where predictions are monitored.
        blend: What is published where there is a batch model, see `models.blend`.
        alarms: How alarms are kept back, correlated, and raised by the twin itself.
        radio_bursts: Whether the radio twin may ask for simulations; `burst_*` bound them, see `twin.radio.planning`.
    """

    targets: tuple[CongestionTarget, ...] = ()
    failure_targets: tuple[FailureTarget, ...] = ()
    lateness_periods: int = 1
    skew_periods: int = 8
    time_zone: str = "UTC"
    future_tolerance_ms: int = 600_000
    instant_period_ms: int = 60_000
    unknown_objects: str = "accept"
    inventory_removes_at_most: float = 0.5
    neighbour_attempts: int = 50
    neighbour_window_ms: int = 3_600_000
    neighbour_silence_ms: int = 7 * 86_400_000
    monitor_by: tuple[str, ...] = ("area", "region")
    blend: Mode = "learnt"
    alarms: AlarmRules = AlarmRules()
    radio_bursts: bool = True
    burst_min_soundings: int = 120
    burst_cooldown_s: float = 3600.0
    burst_deadline_s: float = 21_600.0
    burst_budget_s: float = 120.0
    burst_memory_mib: int = 4096


def shard_config(settings: Settings) -> ShardConfig:
    """The part of the settings that the fold depends on."""
    return ShardConfig(
        targets=tuple(parse_target(text) for text in settings.targets),
        failure_targets=tuple(parse_failure_target(text) for text in settings.failure_targets),
        lateness_periods=settings.lateness_periods,
        skew_periods=settings.skew_periods,
        time_zone=settings.time_zone,
        future_tolerance_ms=int(settings.future_tolerance_s * 1000),
        unknown_objects=settings.unknown_objects,
        inventory_removes_at_most=settings.inventory_removes_at_most,
        neighbour_attempts=settings.neighbour_attempts,
        neighbour_window_ms=int(settings.neighbour_window_s * 1000),
        neighbour_silence_ms=int(settings.neighbour_silence_s * 1000),
        monitor_by=tuple(settings.monitor_by),
        blend=settings.blend,
        alarms=AlarmRules(
            period_s=float(settings.alarm_period_s),
            window_s=float(settings.alarm_window_s),
            flaps=settings.alarm_flaps,
            flap_window_s=float(settings.alarm_flap_window_s),
            flap_quiet_s=float(settings.alarm_flap_quiet_s),
            qualify_s=float(settings.alarm_qualify_s),
            escalate_s=float(settings.alarm_escalate_s),
            asleep_when=tuple(parse_asleep(text) for text in settings.asleep_when),
            own=tuple(settings.own_alarms),
            own_probability=settings.own_alarm_probability,
            own_quiet_s=float(settings.own_alarm_quiet_s),
        ),
        radio_bursts=settings.radio_bursts,
        burst_min_soundings=settings.burst_min_soundings,
        # A setting that nobody has set may be an integer: a digest would tell.
        burst_cooldown_s=float(settings.burst_cooldown_s),
        burst_deadline_s=float(settings.burst_deadline_s),
        burst_budget_s=float(settings.burst_budget_s),
        burst_memory_mib=settings.burst_memory_mib,
    )
