"""`longwatch console`: pages that show a run or a register, on this machine alone."""

from __future__ import annotations

import socket
from threading import Thread
from typing import Annotated

import typer

from surveillance.cli.options import FromRun, RegisterUrl
from surveillance.cli.screen import print_lines, visible
from surveillance.domain.errors import Misused
from surveillance.views.results import Results, open_results

HOST = "127.0.0.1"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("console")(console_command)


def console_command(
    *,
    from_run: FromRun = None,
    register: RegisterUrl = None,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65_535, help="On this machine; 0 takes a free one.")
    ] = 0,
) -> int:
    """Show matters, signals and cases as pages in a browser on this machine; nothing is written."""
    source = open_results(from_run, register)
    place = f"run {from_run}" if from_run else f"register {source.reader.address}"
    with _listen(port) as listening:
        _serve(source, visible(place), listening)
    return 0


def _listen(port: int) -> socket.socket:
    """Take a port on loopback.

    Raises
    ------
    Misused
        If another program has it.
    """
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        listening.listen()  # who opens the address at once waits, and is not turned away
    except OSError as error:
        listening.close()
        reason = f"cannot be taken ({error.strerror})"
        raise Misused(f"--port {port}", reason, "give another, or none for a free one") from None
    return listening


def _serve(source: Results, place: str, listening: socket.socket) -> None:
    import uvicorn  # noqa: PLC0415 - loads slowly, and no other command needs it

    from surveillance.console.app import console  # noqa: PLC0415 - as above

    app = console(source, place)
    port = listening.getsockname()[1]
    print_lines(f"console of {place}: http://{HOST}:{port}/  (Ctrl-C ends it)")
    # Whoever opens the address soon finds the last day computed; nobody waits for it here.
    Thread(target=app.state.known.day, args=(None,), daemon=True).start()
    settings = uvicorn.Config(
        app, log_config=None, access_log=False, server_header=False, lifespan="off"
    )
    uvicorn.Server(settings).run(sockets=[listening])
