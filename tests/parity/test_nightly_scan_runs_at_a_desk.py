"""The nightly scan, run as it stands: an advisory that came without a commit is found."""

import json

import pytest

from tests.osv import Advisories, Advisory
from tests.parity.act import Act
from tests.project import Project

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("engine")]  # the image is scanned, too

SCAN = ".github/workflows/scan.yml"


def test_findings_of_the_night_are_red_and_shown_where_the_code_is(
    project: Project, act: Act, advisories: Advisories, images: dict[str, str]
) -> None:
    advisories.add(
        Advisory("PYSEC-2026-1", "fastapi", (locked(project, "fastapi"),), aliases=("CVE-2026-1",))
    )

    run = act.run(project, "schedule", SCAN, OSV_URL=advisories.url, **images)

    assert run.status != 0
    scan = run.job("scan")
    assert scan.steps["Run the sessions"] == "failure"
    assert "Session docker was successful" in scan.out, "one that fails does not stop the other"
    assert "PYSEC-2026-1" in scan.out
    assert scan.steps["Keep the reports"] == scan.steps["Show the findings"] == "success"
    shown = {
        path.stem: json.loads(path.read_text()) for path in (act.host / "findings").glob("*.sarif")
    }
    assert {"bandit", "hadolint", "kingfisher", "trivy", "uv", "zizmor"} <= shown.keys()
    assert {report["version"] for report in shown.values()} == {"2.1.0"}
    [finding] = shown["uv"]["runs"][0]["results"]
    assert finding["ruleId"] == "PYSEC-2026-1"
    assert run.job("codeql").passed
    assert (act.host / "codeql").read_text().splitlines() == [
        "init python, actions (none)",
        "analyze",
    ]


@pytest.mark.fresh
def test_a_quiet_night_is_green(
    project: Project, act: Act, advisories: Advisories, images: dict[str, str]
) -> None:
    chosen = ("workflow_dispatch", SCAN, "--job=scan")
    run = act.run(project, *chosen, OSV_URL=advisories.url, **images)
    assert run.status == 0, run.out
    assert run.job("scan").passed


def locked(project: Project, package: str) -> str:
    """Return the version of a package in uv.lock."""
    export = project.must("uv", "export", "--quiet", "--no-hashes", "--no-header")
    [line] = [line for line in export.splitlines() if line.startswith(f"{package}==")]
    return line.removeprefix(f"{package}==").split()[0]
