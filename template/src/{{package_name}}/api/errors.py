"""Which problem a caller is told for which exception."""

from collections.abc import Callable, Coroutine, Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from ..notes import (
    ChangeUnknownError,
    NoteChangedError,
    NoteNotFoundError,
    StoreFullError,
    StoreUnavailableError,
)
from ..problems import InvalidPart, problem_response

# A body can be wrong in thousands of places, at names of any length. Nobody reads so many.
MAX_ERRORS = 20
MAX_NAME = 64
JSON = "application/json"


async def _note_not_found(_: Request, error: NoteNotFoundError) -> Response:
    return problem_response(HTTPStatus.NOT_FOUND, str(error))


async def _note_changed(_: Request, error: NoteChangedError) -> Response:
    return problem_response(HTTPStatus.PRECONDITION_FAILED, str(error))


async def _store_full(_: Request, error: StoreFullError) -> Response:
    return problem_response(HTTPStatus.CONFLICT, str(error))


async def _store_unavailable(_: Request, error: StoreUnavailableError) -> Response:
    headers = {} if isinstance(error, ChangeUnknownError) else {"Retry-After": "1"}
    return problem_response(HTTPStatus.SERVICE_UNAVAILABLE, str(error), headers=headers)


async def _http_exception(request: Request, error: HTTPException) -> Response:
    headers = dict(error.headers or {})
    route = request.scope.get("route")
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED and isinstance(route, APIRoute):
        headers["Allow"] = ", ".join(sorted(_methods_of(request, route.path)))
    return problem_response(error.status_code, error.detail, headers=headers)


async def _invalid_request(request: Request, error: RequestValidationError) -> Response:
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if error.body is not None and media_type != JSON and not media_type.endswith("+json"):
        return problem_response(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"send the body with Content-Type: {JSON}"
        )
    return problem_response(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "the request is not valid",
        errors=[_invalid_part(found) for found in error.errors()[:MAX_ERRORS]],
    )


EXCEPTION_HANDLERS: dict[
    int | type[Exception], Callable[[Request, Any], Coroutine[Any, Any, Response]]
] = {
    HTTPException: _http_exception,
    NoteChangedError: _note_changed,
    NoteNotFoundError: _note_not_found,
    RequestValidationError: _invalid_request,
    StoreFullError: _store_full,
    StoreUnavailableError: _store_unavailable,
}


def _methods_of(request: Request, path: str) -> set[str]:
    # FastAPI has one route a method, and tells only the methods of the first.
    contexts = iter_route_contexts(request.app.routes)
    return {m for context in contexts if context.path == path for m in context.methods or ()}


def _invalid_part(error: Mapping[str, Any]) -> InvalidPart:
    place, *names = error["loc"]
    if place != "body":
        return InvalidPart(detail=error["msg"], parameter=str(names[0]))
    if error["type"] == "json_invalid":  # its name is an offset
        return InvalidPart(detail=f"{error['msg']}: {error['ctx']['error']}", pointer="#")
    return InvalidPart(detail=error["msg"], pointer=_pointer(names))


def _pointer(names: Sequence[str | int]) -> str:
    """Return a JSON pointer as a URI fragment (RFC 6901, 6): ASCII, whatever a caller sent."""
    steps = (str(name)[:MAX_NAME].replace("~", "~0").replace("/", "~1") for name in names)
    return "#" + "".join(f"/{quote(step, safe='~', errors='replace')}" for step in steps)
