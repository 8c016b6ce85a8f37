"""JSON logs: one line a record, carrying the ids of the request it belongs to."""

import logging
from collections.abc import Mapping
from contextvars import ContextVar
from types import MappingProxyType
from typing import TextIO

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

# `request_id`, and `trace_id` where the caller sent one, while a request is served.
request_context: ContextVar[Mapping[str, str]] = ContextVar(
    "request_context", default=MappingProxyType({})
)


def configure_logging(level: str, stream: TextIO) -> None:
    """Send all logs of this process, uvicorn's and warnings included, to a stream as JSON."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(json_formatter())
    handler.addFilter(_add_request_context)
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Its start and stop are told by server.py, in fewer words.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


def json_formatter() -> logging.Formatter:
    """Return a formatter with timestamp, level, logger and message, then whatever is extra."""
    return JsonFormatter(
        ["timestamp", "levelname", "name", "message"],
        timestamp=True,
        rename_fields={"levelname": "level", "name": "logger", "exc_info": "exception"},
        reserved_attrs=[*RESERVED_ATTRS, "color_message"],
    )


def _add_request_context(record: logging.LogRecord) -> bool:
    vars(record).update(request_context.get())
    return True
