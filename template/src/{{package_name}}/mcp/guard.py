"""Who is let in: callers with a token, by a name that is ours, and no foreign web page."""

import hmac
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ..problems import problem_response
from ..settings import Settings, SettingsError


class Guard:
    """ASGI middleware that answers 401, 403 or 421 to those who are not let in.

    A web page may make its visitor's browser ask a server that only the visitor reaches, under a
    host name of the page's own (DNS rebinding). Such a request has the page's `Host`, and `Origin`.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._hosts = _items(settings.allowed_hosts)
        self._origins = _items(settings.allowed_origins)
        self._tokens = [token.encode() for token in _items(settings.tokens.get_secret_value())]
        self._everybody = settings.auth == "none"
        if not self._tokens and not self._everybody:
            raise SettingsError(
                "APP_TOKENS must be set, for only who has a token is let in;"
                " or APP_AUTH must be none, and everybody is"
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the caller in, or say why not."""
        headers = Headers(scope=scope)
        origin = headers.get("origin")
        app = self._app
        if _name(headers.get("host", "")) not in self._hosts:
            app = problem_response(
                HTTPStatus.MISDIRECTED_REQUEST, "APP_ALLOWED_HOSTS does not have this host"
            )
        elif origin is not None and origin not in self._origins:
            app = problem_response(
                HTTPStatus.FORBIDDEN, "APP_ALLOWED_ORIGINS does not have this origin"
            )
        elif not self._everybody and not self._knows(headers.get("authorization", "")):
            app = problem_response(
                HTTPStatus.UNAUTHORIZED,
                "send a valid token: Authorization: Bearer TOKEN",
                headers={"WWW-Authenticate": "Bearer"},
            )
        await app(scope, receive, send)

    def _knows(self, authorization: str) -> bool:
        scheme, _, token = authorization.partition(" ")
        # Every token is compared, and in full: how long it takes tells nothing.
        found = [hmac.compare_digest(token.strip().encode(), known) for known in self._tokens]
        return scheme.lower() == "bearer" and any(found)


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _name(host: str) -> str:
    """Return the host name of a `Host` header, without its port."""
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
