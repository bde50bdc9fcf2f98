"""The system's Chromium, without a window."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from playwright.sync_api import sync_playwright
from servers import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

_FLAGS = ("--disable-gpu", "--disable-background-networking", "--disable-component-update")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start a browser; `refuse` where there is none."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        refuse("no chromium on the path: install it (Debian: chromium)")
    with sync_playwright() as drivers:
        browser = drivers.chromium.launch(executable_path=program, args=[*_FLAGS, "--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()
