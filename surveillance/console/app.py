"""The console as a web application: which page answers which address, and under which rules.

It only reads. No page loads anything from another place, and none has a script or a style within
it, so that the content security policy needs neither exceptions nor nonces, and the same question
about the same day gives the same bytes.
"""

from __future__ import annotations

import sys
import traceback
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from litestar import Litestar, Request, Response, get
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.response import Redirect

from surveillance.console import cases, exports, inbox, lists, log_pages, programme
from surveillance.console.api import reading
from surveillance.console.api.answers import PROBLEM, misread, problem
from surveillance.console.asked import Asked, NotThere
from surveillance.console.atom import feed_atom
from surveillance.console.compare import compare
from surveillance.console.desk_page import desk
from surveillance.console.exports import File
from surveillance.console.figure_page import FIGURE_FILES, figure
from surveillance.console.form_page import validation
from surveillance.console.kept import Known
from surveillance.console.matter import matter
from surveillance.console.meeting import meeting
from surveillance.console.pages import STATIC, Page, render, static
from surveillance.console.review import review
from surveillance.console.signal_page import signal
from surveillance.domain.errors import Away, Misused
from surveillance.views.written import visible

if TYPE_CHECKING:
    from collections.abc import Callable

    from litestar.handlers import HTTPRouteHandler
    from litestar.types import Message, Scope

    from surveillance.views.results import Results

HOSTS = ("127.0.0.1", "localhost", "::1")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
PAGES: dict[str, Callable[[Known, Asked], Page]] = {
    "/inbox": inbox.inbox,
    "/desk": desk,
    "/r/{name:str}": review,
    "/meeting": meeting,
    "/compare": compare,
    "/m/{name:str}": matter,
    "/s/{name:str}": signal,
    "/s/{name:str}/form": validation,
    "/cases": cases.cases,
    "/case": cases.case,
    "/product": lists.product,
    "/event": lists.event,
    "/programmes": programme.programmes,
    "/programme": programme.programme,
    "/figure": figure,
    "/search": lists.search,
    "/feed": log_pages.feed,
    "/data": log_pages.data,
    "/system": log_pages.system,
}
FILES = exports.FILES | FIGURE_FILES | {"/feed.atom": feed_atom}
_DESCRIBED = OpenAPIConfig(
    title="longwatch",
    version="1",
    description="What the console shows, for programs: read only, as of any day.",
    path="/api",
    render_plugins=[JsonRenderPlugin(path="/openapi.json")],
)
NAVIGATION = {
    "/inbox": "Inbox",
    "/desk": "Reviews",
    "/meeting": "Meeting",
    "/programmes": "Programmes",
    "/search": "Search",
    "/feed": "Feed",
    "/data": "Data quality",
    "/system": "System",
}


