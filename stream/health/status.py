"""`lockstep status`: asks the workers of this machine, or one elsewhere, how they are."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import msgspec

from infra.settings import load
from stream.health.endpoints import endpoints
from twin.errors import Unavailable

TIMEOUT_S = 5.0


def workers(url: str | None) -> list[str]:
    """The addresses to ask.

    Raises:
        Unavailable: No worker runs here.
    """
    if url:
        return [url.rstrip("/")]
    settings = load()
    found = [one.url for one in endpoints(settings)]
    if not found:
        raise Unavailable(
            f"no worker runs with the state directory {settings.state_dir}: start `lockstep worker`, or name one "
            "elsewhere with --url (a worker with an empty LOCKSTEP_HEALTH_BIND can't be asked)"
        )
    return found


def is_ready(url: str) -> tuple[bool, list[str]]:
    """Whether a worker is ready, and why not."""
    code, body = _get(f"{url}/readyz", None)
    said = msgspec.json.decode(body) if code in (200, 503) else {"reasons": [f"it answers {code}"]}
    return code == 200, list(said["reasons"])


def status(url: str, token_file: Path | None = None, first: int = 0, limit: int = 20) -> dict[str, Any]:
    """Everything a worker says of itself.

    Args:
        first, limit: Of the stale elements.

    Raises:
        Unavailable: It doesn't answer, or not to us.
    """
    token = token_file.read_text().strip() if token_file else None
    code, body = _get(f"{url}/status?first={first}&limit={limit}", token)
    if code in (401, 403):
        raise Unavailable(f"{url} wants a token with the role read: give it with --token-file")
    if code != 200:
        raise Unavailable(f"{url} answers {code}: is it a Lockstep worker?")
    said: dict[str, Any] = msgspec.json.decode(body)
    return {"url": url, **said}


def _get(url: str, token: str | None) -> tuple[int, bytes]:
    if not url.startswith(("http://", "https://")):
        raise Unavailable(f"{url} is not an address: it begins with http:// or https://")
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {})
    # What a proxy says is not what the worker says.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=TIMEOUT_S) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
    except OSError as error:
        raise Unavailable(f"{url} does not answer ({error}): is the worker alive?") from error


def show(said: dict[str, Any]) -> None:
    """Print one worker's status."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    mark = "[green]ready" if said["ready"] else "[red]not ready"
    console.print(f"{said['worker']}  {said['url']}  {mark}[/]  version {said['version']}, since {said['started']}")
    for reason in said["reasons"]:
        console.print(f"  [red]-[/] {reason}", highlight=False)
    table = Table(box=None)
    for column in ("partition", "state", "phase", "committed", "lag", "event time lag", "progress age", "waits for"):
        table.add_column(column, justify="right" if column in ("committed", "lag") else "left")
    for one in said["partitions"]:
        waits = ", ".join(f"{w['for']} ({w['step']}, {w['for_s']:.0f} s)" for w in one["waits"] if w["for_s"] >= 1)
        table.add_row(
            str(one["partition"]),
            f"[red]{one['state']}" if one["state"] == "stuck" else one["state"],
            one["phase"],
            _text(one["committed"]),
            _text(one["committed_lag"]),
            duration(one["event_time_lag_s"]),
            duration(one["progress_age_s"]),
            waits,
        )
    if said["partitions"]:
        console.print(table)
    else:
        console.print("no partitions")
    stale = said["stale_elements"]
    if stale["total"] is None:
        console.print("stale elements: the worker's event loop did not answer")
    elif stale["total"]:
        console.print(f"{stale['total']} stale elements, those silent longest first:")
        for one in stale["items"]:
            console.print(
                f"  {one['element']}  last period {one['last_period']}, heard {one['heard']}", highlight=False
            )


def duration(seconds: float | None) -> str:
    """Seconds for people.

    >>> duration(59.4), duration(3700), duration(200_000), duration(None)
    ('59 s', '61 min', '55 h', '-')
    """
    if seconds is None:
        return "-"
    if abs(seconds) < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if abs(seconds) < 7200 else f"{seconds / 3600:.0f} h"


def _text(number: int | None) -> str:
    return "-" if number is None else str(number)
