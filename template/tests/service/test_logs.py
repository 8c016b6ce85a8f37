"""What an operator reads of the requests, and what nobody should."""

import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

import httpx
import pytest

pytestmark = pytest.mark.anyio

Logged = Callable[[], list[dict[str, Any]]]
TRACE = "0af7651916cd43dd8448eb211c80319c"


async def test_a_request_is_one_json_line_with_its_ids(
    client: httpx.AsyncClient, logged: Logged, call: dict[str, Any]
) -> None:
    call["headers"]["X-Request-ID"] = "from-the-caller.1"
    call["headers"]["traceparent"] = f"00-{TRACE}-{'b' * 16}-01"
    response = await client.post(**call)
    assert response.is_success
    assert response.headers["X-Request-ID"] == "from-the-caller.1"
    (line,) = logged()
    assert line.pop("timestamp").endswith("+00:00")
    assert line.pop("logger").endswith(".observation")
    assert line.pop("duration_ms") > 0
    assert line == {
        "level": "INFO",
        "message": "request",
        "request_id": "from-the-caller.1",
        "trace_id": TRACE,
        "method": "POST",
        "route": call["url"],
        "status": response.status_code,
    }


async def test_what_users_send_is_not_in_the_logs(
    client: httpx.AsyncClient, logged: Logged, call: dict[str, Any]
) -> None:
    call["url"] += "?token=hunter2"
    await client.post(**call | {"content": b'{"hunter2": "hunter2"}'})
    await client.post(**call | {"content": b"hunter2"})
    await client.get("/hunter2", headers={"X-Request-ID": "hunter2 " * 99})
    lines = logged()
    assert len(lines) == 3
    assert "hunter2" not in str(lines)


async def test_probes_are_not_in_the_access_log(client: httpx.AsyncClient, logged: Logged) -> None:
    for path in ("/livez", "/readyz", "/health", "/metrics"):
        assert (await client.get(path)).status_code == 200
    assert logged() == []


async def test_what_is_logged_after_a_request_does_not_carry_its_id(
    client: httpx.AsyncClient, logged: Logged, call: dict[str, Any]
) -> None:
    await client.post(**call)
    logging.getLogger("job").info("done")
    assert ["request_id" in line for line in logged()] == [True, False]


def test_logs_and_warnings_of_libraries_are_json_too(logged: Logged) -> None:
    logging.getLogger("uvicorn.error").warning("odd", extra={"color_message": "\x1b[31modd"})
    (line,) = logged()
    assert line["message"] == "odd"
    assert "color_message" not in line


def test_what_json_has_no_type_for_is_text(logged: Logged) -> None:
    logging.getLogger("job").info("took %s", 1, extra={"id": UUID(int=1)}, stack_info=True)
    (line,) = logged()
    assert line["message"] == "took 1"
    assert line["id"] == str(UUID(int=1))
    assert line["stack_info"].startswith("Stack")


def test_every_timestamp_has_one_form(logged: Logged) -> None:
    whole = logging.makeLogRecord({"created": 0.0, "levelno": logging.INFO})
    logging.getLogger("job").handle(whole)
    (line,) = logged()
    assert line["timestamp"] == "1970-01-01T00:00:00.000000+00:00"
