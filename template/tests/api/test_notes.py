"""What a user of `/v1/notes` can rely on."""

import asyncio
from datetime import datetime
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.anyio


async def written(client: httpx.AsyncClient, title: str = "milk") -> httpx.Response:
    response = await client.post("/v1/notes", json={"title": title})
    assert response.status_code == 201
    return response


async def test_a_created_note_is_found_where_its_location_says(client: httpx.AsyncClient) -> None:
    created = await client.post("/v1/notes", json={"title": "milk", "text": "two\nlitres 🥛"})
    assert created.status_code == 201
    found = await client.get(created.headers["Location"])
    assert found.json() == created.json()
    assert found.headers["ETag"] == created.headers["ETag"] == '"1"'
    note = found.json()
    assert created.headers["Location"] == f"/v1/notes/{note['id']}"
    assert (note["title"], note["text"], note["version"]) == ("milk", "two\nlitres 🥛", 1)
    assert datetime.fromisoformat(note["created_at"]).tzname() == "UTC"


async def test_a_note_is_replaced_and_deleted(client: httpx.AsyncClient) -> None:
    where = (await written(client)).headers["Location"]
    replaced = await client.put(where, json={"title": "tea"})
    assert replaced.status_code == 200
    assert replaced.headers["ETag"] == '"2"'
    assert (await client.get(where)).json()["title"] == "tea"
    assert (await client.delete(where)).status_code == 204
    for gone in [await client.get(where), await client.put(where, json={"title": "tea"})]:
        assert gone.status_code == 404


async def test_a_change_to_a_version_that_is_no_more_is_refused(client: httpx.AsyncClient) -> None:
    where = (await written(client)).headers["Location"]
    seen = {"If-Match": '"1"'}
    assert (await client.put(where, json={"title": "tea"}, headers=seen)).status_code == 200
    assert (await client.put(where, json={"title": "wine"}, headers=seen)).status_code == 412
    assert (await client.delete(where, headers=seen)).status_code == 412
    for never in ("", "2", 'W/"2"', '"0"', '"x"'):
        headers = {"If-Match": never}
        assert (await client.delete(where, headers=headers)).status_code == 412
    assert (await client.get(where)).json()["title"] == "tea"
    assert (await client.delete(where, headers={"If-Match": "*"})).status_code == 204


async def test_of_concurrent_changes_to_one_version_exactly_one_wins(
    client: httpx.AsyncClient,
) -> None:
    where = (await written(client)).headers["Location"]
    for version in range(1, 6):
        answers = await asyncio.gather(
            *(
                client.put(where, json={"title": title}, headers={"If-Match": f'"{version}"'})
                for title in ("tea", "wine")
            )
        )
        assert sorted(answer.status_code for answer in answers) == [200, 412]


async def test_notes_are_listed_page_by_page_in_the_order_of_creation(
    client: httpx.AsyncClient,
) -> None:
    for number in range(5):
        await written(client, f"note {number}")
        await asyncio.sleep(0.001)  # ids tell milliseconds apart
    titles, cursor = [], None
    for expected in (2, 2, 1):
        query: dict[str, Any] = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await client.get("/v1/notes", params=query)).json()
        assert len(page["items"]) == expected
        titles += [note["title"] for note in page["items"]]
        cursor = page["next_cursor"]
    assert cursor is None
    assert titles == [f"note {number}" for number in range(5)]


async def test_a_full_store_says_how_to_go_on(client: httpx.AsyncClient) -> None:
    for _ in range(10):
        last = await written(client)
    refused = await client.post("/v1/notes", json={"title": "milk"})
    assert refused.status_code == 409
    assert refused.json()["detail"] == "there are 10 notes, the most allowed: delete one"
    await client.delete(last.headers["Location"])
    await written(client)
