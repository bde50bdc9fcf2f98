"""Commands on a register: follow the topics, upgrade the schema."""

from __future__ import annotations

from typing import Annotated

import typer

from surveillance.cli.terminal import out

app = typer.Typer(help="The register: what the pipeline found, for people.", no_args_is_help=True)
Url = Annotated[
    str, typer.Option("--url", metavar="URL", help="sqlite:///… or postgresql+psycopg://…")
]


def register(outer: typer.Typer) -> None:
    """Add the commands."""
    outer.add_typer(app, name="register")


@app.command("upgrade")
def upgrade(url: Url) -> int:
    """Bring the schema of a register up to this program's; keep what it holds."""
    from surveillance.register.upgrade import upgrade as run  # noqa: PLC0415 - Alembic loads slowly

    before, after = run(url)
    out.print(f"schema {after}" if before == after else f"schema {before} upgraded to {after}")
    return 0
