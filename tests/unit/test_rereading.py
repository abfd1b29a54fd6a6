"""A keeper that begins anew: what the fold once rejected stays rejected, what is new is taken in, nothing twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from folding import START
from model_network import T, artifact, candidate, record

from infra.settings import Settings
from infra.store import models as store
from infra.store.models import StoredModel, StoredStep
from models.registry import MOST_RUNNING
from stream.registry import keeper as module
from stream.registry.keeper import Keeper
from stream.registry.rereading import MOST_HELD, Rereading, decided
from stream.registry.sending import TOPIC
from twin.errors import Unavailable
from twin.model_events import ModelCandidate, ModelTransition, State, digest_of, new_transition


@pytest.mark.parametrize(
    ("read", "recorded", "end"),
    [
        ("", "", 0),
        ("abc", "", 0),
        ("axb", "ab", 3),
        ("axby", "ab", 3),
        # Rejected, then applied when another had changed something.
        ("saxs", "as", 4),
        # Written twice: the second one changes nothing.
        ("abxb", "ab", 2),
        # The topic has lost its beginning.
        ("cxd", "abcd", 3),
        # A log that was made anew has none of it.
        ("xy", "ab", 0),
    ],
)
def test_what_stands_behind_the_last_recorded_event_is_new(read: str, recorded: str, end: int) -> None:
    assert decided(read, recorded) == end


def step(number: int, state: State) -> ModelTransition:
    model = candidate(artifact(f"m{number}")).model
    return new_transition(model, state, START + timedelta(hours=number), targets=[T], by="a test")


def test_held_back_is_a_bounded_number() -> None:
    rereading = Rereading(["another"])
    for number in range(MOST_HELD + 10):
        rereading.add(new_transition("m@1", "shadow", START + timedelta(hours=number)))
    assert len(rereading.new()) == MOST_HELD


class Database:
    """What the keeper records, kept here."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.known: list[StoredModel] = []
        self.steps: list[StoredStep] = []
        self.bodies: dict[str, bytes] = {}
        for name in ("models", "lives", "artifact_of", "comparisons", "record_candidate", "record_transition"):
            monkeypatch.setattr(store, name, getattr(self, name))

    def models(self, _dsn: str) -> list[StoredModel]:
        return self.known

    def lives(self, _dsn: str) -> list[StoredStep]:
        return self.steps

    def artifact_of(self, _dsn: str, model: str) -> bytes:
        return self.bodies[model]

    def comparisons(self, *_given: Any) -> list[bytes]:
        return []

    def record_candidate(self, _dsn: str, event: ModelCandidate) -> None:
        named = (event.model, event.ml_model_id, event.ml_model_version, event.id, event.time, event.targets)
        self.known.append(StoredModel(*named, digest_of(event.artifact), event.evidence, event.source, event.time))
        self.bodies[event.model] = event.artifact
        self.steps.append(StoredStep(event.id, event.time, event.model, "candidate", [], "", "", {}, event.time))

    def record_transition(self, _dsn: str, event: ModelTransition) -> None:
        said = (event.targets, event.by, event.reason, event.evidence)
        self.steps.append(StoredStep(event.id, event.time, event.model, event.state, *said, event.time))


async def keep(topic: list[ModelCandidate | ModelTransition], monkeypatch: pytest.MonkeyPatch) -> Keeper:
    """A keeper that has begun, has read the topic and has looked once."""

    async def heard(_b: str, _s: Any, _p: str, topics: list[str], *_: Any, **__: Any) -> AsyncIterator[Any]:
        for offset, event in enumerate(topic if topics == [TOPIC] else []):
            yield TOPIC, record(event, offset)
        yield None
        await asyncio.sleep(0)

    async def look() -> None:
        raise Unavailable("enough")

    monkeypatch.setattr(module, "heard", heard)
    monkeypatch.setattr(module, "Producer", lambda *_given: None)
    settings = Settings(_env_file=None, targets=[T], failure_targets=[], train_command=[])  # type: ignore[call-arg]
    keeper = Keeper(settings, "127.0.0.1:1", "", 1)
    monkeypatch.setattr(keeper, "_look", look)
    await keeper._restore()
    with pytest.raises(Unavailable, match="enough"):
        await keeper._follow()
    return keeper


async def test_what_the_fold_has_rejected_does_not_come_alive_after_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    database = Database(monkeypatch)
    rejected = step(MOST_RUNNING, "shadow")
    topic: list[ModelCandidate | ModelTransition] = [candidate(artifact(f"m{k}")) for k in range(MOST_RUNNING + 1)]
    topic += [*(step(k, "shadow") for k in range(MOST_RUNNING)), rejected, step(0, "retired")]
    first = await keep(topic, monkeypatch)
    assert rejected.id not in [one.id for one in database.steps]
    lives = first._keeping.registry.state()
    before = list(database.steps)
    # By now there is room for it, but the fold has no second look at it.
    second = await keep(topic, monkeypatch)
    assert database.steps == before
    assert second._keeping.registry.state() == lives
    # What has come meanwhile is taken in; the same step, written again, too, as the fold does.
    third = await keep([*topic, step(1, "retired"), rejected], monkeypatch)
    assert [one.id for one in database.steps[len(before) :]] == [step(1, "retired").id, rejected.id]
    assert len(third._keeping.registry.running(T)) == MOST_RUNNING - 1
