"""Users of the service, who notice each request that is lost."""

import threading
import time
from collections import Counter
from typing import Self

import httpx

USERS = 4
REQUESTS = 40
"""After so many, who has a tenth of the traffic has been seen, as good as certainly."""
PAUSE = 0.05
"""Seconds between two requests of a user: without it they took most of a small machine."""
SECONDS = 30


class Users:
    """Users who ask one request after the other, for as long as the context lasts.

        with Users(url) as users:
            deploy()
            assert users.see("2.0.0")
            assert users.lost == []

    All but one keep their connection, as browsers and pools do; that one makes a new one each time.
    """

    def __init__(self, url: str, count: int = USERS) -> None:
        self._url = url
        self._end = threading.Event()
        self._lock = threading.Lock()
        self._lost: list[str] = []
        self._seen: Counter[str] = Counter()
        self._users = [threading.Thread(target=self._ask, args=(n,)) for n in range(count)]

    def __enter__(self) -> Self:
        for user in self._users:
            user.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for user in self._users:
            user.join()

    @property
    def lost(self) -> list[str]:
        """What became of each request that was not answered well."""
        with self._lock:
            return self._lost.copy()

    def see(self, *versions: str) -> bool:
        """Return whether users who come anew get to see just these versions, within a while.

        Those who keep their connection see the one that they have, until it ends.
        """
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            with self._lock:
                self._seen.clear()
            self._pass(REQUESTS)
            with self._lock:
                if set(self._seen) == set(versions):
                    return True
        return False

    def _pass(self, requests: int) -> None:
        with self._lock:
            lost = len(self._lost)
        while not self._end.wait(0.02):
            with self._lock:
                if self._seen.total() >= requests or len(self._lost) > lost + requests:
                    return

    def _ask(self, number: int) -> None:
        headers = {} if number else {"Connection": "close"}
        note = {"title": "a", "text": "b"}
        count = 0
        with httpx.Client(base_url=self._url, headers=headers, timeout=30) as client:
            while not self._end.wait(PAUSE):
                count += 1
                try:
                    if count % 20 == 0:
                        answer = client.post("/v1/notes", json=note)
                    else:
                        answer = client.get("/v1/notes")
                    version = client.get("/health").json()["version"]
                except (httpx.HTTPError, ValueError, KeyError) as error:
                    self._lose(repr(error))
                    continue
                if not answer.is_success:
                    self._lose(f"{answer.request.method} {answer.status_code}")
                if not number:
                    with self._lock:
                        self._seen[version] += 1

    def _lose(self, what: str) -> None:
        with self._lock:
            self._lost.append(f"{time.strftime('%H:%M:%S')} {what}")
