"""Errors as problem details (RFC 9457), the one shape in which this service refuses anything."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class InvalidPart(BaseModel):
    """One invalid part of a request: a `pointer` into its body, or the name of a `parameter`."""

    detail: str
    pointer: str | None = None
    parameter: str | None = None


class Problem(BaseModel):
    """What went wrong. `about:blank` says that the status tells the kind (RFC 9457, 4.2.1)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[InvalidPart] | None = None


def problem_response(
    status: int,
    detail: str,
    *,
    errors: list[InvalidPart] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return a response that tells the problem."""
    problem = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=errors)
    return Response(problem.model_dump_json(exclude_none=True), status, headers, MEDIA_TYPE)


def documented(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses for problems of these statuses."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        int(status): {"description": status.phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


def component_schemas() -> dict[str, Any]:
    """Return the OpenAPI component schemas that `documented` refers to."""
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**problem.pop("$defs"), "Problem": problem}
