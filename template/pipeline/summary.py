"""Tell a run of the pipeline in one table: sessions, durations, tests, coverage.

Reads every nox, JUnit and coverage report below `reports/`, however the pipeline laid them out. The
table goes to the standard output and, where there is one, to the job summary.

`NEEDS` holds the results of the jobs that this one waited for, as GitHub's `toJSON(needs)`. One
that did not succeed fails the summary, so that a single check protects a branch.
"""

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from junitparser import JUnitXml

REPORTS = Path("reports")


@dataclass(frozen=True)
class Row:
    """What became of one session."""

    session: str
    result: str
    seconds: float
    tests: str
    coverage: str


def tests(session: str) -> str:
    """Return the figures of a session's tests, like `48 passed, 1 skipped`; empty without any."""
    path = next(REPORTS.rglob(f"junit-{session}.xml"), None)
    if path is None:
        return ""
    report = JUnitXml.fromfile(str(path))
    failed = report.failures + report.errors
    passed = report.tests - failed - report.skipped
    figures = [(passed, "passed"), (failed, "failed"), (report.skipped, "skipped")]
    return ", ".join(f"{number} {word}" for number, word in figures if number)


def coverage(session: str) -> str:
    """Return the share of code that a session covered, like `97.1 %`; empty without a report."""
    path = next(REPORTS.rglob(f"coverage-{session}.json"), None)
    if path is None:
        return ""
    return f"{json.loads(path.read_text())['totals']['percent_covered']:.1f} %"


def rows() -> list[Row]:
    """Return the sessions of all reports, by name."""
    found = {}
    for path in sorted(REPORTS.rglob("nox.json")):
        for entry in json.loads(path.read_text())["sessions"]:
            session = entry["signatures"][0]
            found[session] = Row(
                session, entry["result"], entry["duration"], tests(session), coverage(session)
            )
    return [found[session] for session in sorted(found) if session != "summary"]


def table(sessions: list[Row]) -> str:
    """Return the sessions as a Markdown table."""
    lines = ["| session | result | seconds | tests | coverage |", "|---|---|--:|---|--:|"]
    lines += [
        f"| {row.session} | {row.result} | {row.seconds:.1f} | {row.tests} | {row.coverage} |"
        for row in sessions
    ]
    return "\n".join(lines)


def main() -> None:
    """Print the table; leave with status 1 without a run, or after a job that did not succeed."""
    sessions = rows()
    text = table(sessions)
    print(text)
    if target := os.environ.get("GITHUB_STEP_SUMMARY"):
        with Path(target).open("a", encoding="utf-8") as summary:
            summary.write(f"{text}\n")
    needs = json.loads(os.environ.get("NEEDS", "{}"))
    missed = [f"{job} ({it['result']})" for job, it in needs.items() if it["result"] != "success"]
    if missed:
        sys.exit(f"summary: these jobs did not succeed: {', '.join(missed)}")
    if not sessions:
        sys.exit(f"summary: no run left a report in {REPORTS}/: run `uv run nox` first")


if __name__ == "__main__":
    main()
