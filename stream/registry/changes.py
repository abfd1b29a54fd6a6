"""Candidates and transitions in the fold: who runs, who speaks, from the next record on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from models.artifact import unpack
from models.registry import Change
from stream.batch.versions_at_work import VersionsAtWork
from stream.decode import to_ms
from stream.registry.fit import checked, predicted
from stream.telling import tell
from twin.model_events import ModelCandidate, ModelTransition, digest_of

if TYPE_CHECKING:
    from stream.channel import Channel
    from stream.prepare import OtherEvent
    from stream.shard import Shard


RUN = ("shadow", "champion")


def apply_candidate(shard: Shard, item: OtherEvent, event: ModelCandidate) -> None:
    """Check a candidate and keep its bytes.

    Raises:
        BadInput: damaged-model, unfit-model, contradiction or too-many.
    """
    checked(event, predicted(shard.config.targets, shard.config.failure_targets))
    desk = shard.models
    if not desk.registry.add(event, to_ms(event.time)):
        shard.counts["duplicate"] += 1
        return
    desk.artifacts[event.model] = event.artifact
    shard.revision += 1
    shard.counts["model.candidate"] += 1
    detail: dict[str, object] = {
        "model": event.model,
        "state": "candidate",
        "digest": digest_of(event.artifact),
        "bytes": len(event.artifact),
        "source": event.source,
    }
    tell(shard, "model", item, sorted(set(event.targets)), detail)


def apply_transition(shard: Shard, item: OtherEvent, event: ModelTransition) -> None:
    """Let a version enter another state; predictions from here on are those of who is champion now.

    Raises:
        BadInput: illegal-transition or too-many.
    """
    desk = shard.models
    changes = desk.registry.move(event, to_ms(event.time))
    if not changes:
        shard.counts["duplicate"] += 1
        return
    shard.revision += 1
    for change in changes:
        shard.counts[f"model.{change.after}"] += 1
    for channel in shard.channels.values():
        equip(shard, channel)
    equip_failures(shard)
    for model in list(desk.artifacts):
        version = desk.registry.versions.get(model)
        if version is None or version.state() == "retired":
            del desk.artifacts[model]
    detail: dict[str, object] = {
        "model": event.model,
        "state": event.state,
        "by": event.by,
        "reason": event.reason,
        "changes": [_told(change) for change in changes],
        "champions": {change.target: desk.registry.champion(change.target) for change in changes},
    }
    tell(shard, "model", item, sorted({change.target for change in changes}), detail)


def equip(shard: Shard, channel: Channel) -> None:
    """Let a channel run the versions that are in shadow or champion for its targets, and no others."""
    _equip(shard, channel.batch, channel.scores)


def equip_failures(shard: Shard) -> None:
    """The same for what is watched for failures."""
    for watched in shard.failing.watched.values():
        _equip(shard, watched.batch, watched.batch.names)


def _equip(shard: Shard, runs: VersionsAtWork[Any], own: Iterable[str]) -> None:
    registry = shard.models.registry
    if not registry.versions:
        return
    mine = set(own)
    wanted = {
        model: sorted(target for target, life in version.life.items() if life in RUN and target in mine)
        for model, version in registry.versions.items()
    }
    installed = runs.installed()
    for model in installed:
        if not wanted.get(model):
            runs.retire(model)
    for model, targets in wanted.items():
        if targets and installed.get(model) != targets:
            runs.install(model, unpack(shard.models.artifacts[model]), targets)
    runs.crown({target: registry.champion(target) for target in sorted(mine)})


def _told(change: Change) -> dict[str, str]:
    return {"target": change.target, "model": change.model, "before": change.before, "after": change.after}
