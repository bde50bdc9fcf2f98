"""What programs can read: one function for each address below `/api/v1`.

Every answer is as of the end of a UTC day, the last one unless `at` names another, and holds the
rows that the command of the same name prints with `--json`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from itertools import islice
from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.connection import ASGIConnection
from litestar.datastructures import ResponseHeader
from litestar.handlers import BaseRouteHandler, HTTPRouteHandler
from litestar.openapi import ResponseSpec
from litestar.params import FromPath, QueryParameter
from msgspec import Raw

from surveillance.console.api.answers import (
    JSON,
    N_ITEMS,
    N_ITEMS_MAX,
    PROBLEM,
    Answer,
    Listed,
    Problem,
    Single,
    listed,
    page_of,
    single,
)
from surveillance.console.asked import Asked, NotThere, shown
from surveillance.console.cases import history_of, known_key
from surveillance.console.kept import Known
from surveillance.console.log_pages import published
from surveillance.console.matter import page_of as matter_of
from surveillance.domain.signal import Signal
from surveillance.register.chosen_rows import Chosen
from surveillance.register.columns import SIGNAL_ID
from surveillance.register.keys import KeyKind
from surveillance.register.look_reader import ChosenLooks
from surveillance.views.as_of import whole_signals
from surveillance.views.day import Day
from surveillance.views.plain import plain
from surveillance.views.publicised import Publicised
from surveillance.views.ranked_rows import ranked_matter
from surveillance.views.refused import plain_refused
from surveillance.views.signal_steps import steps_of
from surveillance.views.signed import plain_signal
from surveillance.views.worklist import WaitingMatter

ROOT = "/api/v1"
_NOT_MODIFIED = 304
Asking = Request[Any, Any, Any]
At = Annotated[
    date | None,
    QueryParameter(description="A UTC day: what stood at its end. Without it, the last."),
]
Limit = Annotated[int, QueryParameter(ge=1, le=N_ITEMS_MAX, description="Items of a page.")]
NextPage = Annotated[
    str | None,
    QueryParameter(
        pattern="^[A-Za-z0-9_-]{4,100}$", description="`next` of the page before, as it is."
    ),
]
_Decorator = Callable[[Callable[..., Response[bytes]]], HTTPRouteHandler]
Key = Annotated[str | None, QueryParameter(max_length=1_000, description="A key, as rows have it.")]


def _read(path: str, summary: str, of: Any, *others: int) -> _Decorator:  # noqa: ANN401 - types
    """Return the decorator of a function that answers an address.

    Parameters
    ----------
    path : str
        Below `/api/v1`.
    summary : str
        What it gives, for people.
    of : type
        Of the answer.
    others : int
        Statuses of the problems that it may answer with, beside 400 and 404.
    """
    problems = {
        status: ResponseSpec(Problem, generate_examples=False, media_type=PROBLEM)
        for status in (400, 404, *others)
    }
    return get(
        ROOT + path,
        summary=summary,
        sync_to_thread=True,
        guards=[_require_known],
        tags=[path.split("/")[1]],
        response_headers=[
            ResponseHeader(
                name="etag", description="The mark of these bytes.", documentation_only=True
            )
        ],
        responses={200: ResponseSpec(of, generate_examples=False, media_type=JSON)} | problems,
    )


def _require_known(request: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:
    """Refuse a parameter that the address has not: left alone, a slip would change the answer."""
    known = set(handler.parsed_fn_signature.parameters) - {"request"} - set(request.path_params)
    for name in request.query_params:
        if name not in known:
            what = f"There is no parameter {shown(name)} here"
            why = f"there are {', '.join(sorted(known))}"
            raise NotThere(400, what, why, "mend its name, or leave it out")


def _known(request: Asking) -> Known:
    known: Known = request.app.state.known
    return known


def _list(request: Asking) -> str:
    """Return which list is asked for, whatever part of it."""
    parts = sorted(
        (name, value)
        for name, value in request.query_params.multi_items()
        if name not in {"cursor", "limit"}
    )
    return repr((request.url.path, parts))


def _sent(request: Asking, answer: Answer) -> Response[bytes]:
    """Send an answer, or that it is the one that the program has."""
    headers = {"etag": answer.mark, "cache-control": "private, no-cache"}
    held = request.headers.get("if-none-match", "").replace("W/", "").split(",")
    if {answer.mark, "*"} & {one.strip() for one in held}:
        return Response(b"", status_code=_NOT_MODIFIED, headers=headers)
    return Response(answer.content, media_type=JSON, headers=headers)


@_read(
    "/epochs",
    "Epochs, the oldest first: when each closed, and what was in force.",
    Listed[Any],
    410,
)
def epochs(
    request: Asking, *, at: At = None, cursor: NextPage = None, limit: Limit = N_ITEMS
) -> Response[bytes]:
    """List epochs."""
    known, day = _known(request), _known(request).day(at)
    page = page_of(day, cursor, limit, _list(request))
    found = [one for one in known.epochs() if one.epoch <= day.epoch]
    return _sent(request, listed(known, day, page, found[page.n_before :]))


@_read("/matters", "Matters on the list, the greatest priority first.", Listed[Any], 410)
def matters(
    request: Asking,
    *,
    at: At = None,
    waiting: Annotated[
        bool, QueryParameter(description="Only what nobody has seen, or what came back.")
    ] = False,
    cursor: NextPage = None,
    limit: Limit = N_ITEMS,
) -> Response[bytes]:
    """List matters as `longwatch ranking` does."""
    known, day = _known(request), _known(request).day(at)
    page = page_of(day, cursor, limit, _list(request))
    found = [one for one in day.work.matters if one.is_waiting or not waiting]
    some = found[page.n_before : page.n_before + page.n + 1]
    return _sent(request, listed(known, day, page, _ranked(known, day, some)))


def _ranked(known: Known, day: Day, found: list[WaitingMatter]) -> Iterable[dict[str, Any]]:
    whole = whole_signals(known.source, (one.matter.best for one in found), day.on)
    public = Publicised(known.source)
    for one in found:
        best = whole[one.matter.best.signal_id]
        yield ranked_matter(one, best, public.of(best))


@_read("/matters/{matter_id:str}", "A matter: its signals now and when last seen.", Single[Any])
def matter(request: Asking, *, matter_id: FromPath[str], at: At = None) -> Response[bytes]:
    """Return one matter as `longwatch matter` does."""
    known, day = _known(request), _known(request).day(at)
    return _sent(request, single(known, day, matter_of(known, matter_id, day)))


@_read(
    "/signals",
    "Signals, the greatest priority first; numbers of `evaluated_on`.",
    Listed[Signal],
    410,
)
def signals(
    request: Asking,
    *,
    at: At = None,
    product: Key = None,
    event: Key = None,
    status: Annotated[str | None, QueryParameter(description="One of the life cycle's.")] = None,
    cursor: NextPage = None,
    limit: Limit = N_ITEMS,
) -> Response[bytes]:
    """List signals as `longwatch signals` does."""
    known, day = _known(request), _known(request).day(at)
    page, chosen = page_of(day, cursor, limit, _list(request)), _chosen(known, day, product, event)
    statuses = None if status is None else (_status(known, status),)
    found = known.reader.each_signal(
        chosen, statuses=statuses, limit=page.n + 1, skip=page.n_before
    )
    return _sent(request, listed(known, day, page, map(plain_signal, found)))


def _status(known: Known, given: str) -> str:
    _require(given, [one.name for one in known.configuration().lifecycle.status], "status")
    return given


def _require(given: str | None, names: list[str], parameter: str) -> None:
    if given is not None and given not in names:
        why = f"it is one of {', '.join(names) or 'none'}"
        raise NotThere(400, f"{parameter}={shown(given)} is not known", why, "change it")


def _chosen(known: Known, day: Day, product: str | None, event: str | None) -> Chosen:
    return Chosen(
        product=None if product is None else known_key(known, "product", product),
        event=None if event is None else known_key(known, "event", event),
        until=day.on,
    )


@_read(
    "/signals/{signal_id:str}",
    "A signal as it stood, with numbers of `evaluated_on`.",
    Single[Signal],
)
def signal(request: Asking, *, signal_id: FromPath[str], at: At = None) -> Response[bytes]:
    """Return one signal."""
    known, day = _known(request), _known(request).day(at)
    return _sent(request, single(known, day, plain_signal(_signal(known, day, signal_id))))


def _signal(known: Known, day: Day, signal_id: str) -> Signal:
    found = {}
    if SIGNAL_ID.fullmatch(signal_id):
        found = known.reader.states_at([signal_id], day.epoch)
    if signal_id not in found:
        what, why = f"There is no signal {shown(signal_id)}", f"or there was none by {day.on}"
        raise NotThere(404, what, why, f"take one of {ROOT}/signals, or another day")
    return found[signal_id]


@_read("/signals/{signal_id:str}/steps", "What was decided about a signal.", Listed[Any], 410)
def steps(
    request: Asking,
    *,
    signal_id: FromPath[str],
    at: At = None,
    cursor: NextPage = None,
    limit: Limit = N_ITEMS,
) -> Response[bytes]:
    """List the steps of a signal as `longwatch history` does."""
    known, day = _known(request), _known(request).day(at)
    page, one = page_of(day, cursor, limit, _list(request)), _signal(known, day, signal_id)
    made = steps_of(one, known.reader.steps(signal_id, day.on))
    rows = [{"number": number, **plain(step)} for number, step in made.items()]
    return _sent(request, listed(known, day, page, rows[page.n_before :]))


@_read("/findings", "Findings in the order in which they were made.", Listed[Any], 410)
def findings(
    request: Asking,
    *,
    at: At = None,
    product: Key = None,
    event: Key = None,
    criterion: Annotated[
        str | None, QueryParameter(description="Its name.", max_length=200)
    ] = None,
    cursor: NextPage = None,
    limit: Limit = N_ITEMS,
) -> Response[bytes]:
    """List findings as `longwatch findings` does."""
    known, day = _known(request), _known(request).day(at)
    page, chosen = page_of(day, cursor, limit, _list(request)), _chosen(known, day, product, event)
    _require(criterion, known.source.criteria(), "criterion")
    found = known.reader.each_finding(
        chosen, criterion=criterion, limit=page.n + 1, since=page.since, skip=page.n_before
    )
    return _sent(request, listed(known, day, page, found, lambda one: one.epoch))


@_read("/cases", "The line listing of a pair: those that count, then the others.", Listed[Any], 410)
def cases(
    request: Asking,
    *,
    product: Annotated[str, QueryParameter(max_length=1_000, description="The key of a product.")],
    event: Annotated[str, QueryParameter(max_length=1_000, description="The key of an event.")],
    at: At = None,
    cursor: NextPage = None,
    limit: Limit = N_ITEMS,
) -> Response[bytes]:
    """List the cases of a pair as `longwatch cases` does."""
    known, day = _known(request), _known(request).day(at)
    page = page_of(day, cursor, limit, _list(request))
    pair = (known_key(known, "product", product), known_key(known, "event", event))
    found = known.listing(*pair, day.on)
    rows = [*found.cases, *found.not_counted]
    return _sent(request, listed(known, day, page, rows[page.n_before :]))


@_read("/cases/{case_id:str}", "A case with all its versions.", Single[Any])
def case(request: Asking, *, case_id: FromPath[str], at: At = None) -> Response[bytes]:
    """Return one case as `longwatch case` does."""
    known, day = _known(request), _known(request).day(at)
    asked = Asked("/case", {"id": case_id} | ({"at": at.isoformat()} if at else {}))
    return _sent(request, single(known, day, history_of(known, asked)))


def _keys(kind: KeyKind) -> HTTPRouteHandler:
    """Return the function that lists the keys of a kind."""

    @_read(
        f"/{kind}s",
        f"Keys of every {kind} in the whole log.",
        Listed[str],
        410,
    )
    def keys(
        request: Asking,
        *,
        q: Annotated[
            str, QueryParameter(max_length=200, description="Only what holds this text.")
        ] = "",
        cursor: NextPage = None,
        limit: Limit = N_ITEMS,
    ) -> Response[bytes]:
        """List keys, of the whole log."""
        known, day = _known(request), _known(request).day(None)
        page = page_of(day, cursor, limit, _list(request))
        found = (one for one in known.keys(kind) if q.lower() in one.lower())
        return _sent(request, listed(known, day, page, islice(found, page.n_before, None)))

    return keys


@_read("/looks", "Looks of the tests of outcomes, the oldest first.", Listed[Any], 410)
def looks(
    request: Asking,
    *,
    at: At = None,
    programme: Annotated[
        str | None, QueryParameter(max_length=200, description="Its name.")
    ] = None,
    cursor: NextPage = None,
    limit: Limit = N_ITEMS,
) -> Response[bytes]:
    """List looks as `longwatch looks` does."""
    known, day = _known(request), _known(request).day(at)
    page = page_of(day, cursor, limit, _list(request))
    _require(programme, known.programmes(), "programme")
    found = known.reader.looks.each(ChosenLooks(programme, until=day.on))
    return _sent(request, listed(known, day, page, islice(found, page.n_before, None)))


@_read("/refused", "What could not be used, by code and place, of the whole log.", Listed[Any], 410)
def refused(request: Asking, *, cursor: NextPage = None, limit: Limit = N_ITEMS) -> Response[bytes]:
    """List refused records as `longwatch refused list` does."""
    known, day = _known(request), _known(request).day(None)
    page = page_of(day, cursor, limit, _list(request))
    some = known.refused()[page.n_before : page.n_before + page.n + 1]
    rows = [plain_refused(one) for one in some]
    return _sent(request, listed(known, day, page, rows))


@_read("/dispositions", "What became of all that was read, by topic.", Single[dict[str, Any]])
def dispositions(request: Asking, *, at: At = None) -> Response[bytes]:
    """Return how many records were applied, superseded, repeated, refused, or control."""
    known, day = _known(request), _known(request).day(at)
    return _sent(request, single(known, day, known.reader.dispositions(day.epoch)))


@_read("/configuration", "The configuration in force at the end of the log.", Single[Any])
def configuration(request: Asking) -> Response[bytes]:
    """Return the configuration with every default."""
    known, day = _known(request), _known(request).day(None)
    return _sent(request, single(known, day, known.configuration()))


@_read("/feed", "What was published, the oldest first, as CloudEvents.", Listed[Any], 410)
def feed(
    request: Asking, *, at: At = None, cursor: NextPage = None, limit: Limit = N_ITEMS
) -> Response[bytes]:
    """List entries of the feed byte for byte."""
    known, day = _known(request), _known(request).day(at)
    page = page_of(day, cursor, limit, _list(request))
    entries = published(known, day.on)[page.n_before :]
    return _sent(request, listed(known, day, page, (Raw(one.line) for one in entries)))


HANDLERS = [
    epochs, matters, matter, signals, signal, steps, findings, cases, case, _keys("product"),
    _keys("event"), looks, refused, dispositions, configuration, feed,
]  # fmt: skip
