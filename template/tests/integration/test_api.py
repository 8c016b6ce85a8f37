"""The composed system, from outside: `nox -s integration` starts it, and names it in SERVICE."""

import os
from collections.abc import Iterator

import httpx
import pytest

SERVICE = os.environ.get("SERVICE", "http://127.0.0.1:8000")


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """Return a client of the service."""
    with httpx.Client(base_url=SERVICE, timeout=10) as client:
        yield client


def test_it_is_ready(client: httpx.Client) -> None:
    assert client.get("/readyz").json() == {"status": "ok"}
    assert client.get("/health").json()["status"] == "ok"


def test_a_note_lives_and_dies(client: httpx.Client) -> None:
    made = client.post("/v1/notes", json={"title": "from outside", "text": "through every layer"})
    assert made.status_code == 201, made.text
    note = made.headers["Location"]

    assert client.get(note).json()["title"] == "from outside"
    assert client.delete(note).status_code == 204
    gone = client.get(note)
    assert gone.status_code == 404
    assert gone.headers["Content-Type"] == "application/problem+json"


def test_what_happens_is_counted(client: httpx.Client) -> None:
    client.get("/v1/notes")
    counted = client.get("/metrics").text
    assert 'http_requests_total{method="GET",route="/v1/notes",status="200"}' in counted
