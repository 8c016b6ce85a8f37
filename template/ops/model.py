"""What is deployed, where, and how: values that are valid once they exist."""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from enum import StrEnum
from ipaddress import ip_address
from itertools import combinations
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
)

from pipeline.shell import FailedError

ENVIRONMENTS = Path("deploy/environments.toml")
DNS_LABEL = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
WHOLE = 100
"""All of the traffic, in per cent."""
HALF = 50
LAST_PORT = 65_535


class Kind(StrEnum):
    """How traffic moves from one release to the next."""

    ROLLING = "rolling"
    BLUE_GREEN = "blue-green"
    CANARY = "canary"
    ROLLBACK = "rollback"


@dataclass(frozen=True)
class Strategy:
    """The stops of a release on its way to all of the traffic."""

    kind: Kind
    shares: tuple[int, ...]
    """Per cent of the traffic at each stop; at 0 it runs beside, and nobody is sent to it.

    The first is 0 always: a release is tried before anybody meets it. Of one that is rolling, one
    instance is enough for that; from then on it takes the place of the previous one's instances.
    """

    @property
    def is_gated(self) -> bool:
        """Whether it is tried before it goes on: what served before has been tried already."""
        return self.kind is not Kind.ROLLBACK

    def is_watched(self, stop: int) -> bool:
        """Whether it is looked at under traffic at a stop: without any it would show nothing."""
        return self.is_gated and self.shares[stop] > 0


@dataclass(frozen=True)
class Release:
    """An image, and the manifest that was rendered for it. It is what a rollback applies again."""

    number: int
    """The ledger's number of the deployment that made it, from 1. Its instances carry it."""
    version: str
    image: str
    """Its name with its digest."""
    manifest: str
    """What the target applies, with references to secrets and none of their values."""
    says: str = ""
    """The version that the image says it is, which a tag like `main` or `1.2` does not tell."""

    @property
    def serves(self) -> str:
        """The version that its instances have to say."""
        return self.says or self.version


@dataclass(frozen=True)
class Rollout:
    """A release on its way."""

    release: Release
    previous: Release | None
    """What serves until then, and again if it goes wrong; none for the first."""
    strategy: Strategy
    stop: int = 0
    """Which of the strategy's shares it is to have now."""

    @property
    def share(self) -> int:
        """Per cent of the traffic that it is to have now."""
        return self.strategy.shares[self.stop]


@dataclass(frozen=True)
class Progress:
    """How far a release is, as its target sees it."""

    share: int
    """Per cent of the traffic that it gets now."""
    ready: int
    """Instances that serve, or could."""
    desired: int
    """Instances that there are to be at this stop."""
    settled: bool
    """Whether everything is as this stop wants it."""
    failed: str = ""
    """Why waiting will not help, like a crash loop or an image that cannot be pulled."""

    def __str__(self) -> str:
        """Say it in a few words."""
        text = f"{self.ready} of {self.desired} ready, {self.share} % of the traffic"
        return f"{text}: {self.failed}" if self.failed else text


@dataclass(frozen=True)
class Instance:
    """One running copy of the service."""

    name: str
    release: int
    """The release's number; 0 where nobody knows."""
    ready: bool
    restarts: int
    live: bool
    """Whether it is of the release that gets, or is about to keep, the traffic."""


