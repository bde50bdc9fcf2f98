"""What programs read is what the commands print, page by page, and every slip is named."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import msgspec
import pytest
from answers import Look
from reading_pages import Site
from small_run import PAIR

from surveillance.triage.triage import signal_id

V1 = "/api/v1"
DAYS = ("1999-02-10", "1999-02-25", "1999-03-02")
SIGNAL = signal_id(*PAIR, "safety")
KEYS = {"product": PAIR[0], "event": PAIR[1]}
LISTS: dict[str, dict[str, str]] = {
    "/matters": {},
    "/signals": {},
    "/findings": {},
    "/epochs": {},
    "/products": {},
    "/events": {},
    "/feed": {},
    "/cases": KEYS,
    f"/signals/{SIGNAL}/steps": {},
}


def read(site: Site, path: str, **parameters: str | int) -> dict[str, Any]:
    answer = site.client.get(V1 + path, params=parameters)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    found: dict[str, Any] = answer.json()
    return found


def items(site: Site, path: str, **parameters: str | int) -> list[Any]:
    """Return all rows of a list, read page by page."""
    found: list[Any] = []
    cursor: str | None = None
    size = parameters.pop("limit", 1_000)
    while True:
        more: dict[str, str] = {} if cursor is None else {"cursor": cursor}
        page = read(site, path, limit=size, **parameters, **more)
        found += page["items"]
        cursor = page["next"]
        if cursor is None:
            return found
        assert len(page["items"]) == size


def refused(
    site: Site, path: str, answers: int = 400, /, **parameters: str | int
) -> dict[str, Any]:
    answer = site.client.get(path, params=parameters)
    assert answer.status_code == answers, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["status"] == answers
    assert found["instance"] == path
    assert found["title"]
    assert found["detail"]
    assert found["remedy"]
    return found


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize(
    ("path", "parameters", "command"),
    [
        ("/matters", {}, ("ranking", "--all")),
        ("/signals", {}, ("signals",)),
        ("/signals", {"event": PAIR[1]}, ("signals", "--event", PAIR[1])),
        ("/signals", {"status": "detected"}, ("signals", "--status", "detected")),
        ("/findings", {}, ("findings",)),
        ("/findings", {"criterion": "ic"}, ("findings", "--criterion", "ic")),
        ("/findings", {"product": PAIR[0]}, ("findings", "--product", PAIR[0])),
        ("/looks", {}, ("looks",)),
    ],
)
def test_a_list_has_the_rows_of_its_command(
    site: Site,
    look: Look,
    path: str,
    parameters: dict[str, str],
    command: tuple[str, ...],
    run: Path,
    *,
    day: str,
) -> None:
    wanted = look(*command, "--from-run", run, "--as-of", day, "--json").json

    assert items(site, path, at=day, **parameters) == wanted


@pytest.mark.parametrize("day", DAYS[1:])
def test_one_thing_is_what_its_command_prints(site: Site, run: Path, look: Look, day: str) -> None:
    places = ("--from-run", run, "--as-of", day, "--json")
    (listed,) = items(site, "/matters", at=day)
    cases = look("cases", "--product", PAIR[0], "--event", PAIR[1], *places).json
    rows = [*cases["cases"], *cases["not_counted"]]

    name = listed["matter_id"]
    assert read(site, f"/matters/{name}", at=day)["item"] == look("matter", name, *places).json
    assert items(site, "/cases", at=day, **KEYS) == rows
    case = rows[0]["case_id"]
    assert read(site, f"/cases/{case}", at=day)["item"] == look("case", case, *places).json
    (signal,) = (one for one in items(site, "/signals", at=day) if one["signal_id"] == SIGNAL)
    assert read(site, f"/signals/{SIGNAL}", at=day)["item"] == signal
    steps = look("history", SIGNAL, *places).json
    assert items(site, f"/signals/{SIGNAL}/steps", at=day) == steps


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("size", [1, 2, 7])
def test_pages_of_any_size_join_to_the_whole_list(site: Site, path: str, size: int) -> None:
    whole = items(site, path, **LISTS[path])

    assert items(site, path, limit=size, **LISTS[path]) == whole
    assert len(whole) > 0


def test_an_answer_names_its_day_epoch_configuration_and_generation(site: Site) -> None:
    epochs = items(site, "/epochs")
    last = read(site, "/signals")
    earlier = read(site, "/signals", at=DAYS[0])

    assert (last["epoch"], last["as_of"]) == (epochs[-1]["epoch"], epochs[-1]["on"])
    assert (earlier["as_of"], last["generation"]) == (DAYS[0], 2)
    assert earlier["epoch"] < last["epoch"]
    assert last["configuration"] == epochs[-1]["configuration"]


def test_a_list_is_not_gone_on_with_when_its_day_has(site: Site) -> None:
    cursor = str(read(site, "/findings", at=DAYS[1], limit=1)["next"])
    asked, epoch, *place = msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=="))
    earlier = _cursor([asked, epoch - 1, *place])  # as if the day had gone on since

    found = refused(site, f"{V1}/findings", 410, at=DAYS[1], limit=1, cursor=earlier)

    assert "begin anew" in found["remedy"]


def test_what_was_refused_is_listed_of_the_whole_log(site: Site, run: Path, look: Look) -> None:
    assert items(site, "/refused") == look("refused", "list", "--from-run", run, "--json").json


@pytest.mark.parametrize("path", ["/products", "/events", "/refused", "/configuration"])
def test_what_is_of_the_whole_log_takes_no_day(site: Site, path: str) -> None:
    found = refused(site, V1 + path, at=DAYS[0])

    assert "at" in found["title"]


def test_a_cursor_has_no_place_in_another_list(site: Site) -> None:
    cursor = read(site, "/signals", product=PAIR[0], limit=1)["next"]

    assert read(site, "/signals", cursor=cursor, limit=7, product=PAIR[0])["items"]
    for path, others in (
        ("/signals", {}),
        ("/signals", {"product": "group:rotashield"}),
        ("/findings", {"product": PAIR[0]}),
    ):
        found = refused(site, V1 + path, cursor=cursor, **others)
        assert "another list" in found["title"]


def _cursor(value: object) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(value)).decode().rstrip("=")


@pytest.mark.parametrize(
    "cursor",
    [
        "", "a", "not-one", "é", "a" * 100, _cursor([1]), _cursor(["", 1, 0, -1]),
        _cursor(["", 1, -1, 0]), _cursor(["", "1", 0, 0]), _cursor(["", 1, 0, 2**63]),
        _cursor(["", 1, 2**80, 0]), _cursor({"epoch": 1}), _cursor(["", 1, 0, 0]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", LISTS)
def test_a_cursor_that_was_not_given_out_is_refused(site: Site, path: str, cursor: str) -> None:
    refused(site, V1 + path, cursor=cursor, **LISTS[path])


@pytest.mark.parametrize(
    ("path", "parameters", "named"),
    [
        ("/signals", {"limit": "0"}, "limit"),
        ("/signals", {"limit": "1001"}, "limit"),
        ("/signals", {"limit": "many"}, "limit"),
        ("/signals", {"at": "yesterday"}, "at"),
        ("/signals", {"att": "1999-02-10"}, "att"),
        ("/matters/M-0", {"limit": "5"}, "limit"),
        ("/signals", {"status": "finished"}, "finished"),
        ("/findings", {"criterion": "finished"}, "finished"),
        ("/looks", {"programme": "finished"}, "finished"),
        ("/cases", {"event": PAIR[1]}, "product"),
        ("/products", {"q": "x" * 201}, "q"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_named(
    site: Site, path: str, parameters: dict[str, str], named: str
) -> None:
    found = refused(site, V1 + path, **parameters)

    assert named in found["detail"] + found["title"]


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("", {}),
        ("/nothing", {}),
        ("/matters/M-0", {}),
        ("/signals/S-0", {}),
        ("/signals/S-0123456789abcdef/steps", {}),
        ("/cases/none", {}),
        ("/signals", {"product": "product:NONE"}),
        ("/signals", {"at": "1899-12-31"}),
        ("/cases", {"product": PAIR[0], "event": "pt:None"}),
    ],
)
def test_what_is_not_there_is_a_problem_with_a_remedy(
    site: Site, path: str, parameters: dict[str, str]
) -> None:
    refused(site, V1 + path, 404, **parameters)


def test_nothing_can_be_written(site: Site) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = site.client.request(method, f"{V1}/signals")
        assert answer.status_code == 405
        assert answer.json()["status"] == 405


def test_an_answer_that_a_program_has_is_not_sent_again(site: Site) -> None:
    first = site.client.get(f"{V1}/signals")
    mark = first.headers["etag"]
    again = site.client.get(f"{V1}/signals", headers={"if-none-match": mark})
    for same in (f"W/{mark}", f'"other",{mark}', "*"):
        found = site.client.get(f"{V1}/signals", headers={"if-none-match": same})
        assert found.status_code == 304
    other = site.client.get(
        f"{V1}/signals", params={"at": DAYS[0]}, headers={"if-none-match": first.headers["etag"]}
    )

    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert other.status_code == 200
    assert other.headers["etag"] != first.headers["etag"]


def test_the_description_names_every_address_with_its_parameters_and_no_page(site: Site) -> None:
    answer = site.client.get("/api/openapi.json")
    described = answer.json()

    assert described["openapi"].startswith("3.1")
    assert all(path.startswith(f"{V1}/") for path in described["paths"])
    for path, methods in described["paths"].items():
        assert list(methods) == ["get"]
        assert methods["get"]["summary"]
        assert {"200", "400"} <= methods["get"]["responses"].keys()
        named = [one["name"] for one in methods["get"].get("parameters", [])]
        whole = ("configuration", "products", "events", "refused")
        assert ("at" in named) == (path not in {f"{V1}/{one}" for one in whole})
        given = {"matter_id": "M-0", "signal_id": SIGNAL, "case_id": "none"}
        for name, value in given.items():
            path = path.replace(f"{{{name}}}", value)  # noqa: PLW2901 - its place is filled in
        wanted = KEYS if path == f"{V1}/cases" else {}
        assert site.client.get(path, params=wanted).status_code in {200, 404}


def test_a_description_holds_no_reference_to_what_is_not_there(site: Site) -> None:
    text = site.client.get("/api/openapi.json").text
    described = msgspec.json.decode(text)
    schemas = described["components"]["schemas"]

    referred = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}

    assert referred <= schemas.keys()
    assert "Signal" in " ".join(schemas)
