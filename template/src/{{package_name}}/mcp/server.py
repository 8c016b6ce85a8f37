"""An MCP server whose calls are observed, and whose errors say why and give nothing away."""

import logging
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from importlib.metadata import metadata
from inspect import signature
from time import perf_counter
from typing import Any

from mcp import MCPError
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ResourceError, ToolError, UnexpectedToolError
from mcp.server.mcpserver.tools import Tool
from mcp.server.mcpserver.utilities.func_metadata import FuncMetadata
from mcp.types import INTERNAL_ERROR, INVALID_PARAMS, ToolAnnotations
from prometheus_client import Counter, Histogram
from pydantic import ValidationError

from .. import DISTRIBUTION, TITLE, __version__
from ..logs import request_context
from ..metrics import Metrics
from ..notes import (
    NoteChangedError,
    NoteNotFoundError,
    StoreFullError,
    StoreUnavailableError,
)
from ..observation import request_ids

# What a caller can put right, told in the error's own words.
EXPECTED = (NoteChangedError, NoteNotFoundError, StoreFullError)
# Arguments can be wrong in thousands of places, at names of any length. Nobody reads so many.
MAX_ERRORS = 20
MAX_NAME = 64

logger = logging.getLogger(__name__)
# Below errors, it repeats what callers send. What is worth knowing of a call is told here.
logging.getLogger("mcp").setLevel(logging.ERROR)


class Server(MCPServer[Any]):
    """An MCP server. Labels of its metrics come from fixed sets, so no caller adds time series."""

    def __init__(self, tools: Iterable[Tool], metrics: Metrics) -> None:
        tools = list(tools)
        super().__init__(
            DISTRIBUTION,
            title=TITLE,
            description=metadata(DISTRIBUTION)["Summary"],
            version=__version__,
            tools=tools,
            # A subscriber would hear only of what happens in the replica that it happened to reach.
            subscriptions=False,
        )
        self._names = {tool.name for tool in tools}
        self._calls = Counter(
            "mcp_tool_calls",
            "Tool calls: ok, refused (the caller can put it right), failed, or cancelled.",
            ["tool", "outcome"],
            registry=metrics.registry,
        )
        self._duration = Histogram(
            "mcp_tool_call_duration_seconds",
            "Time that tool calls took.",
            ["tool"],
            registry=metrics.registry,
        )

    async def call_tool(
        self, name: str, arguments: dict[str, Any], context: Context[Any, Any] | None = None
    ) -> Any:
        """Return what a tool returns, or raise `ToolError` with a sentence for the caller."""
        tool = name if name in self._names else "other"
        outcome = "cancelled"
        started = perf_counter()
        with identified() as request_id:
            try:
                result = await super().call_tool(name, arguments, context)
            except ToolError as error:
                outcome = "refused"
                cause = error.__cause__
                if isinstance(cause, EXPECTED):
                    raise ToolError(str(cause)) from None
                if isinstance(cause, StoreUnavailableError):
                    outcome = "failed"
                    raise ToolError(str(cause)) from None
                if isinstance(error, UnexpectedToolError):
                    outcome = "failed"
                    logger.exception("unhandled exception", extra={"tool": tool})
                    raise ToolError(failure(request_id)) from None
                if isinstance(cause, ValidationError):
                    raise ToolError(invalid(cause)) from None
                raise ToolError("there is no such tool" if cause is None else str(cause)) from None
            else:
                outcome = "ok"
                return result
            finally:
                seconds = perf_counter() - started
                self._calls.labels(tool, outcome).inc()
                self._duration.labels(tool).observe(seconds)
                logger.info(
                    "tool call",
                    extra={
                        "tool": tool,
                        "outcome": outcome,
                        "duration_ms": round(seconds * 1000, 3),
                    },
                )

    async def read_resource(self, uri: Any, context: Context[Any, Any] | None = None) -> Any:
        """Return what is in a resource, or raise `MCPError` with a sentence for the caller."""
        with identified() as request_id:
            try:
                return await super().read_resource(uri, context)
            except ResourceError as error:
                if error.__cause__ is None:
                    raise MCPError(INVALID_PARAMS, "there is no such resource") from None
                raise protocol_error(error, request_id) from None

    async def get_prompt(
        self,
        name: str,
        arguments: dict[str, Any] | None = None,
        context: Context[Any, Any] | None = None,
    ) -> Any:
        """Return a prompt's messages, or raise `MCPError` with a sentence for the caller."""
        with identified() as request_id:
            prompts = {prompt.name: prompt for prompt in await self.list_prompts()}
            if name not in prompts:
                raise MCPError(INVALID_PARAMS, "there is no such prompt")
            for argument in prompts[name].arguments or []:
                if argument.required and argument.name not in (arguments or {}):
                    raise MCPError(INVALID_PARAMS, f"{argument.name}: Field required")
            try:
                return await super().get_prompt(name, arguments, context)
            except ValueError as error:
                raise protocol_error(error, request_id) from None


def typed_tool(function: Callable[..., Any], title: str, **hints: bool) -> Tool:
    """Return a tool that takes and gives just what a function's signature says.

    Its description is the function's docstring. `hints` tell what a client may do unasked.
    """
    annotations = ToolAnnotations(title=title, open_world_hint=False, **hints)
    tool = Tool.from_function(
        function, title=title, annotations=annotations, structured_output=False
    )
    # An argument that does not exist is most likely another one, misspelt.
    arguments = tool.fn_metadata.arg_model
    arguments.model_config["extra"] = "forbid"
    arguments.model_rebuild(force=True)
    tool.parameters = arguments.model_json_schema()
    # By itself, the SDK describes no dataclass with slots.
    returned = signature(function, eval_str=True).return_annotation
    tool.fn_metadata = FuncMetadata(arg_model=arguments, output_model=returned)
    return tool


@contextmanager
def identified() -> Generator[str]:
    """Give what is logged the id of the HTTP request, or one of its own where there is none."""
    if "request_id" in request_context.get():
        yield request_context.get()["request_id"]
        return
    ids = request_ids([])
    token = request_context.set(ids)
    try:
        yield ids["request_id"]
    finally:
        request_context.reset(token)


def protocol_error(error: Exception, request_id: str) -> MCPError:
    """Return what a caller is told of an error in a resource or a prompt."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, EXPECTED):
            return MCPError(INVALID_PARAMS, str(cause))
        if isinstance(cause, StoreUnavailableError):
            return MCPError(INTERNAL_ERROR, str(cause))
        if isinstance(cause, ValidationError):
            return MCPError(INVALID_PARAMS, invalid(cause))
        cause = cause.__cause__
    logger.error("unhandled exception", exc_info=error)
    return MCPError(INTERNAL_ERROR, failure(request_id))


def failure(request_id: str) -> str:
    """Return a sentence for a failure of ours."""
    return f"the call failed; our logs have it under {request_id}"


def invalid(error: ValidationError) -> str:
    """Return a sentence that names what is not valid, and repeats no value."""
    problems = error.errors(include_input=False, include_url=False)[:MAX_ERRORS]
    return "; ".join(
        f"{'.'.join(str(step) for step in problem['loc'])[:MAX_NAME]}: {problem['msg']}"
        for problem in problems
    )
