"""Batch models: list, show, promote, roll back, retire; for `lockstep models` and the HTTP API."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from infra.settings import Settings, load
from infra.store import models as store
from models.registry import LEGAL, Life, Version
from models.tally import KEPT_MS
from stream.decode import from_ms
from stream.registry.keeper_rules import gate_rule, horizons
from stream.registry.sending import send
from stream.registry.view import Overview, Row, overview, rows, table
from stream.services import running
from twin.errors import ConfigurationError, Unknown
from twin.model_events import ONLINE, ModelTransition, State, new_transition

NOBODY = (
    "no batch models, the online model speaks: `lockstep train` makes one, "
    "which is listed and enters shadow while `lockstep keeper` runs"
)


def list_models(*, as_json: bool, everything: bool) -> None:
    """Print one line a version and target.

    Raises:
        Unavailable: The database doesn't answer.
    """
    settings = load()
    found = [row for row in rows_of(settings, overview_of(settings)) if everything or row.state != "retired"]
    if as_json:
        for row in found:
            sys.stdout.write(msgspec.json.encode(row).decode() + "\n")
        return
    from rich.console import Console

    Console().print(table(found) if found else NOBODY)


def show_model(model: str, *, as_json: bool) -> None:
    """Print all that is known of one version.

    Raises:
        Unknown: There is none of that name.
        ConfigurationError: There are several.
        Unavailable: The database doesn't answer.
    """
    settings = load()
    told = described(settings, overview_of(settings), model)
    if as_json:
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
        return
    from rich.console import Console
    from rich.pretty import Pretty

    console = Console()
    console.print(f"{told['model']}, trained on data up to {told['time']:%Y-%m-%d %H:%M}, bytes {told['digest']}")
    console.print(table(told["states"]))
    console.print("training report:", Pretty(told["evidence"]))
    for step in told["steps"]:
        about = ", ".join(step["targets"]) or "all targets"
        console.print(f"{step['time']:%Y-%m-%d %H:%M}  {step['state']} for {about}, by {step['by']}: {step['reason']}")


def promote(model: str, targets: list[str], reason: str) -> str:
    """Write that a version becomes champion; says what was done.

    Raises:
        ConfigurationError: It can't.
        Unavailable: Broker or database don't answer.
    """
    return _write(lambda seen: [step(seen, model, "champion", targets, reason, _user())])


def retire(model: str, targets: list[str], reason: str) -> str:
    """Write that a version is over; see `promote`."""
    return _write(lambda seen: [step(seen, model, "retired", targets, reason, _user())])


def roll_back(target: str | None, reason: str) -> str:
    """Write that champions give way to those before them; see `promote`."""
    return _write(lambda seen: back_steps(seen, target, reason, _user()))


def back_steps(seen: Overview, target: str | None, reason: str, by: str) -> list[ModelTransition]:
    """What has to be written so that champions give way to those before them.

    Raises:
        ConfigurationError: There are none.
    """
    held = {t: m for t, m in seen.registry.champions.items() if target in (None, t)}
    if not held:
        raise ConfigurationError(f"the online model speaks for {target or 'all targets'}: nothing to roll back")
    by_model: dict[str, list[str]] = {}
    for name, model in sorted(held.items()):
        by_model.setdefault(model, []).append(name)
    return [step(seen, m, "retired", names, reason, by) for m, names in by_model.items()]


def _write(steps: Callable[[Overview], list[ModelTransition]]) -> str:
    settings = load()
    seen = overview_of(settings)
    due = steps(seen)
    send(settings, due)
    told = []
    for one in due:
        back = {t: seen.registry.previous.get(t, ONLINE) for t in one.targets if seen.registry.champion(t) == one.model}
        then = f"; {', '.join(f'{m} takes over {t}' for t, m in back.items())}" if back else ""
        told.append(f"{one.model} becomes {one.state} for {', '.join(one.targets)}{then}")
    return "\n".join([*told, "written to the log; `lockstep models list` shows it when the keeper has seen it"])


def step(seen: Overview, model: str, state: State, targets: list[str], reason: str, by: str) -> ModelTransition:
    """What has to be written so that a version enters a state.

    Args:
        model: Name of the version, or how it begins.

    Raises:
        Unknown: There is none of that name.
        ConfigurationError: It can't, or there are several.
    """
    version = _named(seen, model)
    able: dict[str, Life] = {t: life for t, life in version.life.items() if state in LEGAL[life]}
    wanted = targets or sorted(able)
    wrong = [t for t in wanted if t not in able]
    if wrong or not wanted:
        lives = ", ".join(f"{life} for {t}" for t, life in sorted(version.life.items()))
        raise ConfigurationError(
            f"{version.model} can't be {state} for {', '.join(wrong) or 'anything'}: it is {lives}"
        )
    # The twin's time, not ours: an old recording may be played. After the version's last step: an id is a function of
    # state and time, and to become champion for a second time is another event.
    time = from_ms(max(seen.tally.newest(), *(since + 1 for since in version.since.values())))
    return new_transition(version.model, state, time, targets=wanted, reason=reason or "by hand", by=by)


def _user() -> str:
    return f"user {getpass.getuser()}"


def _named(seen: Overview, model: str) -> Version:
    known = seen.registry.versions
    if model in known:
        return known[model]
    fitting = [name for name in known if name.startswith(model)]
    if not fitting:
        raise Unknown(f"the name {model!r} fits none: `lockstep models list --all` shows them")
    if len(fitting) > 1:
        raise ConfigurationError(
            f"the name {model!r} fits {', '.join(fitting)}: `lockstep models list --all` shows them"
        )
    return known[fitting[0]]


def overview_of(settings: Settings, at: datetime | None = None) -> Overview:
    """All versions, from the database.

    Args:
        at: What was known by this time only.

    Raises:
        Unavailable: It doesn't answer.
    """
    dsn = running(settings).dsn
    models, steps = store.models(dsn), store.lives(dsn)
    alive = overview(models, steps, [], at).registry.alive()
    newest = store.newest_comparison(dsn, at)
    # Nobody is told how those stand that are over, and what is older decides nothing.
    found = [] if newest is None else store.comparisons(dsn, newest - timedelta(milliseconds=KEPT_MS), alive)
    return overview(models, steps, found, at)


def rows_of(settings: Settings, seen: Overview) -> list[Row]:
    """One a version and target, in the order they came."""
    return rows(seen, horizons(settings), gate_rule(settings))


def described(settings: Settings, seen: Overview, model: str) -> dict[str, Any]:
    """All that is known of one version.

    Raises:
        Unknown: There is none of that name.
        ConfigurationError: There are several.
    """
    name = _named(seen, model).model
    own = [row for row in rows_of(settings, seen) if row.model == name]
    steps = [each._asdict() for each in seen.steps if each.model == name]
    return seen.models[name]._asdict() | {"states": own, "steps": steps}
