"""Signals as messages, and receivers on loopback that answer as they are told."""

from __future__ import annotations

import socket
import socketserver
import threading
from contextlib import closing, contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from msgspec.structs import replace
from register_rows import a_review, a_signal
from strategies import DAY, a_configuration, a_decision
from triaged import SIGNAL, TriagedEpochs, a_finding

from surveillance.configuration.types import ReviewRule, Triage
from surveillance.domain.signal import RunningClock, Step
from surveillance.log.messages import Output, encode_output
from surveillance.notices.changes import KINDS, Change
from surveillance.notices.receivers import Webhook
from surveillance.notices.wording import Notice, notice_of

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIGURATION = a_configuration(
    triage=Triage(
        alert_priority=1.0, review=(ReviewRule(name="fatal", min_fatal=1, ground="eu_harmful"),)
    )
)
SECRET = b"0123456789abcdef0123456789abcdef"
N_LINES = 300  # of a greeting that goes on far longer than an attempt may take
REASON = "We telephoned the reporter."


DETECTED = a_signal(priority=0.4)
MOVED = Step(
    on=DAY, status="under_validation", action="start_validation", n=3, decided_by="a.person",
    reason=REASON, public_reason="We look into it.",
)  # fmt: skip
CLOCK = RunningClock(
    code="eu_confirmation", citation="a source", started_on=DAY, due_on=DAY + timedelta(days=30),
    warn_on=DAY + timedelta(days=23),
)  # fmt: skip
WARNED = replace(CLOCK, is_warned=True)
BREACHED = replace(WARNED, is_breached=True)


def a_webhook(**changes: Any) -> Webhook:  # noqa: ANN401 - its fields
    """Return a receiver of everything."""
    values: dict[str, Any] = {"url": "https://x.example/in", "secret_env": "S", "kinds": KINDS}
    return Webhook(**(values | changes))


class Log(NamedTuple):
    """What triage emitted, epoch by epoch: as it is, and as messages of the topic."""

    outputs: dict[int, Output]

    @property
    def messages(self) -> list[bytes]:
        """All messages, in order."""
        return [
            message
            for epoch, output in self.outputs.items()
            for message in encode_output("triage/0", epoch, output)
        ]


def a_log() -> Log:
    """Return a signal that appears, is decided on, overruns its limit, and gets a death."""
    desk, outputs = TriagedEpochs(CONFIGURATION), {}
    for day, items in (
        (0, [a_finding()]),
        (1, [a_decision(SIGNAL, reason=REASON)]),
        (2, [a_decision(SIGNAL, "validate", reason=REASON)]),
        (25, []),
        (33, []),
        (34, [a_finding(n_pair=9, n_fatal=1, change="grown")]),
    ):
        desk.epoch = day - 1
        outputs[day] = desk.close(*items)
    return Log(outputs)


class Posted(NamedTuple):
    """One request that a receiver got."""

    headers: dict[str, str]
    body: bytes

    @property
    def notice(self) -> dict[str, Any]:
        """The body as JSON."""
        found: dict[str, Any] = msgspec.json.decode(self.body)
        return found


