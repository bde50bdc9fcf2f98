"""A real Chromium without a window, told what to do over its own protocol."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import socket
import struct
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECONDS = 60.0
_FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run", "--remote-debugging-port=0",
    "--remote-allow-origins=*", "about:blank",
)  # fmt: skip


class Browser:
    """One page of a browser."""

    def __init__(self, address: str) -> None:
        self._stream = _connected(address)
        self._n = 0
        self.events: list[dict[str, Any]] = []
        for one in ("Page", "Network", "Log", "Runtime"):
            self.do(f"{one}.enable")

    def do(self, method: str, **parameters: Any) -> dict[str, Any]:  # noqa: ANN401 - as the protocol
        """Give an order, and wait for its answer."""
        self._n += 1
        _send(self._stream, {"id": self._n, "method": method, "params": parameters})
        while True:
            found = _receive(self._stream)
            if found.get("id") == self._n:
                assert "error" not in found, found
                result: dict[str, Any] = found["result"]
                return result
            self.events.append(found)

    def open(self, address: str) -> None:
        """Open an address, and wait until it is there whole."""
        self.do("Page.navigate", url=address)
        end = time.monotonic() + SECONDS
        while self.js("location.href + document.readyState") != f"{address}complete":
            assert time.monotonic() < end, address
            time.sleep(0.02)

    def js(self, expression: str) -> Any:  # noqa: ANN401 - whatever it is
        """Return the value of an expression."""
        found = self.do("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def resize(self, width: int, *, is_dark: bool) -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self.do("Emulation.setEmulatedMedia", features=[scheme])
        self.do(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=900, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip

    def press(self, key: str) -> None:
        text = {"text": "\r"} if key == "Enter" else {"text": key}
        code = {"windowsVirtualKeyCode": 13} if key == "Enter" else {}
        self.do("Input.dispatchKeyEvent", type="keyDown", key=key, **text, **code)
        self.do("Input.dispatchKeyEvent", type="keyUp", key=key)

    def requested(self) -> list[str]:
        """Return the addresses of everything that was asked for."""
        return [
            one["params"]["request"]["url"]
            for one in self.events
            if one["method"] == "Network.requestWillBeSent"
        ]

    def complaints(self) -> list[str]:
        """Return what the browser refused or found wrong, a page that is not there left out."""
        logged = [
            one["params"]["entry"]["text"]
            for one in self.events
            if one["method"] == "Log.entryAdded"
        ]
        thrown = [str(one) for one in self.events if one["method"] == "Runtime.exceptionThrown"]
        return [one for one in logged if " 404 " not in one and " 400 " not in one] + thrown


@contextmanager
def chromium(folder: Path) -> Iterator[Browser]:
    """Start a browser; skip where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no chromium on the path: install it (Debian: chromium)")
    command = [program, f"--user-data-dir={folder}", *_FLAGS]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as run:
        try:
            browser = Browser(_page_of(folder, run))
            yield browser
            browser._stream.close()
        finally:
            run.terminate()


def _page_of(folder: Path, run: subprocess.Popen[bytes]) -> str:
    """Return the address at which the browser's page takes orders."""
    file, end = folder / "DevToolsActivePort", time.monotonic() + SECONDS
    while not file.exists() or not file.read_text(encoding="utf-8").strip():
        assert run.poll() is None, "the browser ended"
        assert time.monotonic() < end, "the browser did not get ready"
        time.sleep(0.05)
    port = file.read_text(encoding="utf-8").splitlines()[0]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/json") as answer:
        pages = [one for one in json.load(answer) if one["type"] == "page"]
    address: str = pages[0]["webSocketDebuggerUrl"]
    return address


def _connected(address: str) -> socket.socket:
    host, _, path = address.removeprefix("ws://").partition("/")
    name, _, port = host.partition(":")
    stream = socket.create_connection((name, int(port)), timeout=SECONDS)
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    stream.sendall(
        f"GET /{path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
    )
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += stream.recv(1)
    assert b" 101 " in head
    return stream


def _send(stream: socket.socket, order: dict[str, Any]) -> None:
    data, mask = json.dumps(order).encode(), os.urandom(4)
    n = len(data)
    size = bytes([0x80 | n]) if n < 126 else b"\xfe" + struct.pack(">H", n)
    assert n < 65_536
    stream.sendall(b"\x81" + size + mask + bytes(c ^ mask[i % 4] for i, c in enumerate(data)))


def _receive(stream: socket.socket) -> dict[str, Any]:
    text = b""
    while True:
        first, second = _exactly(stream, 2)
        n = second & 127
        if n == 126:
            (n,) = struct.unpack(">H", _exactly(stream, 2))
        elif n == 127:
            (n,) = struct.unpack(">Q", _exactly(stream, 8))
        text += _exactly(stream, n)
        if first & 0x80:
            found: dict[str, Any] = json.loads(text)
            return found


def _exactly(stream: socket.socket, n: int) -> bytes:
    found = b""
    while len(found) < n:
        some = stream.recv(n - len(found))
        assert some, "the browser hung up"
        found += some
    return found