class Table(BaseModel):
    """A table of environments.toml. A description completes the sentence `KEY must be ...`."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


Seconds = Annotated[
    float, Field(gt=0, le=86_400, description="a number of seconds, more than 0, at most 86400")
]
Url = Annotated[
    str,
    Field(
        pattern=r"^(https?://\S+[^\s/])?$",
        description="a URL like https://service.example.org, without a slash at its end",
    ),
]
HostPath = Annotated[
    str, Field(pattern=r"^(/.+)?$", description="an absolute path on the host, like /srv/notes")
]


class Request(Table):
    """A request that must be answered with a status below 400."""

    path: Annotated[str, Field(pattern=r"^/\S*$", description="a path like /readyz")]
    method: Literal["GET", "HEAD", "POST"] = "GET"
    body: str = ""
    """Sent as JSON."""
    token: Annotated[
        str,
        Field(
            pattern=r"^([A-Z_][A-Z0-9_]*)?$",
            description="the name of an environment variable, like SMOKE_TOKEN",
        ),
    ] = ""
    """The variable that holds a bearer token; empty for none."""


class Watch(Table):
    """How long a release is looked at under traffic, and what it must show."""

    seconds: Seconds = 300
    error_rate: Annotated[
        float, Field(ge=0, le=1, description="a share of the requests, 0 to 1, like 0.01")
    ] = 0.01
    """The share of requests that may be answered with 5xx."""
    latency: Seconds = 1
    """Seconds in which 99 % of the requests must be answered."""
    requests: Annotated[int, Field(ge=1, description="a whole number, at least 1")] = 100
    """Fewer prove nothing."""
    prometheus: Url = ""
    """Where its metrics are; empty: requests of our own are what is looked at."""
    selector: str = 'release="{release}"'
    """The labels that Prometheus has for the instances of a release; `{release}` is its number."""


class Kubernetes(Table):
    """A namespace of a cluster."""

    context: Annotated[str, Field(min_length=1, description="a context of the kubeconfig")]
    """The one that happens to be current is never taken."""
    namespace: Annotated[
        str, Field(pattern=DNS_LABEL, description="a name of lower-case letters, digits and dashes")
    ]
    direct: bool = False
    """Whether pods are reached at their own addresses, as from a runner in the cluster; if not,
    `kubectl port-forward` is the way. Never where a network of yours has such addresses, too."""


def _listenable(publish: str) -> str:
    host, colon, port = publish.rpartition(":")
    try:
        if host or colon:
            ip_address(host.removeprefix("[").removesuffix("]"))
        if not re.fullmatch(r"[1-9]\d{0,4}", port) or int(port) > LAST_PORT:
            raise ValueError(port)
    except ValueError:
        msg = f"must be an address and port, like 127.0.0.1:8080 (got {publish!r:.60})"
        raise ValueError(msg) from None
    return publish


class Compose(Table):
    """An engine on a host."""

    host: Annotated[
        str,
        Field(
            pattern=r"^(ssh://[^\s/]+)?$",
            description="like ssh://deploy@host.example, or empty for this machine",
        ),
    ] = ""
    publish: Annotated[
        str,
        Field(description="an address and port, like 127.0.0.1:8080"),
        AfterValidator(_listenable),
    ] = "127.0.0.1:8080"
    """Where the proxy listens, on the host."""
    directory: HostPath = ""
    """Where the ledger is kept, on the host; empty: `.local/state/NAME/ENVIRONMENT` at home."""
    secrets: HostPath = ""
    """A file on the host with the service's secret settings, a NAME=value a line; empty: none."""


def _of_its_target(table: Table | None, info: ValidationInfo) -> Table | None:
    target = info.data.get("target")
    if target is None:  # which is told already
        return table
    if table is not None and target != info.field_name:
        msg = f"is there, but target is {target}: delete one of them"
        raise ValueError(msg)
    if table is None and target == info.field_name:
        if target == "kubernetes":
            msg = "is missing: write a table with its context and namespace"
            raise ValueError(msg)
        return Compose()
    return table


