"""The `lockstep` command. Each command imports what it needs when it runs: `--help` stays fast."""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from stream.commands.alarms import alarms
from stream.commands.api import api
from stream.commands.bursts import burst_worker, bursts
from stream.commands.calibrate import calibrate
from stream.commands.coverage import coverage
from stream.commands.explain import explain
from stream.commands.ingest import convert, formats, ingest
from stream.commands.listen import listen
from stream.commands.models import keeper, models
from stream.commands.mqtt import mqtt
from stream.commands.schema import schema
from stream.commands.state import state, topology
from stream.commands.synthesise import synthesise
from stream.commands.train import train
from twin.errors import LockstepError

app = typer.Typer(
    name="lockstep",
    help="A digital twin of a mobile network that stays in step with the network itself.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(topology, name="topology")
app.command()(state)
app.command()(explain)
app.command()(coverage)
app.command()(schema)
app.command()(calibrate)
app.command()(train)
app.command()(synthesise)
app.command()(ingest)
app.command()(convert)
app.command()(formats)
app.command()(listen)
app.command()(mqtt)
app.command()(api)
app.command("burst-worker")(burst_worker)
app.add_typer(bursts, name="bursts")
app.add_typer(alarms, name="alarms")
app.command()(keeper)
app.add_typer(models, name="models")
token = typer.Typer(help="Who may use the HTTP interface.", no_args_is_help=True)
app.add_typer(token, name="token")

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object (or one a line).")]


@app.command()
def demo(
    for_: Annotated[
        str, typer.Option("--for", help="End by itself after this long, such as 60s; 0s: at Ctrl-C.")
    ] = "0s",
    as_json: AsJson = False,
    sites: Annotated[int, typer.Option(help="Base stations of the emulated network, three cells each.")] = 20,
    speed: Annotated[
        float | None, typer.Option(help="Emulated hours a second, at most; default 4, in a scene 1.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the emulated network.")] = 1,
    scene: Annotated[
        str | None,
        typer.Option(help="A ray-traced network instead, such as simple_street_canyon, with a burst worker."),
    ] = None,
    with_api: Annotated[
        bool | None, typer.Option("--api/--no-api", help="Serve the HTTP API beside it; by default unless --json.")
    ] = None,
) -> None:
    """Start everything on this machine, play an emulated network, show what the twin makes of it."""
    from stream.demo.live import run_demo

    pace = speed or (1.0 if scene else 4.0)
    sys.exit(
        run_demo(
            duration_text=for_,
            as_json=as_json,
            sites=sites,
            hours_per_second=pace,
            seed=seed,
            scene=scene,
            # What is measured is the twin alone.
            with_api=not as_json if with_api is None else with_api,
        )
    )


@app.command()
def worker(
    roles: Annotated[str, typer.Option(help="What this worker does: ingest, fold or both.")] = "ingest,fold",
) -> None:
    """Run a stream worker: telemetry in, predictions out. Starts broker and database where none are set."""
    if find_spec("uvloop"):
        os.environ.setdefault("FAUST_LOOP", "uvloop")  # Faust reads it when it is imported
    from infra.settings import load
    from stream.app import LockstepApp, run_worker
    from stream.services import started
    from stream.sources.profile import full_catalogue

    settings = load()
    with started(settings) as services:
        with_log = settings.model_copy(update={"log_id": services.log_id})
        lockstep = LockstepApp(
            with_log,
            services.bootstrap,
            services.dsn,
            full_catalogue(settings.profiles, settings.vendors),
            tuple(roles.split(",")),
        )
        status = run_worker(lockstep, settings.log_level)
    sys.exit(status)


@app.command()
def migrate() -> None:
    """Bring the database's schema up to date, and tell it how long to keep what."""
    from infra.settings import load
    from infra.store.migrate import migrate as run
    from stream.services import running

    settings = load()
    print(f"the schema has version {run(running(settings).dsn, settings.keep(), change=True)}")


@app.command()
def prune(as_json: AsJson = False) -> None:
    """Drop what is older than is to be kept: for plain PostgreSQL without a worker, which does it every hour."""
    from infra.settings import load
    from infra.store.prune import prune as run
    from stream.services import running

    done = run(running(load()).dsn)
    if as_json:
        horizon = done.horizon.isoformat() if done.horizon else None
        print(json.dumps({"deleted": done.deleted, "horizon": horizon, "left_to": done.left_to}))
    elif done.left_to:
        print(f"nothing was done: {done.left_to}")
    else:
        gone = ", ".join(f"{n} of {table}" for table, n in done.deleted.items() if n) or "none"
        print(f"rows deleted: {gone}; rows up to {done.horizon or 'none'} are summaries now")


@app.command()
def refresh(
    since: Annotated[datetime, typer.Argument(help="Begin, UTC, such as 2026-01-31.", formats=["%Y-%m-%d"])],
    until: Annotated[datetime, typer.Argument(help="End, UTC.", formats=["%Y-%m-%d"])],
) -> None:
    """Work rows that came later than LOCKSTEP_LATE_DAYS into the summaries, on TimescaleDB."""
    from infra.settings import load
    from infra.store.retention import refresh_all
    from stream.services import running

    begin, end = (moment.replace(tzinfo=UTC) for moment in (since, until))
    print("done" if refresh_all(running(load()).dsn, begin, end) else "nothing was done: plain PostgreSQL needs none")


@app.command()
def topics() -> None:
    """Create the topics that don't exist yet, and list them all."""
    from infra.settings import load
    from stream.app import prepare_topics
    from stream.services import running
    from stream.topics import TOPICS

    settings = load()
    services = running(settings)
    prepare_topics(settings.model_copy(update={"partitions": services.partitions}), services.bootstrap)
    for topic in TOPICS:
        partitions = topic.partitions or services.partitions
        print(f"{settings.topic_prefix}{topic.name:<24} {partitions:>3} partitions, key {topic.key}")


@app.command()
def replay(
    path: Annotated[
        Path, typer.Argument(help="A recording, or a directory or file that a profile reads.", exists=True)
    ],
    profile: Annotated[str | None, typer.Option(help="Name of a profile, or a TOML file.")] = None,
    as_json: AsJson = False,
    score_last: Annotated[
        str | None, typer.Option(help="Score only the last part of the recording, such as 24h.")
    ] = None,
    target: Annotated[
        list[str] | None, typer.Option(help="Such as 'RRU.PrbTotDl>70@1h'; several are possible.")
    ] = None,
    batch: Annotated[int, typer.Option(help="Records folded at once; the result doesn't depend on it.")] = 500,
    to_kafka: Annotated[bool, typer.Option(help="Send to the topic twin.inbox instead of folding here.")] = False,
) -> None:
    """Fold a recording in-process, without a broker, and print what came out."""
    from stream.replaying import replay_path

    done = replay_path(path, profile, target or [], batch, score_last, to_kafka=to_kafka, progress=not as_json)
    if as_json:
        print(json.dumps(done))
    elif to_kafka:
        print(f"{done['sent']} records sent to the log")
    else:
        from stream.showing.results import show_replay

        show_replay(done)


@app.command()
def record(
    path: Annotated[Path, typer.Argument(help="Where to write the recording (.jsonl.gz).")],
    source: Annotated[
        Path | None, typer.Option(help="What a profile reads; without it the running log is recorded.")
    ] = None,
    profile: Annotated[str | None, typer.Option(help="Name of a profile, or a TOML file.")] = None,
    partitions: Annotated[int, typer.Option(help="Of the recording, with a profile.")] = 4,
) -> None:
    """Write a slice of the log to a file: all of the running log up to now, or what a profile reads."""
    from stream.recorder import record_log, record_profile

    if source is not None:
        if profile is None:
            raise typer.BadParameter("--source needs --profile")
        count = record_profile(path, source, profile, partitions)
    else:
        count = record_log(path)
    print(f"{count} records written to {path}")


@app.command()
def subscribe(
    what: Annotated[
        str, typer.Argument(help="congestion, failure, alarms, own-alarms, drift, fidelity, updates, scores, rejected.")
    ] = "congestion",
    as_json: AsJson = False,
    since_start: Annotated[bool, typer.Option("--from-start", help="Begin with the oldest message there is.")] = False,
    limit: Annotated[int, typer.Option(help="Stop after so many; 0: never.")] = 0,
) -> None:
    """Print live predictions, or another of the twin's topics."""
    from stream.subscriber import subscribe as run

    run(what, as_json=as_json, from_start=since_start, limit=limit, follow=True)


@app.command()
def rejected(
    as_json: AsJson = False,
    limit: Annotated[int, typer.Option(help="Stop after so many; 0: all there are.")] = 0,
    resend: Annotated[bool, typer.Option(help="Send them again to where they were read, after a fix.")] = False,
) -> None:
    """Show what could not be used, why, and where it was read."""
    from stream.subscriber import resend_rejected
    from stream.subscriber import subscribe as run

    if resend:
        sent, cut = resend_rejected(limit)
        print(
            f"{sent} messages sent again"
            + (f", {cut} could not be: they were not kept whole, being too large or about subscribers" if cut else "")
        )
        return
    run("rejected", as_json=as_json, from_start=True, limit=limit, follow=False)


@app.command()
def status(
    as_json: AsJson = False,
    ready: Annotated[bool, typer.Option("--ready", help="Only say whether all are ready: a health check.")] = False,
    url: Annotated[str | None, typer.Option(help="Of a worker's health server; default: all of this machine.")] = None,
    token_file: Annotated[Path | None, typer.Option(help="Holds a token with the role read.", exists=True)] = None,
    first: Annotated[int, typer.Option(min=0, help="Stale elements to pass over.")] = 0,
    limit: Annotated[int, typer.Option(min=0, max=1000, help="Stale elements to show, at most.")] = 20,
) -> None:
    """Show running workers: partitions, lags, what is stuck and why, silent elements. Exit status 1: not ready."""
    from stream.health.status import is_ready, show, workers
    from stream.health.status import status as ask

    if ready:
        answers = [(one, *is_ready(one)) for one in workers(url)]
        for one, good, reasons in answers:
            print(f"{one}: {'ready' if good else 'not ready: ' + '; '.join(reasons)}")
        sys.exit(0 if all(good for _, good, _ in answers) else 1)
    said = [ask(one, token_file, first, limit) for one in workers(url)]
    for worker_status in said:
        if as_json:
            print(json.dumps(worker_status))
        else:
            show(worker_status)
    sys.exit(0 if all(worker_status["ready"] for worker_status in said) else 1)


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Check broker, database and libraries, and say what to do."""
    from stream.doctor import examine, show

    findings = examine()
    if as_json:
        print(json.dumps([finding._asdict() for finding in findings]))
    else:
        show(findings)
    sys.exit(0 if all(finding.ok or not finding.needed for finding in findings) else 1)


@token.command("new")
def token_new(
    name: Annotated[str, typer.Option(help="Whose it is: stands in the tokens' file, never the token itself.")],
    role: Annotated[str, typer.Option(help="read, or operate, which may do more.")] = "read",
) -> None:
    """Make a token: it is shown once, and never again; store the line in the file of LOCKSTEP_TOKENS_FILE."""
    from infra.access import new_token

    made, line = new_token(name, role)
    print(f"token, for {name}, shown only now:  {made}\nline, for the tokens' file:  {line}")


def main() -> Any:
    """Entry point: an error of ours is one line, not a traceback."""
    try:
        return app()
    except LockstepError as error:
        print(f"lockstep: {error}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
