"""A vulnerability database for Trivy that a test can fill.

It stands for ghcr.io/aquasecurity/trivy-db, which no test machine may depend on, and has the format
of that: https://github.com/aquasecurity/trivy-db. By itself it knows two vulnerabilities, old and
real.

    write_database(cache, [*KNOWN, Vulnerability("CVE-2026-1", "openssl", "debian 13", fixed=None)])
    project.nox("-s", "scan", TRIVY_CACHE_DIR=str(cache), TRIVY_SKIP_DB_UPDATE="true")

    push_database(f"{registry}/trivy-db:2", cache)
    project.nox("-s", "scan", TRIVY_DB_REPOSITORY=f"{registry}/trivy-db:2")

`write_database(cache, [])` is sound and knows nothing: its data is empty.
"""

import hashlib
import io
import json
import tarfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, get_args

import httpx

from tests.bolt import Bucket, write_bolt

type Ecosystem = Literal["debian 13", "pip"]
type Severity = Literal["UNKNOWN", "LOW", "MEDIUM", "HIGH", "CRITICAL"]

SCHEMA = 2
SOURCES = {
    "debian 13": {
        "ID": "debian",
        "Name": "Debian Security Tracker",
        "URL": "https://salsa.debian.org/security-tracker-team/security-tracker",
    },
    "pip": {
        "ID": "ghsa",
        "Name": "GitHub Security Advisory pip",
        "URL": "https://github.com/advisories?query=type%3Areviewed+ecosystem%3Apip",
    },
}
MANIFEST = "application/vnd.oci.image.manifest.v1+json"


@dataclass(frozen=True)
class Vulnerability:
    """What is known against a package: against all versions below `fixed`, or all if it is None."""

    id: str
    package: str
    """Its name on PyPI, or of the Debian source package: openssl, where libssl3t64 is installed."""
    ecosystem: Ecosystem
    fixed: str | None
    severity: Severity = "HIGH"
    title: str = "Something bad."

    @property
    def place(self) -> tuple[str, str]:
        """Where Trivy looks for it: the names of two buckets."""
        if self.ecosystem == "pip":
            return f"pip::{SOURCES['pip']['Name']}", self.package.lower().replace("_", "-")
        return self.ecosystem, self.package

    def advisory(self) -> dict[str, Any]:
        """Return which versions it is about."""
        if self.ecosystem != "pip":
            return {"FixedVersion": self.fixed} if self.fixed else {}
        if self.fixed is None:
            return {"VulnerableVersions": [">=0"]}
        return {"VulnerableVersions": [f"<{self.fixed}"], "PatchedVersions": [self.fixed]}

    def detail(self) -> dict[str, Any]:
        """Return what it is, whichever package has it."""
        grade = get_args(Severity.__value__).index(self.severity)
        # Trivy takes NVD's where the source of an advisory gives none.
        return {
            "Title": self.title,
            "Description": self.title,
            "VendorSeverity": {"nvd": grade},
        }


HEARTBLEED = Vulnerability(
    id="CVE-2014-0160",
    package="openssl",
    ecosystem="debian 13",
    fixed="1.0.1g-1",
    title="openssl: information disclosure in handling of TLS heartbeat extension packets",
)
JINJA2 = Vulnerability(
    id="CVE-2014-1402",
    package="jinja2",
    ecosystem="pip",
    fixed="2.7.2",
    title="python-jinja2: FileSystemBytecodeCache insecure cache temporary file use",
)
KNOWN = (HEARTBLEED, JINJA2)


def write_database(
    cache: Path, vulnerabilities: Iterable[Vulnerability] = KNOWN, updated: datetime | None = None
) -> None:
    """Have a folder hold a database of that age, by default a new one, for TRIVY_CACHE_DIR.

    Trivy takes it as it is with TRIVY_SKIP_DB_UPDATE, and without while it is less than a day old.
    """
    updated = (updated or datetime.now(UTC)).astimezone(UTC)
    metadata = {
        "Version": SCHEMA,
        "UpdatedAt": updated.isoformat(),
        "NextUpdate": (updated + timedelta(days=1)).isoformat(),
        "DownloadedAt": updated.isoformat(),
    }
    folder = cache / "db"
    folder.mkdir(parents=True, exist_ok=True)
    write_bolt(folder / "trivy.db", contents(vulnerabilities))
    (folder / "metadata.json").write_text(json.dumps(metadata), encoding="utf-8")


def contents(vulnerabilities: Iterable[Vulnerability]) -> Bucket:
    """Return vulnerabilities by ecosystem, package and identifier, and what Trivy says of them."""
    advisories: dict[str, dict[str, dict[str, bytes]]] = defaultdict(lambda: defaultdict(dict))
    sources, details = {}, {}
    for each in vulnerabilities:
        ecosystem, package = each.place
        advisories[ecosystem][package][each.id] = encode(each.advisory())
        sources[ecosystem] = encode(SOURCES[each.ecosystem])
        details[each.id] = encode(each.detail())
    return {**advisories, "data-source": sources, "vulnerability": details}


def push_database(reference: str, cache: Path) -> None:
    """Publish a folder's database as 127.0.0.1:5000/name:tag, for TRIVY_DB_REPOSITORY.

    Raises:
        httpx.HTTPError: The registry does not take it.
    """
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name in ("trivy.db", "metadata.json"):
            tar.add(cache / "db" / name, name)
    registry, _, rest = reference.partition("/")
    repository, _, tag = rest.partition(":")
    with httpx.Client(base_url=f"http://{registry}/v2/{repository}/") as client:
        config = push(client, "application/vnd.aquasec.trivy.config.v1+json", b"{}")
        kind = "application/vnd.aquasec.trivy.db.layer.v1.tar+gzip"
        layer = push(client, kind, archive.getvalue())
        layer["annotations"] = {"org.opencontainers.image.title": "db.tar.gz"}
        manifest = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": config,
            "layers": [layer],
        }
        headers = {"Content-Type": MANIFEST}
        done = client.put(f"manifests/{tag}", content=encode(manifest), headers=headers)
        done.raise_for_status()


def push(client: httpx.Client, kind: str, content: bytes) -> dict[str, Any]:
    """Give a repository a blob; return how a manifest speaks of it."""
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    begun = client.post("blobs/uploads/").raise_for_status()
    place = begun.url.join(begun.headers["Location"]).copy_merge_params({"digest": digest})
    client.put(place, content=content).raise_for_status()
    return {"mediaType": kind, "digest": digest, "size": len(content)}


def encode(value: dict[str, Any]) -> bytes:
    """Return a value as JSON."""
    return json.dumps(value).encode()