def _ascending(stops: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
    if list(stops) != sorted(set(stops)):
        msg = "must go up from stop to stop"
        raise ValueError(msg)
    if info.data.get("target") == "kubernetes" and max(stops, default=0) > HALF:
        msg = "must stay at 50 or below: there it is a ratio of replicas, beside all the old ones"
        raise ValueError(msg)
    return stops


class Environment(Table):
    """A place that releases are deployed to."""

    name: str
    target: Literal["kubernetes", "compose"]
    strategy: Literal["rolling", "blue-green", "canary"] = "rolling"
    replicas: Annotated[
        int, Field(ge=1, le=1000, description="a whole number, at least 1, at most 1000")
    ] = 2
    takes: Annotated[
        str, Field(description="a branch's name, releases, pre-releases, or empty for nothing")
    ] = ""
    """What is deployed there as soon as it is published; empty: what a person deploys."""
    url: Url = ""
    """Where its users reach it; empty where nobody does from outside."""
    confirm: bool = False
    """Whether a person has to confirm at a terminal."""
    warm: bool = False
    """Whether the previous release's instances stay, for a rollback at once."""
    integration: bool = False
    """Whether tests/integration runs against a release before it gets traffic."""
    deadline: Seconds = 300
    """Seconds in which a release must be ready at each stop."""
    lease: Seconds = 60
    """Seconds after which the lock of a run that died is taken over."""
    canary: Annotated[
        tuple[Annotated[int, Field(ge=1, le=99, description="per cent, 1 to 99")], ...],
        Field(strict=False),
        AfterValidator(_ascending),
    ] = (10, 50)
    """Per cent of the traffic at the stops of a canary, before all of it."""
    smoke: Annotated[
        tuple[Request, ...],
        Field(strict=False, min_length=1, description='at least one, like [{ path = "/readyz" }]'),
    ] = (Request(path="/readyz"),)
    watch: Watch = Watch()
    kubernetes: Annotated[Kubernetes | None, AfterValidator(_of_its_target)] = Field(
        None, validate_default=True
    )
    compose: Annotated[Compose | None, AfterValidator(_of_its_target)] = Field(
        None, validate_default=True
    )

    @property
    def place(self) -> tuple[str, ...]:
        """Where its ledger is, as two environments that share one would have it."""
        if self.kubernetes:
            return self.kubernetes.context, self.kubernetes.namespace
        directory = self.compose.directory if self.compose else ""
        return (self.compose.host if self.compose else "", directory or self.name)

    @property
    def called(self) -> str:
        """Return what its users call it, as the header Host has it; empty where nobody does."""
        return urlsplit(self.url).netloc

    def plan(self) -> Strategy:
        """Return the stops of a deployment here."""
        kind = Kind(self.strategy)
        return Strategy(kind, (0, *(self.canary if kind is Kind.CANARY else ()), WHOLE))


BACK = Strategy(Kind.ROLLBACK, (0, WHOLE))


def read_environments(path: Path = ENVIRONMENTS) -> Mapping[str, Environment]:
    """Return the environments by name, all of them valid.

    Raises:
        FailedError: with a sentence for everything that is wrong, naming file, table and key.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        msg = f"{path}: there is no such file: run this in the project's own folder"
        raise FailedError(msg) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        msg = f"{path}: it is not TOML: {error}"
        raise FailedError(msg) from None
    found, wrong = {}, []
    for name, table in tables.items():
        if not re.fullmatch(DNS_LABEL, name) or not isinstance(table, dict):
            wrong.append(f"{path}: {name} must be a table, called like `staging`")
            continue
        if name == "local":
            wrong.append(f"{path}: local is what `inv up` starts: call it something else")
            continue
        if "name" in table:
            wrong.append(f"{path}: {name}.name is no key that is known here")
            continue
        try:
            found[name] = Environment.model_validate({"name": name, **table})
        except ValidationError as error:
            wrong += [f"{path}: {sentence}" for sentence in _sentences(name, error)]
    wrong += [
        f"{path}: {second.name} is at the same place as {first.name}: "
        "each would take what the other deployed for its own"
        for first, second in combinations(found.values(), 2)
        if first.place == second.place
    ]
    if not found and not wrong:
        wrong.append(f"{path}: there is no environment in it: write a table like [staging]")
    if wrong:
        raise FailedError("\n".join(wrong))
    return found


TABLES: Mapping[str, type[Table]] = {
    "smoke": Request,
    "watch": Watch,
    "kubernetes": Kubernetes,
    "compose": Compose,
}
PLAIN = {
    "missing": "is missing",
    "bool_type": "must be true or false (got {got})",
    "greater_than_equal": "must be at least {ge:g} (got {got})",
    "less_than_equal": "must be at most {le:g} (got {got})",
    "too_short": "must hold {description}",
    "value_error": "{error}",
}
"""What is said of pydantic's kinds of error, where a field's description is not the answer."""


def _sentences(name: str, error: ValidationError) -> Iterator[str]:
    """Yield a sentence for each thing that is wrong, once."""
    for problem in error.errors():
        key, description = name, ""
        table: type[Table] = Environment
        for part in problem["loc"]:
            if isinstance(part, int):
                key += f"[{part}]"
            else:
                key += f".{part}"
                field = table.model_fields.get(part)
                description = (field.description if field else None) or ""
                table = TABLES.get(part, table)
        kind, given = problem["type"], problem["input"]
        if kind == "too_short" and given:
            continue  # those that are there are wrong, which is told
        if kind == "extra_forbidden":
            near = get_close_matches(str(problem["loc"][-1]), table.model_fields, n=1)
            hint = f": did you mean {near[0]}?" if near else ""
            yield f"{key} is no key that is known here{hint}"
            continue
        said = problem["msg"].removeprefix("Input should be ")
        sentence = PLAIN.get(kind, "must be {description} (got {got})")
        context = {"description": description or said, "got": f"{given!r:.60}"}
        yield f"{key} {sentence.format(**context | problem.get('ctx', {}))}"