class HttpReceiver:
    """Answers each request with the next of `answers`, and with 200 when none is left."""

    def __init__(self) -> None:
        self.answers: list[int | str] = []
        self.posted: list[Posted] = []
        self.n_finished = 0  # answers that trickled in to their end
        self.ending = threading.Event()
        self.address = ("", 0)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.address[1]}/in?x=1"

    def handle(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        length = int(handler.headers["Content-Length"])
        headers = {**dict(handler.headers.items()), "path": handler.path}
        self.posted.append(Posted(headers, handler.rfile.read(length)))
        answer = self.answers.pop(0) if self.answers else 200
        if answer == "hang":
            self.ending.wait(30)
        elif answer == "trickle":
            for byte in b"HTTP/1.1" + b" " * 1000:
                if self.ending.wait(0.02):
                    return
                handler.wfile.write(bytes([byte]))
                handler.wfile.flush()
            self.n_finished += 1
        elif answer == "garbage":
            handler.wfile.write(b"\x00\xffnonsense\r\n\r\n")
        elif isinstance(answer, int):
            handler.send_response(answer)
            if 300 <= answer < 400:
                handler.send_header("Location", self.url)
            if answer == 503:
                handler.send_header("Retry-After", "77")
            handler.send_header("Content-Length", "0")
            handler.end_headers()
        handler.close_connection = True


@contextmanager
def http_receiver() -> Iterator[HttpReceiver]:
    """Listen on loopback until the end of the block."""
    receiver = HttpReceiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            receiver.handle(self)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    with _serving(ThreadingHTTPServer(("127.0.0.1", 0), Handler), receiver):
        yield receiver


class SmtpReceiver:
    """Takes mail. Refuses addresses that begin with `no`; `hangs_up` names how it misbehaves."""

    def __init__(self) -> None:
        self.mails: list[tuple[str, bytes]] = []
        self.n_greeted = 0
        self.misbehaves = ""  # at: "greeting", "data", "quit"
        self.ending = threading.Event()
        self.address = ("", 0)

    @property
    def server(self) -> str:
        """Where it listens."""
        return f"127.0.0.1:{self.address[1]}"

    def handle(self, handler: socketserver.StreamRequestHandler) -> None:
        """Speak with one client."""
        to = ""
        self.n_greeted += 1
        for _ in range(N_LINES if self.misbehaves == "greeting" else 0):
            if self.ending.wait(0.05):
                break
            handler.wfile.write(b"220-and more\r\n")  # each line in time
        handler.wfile.write(b"220 here\r\n")
        while line := handler.rfile.readline():
            word = line[:4].upper().strip()
            if word == b"DATA" and self.misbehaves == "data":
                return
            if word == b"QUIT":
                if self.misbehaves == "quit":
                    self.ending.wait(30)
                handler.wfile.write(b"221 bye\r\n")
                return
            if word == b"RCPT":
                to = line.decode().partition("<")[2].partition(">")[0]
                handler.wfile.write(b"550 nobody\r\n" if to.startswith("no") else b"250 ok\r\n")
                continue
            if word == b"DATA":
                handler.wfile.write(b"354 go on\r\n")
                self.mails.append((to, b"".join(_until_dot(handler))))
            handler.wfile.write(b"250 ok\r\n")


def _until_dot(handler: socketserver.StreamRequestHandler) -> Iterator[bytes]:
    while (line := handler.rfile.readline()) not in (b".\r\n", b""):
        yield line


@contextmanager
def smtp_receiver() -> Iterator[SmtpReceiver]:
    """Listen on loopback until the end of the block."""
    receiver = SmtpReceiver()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            receiver.handle(self)

    class Server(socketserver.ThreadingTCPServer):
        allow_reuse_address = True

    with _serving(Server(("127.0.0.1", 0), Handler), receiver):
        yield receiver


@contextmanager
def silent_address() -> Iterator[tuple[str, int]]:
    """Give an address on loopback that answers no attempt to connect: its queue is full."""
    with closing(socket.socket()) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        queued = [socket.socket() for _ in range(3)]  # nobody takes them
        for one in queued:
            one.setblocking(False)
            one.connect_ex(listening.getsockname())
        try:
            yield listening.getsockname()
        finally:
            for one in queued:
                one.close()


@contextmanager
def _serving(
    server: socketserver.TCPServer, receiver: HttpReceiver | SmtpReceiver
) -> Iterator[None]:
    server.handle_error = lambda *_: None  # type: ignore[method-assign] # clients that gave up
    receiver.address = server.server_address  # type: ignore[assignment] # of IPv4
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield
    finally:
        receiver.ending.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


def every_notice(*, internal_reasons: bool = False) -> list[Notice]:
    """Return a notice of each kind, with all that one may hold."""
    signal = replace(DETECTED, history=(MOVED,), reviews=(a_review(),), clocks=(BREACHED,))
    return [
        notice_of(
            Change(kind, 7, signal, "P1", MOVED, BREACHED, a_review(), "P3"),
            name="n", deployment="here", band="P1", law=CONFIGURATION.law,
            internal_reasons=internal_reasons,
        )
        for kind in KINDS
    ]  # fmt: skip
