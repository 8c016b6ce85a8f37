"""The service in the image of a bad release: real, but for the fault that FAULT names.

Only the service's own routes are hit by `errors` and `leaks`, never its probes.
"""

import os
import runpy
import sys
import threading
from importlib import import_module
from itertools import count
from typing import Any

uvicorn: Any = import_module("uvicorn")  # of the image; there is none where this is typed
FAULT = os.environ["FAULT"]
PROBES = {"/livez", "/readyz", "/health", "/metrics"}
SECONDS = float(os.environ.get("FAULT_SECONDS", "6"))
"""After how long `dies` does, once it is ready."""
EVERY = int(os.environ.get("FAULT_EVERY", "50"))
"""Which request in a row `leaks` fails, once the first half of them are served."""


def faulty(app: Any) -> Any:
    """Return an ASGI application that is that one, with the fault."""
    numbers = count(EVERY // 2)
    mortal = threading.Timer(SECONDS, die)

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        path = scope["path"]
        if FAULT == "dies" and path == "/readyz" and mortal.ident is None:
            mortal.start()
        leaks = FAULT == "leaks" and path not in PROBES and next(numbers) % EVERY == 0
        if leaks or (FAULT == "errors" and path not in PROBES):
            await answer(send, 500)
        elif FAULT == "unready" and path == "/readyz":
            await answer(send, 503)
        else:
            await app(scope, receive, send)

    return serve


async def answer(send: Any, status: int) -> None:
    """Answer with nothing but a status."""
    headers = [(b"content-length", b"0")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body"})


def die() -> None:
    """End at once, as a process does that the kernel kills for its memory."""
    sys.stderr.write("this release dies of its fault\n")
    sys.stderr.flush()
    os._exit(9)


if __name__ == "__main__":
    if FAULT == "crashes":
        sys.exit("this release crashes at its start")
    begin = uvicorn.Config.__init__

    def begin_faulty(self: Any, app: Any, **options: Any) -> None:
        begin(self, faulty(app), **options)

    uvicorn.Config.__init__ = begin_faulty
    sys.argv[:] = sys.argv[:1]
    runpy.run_module(os.environ["FAULT_MODULE"], run_name="__main__")
