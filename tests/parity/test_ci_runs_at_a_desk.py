"""The workflow that guards a branch, run as it stands: what it says is what a desk says."""

import re

import pytest

from tests.osv import Advisories
from tests.parity.act import Act
from tests.project import Project

CI = ".github/workflows/ci.yml"


@pytest.mark.e2e
@pytest.mark.usefixtures("engine")
def test_a_good_project_is_green_and_told_in_one_table(
    project: Project, act: Act, advisories: Advisories, images: dict[str, str]
) -> None:
    run = act.run(project, "pull_request", CI, OSV_URL=advisories.url, **images)

    assert run.status == 0, run.out
    sessions = ["commits", "docker", "integration", "lint", "scan", "test-3.12", "test-3.13"]
    sessions += ["typecheck"]
    assert sorted(run.jobs) == sorted([*sessions, "plan", "ci"])
    assert all(job.passed for job in run.jobs.values()), run.out

    head, _, *rows = run.job("ci").summary.splitlines()
    assert head == "| session | result | seconds | tests | coverage |"
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert [(session, result) for session, result, *_ in cells] == [
        (session, "success") for session in sessions
    ]
    assert all(float(seconds) > 0 for _, _, seconds, _, _ in cells)
    for session, _, _, tests, coverage in cells:
        tested = session.startswith("test")
        counted = tested or session in {"docker", "integration"}
        assert bool(re.fullmatch(r"\d+ passed", tests)) == counted, run.job("ci").summary
        assert bool(re.fullmatch(r"\d+\.\d %", coverage)) == tested, run.job("ci").summary

    assert len(advisories.asked) > 50, "the scan did not ask about every package"
    kept = {path.name for path in (act.host / "artifacts").iterdir()}
    assert kept == {f"reports-{session}" for session in sessions}


UNDOCUMENTED = '''"""A mistake on purpose."""


def greet() -> str:
    return "hello"
'''


def test_a_mistake_is_red_with_the_words_that_a_desk_prints(
    project: Project, act: Act, advisories: Advisories
) -> None:
    project.write("src/my_service/mistake.py", UNDOCUMENTED)
    desk = project.nox("-s", "lint")
    assert desk.status != 0
    assert "src/my_service/mistake.py:4:5" in desk.out

    legs = [f"--matrix=session:{session}" for session in ("lint", "typecheck", "scan")]
    run = act.run(project, "pull_request", CI, *legs, OSV_URL=advisories.url)

    assert run.status != 0
    lint = run.job("lint")
    assert lint.steps["Run the session"] == "failure", run.out
    assert said(lint.out) == said(desk.out)
    assert run.job("typecheck").passed, run.out
    assert run.job("scan").passed, run.out
    assert "| lint | failed |" in run.job("ci").summary
    assert not run.job("ci").passed
    assert "these jobs did not succeed: session (failure)" in run.job("ci").out


def said(output: str) -> list[str]:
    """Return what the hooks printed, from the command to its end."""
    lines = [line.rstrip() for line in output.splitlines()]
    first = next(n for n, line in enumerate(lines) if line.startswith("nox > pre-commit run"))
    last = next(n for n, line in enumerate(lines) if line.startswith("nox > Session lint failed"))
    return lines[first : last + 1]


def test_a_stale_lock_is_red_and_names_the_remedy(project: Project, act: Act) -> None:
    project.replace("pyproject.toml", "dependencies = [\n", 'dependencies = [\n  "httpx<1",\n')

    run = act.run(project, "pull_request", CI)

    assert run.status != 0
    assert run.job("plan").steps["List the sessions"] == "failure", run.out
    assert "`uv lock`" in run.job("plan").out
    assert "lint" not in run.jobs  # act leaves here; on GitHub the job `ci` runs, and fails
