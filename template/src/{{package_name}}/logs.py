"""JSON logs: one line a record, carrying the ids of the request it belongs to."""

import json
import logging
from collections.abc import Mapping
from contextvars import ContextVar
from datetime import UTC, datetime
from types import MappingProxyType
from typing import TextIO

# `request_id`, and `trace_id` where the caller sent one, while a request is served.
request_context: ContextVar[Mapping[str, str]] = ContextVar(
    "request_context", default=MappingProxyType({})
)

# One for all: json.dumps would make another for each line.
ENCODER = json.JSONEncoder(default=str)

# What every record has, and uvicorn's message for a terminal; anything else is extra.
ORDINARY = {*vars(logging.makeLogRecord({})), "message", "asctime", "color_message"}


class JsonFormatter(logging.Formatter):
    """Timestamp, level, logger and message, then whatever is extra, and the ids of the request."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line."""
        time = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, object] = {
            "timestamp": time.isoformat(timespec="microseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in ORDINARY}
        line |= request_context.get()
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack_info"] = self.formatStack(record.stack_info)
        return ENCODER.encode(line)


def reason(error: BaseException | None) -> str:
    """Return what an error says, on one line, for what is no fault of the program."""
    return f"{type(error).__name__}: {error}".partition("\n")[0]


def configure_logging(level: str, stream: TextIO) -> None:
    """Send all logs of this process, uvicorn's and warnings included, to a stream as JSON."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    # Its start and stop are told by server.py, in fewer words.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)
