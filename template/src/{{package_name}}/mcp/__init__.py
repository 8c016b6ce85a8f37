"""The service as an MCP server: over HTTP, or on the standard streams of a process."""

from .app import create_app
from .stdio import serve_stdio

__all__ = ["create_app", "serve_stdio"]
