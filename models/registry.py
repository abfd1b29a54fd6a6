"""Versions of batch models and their life: candidate -> shadow -> champion -> retired, for each target. Pure.

A shadow runs on the same events as the champion and nobody sees what it says. The champion that is replaced runs on in
shadow: the new one is watched by it, and rolled back to it. Where a target has no champion, the online model speaks
alone. The fold and the keeper hold the same registry, since both apply the same events in the same order.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import msgspec

from twin.errors import BadInput
from twin.model_events import ONLINE, ModelCandidate, ModelTransition, State, digest_of

Life = Literal["candidate", "shadow", "champion", "retired"]

LEGAL: dict[Life, frozenset[State]] = {
    "candidate": frozenset(("shadow", "retired")),
    "shadow": frozenset(("champion", "retired")),
    # Back into the shadow, or for good: either way the one before takes over.
    "champion": frozenset(("shadow", "retired")),
    "retired": frozenset(),
}
MOST_RUNNING = 4
"""Shadows of one target, besides its champion: each costs the fold what the champion does."""
MOST_WAITING = 16
"""Candidates that nobody has put into shadow."""
REMEMBERED = 256
"""Retired versions, and transitions that have been applied: a repeated one must change nothing."""


class Version(msgspec.Struct, kw_only=True):
    """One version of a model.

    Attributes:
        digest: Of its bytes.
        time: End of the data it was trained on [ms since 1970].
        life: By target.
        since: Event time of the last change, by target [ms since 1970].
    """

    model: str
    id: str
    digest: str
    time: int
    life: dict[str, Life]
    since: dict[str, int]

    def state(self) -> Life:
        """The furthest it has come with any target; retired only when it is with all."""
        lives = set(self.life.values())
        order: tuple[Life, ...] = ("champion", "shadow", "candidate", "retired")
        return next(life for life in order if life in lives)


class Change(NamedTuple):
    """What a transition did to one version and target."""

    target: str
    model: str
    before: Life
    after: Life


class Registry:
    """The versions that are known, and who speaks for each target."""

    def __init__(self) -> None:
        self.versions: dict[str, Version] = {}
        self.champions: dict[str, str] = {}
        """By target; one that isn't here belongs to the online model."""
        self.previous: dict[str, str] = {}
        """Who was champion before, and runs on in shadow, by target; `online` where nobody was."""
        self._applied: dict[str, None] = {}

    def champion(self, target: str) -> str:
        """Who speaks for a target: a version, or `online`."""
        return self.champions.get(target, ONLINE)

    def running(self, target: str) -> list[str]:
        """Versions that run in shadow for a target, in the order they came."""
        return [v.model for v in self.versions.values() if v.life.get(target) == "shadow"]

    def alive(self) -> list[str]:
        """Everybody who speaks, runs or waits for a target, the online model among them."""
        return [ONLINE, *(v.model for v in self.versions.values() if v.state() != "retired")]

    def add(self, event: ModelCandidate, time: int) -> bool:
        """A candidate has come.

        Args:
            time: The event's [ms since 1970].

        Returns:
            False if it is known already.

        Raises:
            BadInput: contradiction, where other bytes have its name; too-many.
        """
        digest = digest_of(event.artifact)
        known = self.versions.get(event.model)
        if known is not None:
            if known.digest != digest or set(known.life) != set(event.targets):
                raise BadInput("contradiction", f"{event.model!r} has other bytes or targets: give it a new version")
            return False
        if sum(v.state() == "candidate" for v in self.versions.values()) >= MOST_WAITING:
            raise BadInput("too-many", f"{MOST_WAITING} candidates wait already: put one into shadow, or retire it")
        targets = sorted(set(event.targets))
        self.versions[event.model] = Version(
            model=event.model,
            id=event.id,
            digest=digest,
            time=time,
            life=dict.fromkeys(targets, "candidate"),
            since=dict.fromkeys(targets, time),
        )
        self._forget()
        return True

    def move(self, event: ModelTransition, time: int) -> list[Change]:
        """A version enters another state; for all targets or none.

        Args:
            time: The event's [ms since 1970].

        Returns:
            What has changed, in this order: who leaves, who comes. Empty if the event was applied before.

        Raises:
            BadInput: illegal-transition, too-many.
        """
        if event.id in self._applied:
            return []
        version = self.versions.get(event.model)
        if version is None:
            raise BadInput("illegal-transition", f"there is no model {event.model!r}")
        targets = event.targets or [t for t, life in version.life.items() if event.state in LEGAL[life]]
        if not targets:
            raise BadInput("illegal-transition", f"{event.model!r} is {version.state()} and can't be {event.state}")
        for target in targets:
            self._check(version, target, event.state)
        changes = [change for target in sorted(set(targets)) for change in self._move(version, target, event.state)]
        for change in changes:
            self.versions[change.model].since[change.target] = time
        self._applied[event.id] = None
        self._forget()
        return changes

    def _check(self, version: Version, target: str, state: State) -> None:
        life = version.life.get(target)
        if life is None:
            raise BadInput("illegal-transition", f"{version.model!r} doesn't predict {target!r}")
        if state not in LEGAL[life]:
            can = ", ".join(sorted(LEGAL[life])) or "nothing else"
            raise BadInput(
                "illegal-transition",
                f"{version.model!r} is {life} for {target!r} and can't be {state}: it can be {can}",
            )
        if state == "shadow" and life == "candidate" and len(self.running(target)) >= MOST_RUNNING:
            raise BadInput("too-many", f"{MOST_RUNNING} models run in shadow for {target!r}: retire one")

    def _move(self, version: Version, target: str, state: State) -> list[Change]:
        before = version.life[target]
        changes = []
        if state == "champion":
            old = self.champion(target)
            # The one before the old champion has nobody to watch any more.
            changes += self._end(self.previous.get(target, ONLINE), target, unless=version.model)
            if old != ONLINE:
                changes.append(self._set(self.versions[old], target, "shadow"))
            self.previous[target] = old
            self.champions[target] = version.model
        elif before == "champion":
            back = self.previous.pop(target, ONLINE)
            del self.champions[target]
            if back != ONLINE:
                changes.append(self._set(self.versions[back], target, "champion"))
                self.champions[target] = back
        elif self.previous.get(target) == version.model:
            del self.previous[target]
        changes.insert(0 if before == "champion" else len(changes), self._set(version, target, state))
        return changes

    def _end(self, model: str, target: str, unless: str) -> list[Change]:
        version = self.versions.get(model)
        if version is None or model == unless or version.life.get(target) != "shadow":
            return []
        return [self._set(version, target, "retired")]

    def _set(self, version: Version, target: str, life: Life) -> Change:
        before = version.life[target]
        version.life[target] = life
        return Change(target, version.model, before, life)

    def _forget(self) -> None:
        """Keep a bounded number of what is over."""
        retired = [v.model for v in self.versions.values() if v.state() == "retired"]
        for model in retired[: max(len(retired) - REMEMBERED, 0)]:
            del self.versions[model]
        while len(self._applied) > REMEMBERED:
            del self._applied[next(iter(self._applied))]

    def state(self) -> dict[str, Any]:
        """All of it, as plain data."""
        return {
            "versions": [msgspec.to_builtins(v) for v in self.versions.values()],
            "champions": dict(sorted(self.champions.items())),
            "previous": dict(sorted(self.previous.items())),
            "applied": list(self._applied),
        }

    def restore(self, data: dict[str, Any]) -> None:
        """Take over what `state` returned.

        Raises:
            msgspec.ValidationError: It is something else.
        """
        versions = msgspec.convert(data["versions"], list[Version])
        self.versions = {version.model: version for version in versions}
        self.champions = msgspec.convert(data["champions"], dict[str, str])
        self.previous = msgspec.convert(data["previous"], dict[str, str])
        self._applied = dict.fromkeys(msgspec.convert(data["applied"], list[str]))
