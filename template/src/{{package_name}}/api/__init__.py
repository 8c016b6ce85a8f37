"""The HTTP API: everything that a service with another face replaces."""

from .app import create_app

__all__ = ["create_app"]
