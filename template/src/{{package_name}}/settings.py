"""What an operator may set, by environment variables that begin with `APP_`."""

import os
from difflib import get_close_matches
from typing import Annotated, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

PREFIX = "APP_"


class Settings(BaseSettings):
    """Every setting, valid. A description completes the sentence `APP_NAME must be ...`."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, frozen=True)

    host: Annotated[str, Field(description="an address or host name to listen on")] = "127.0.0.1"
    port: Annotated[
        int, Field(ge=0, le=65535, description="a TCP port, 0 to 65535, where 0 picks a free one")
    ] = 8000
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Field(description="debug, info, warning or error"),
    ] = "info"

    max_body_bytes: Annotated[
        int, Field(ge=1, description="a whole number of bytes, at least 1")
    ] = 262_144
    max_body_seconds: Annotated[
        float, Field(gt=0, le=3600, description="a number of seconds, more than 0, at most 3600")
    ] = 30
    max_concurrent_requests: Annotated[
        int, Field(ge=1, description="a whole number of requests, at least 1")
    ] = 256
    notes_capacity: Annotated[
        int, Field(ge=1, description="a whole number of notes, at least 1")
    ] = 10_000

    # Kubernetes tells a pod to stop at the same moment as it begins to take it out of rotation, and
    # for some seconds still sends it requests. Set the delay to 5 there, and the two together below
    # terminationGracePeriodSeconds. At a desk nobody wants to wait.
    shutdown_delay: Annotated[
        float, Field(ge=0, le=300, description="a number of seconds, 0 to 300")
    ] = 0
    shutdown_grace: Annotated[
        int, Field(ge=0, le=300, description="a whole number of seconds, 0 to 300")
    ] = 20


class SettingsError(Exception):
    """Settings that cannot be used; its text has one sentence a line, each naming a variable."""


def load_settings() -> Settings:
    """Return the settings that the environment holds, or raise `SettingsError`."""
    try:
        return Settings()
    except ValidationError as error:
        raise SettingsError("\n".join(_sentences(error))) from None


def unknown_variables() -> list[str]:
    """Return a sentence for each `APP_` variable that is not a setting.

    They are worth a warning, not a refusal: a release that is rolled back meets the settings of the
    one it replaces.
    """
    known = [PREFIX + name.upper() for name in Settings.model_fields]
    unknown = sorted(name for name in os.environ if name.startswith(PREFIX) and name not in known)
    return [f"{name} is not a setting{_hint(name, known)}" for name in unknown]


def _hint(name: str, known: list[str]) -> str:
    similar = get_close_matches(name, known, n=1)
    return f": did you mean {similar[0]}?" if similar else ""


def _sentences(error: ValidationError) -> list[str]:
    problems = error.errors()
    fields = [str(problem["loc"][0]) for problem in problems]
    return [
        f"{PREFIX}{field.upper()} must be {Settings.model_fields[field].description}"
        f" (got {problem['input']!r:.80})"
        for field, problem in zip(fields, problems, strict=True)
    ]
