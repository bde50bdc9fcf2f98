"""Commands that send notices: the service, and a test."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Annotated

import typer

from surveillance.cli.inputs import Config
from surveillance.cli.screen import print_lines
from surveillance.cli.service import ending_on_signals, report
from surveillance.cli.stream import DEFAULT_BROKER, Broker
from surveillance.cli.terminal import configurations
from surveillance.domain.errors import Misused

app = typer.Typer(
    help="Notices by webhook and e-mail: signals, requests for review, time limits.",
    no_args_is_help=True,
)
Receivers = Annotated[
    Path, typer.Option("--receivers", metavar="FILE", help="notify.toml: who gets which notices.")
]


def register(outer: typer.Typer) -> None:
    """Add the commands."""
    outer.add_typer(app, name="notify")


@app.command("follow")
def follow(
    receivers: Receivers,
    outbox: Annotated[
        Path, typer.Option(metavar="FILE", help="SQLite: what waits and what was sent.")
    ],
    broker: Broker = DEFAULT_BROKER,
    config: Config = None,
    until_caught_up: Annotated[
        bool,
        typer.Option("--until-caught-up", help="End with all read that is there now, and sent."),
    ] = False,
    metrics_address: Annotated[
        str, typer.Option(help="HOST:PORT for /metrics, or `off`.")
    ] = "127.0.0.1:9466",
) -> int:
    """Send notices of what the topics bring, as a service."""
    from surveillance.instrumentation.metrics import serve_metrics  # noqa: PLC0415 - loads slowly
    from surveillance.instrumentation.notice_metrics import NoticeMetrics  # noqa: PLC0415
    from surveillance.notices.channels import channel_of  # noqa: PLC0415
    from surveillance.notices.deriving import Deriving  # noqa: PLC0415
    from surveillance.notices.follower import NoticeFollower  # noqa: PLC0415
    from surveillance.notices.outbox import Outbox  # noqa: PLC0415
    from surveillance.notices.receivers import read_receivers  # noqa: PLC0415
    from surveillance.notices.sending import Sender, Senders  # noqa: PLC0415

    chosen, _ = configurations(config or [], default="vaers")
    named = read_receivers(receivers, chosen.current)
    channels = {name: channel_of(name, one, time.time) for name, one in named.items()}
    metrics, kept = NoticeMetrics(named), Outbox(outbox)
    senders = [
        Sender(name, one, kept, metrics, clock=time.time, report=report)
        for name, one in channels.items()
    ]
    if metrics_address != "off":
        serve_metrics(metrics.registry, metrics_address)
    ending = ending_on_signals()
    NoticeFollower(
        broker,
        kept,
        chosen.current,
        Deriving(chosen.current, named, time.time),
        Senders(senders, ending),
        metrics,
        receivers=frozenset(named),
        ending=ending,
        clock=time.time,
        report=report,
    ).run(until_caught_up=until_caught_up)
    return 0


@app.command("test")
def send_test(
    receiver: Annotated[
        str, typer.Argument(metavar="RECEIVER", help="Its name in the file of receivers.")
    ],
    receivers: Receivers,
    config: Config = None,
) -> int:
    """Send one notice that is marked as a test, and wait for the answer."""
    from surveillance.notices.channels import NotDelivered, channel_of  # noqa: PLC0415
    from surveillance.notices.receivers import read_receivers  # noqa: PLC0415
    from surveillance.notices.wording import a_test  # noqa: PLC0415

    chosen, _ = configurations(config or [], default="vaers")
    named = read_receivers(receivers, chosen.current)
    if receiver not in named:
        known = ", ".join(sorted(named))
        raise Misused(f"receiver {receiver}", f"is not in {receivers}", f"use one of {known}")
    channel = channel_of(receiver, named[receiver], time.time)
    for address in named[receiver].addresses:
        notice = a_test(secrets.token_hex(16), chosen.current.feed.name)
        try:
            channel.deliver(notice, address)
        except NotDelivered as fault:
            place = f"receiver {receiver}"
            remedy = "mend the receiver, its address or its secret"
            raise Misused(place, f"did not take the test notice ({fault})", remedy) from None
        print_lines(f"test notice {notice.id} was taken by {receiver} {address}".rstrip())
    return 0
