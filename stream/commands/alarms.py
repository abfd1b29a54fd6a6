"""`lockstep alarms`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

alarms = typer.Typer(help="Alarms: which stand and why, and what people say of them.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]
Which = Annotated[str, typer.Argument(help="Its number, as `lockstep alarms list` shows it, or OBJECT/ID.")]
Text = Annotated[str, typer.Option("--comment", help="Stands in its record.")]
By = Annotated[str, typer.Option("--by", help="Who says so; by default who is logged in.")]


@alarms.command("list")
def alarms_list(
    below: Annotated[str, typer.Option(help="Distinguished name: only of that object and below it.")] = "",
    all_: Annotated[bool, typer.Option("--all", help="Also those kept back: flapping, planned, asleep.")] = False,
    roots: Annotated[bool, typer.Option("--roots", help="Only those that nothing else has caused.")] = False,
    as_json: AsJson = False,
) -> None:
    """List alarms that stand, worst first, with their root cause and the time they escalate."""
    from stream.alarms.commands import standing

    found = standing(below, held=all_, roots=roots)
    if as_json:
        import msgspec

        for one in (*found.alarms, *found.own):
            typer.echo(msgspec.json.encode(one).decode())
        typer.echo(json.dumps({"counts": found.counts}))
    else:
        from stream.showing.alarms import show_alarms

        show_alarms(found)


@alarms.command("ack")
def alarms_ack(
    alarm: Which,
    text: Text = "",
    by: By = "",
    undo: Annotated[bool, typer.Option("--undo", help="Take the acknowledgement back.")] = False,
) -> None:
    """Acknowledge an alarm: it doesn't escalate any more."""
    from stream.alarms.commands import say

    typer.echo(f"sent as {say('unacknowledge' if undo else 'acknowledge', alarm, text, by)}")


@alarms.command("comment")
def alarms_comment(alarm: Which, text: Annotated[str, typer.Argument(help="The words.")], by: By = "") -> None:
    """Say something of an alarm."""
    from stream.alarms.commands import say

    typer.echo(f"sent as {say('comment', alarm, text, by)}")


@alarms.command("clear")
def alarms_clear(alarm: Which, text: Text = "", by: By = "") -> None:
    """End an alarm by hand, whose source never will."""
    from stream.alarms.commands import say

    typer.echo(f"sent as {say('clear', alarm, text, by)}")


@alarms.command("doubt")
def alarms_doubt(
    below: Annotated[str, typer.Argument(help="Distinguished name: the alarms of that object and below it.")],
) -> None:
    """Hold alarms in doubt until their source tells them again, as after a source was restored from a backup."""
    from stream.alarms.commands import say

    typer.echo(f"sent as {say('confirm', '', below=below)}")


@alarms.command("outage")
def alarms_outage(
    dn: Annotated[str, typer.Argument(help="Distinguished name: work on that object, and so on all below it.")],
    begin: Annotated[str, typer.Option("--from", help="Such as 2026-03-01T01:00:00Z.")],
    end: Annotated[str, typer.Option("--to", help="Such as 2026-03-01T04:00:00Z.")],
    reason: Annotated[str, typer.Option(help="What is done.")] = "",
    id_: Annotated[str, typer.Option("--id", help="Of the work; the same again replaces it.")] = "",
    cancel: Annotated[bool, typer.Option("--cancel", help="It doesn't take place, or is over.")] = False,
) -> None:
    """Declare planned work: alarms below it that rise meanwhile are kept back, marked and counted."""
    from stream.alarms.commands import plan
    from stream.moments import moment

    first, last = moment(begin), moment(end)
    assert first is not None
    assert last is not None
    typer.echo(f"sent as {plan(dn, first, last, id_=id_, reason=reason, cancelled=cancel)}")
