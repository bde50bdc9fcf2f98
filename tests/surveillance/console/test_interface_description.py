"""Whatever its description allows can be asked, and every answer is as it describes."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from litestar.types import Receive, Scope, Send
from schemathesis import GenerationMode
from schemathesis.checks import CheckFunction
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks

from surveillance.console.app import console
from surveillance.views.results import open_results

# Not that whatever fits a parameter's pattern is accepted: a cursor is only one that was given out.
CHECKS: list[CheckFunction] = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
    checks.negative_data_rejection,
    checks.unsupported_method,
]


@pytest.fixture(scope="module")
def interface(run: Path) -> schemathesis.BaseSchema:
    app = console(open_results(run, None), "made for a test")

    async def here(scope: Scope, receive: Receive, send: Send) -> None:
        # The console answers to names of this machine alone.
        others = [one for one in scope.get("headers", []) if one[0] != b"host"]
        scope["headers"] = [*others, (b"host", b"127.0.0.1")]
        await app(scope, receive, send)

    return schemathesis.openapi.from_asgi("/api/openapi.json", here)


@pytest.mark.campaign
def test_every_answer_is_as_described(interface: schemathesis.BaseSchema) -> None:
    n_asked = 0
    for found in interface.get_all_operations():
        assert isinstance(found, Ok)
        operation = found.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
            def ask(case: schemathesis.Case[Any]) -> None:
                nonlocal n_asked
                n_asked += 1
                case.call_and_validate(checks=CHECKS)

            impossible = [Unsatisfiable] if mode is GenerationMode.NEGATIVE else []
            with suppress(*impossible):  # an address without parameters cannot be asked wrongly
                ask()

    assert n_asked > 500
