"""Look for weaknesses with Trivy: in the tree, its Dockerfile and manifests, and an image.

`python -m pipeline.trivy ARCHIVE` writes reports/trivy.sarif, for pipeline.verdict to judge.

A database that knows nothing would let everything pass, and so would one of last year. So it is
asked about two packages whose weaknesses are known for a decade, and for its day.
"""

import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipeline.shell import FailedError, read, tool

CANARY = "pipeline/canary.cdx.json"
MANIFESTS = Path("deploy/kubernetes")
OLDEST = timedelta(days=7)
BESIDE = ("--cache-backend=memory",)
"""What lets several run at a time: a cache on the disk is for one."""
SUPPLY = (
    "set TRIVY_DB_REPOSITORY to a mirror of ghcr.io/aquasecurity/trivy-db:2, or TRIVY_CACHE_DIR to "
    "a folder that has it, with TRIVY_SKIP_DB_UPDATE=true"
)


def check_database(now: datetime) -> None:
    """Get Trivy's database, or take the one that is supplied.

    Raises:
        FailedError: there is none, or it is no ground for a verdict; or there is no Trivy.
    """
    trivy = tool("trivy")
    read(*trivy, "--version")  # without a program there is nothing to be said of its database
    try:
        canary = json.loads(
            read(*trivy, "sbom", *BESIDE, "--quiet", "--scanners=vuln", "--format=json", CANARY)
        )
    except FailedError as error:
        msg = f"there is no database, so nothing is known about packages: {SUPPLY} ({error})"
        raise FailedError(msg) from None
    found = [result.get("Vulnerabilities", []) for result in canary.get("Results", [])]
    names = {weakness["PkgName"] for weaknesses in found for weakness in weaknesses}
    if missing := {"jinja2", "openssl"} - names:
        msg = f"its database knows nothing about {' and '.join(sorted(missing))}, so it is empty"
        raise FailedError(f"{msg}: {SUPPLY}")
    told = json.loads(read(*trivy, "version", "--format=json"))["VulnerabilityDB"]["UpdatedAt"]
    if now - datetime.fromisoformat(told) > OLDEST:
        msg = f"its database is of {told:.10}, more than {OLDEST.days} days old: {SUPPLY}"
        raise FailedError(msg)


def scan(name: str, *what: str) -> dict[str, Any]:
    """Return what Trivy finds as a SARIF run, called by this name where the code host shows it.

    Raises:
        FailedError: it did not finish, or left out a check that is broken.
    """
    report = Path(f"reports/trivy-{name}.sarif")
    command = (*tool("trivy"), *what, "--format=sarif", f"--output={report}")
    # A broken check is left out; Trivy says so, and goes on.
    read(*command, fatal=r"\tERROR\t\[rego\]|failed to load rego")
    [found] = json.loads(report.read_text(encoding="utf-8"))["runs"]
    report.unlink()
    for result in found["results"]:
        place = result["locations"][0]["physicalLocation"]["artifactLocation"]
        if place["uri"].endswith("image.tar"):  # a place that a reader can go to
            place["uri"] = "Dockerfile"
    return {**found, "automationDetails": {"id": f"{name}/"}}


def main(archive: str) -> None:
    """Scan; leave with status 1 and one sentence if that cannot be done."""
    merged = Path("reports/trivy.sarif")
    merged.unlink(missing_ok=True)  # whatever happens, it is not this run's
    try:
        check_database(datetime.now(UTC))
        runs = [scan("tree", "filesystem", "."), scan("image", "image", f"--input={archive}")]
        if MANIFESTS.is_dir():
            # Beside the checks of YAML, which a scan of the tree has for compose files, Trivy does
            # not take these for what they are.
            runs.append(scan("kubernetes", "config", "--misconfig-scanners=kubernetes", "."))
    except FailedError as error:
        sys.exit(f"trivy: {error}")
    merged.write_text(json.dumps({"version": "2.1.0", "runs": runs}), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
