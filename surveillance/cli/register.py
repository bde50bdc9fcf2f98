"""Commands on a register: follow the topics, upgrade the schema."""

from __future__ import annotations

from typing import Annotated

import typer

from surveillance.cli.inputs import Config
from surveillance.cli.screen import print_lines
from surveillance.cli.service import ending_on_signals, report
from surveillance.cli.stream import DEFAULT_BROKER, Broker
from surveillance.cli.terminal import configurations

app = typer.Typer(help="The register: what the pipeline found, for people.", no_args_is_help=True)
Url = Annotated[
    str, typer.Option("--url", metavar="URL", help="sqlite:///… or postgresql+psycopg://…")
]


def register(outer: typer.Typer) -> None:
    """Add the commands."""
    outer.add_typer(app, name="register")


@app.command("follow")
def follow(
    url: Url,
    broker: Broker = DEFAULT_BROKER,
    config: Config = None,
    until_caught_up: Annotated[
        bool, typer.Option("--until-caught-up", help="End with all read that is there now.")
    ] = False,
    metrics_address: Annotated[
        str, typer.Option(help="HOST:PORT for /metrics, or `off`.")
    ] = "127.0.0.1:9465",
) -> int:
    """Write the register from the topics, as a service."""
    from surveillance.instrumentation.metrics import serve_metrics  # noqa: PLC0415 - loads slowly
    from surveillance.instrumentation.register_metrics import RegisterMetrics  # noqa: PLC0415
    from surveillance.stream.register_follower import RegisterFollower  # noqa: PLC0415

    chosen, _ = configurations(config or [], default="vaers")
    metrics = RegisterMetrics()
    if metrics_address != "off":
        serve_metrics(metrics.registry, metrics_address)
    ending = ending_on_signals()
    follower = RegisterFollower(broker, url, chosen.current, metrics, ending=ending, report=report)
    follower.run(until_caught_up=until_caught_up)
    return 0


@app.command("upgrade")
def upgrade(url: Url) -> int:
    """Bring the schema of a register up to this program's; keep what it holds."""
    from surveillance.register.upgrade import upgrade as run  # noqa: PLC0415 - Alembic loads slowly

    before, after = run(url)
    print_lines(f"schema {after}" if before == after else f"schema {before} upgraded to {after}")
    return 0
