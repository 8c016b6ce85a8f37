"""Pass or fail what the scanners reported, less the exceptions that are written down.

Takes the reports: `NAME.sarif` of a scanner, `licenses.json` as a CycloneDX document. Each that is
named must be there, for a scan that did not happen is not a pass.
"""

import fnmatch
import json
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

EXCEPTIONS = Path("exceptions.toml")
LONGEST = timedelta(days=366)
TOOLS = ("bandit", "hadolint", "kingfisher", "licenses", "trivy", "uv", "zizmor")


class UnusableError(Exception):
    """What was given cannot be judged; the message says what, where and what to do."""


@dataclass(frozen=True)
class Finding:
    """One thing that one scanner found."""

    tool: str
    ids: tuple[str, ...]
    place: str
    message: str

    def __str__(self) -> str:
        """Return it as one line that begins with the place, as compilers do."""
        return f"{self.place}: {self.tool} {' '.join(self.ids)}: {self.message}"


@dataclass(frozen=True)
class Exemption:
    """A finding that somebody accepted until a day."""

    tool: str
    id: str
    reason: str
    expires: date
    path: str = "*"

    def covers(self, finding: Finding) -> bool:
        """Tell whether the finding is the accepted one."""
        path = re.sub(r":\d+$", "", finding.place)
        return (
            self.tool == finding.tool
            and self.id in finding.ids
            and fnmatch.fnmatchcase(path, self.path)
        )


def findings_of_sarif(tool: str, report: Any) -> Iterator[Finding]:
    """Yield the findings of a SARIF 2.1.0 report.

    Raises:
        UnusableError: the scanner says that its own run failed.
    """
    for run in report["runs"]:
        if any(not call.get("executionSuccessful", True) for call in run.get("invocations", [])):
            msg = f"{tool} says that it did not finish: run it by hand to see why"
            raise UnusableError(msg)
        for result in run.get("results", []):
            location = result["locations"][0] if result.get("locations") else {}
            physical = location.get("physicalLocation", {})
            path = physical.get("artifactLocation", {}).get("uri", "?").removeprefix("./")
            line = physical.get("region", {}).get("startLine")
            properties = result.get("properties", {})
            fingerprint = result.get("partialFingerprints", {}).get("fingerprint")
            yield Finding(
                tool=tool,
                ids=(
                    result["ruleId"],
                    *properties.get("uv/aliases", []),
                    *([fingerprint] if fingerprint else []),
                ),
                place=f"{path}:{line}" if line and path != "uv.lock" else path,
                message=" ".join(result["message"]["text"].split()),
            )


def findings_of_licenses(components: list[Any], policy: set[str]) -> Iterator[Finding]:
    """Yield the components of a CycloneDX document whose licences the policy does not allow.

    Each that a component states must be allowed. What is not SPDX, like "BSD License", only counts
    where nothing better is stated.

    Raises:
        UnusableError: there is no component.
    """
    if not components:
        msg = "licenses: no package is listed, so nothing is proved: run cyclonedx-py by hand"
        raise UnusableError(msg)
    for component in components:
        entries = component.get("licenses", [])
        spdx = [each.get("expression") or each["license"].get("id") for each in entries]
        stated = list(filter(None, spdx)) or [each["license"]["name"] for each in entries]
        if not stated or not all(is_allowed(license_, policy) for license_ in stated):
            yield Finding(
                tool="licenses",
                ids=(component["name"],),
                place="uv.lock",
                message=f"{component['name']} {component['version']} is under "
                f"{' and '.join(stated) or 'no stated licence'}, which [tool.licenses] in "
                "pyproject.toml does not allow",
            )


def is_allowed(expression: str, policy: set[str]) -> bool:
    """Tell whether a policy allows a licence: of "A OR B" one part, of "A AND B" both.

    An SPDX expression that nests deeper is not taken apart, and so not allowed.
    """
    choices = expression.strip("()").split(" OR ")
    return any(set(choice.strip("()").split(" AND ")) <= policy for choice in choices)