def console(results: Results, place: str) -> Litestar:
    """Return the console over a run or a register.

    Parameters
    ----------
    results : Results
        What is looked at; nothing is written to it.
    place : str
        Where it is, as people know it.
    """
    known = Known(results, place)
    known.configuration()  # a register without one has no matters: told at once
    handlers = [
        *reading.HANDLERS,
        _to_the_inbox,
        _static,
        *(_page(known, path, page) for path, page in PAGES.items() if _is_here(known, path)),
        *(_file(known, path, file) for path, file in FILES.items() if _is_here(known, path)),
    ]

    def explain(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
        return _explained(known, request, error)

    return Litestar(
        handlers,
        state=State({"known": known}),
        openapi_config=_DESCRIBED,
        exception_handlers={Exception: explain},
        before_send=[_guard],
        before_request=_require_host,
        logging_config=None,
    )


def _is_here(known: Known, path: str) -> bool:
    """Tell whether a page can have anything to show: a register alone holds no feed."""
    if path.startswith("/feed"):
        return known.source.directory is not None
    return not path.startswith("/programme") or bool(known.configuration().programmes.programme)


async def _guard(message: Message, scope: Scope) -> None:  # noqa: ARG001 - as Litestar calls it
    if message["type"] == "http.response.start":
        held = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
        message["headers"] = [*message["headers"], *held]


async def _require_host(request: Request[Any, Any, Any]) -> None:
    """Refuse what was sent to another name: a page elsewhere could have its name point here."""
    host = request.headers.get("host", "").rsplit(":", 1)[0].strip("[]")
    if host not in HOSTS:
        what, why = "This address is not answered", "the console answers on this machine alone"
        raise NotThere(421, what, why, "open it by http://127.0.0.1 and its port")


@get("/", sync_to_thread=False, include_in_schema=False)
def _to_the_inbox(request: Request[Any, Any, Any]) -> Redirect:
    return Redirect(_asked(request).to("/inbox"), status_code=307)


@get("/static/{name:str}", sync_to_thread=False, include_in_schema=False)
def _static(request: Request[Any, Any, Any]) -> Response[bytes]:
    name = str(request.path_params["name"])
    if name not in STATIC:
        raise NotThere(404, "There is no such file", "pages load no other", "go to the inbox")
    held = {"cache-control": "max-age=31536000, immutable"}  # its address carries its digest
    return Response(static(name), media_type=STATIC[name], headers=held)


def _page(known: Known, path: str, page: Callable[[Known, Asked], Page]) -> HTTPRouteHandler:
    @get(path, sync_to_thread=True, name=path, include_in_schema=False)
    def handle(request: Request[Any, Any, Any]) -> Response[bytes]:
        asked = _asked(request)
        return _html(render(page(known, asked), asked, _frame(known, asked)), 200)

    return handle


def _file(known: Known, path: str, make: Callable[[Known, Asked], File]) -> HTTPRouteHandler:
    @get(path, sync_to_thread=True, name=path, include_in_schema=False)
    def handle(request: Request[Any, Any, Any]) -> Response[bytes]:
        made = make(known, _asked(request))
        headers = {
            "content-disposition": f'attachment; filename="{made.name}"',
            "cache-control": "no-store",
            "x-row-count": str(made.n_rows),
            "x-sha256": sha256(made.content).hexdigest(),
        }
        return Response(made.content, media_type=made.media_type, headers=headers)

    return handle


def _asked(request: Request[Any, Any, Any]) -> Asked:
    query = {name: str(value) for name, value in request.query_params.items()}
    return Asked(request.url.path, query, str(request.path_params.get("name", "")))


def _html(content: bytes, status: int) -> Response[bytes]:
    headers = {"cache-control": "no-store"}
    return Response(content, media_type="text/html", status_code=status, headers=headers)


def _frame(known: Known, asked: Asked) -> dict[str, Any]:
    """Return what stands around every page."""
    epochs = known.epochs()
    day = known.day(asked.at)
    standing = next(one for one in reversed(epochs) if one.epoch == day.epoch)
    return _bare(known) | {
        "as_of": day.on,
        "is_past": day.on != epochs[-1].on,
        "epoch": standing,
        "first_on": epochs[0].on,
        "last_on": epochs[-1].on,
    }


def _bare(known: Known) -> dict[str, Any]:
    """Return the frame of a page about no day."""
    return {
        "navigation": {at: name for at, name in NAVIGATION.items() if _is_here(known, at)},
        "as_of": None,
        "is_past": False,
        "epoch": None,
        "first_on": None,
        "last_on": None,
    }


def _explained(known: Known, request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """Return the page about an error: what, why, and what to do."""
    found, path = _named(error), request.url.path
    if path.startswith("/api"):
        found, allowed = misread(error) or found, getattr(error, "headers", None)
        content = problem(found, path)
        return Response(content, media_type=PROBLEM, status_code=found.status, headers=allowed)
    asked = Asked(path, {}, "")
    page = Page("error.html", found.what, {"error": found})
    return _html(render(page, asked, _bare(known)), found.status)


def _report(text: str) -> None:
    """Print lines on standard error; if nobody can read them, there is nobody to tell."""
    with suppress(OSError, ValueError):
        sys.stderr.write("".join(f"{visible(line)}\n" for line in text.splitlines()))


def _named(error: Exception) -> NotThere:
    match error:
        case NotThere():
            return error
        case Away():
            return NotThere(503, "The register does not answer", str(error), "try again later")
        case Misused():
            return NotThere(404, error.place, error.reason, error.remedy)
        case HTTPException() if error.status_code < 500:  # noqa: PLR2004 - asked wrongly
            what = "There is no such page" if error.status_code == 404 else str(error.detail)  # noqa: PLR2004
            why = "the console has the pages that are named above, and only shows them"
            return NotThere(error.status_code, what, why, "go to the inbox")
        case _:
            lines = "".join(traceback.format_exception(error))
            reference = sha256(lines.encode()).hexdigest()[:12]
            _report(f"longwatch: reference {reference}: {lines}")
            why = f"a defect; reference {reference} is in what the console has printed"
            return NotThere(500, "This page could not be made", why, "report it with the reference")
