"""What the API answers, against what its OpenAPI document says: schemathesis, with a live worker behind it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
import schemathesis
from api_stand import Stand
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from infra.api.app import create_app
from infra.api.hub import Hub

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
EXAMPLES = 8
"""Of every operation and kind of request: bounded, because CI has better things to do; always the same ones."""


# A stream has no end, so it can't be asked like this: test_api.py does. No server is needed to know what there is.
APP = create_app(None, Hub(), None)  # type: ignore[arg-type]
SCHEMA = schemathesis.openapi.from_dict(APP.openapi()).exclude(path="/api/v1/live")
OPERATIONS = [each.ok() for each in SCHEMA.get_all_operations()]
RIGHT = [pytest.param(each, GenerationMode.POSITIVE, id=f"{each.label}, right") for each in OPERATIONS]
# What takes no parameter can't be asked in a wrong way.
WRONG = [
    pytest.param(each, GenerationMode.NEGATIVE, id=f"{each.label}, wrong")
    for each in OPERATIONS
    if each.query or each.path_parameters or each.body
]


@pytest.mark.parametrize(("operation", "mode"), [*RIGHT, *WRONG])
def test_it_answers_as_it_says(stand: Stand, operation: Any, mode: GenerationMode) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: schemathesis.Case) -> None:
        case.call_and_validate(base_url=stand.url, checks=CHECKS, timeout=20)

    ask()


def test_real_answers_fit_the_document(stand: Stand) -> None:
    """Invented names find nothing: so every list is asked for what is really there, too."""
    loaded = schemathesis.openapi.from_url(f"{stand.url}/api/v1/openapi.json")
    with httpx.Client(base_url=f"{stand.url}/api/v1", timeout=30) as client:
        cell = client.get("/topology", params={"kind": "cell", "limit": 1}).json()["items"][0]["dn"]
        at = client.get("/summary").json()["event_time"]
        asked = 0
        for path, operation in client.get("/openapi.json").json()["paths"].items():
            if "get" not in operation or path.endswith("/live") or "{id}" in path or "radio/" in path:
                continue
            if "{request}" in path or "{name}" in path:
                continue
            params = {"dn": cell} if path.endswith(("/history", "/drifts")) else {}
            if path.endswith(("/history", "/columns")):
                params |= {"counter": "RRU.PrbTotDl"}
            for more in ({}, {"at": at}) if path.endswith(("/topology", "/columns", "{dn}")) else ({},):
                answer = client.get(path.replace("{dn}", cell).removeprefix("/api/v1"), params=params | more)
                assert answer.status_code == 200, (path, answer.text)
                loaded[path]["GET"].validate_response(schemathesis.Response.from_any(answer))
                head = client.head(path.replace("{dn}", cell).removeprefix("/api/v1"), params=params | more)
                assert (head.status_code, head.content) == (200, b""), path
                assert head.headers["content-type"] == answer.headers["content-type"]
                asked += 1
    assert asked >= 20
