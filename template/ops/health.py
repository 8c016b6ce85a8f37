"""The health of an environment, as a report that a person can paste and a machine can go by."""

import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import httpx
from tabulate import tabulate

from ops.gate import mismatch, version_at
from ops.ledger import Entry
from ops.load import READY, TIMEOUT, Load, percentile, reason, to_service
from ops.model import Environment, Instance

REQUESTS = 20
DAY = 86_400
SOON, VERY_SOON = 21, 7
"""Days until a certificate expires that are worth a warning, and that are a failure."""


class Level(StrEnum):
    """How bad something is."""

    OK = "ok"
    WARN = "warning"
    FAIL = "FAILED"


@dataclass(frozen=True)
class Row:
    """One thing that was looked at."""

    check: str
    level: Level
    detail: str


@dataclass(frozen=True)
class Report:
    """All that was looked at."""

    rows: Sequence[Row]

    @property
    def healthy(self) -> bool:
        """Whether nothing failed; what is worth a warning has not yet."""
        return all(row.level is not Level.FAIL for row in self.rows)

    def __str__(self) -> str:
        """Return a table."""
        rows = [(row.check, row.level.value, row.detail) for row in self.rows]
        return tabulate(rows, ("check", "", "detail"), "simple", disable_numparse=True)


def examine(
    environment: Environment,
    url: str,
    instances: Sequence[Instance],
    serving: Entry | None,
    expected: str = "",
) -> Report:
    """Return how an environment is.

    Args:
        environment: which.
        url: how it is reached: as its users do, or through `Target.reach`.
        instances: every copy that runs, or should.
        serving: the ledger's entry of what serves; None if nothing was ever deployed.
        expected: the version that it has to say, where it was deployed by a tag like `main`.
    """
    rows = [_probe(url, path) for path in ("/livez", "/readyz", "/health")]
    rows.append(_times(environment, url))
    if url.startswith("https://"):
        rows.append(certificate(url))
    return Report([*rows, copies(environment, instances), *_version(url, serving, expected)])


def _probe(url: str, path: str) -> Row:
    began = time.monotonic()
    try:
        with httpx.Client(**to_service(url)) as client:
            response = client.get(path)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Row(path, Level.FAIL, reason(error))
    detail = f"{response.status_code} in {(time.monotonic() - began) * 1000:.0f} ms"
    return Row(path, Level.OK if response.is_success else Level.FAIL, detail)


def _times(environment: Environment, url: str) -> Row:
    """Return the response times of the first smoke request that changes nothing."""
    request = next((each for each in environment.smoke if each.method == "GET"), READY)
    with Load(url, [request], concurrency=1, total=REQUESTS) as load:
        load.wait()
    times = [answer.seconds for answer in load.answers]
    half, most = percentile(times, 0.5), percentile(times, 0.95)
    detail = f"p50 {half * 1000:.0f} ms, p95 {most * 1000:.0f} ms of {REQUESTS}x {request.path}"
    level = Level.WARN if most > environment.watch.latency else Level.OK
    for trouble, number in load.troubles.items():
        level, detail = Level.FAIL, f"{detail}; {number}x {trouble}"
    return Row("response times", level, detail)


def certificate(url: str) -> Row:
    """Return for how long the certificate of an https URL is valid."""
    where = httpx.URL(url)
    context = httpx.create_ssl_context()  # trusts whom the other requests trust
    try:
        with (
            socket.create_connection((where.host, where.port or 443), TIMEOUT) as plain,
            context.wrap_socket(plain, server_hostname=where.host) as secured,
        ):
            told = secured.getpeercert() or {}
    except OSError as error:  # an ssl.SSLError, too
        return Row("certificate", Level.FAIL, reason(error))
    expires = ssl.cert_time_to_seconds(str(told["notAfter"]))
    days = int((expires - time.time()) // DAY)
    level = Level.FAIL if days < VERY_SOON else Level.WARN if days < SOON else Level.OK
    date = datetime.fromtimestamp(expires, UTC).date()
    return Row("certificate", level, f"expires in {days} days, on {date}")


def copies(environment: Environment, instances: Sequence[Instance]) -> Row:
    """Return how many instances serve, of which release, and how often they were started anew."""
    live = [each for each in instances if each.live]
    ready = sum(each.ready for each in live)
    restarts = sum(each.restarts for each in live)
    releases = ", ".join(str(number) for number in sorted({each.release for each in live}))
    desired = max(len(live), environment.replicas)
    level = Level.FAIL if ready < desired else Level.WARN if restarts else Level.OK
    detail = f"{ready} of {desired} ready, {restarts} restarts, release {releases or 'none'}"
    beside = len(instances) - len(live)
    return Row("instances", level, f"{detail}, {beside} beside" if beside else detail)


def _version(url: str, serving: Entry | None, expected: str) -> list[Row]:
    served, trouble = version_at(url)
    if serving is None:
        return [
            Row("version", Level.FAIL if trouble else Level.OK, trouble or served),
            Row("deployed", Level.WARN, "nothing is recorded that serves"),
        ]
    trouble = trouble or mismatch(served, expected or serving.version)
    when = f"{serving.ended or serving.began:%Y-%m-%d %H:%M %Z}".strip()
    by = f"release {serving.release}, {serving.action} of {when} by {serving.who}"
    return [
        Row("version", Level.FAIL if trouble else Level.OK, trouble or served),
        Row("deployed", Level.OK, f"{serving.version}, {by} from {serving.origin}"),
    ]