def read_exemptions(text: str, today: date) -> list[Exemption]:
    """Return the accepted findings, all of them within their time.

    Args:
        text: the content of exceptions.toml.
        today: the day that decides what has expired.

    Raises:
        UnusableError: an entry is incomplete, expired, or valid for more than a year.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        msg = f"{EXCEPTIONS}: not valid TOML: {error}"
        raise UnusableError(msg) from None
    entries = document.pop("exception", [])
    if document or not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        msg = f"{EXCEPTIONS}: write each entry below a line [[exception]], and nothing else"
        raise UnusableError(msg)
    exemptions = []
    for number, entry in enumerate(entries, start=1):
        where = f"{EXCEPTIONS}: entry {number} ({entry.get('id', 'without id')})"
        unknown = entry.keys() - {"tool", "id", "path", "reason", "expires"}
        texts = [entry.get(key) for key in ("tool", "id", "reason")]
        if unknown:
            msg = f"{where} has {', '.join(sorted(unknown))}: only tool, id, path, reason, expires"
        elif not all(isinstance(text, str) and text.strip() for text in texts):
            msg = f"{where} needs tool, id and reason, each a text that is not empty"
        elif entry["tool"] not in TOOLS:
            msg = f"{where} is of {entry['tool']}, which does not scan here: {', '.join(TOOLS)} do"
        elif type(entry.get("expires")) is not date:
            msg = f"{where} needs expires, a date like {today + timedelta(days=90)}"
        elif entry["expires"] < today:
            msg = f"{where} expired on {entry['expires']}: mend the finding, or decide anew"
        elif entry["expires"] > today + LONGEST:
            msg = f"{where} expires on {entry['expires']}: choose a day within a year"
        else:
            exemptions.append(Exemption(**entry))
            continue
        raise UnusableError(msg)
    return exemptions


def read_report(path: Path) -> list[Finding]:
    """Return what one scanner found.

    Raises:
        UnusableError: the report is missing, or not what a scanner writes.
    """
    tool = path.stem
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        if path.suffix == ".sarif":
            return list(findings_of_sarif(tool, report))
        return list(findings_of_licenses(report["components"], license_policy()))
    except FileNotFoundError:
        msg = f"{path} is missing, so {tool} proved nothing: run the session again"
    except (ValueError, KeyError, TypeError):
        msg = f"{path} is not a report, so {tool} proved nothing: run it by hand to see why"
    raise UnusableError(msg) from None


def license_policy() -> set[str]:
    """Return the licences that pyproject.toml allows."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    return set(project["tool"]["licenses"]["allow"])


def main(paths: list[str]) -> None:
    """Print a line a finding and a line a scanner; leave with status 1 unless all pass."""
    try:
        exemptions = read_exemptions(EXCEPTIONS.read_text("utf-8"), datetime.now(UTC).date())
        reports = {Path(path).stem: read_report(Path(path)) for path in paths}
    except FileNotFoundError:
        sys.exit(f"verdict: {EXCEPTIONS} is missing: restore it; an empty file accepts nothing")
    except UnusableError as error:
        sys.exit(f"verdict: {error}")

    used = set()
    open_findings = 0
    for tool, findings in reports.items():
        for finding in findings:
            exemption = next((each for each in exemptions if each.covers(finding)), None)
            if exemption:
                used.add(exemption)
                print(f"{finding} (accepted until {exemption.expires}: {exemption.reason})")
            else:
                open_findings += 1
                print(finding)
        print(f"{tool}: {len(findings)} found")
    for exemption in exemptions:
        if exemption.tool in reports and exemption not in used:
            print(f"{EXCEPTIONS}: {exemption.tool} {exemption.id} matches nothing: remove it")
    if open_findings:
        sys.exit(
            f"verdict: {open_findings} open: mend each, or accept it for a time in {EXCEPTIONS}, "
            "with a reason"
        )


if __name__ == "__main__":
    main(sys.argv[1:])
