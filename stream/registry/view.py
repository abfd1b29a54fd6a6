"""What the database holds of models, put together for people. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from infra.store.models import StoredModel, StoredStep
from models.comparing import Sums, added
from models.evidence import read_report
from models.gate import DAY_MS, GateRule, decide, rule_for
from models.registry import MOST_RUNNING, Registry
from models.tally import Tally
from stream.decode import to_ms
from stream.registry.admitting import in_line
from stream.registry.keeping import sums_of
from twin.errors import BadInput
from twin.model_events import ONLINE, ModelCandidate, ModelComparison, ModelTransition


class Row(msgspec.Struct, kw_only=True):
    """One version and target.

    Attributes:
        against: Whom it is compared with; empty: nobody.
        gain: Log loss saved against that one, as a share of its loss; none: nothing was compared.
        events: Labels compared.
        verdict: Of the gate, for a shadow, and how long it has still; for a candidate its place in the line.
        scores: Of its training report, on data that were held out, by name; every state has them.
    """

    model: str
    target: str
    state: str
    since: datetime
    trained_to: datetime
    against: str = ""
    gain: float | None = None
    events: int = 0
    verdict: str = ""
    reason: str = ""
    scores: dict[str, float] = {}


class Overview(NamedTuple):
    """All versions, and how they compare."""

    registry: Registry
    tally: Tally
    models: dict[str, StoredModel]
    steps: list[StoredStep]


def overview(
    models: Sequence[StoredModel],
    steps: Sequence[StoredStep],
    comparisons: Sequence[bytes],
    at: datetime | None = None,
) -> Overview:
    """Put together what the database holds.

    Args:
        at: What has happened since is left out.
    """
    registry, tally = Registry(), Tally()
    known = {one.model: one for one in models}
    if at is not None:
        steps = [step for step in steps if step.time <= at]
    for step in steps:
        try:
            if step.state == "candidate":
                _add(registry, known[step.model])
            else:
                registry.move(transition(step), to_ms(step.time))
        except BadInput:  # the fold has rejected it, too
            continue
    for body in comparisons:
        try:
            event = msgspec.json.decode(body, type=ModelComparison)
            if at is not None and event.time > at:
                continue
            pair = (event.target, event.champion, event.candidate)
            tally.add(pair, (event.partition, event.granularity_s), to_ms(event.time), sums_of(event))
        except (msgspec.MsgspecError, BadInput):  # of another version of this program
            continue
    return Overview(registry, tally, known, list(steps))


def rows(seen: Overview, horizons: dict[str, int], rule: GateRule) -> list[Row]:
    """One a version and target, in the order they came."""
    return [
        _row(seen, model, target, horizons.get(target, 0), rule)
        for model, version in seen.registry.versions.items()
        for target in sorted(version.life)
    ]


def _row(seen: Overview, model: str, target: str, horizon_s: int, rule: GateRule) -> Row:
    version = seen.registry.versions[model]
    state = version.life[target]
    last = [s for s in seen.steps if s.model == model and (not s.targets or target in s.targets)][-1]
    row = Row(
        model=model,
        target=target,
        state=state,
        since=last.time,
        trained_to=seen.models[model].time,
        reason=last.reason,
        scores=_held_out(seen.models[model].evidence, target),
    )
    champion = seen.registry.champion(target)
    if state == "champion":
        row.against = seen.registry.previous.get(target, ONLINE)
        total = _total(seen, (target, model, row.against))
        _put(row, total, -total.difference, total.loss_candidate)
    elif state == "shadow":
        row.against = champion
        total = _total(seen, (target, champion, model))
        _put(row, total, total.difference, total.loss_champion)
        own = rule_for(horizon_s, rule)
        found = decide(seen.tally.periods((target, champion, model)), own)
        row.verdict = f"{found.verdict}: {found.reason}"
        if found.verdict == "wait":
            left = (own.max_blocks - int(found.statistics["blocks"] or 0)) * own.block_ms / DAY_MS
            row.verdict += f"; {left:.0f} days left against {champion}"
    elif state == "candidate":
        place = 1 + [v.model for v in in_line(seen.registry)].index(model)
        running = len(seen.registry.running(target))
        row.verdict = f"wait: number {place} in line, {running} of {MOST_RUNNING} places in shadow are taken"
    return row


def _held_out(evidence: dict[str, Any], target: str) -> dict[str, float]:
    try:
        told = read_report(evidence).model_performance_validation
    except BadInput:  # from elsewhere: what it says is no report
        return {}
    return {one.performance_metric: one.performance_score for one in told if one.inference_output_name == target}


def _total(seen: Overview, pair: tuple[str, str, str]) -> Sums:
    return added(period.sums for period in seen.tally.periods(pair))


def _put(row: Row, total: Sums, saved: float, loss: float) -> None:
    row.events = total.n
    row.gain = round(saved / loss, 6) if loss > 0 else None


def transition(step: StoredStep) -> ModelTransition:
    """A stored step as the event it was."""
    return ModelTransition(
        id=step.id,
        time=step.time,
        model=step.model,
        state=step.state,  # type: ignore[arg-type]
        targets=step.targets,
        reason=step.reason,
        evidence=step.evidence,
        by=step.by,
    )


def candidate(known: StoredModel, body: bytes) -> ModelCandidate:
    """A stored version as the event it was."""
    return ModelCandidate(
        id=known.candidate_id,
        time=known.time,
        ml_model_id=known.ml_model_id,
        ml_model_version=known.ml_model_version,
        targets=known.targets,
        artifact=body,
        evidence=known.evidence,
        source=known.source,
    )


def _add(registry: Registry, known: StoredModel) -> None:
    registry.add(candidate(known, b""), to_ms(known.time))


def table(found: Sequence[Row]) -> Any:
    """For people."""
    from rich.table import Table
    from rich.text import Text

    out = Table(box=None)
    for column in ("model", "target", "state", "since", "against", "log loss saved", "events", "verdict or reason"):
        out.add_column(column, overflow="fold")
    for row in found:
        gain = "" if row.gain is None else f"{row.gain:+.1%}"
        told = (row.model, row.target, row.state, f"{row.since:%Y-%m-%d %H:%M}", row.against, gain)
        out.add_row(*(Text(text) for text in (*told, str(row.events or ""), row.verdict or row.reason)))
    return out
