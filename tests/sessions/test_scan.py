"""`scan` finds what it looks for, accepts what somebody answers for, and never guesses."""

import random
import shutil
import string
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.osv import Advisories, Advisory
from tests.project import Done, Project

# A real one: https://osv.dev/vulnerability/GHSA-248v-346w-9cwc
CERTIFI = Advisory(
    id="GHSA-248v-346w-9cwc",
    package="certifi",
    versions=("2024.2.2",),
    summary="Certifi removes GLOBALTRUST root certificate",
    fixed="2024.7.4",
    aliases=("CVE-2024-39689",),
    modified="2024-07-05T20:06:40Z",
)
TODAY = datetime.now(UTC).date()


@pytest.fixture
def advisories(advisories: Advisories) -> Advisories:
    advisories.add(CERTIFI)
    return advisories


def scan(project: Project, advisories: Advisories) -> Done:
    return project.nox("-s", "scan", OSV_URL=advisories.url)


def accept(project: Project, **entry: str) -> None:
    lines = [f'{key} = "{value}"' for key, value in entry.items() if key != "expires"]
    text = "\n".join(["[[exception]]", *lines, f"expires = {entry['expires']}", ""])
    project.write("exceptions.toml", text)


def made_up_token() -> str:
    """Return what looks like a token of the code host, new each time: it is nobody's."""
    letters = string.ascii_letters + string.digits
    return "gh" + "p_" + "".join(random.choices(letters, k=36))


@pytest.fixture
def vulnerable(project: Project) -> Project:
    """A project that locks a version with a known vulnerability."""
    project.must("uv", "add", "--quiet", "certifi==2024.2.2")
    return project


def test_a_new_project_has_nothing_to_find(project: Project, advisories: Advisories) -> None:
    done = scan(project, advisories)

    assert done.status == 0, done.out
    for tool in ("bandit", "uv", "zizmor", "kingfisher", "licenses"):
        assert f"{tool}: 0 found" in done.out
    reports = {path.name for path in (project.path / "reports").iterdir()}
    assert reports >= {"bandit.sarif", "uv.sarif", "zizmor.sarif", "kingfisher.sarif"}
    locked = {query["package"]["name"] for query in advisories.asked}
    assert {"fastapi", "pytest"} <= locked


def test_a_known_vulnerability_is_found_accepted_and_found_again_after_its_day(
    vulnerable: Project, advisories: Advisories
) -> None:
    found = scan(vulnerable, advisories)
    assert found.status == 1
    assert "uv.lock: uv GHSA-248v-346w-9cwc CVE-2024-39689: certifi 2024.2.2" in found.out
    assert "verdict: 1 open: mend each" in found.out

    reason = "We trust our own authority only."
    exception = {"tool": "uv", "id": "CVE-2024-39689", "reason": reason}
    accept(vulnerable, **exception, expires=str(TODAY + timedelta(days=30)))
    accepted = scan(vulnerable, advisories)
    assert accepted.status == 0, accepted.out
    assert f"(accepted until {TODAY + timedelta(days=30)}: {reason})" in accepted.out

    yesterday = TODAY - timedelta(days=1)
    accept(vulnerable, **exception, expires=str(yesterday))
    expired = scan(vulnerable, advisories)
    assert expired.status == 1
    assert f"exceptions.toml: entry 1 (CVE-2024-39689) expired on {yesterday}" in expired.out


def test_a_source_that_cannot_be_reached_is_a_failure(project: Project) -> None:
    with Advisories() as gone:
        address = gone.url

    done = project.nox("-s", "scan", OSV_URL=address)

    assert done.status == 1
    assert f"advisories: {address} does not answer" in done.out
    assert "nothing is known about the dependencies" in done.out


def test_a_source_that_knows_nothing_is_a_failure(project: Project) -> None:
    with Advisories(known=()) as empty:
        done = project.nox("-s", "scan", OSV_URL=empty.url)

        assert done.status == 1
        assert f"advisories: {empty.url} knows no advisory for jinja2 2.4.1" in done.out


def test_a_weakness_in_the_source_is_found(project: Project, advisories: Advisories) -> None:
    project.write(
        "src/my_service/new.py",
        "import subprocess\n\n\ndef run(text: str) -> None:\n"
        "    subprocess.run(text, shell=True, check=True)  # nosec\n",
    )

    done = scan(project, advisories)

    assert done.status == 1
    assert "src/my_service/new.py:5: bandit B602" in done.out


def test_an_exception_holds_where_it_says_and_nowhere_else(
    project: Project, advisories: Advisories
) -> None:
    text = "def f() -> None:\n    exec('1')\n"
    project.write("src/my_service/old.py", text)
    project.write("src/my_service/new.py", text)
    accept(
        project,
        tool="bandit",
        id="B102",
        path="src/*/old.py",
        reason="Until the parser is there.",
        expires=str(TODAY),
    )

    done = scan(project, advisories)

    assert done.status == 1
    assert "src/my_service/old.py:2: bandit B102: Use of exec detected. (accepted until" in done.out
    assert "src/my_service/new.py:2: bandit B102: Use of exec detected.\n" in done.out


def test_a_secret_is_found_in_the_tree_before_it_is_committed(
    project: Project, advisories: Advisories
) -> None:
    token = made_up_token()
    project.write("deploy.sh", f"TOKEN={token}\n")

    done = scan(project, advisories)

    assert done.status == 1
    assert "deploy.sh:1: kingfisher betterleaks.github-pat" in done.out
    assert token not in done.out
    assert token not in (project.path / "reports/kingfisher.sarif").read_text()


def test_a_secret_that_was_committed_and_removed_is_found_in_the_history(
    project: Project, advisories: Advisories
) -> None:
    project.write("deploy.sh", f"TOKEN={made_up_token()}\n")
    project.commit("feat: deploy")
    (project.path / "deploy.sh").unlink()
    project.commit("fix: remove what nobody should see")

    done = scan(project, advisories)

    assert done.status == 1
    assert "deploy.sh:1: kingfisher betterleaks.github-pat" in done.out


def test_a_history_that_is_cut_off_proves_nothing(project: Project, advisories: Advisories) -> None:
    project.write("a", "a\n")
    project.commit()
    shallow = Project(project.path.parent / "shallow")
    if not shallow.path.exists():
        source = project.path.as_uri()
        project.must("git", "clone", "--quiet", "--depth=1", source, shallow.path)

    done = scan(shallow, advisories)

    assert done.status == 1
    assert "The history is cut off, so secrets may hide there: git fetch --unshallow" in done.out


def test_without_git_there_is_no_history_to_prove(
    project: Project, advisories: Advisories, tmp_path: Path
) -> None:
    copy = Project(tmp_path / "copy")
    shutil.copytree(project.path, copy.path, ignore=shutil.ignore_patterns(".git", ".nox", ".venv"))

    done = scan(copy, advisories)

    assert done.status == 1
    assert "There is no history to look for secrets in: git init, and commit" in done.out


def test_a_secret_is_told_once_and_where_it_stands(
    project: Project, advisories: Advisories
) -> None:
    token = made_up_token()
    project.write("src/my_service/new.py", f'PASSWORD = "{token}"\n')
    project.write("reports/old.sarif", made_up_token())  # a report is not a place of its own

    done = scan(project, advisories)

    assert "src/my_service/new.py:1: kingfisher betterleaks.github-pat" in done.out
    assert "verdict: 1 open" in done.out
    assert token not in done.out


def test_a_licence_outside_the_policy_is_found(project: Project, advisories: Advisories) -> None:
    project.must("uv", "add", "--quiet", "unidecode")  # GPL

    done = scan(project, advisories)

    assert done.status == 1
    assert "uv.lock: licenses Unidecode: Unidecode 1." in done.out
    assert "[tool.licenses] in pyproject.toml does not allow" in done.out


def test_an_action_that_is_not_pinned_is_found(project: Project, advisories: Advisories) -> None:
    path = ".github/workflows/new.yml"
    project.write(
        path, "on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    steps:\n      - uses: a/b@v7\n"
    )

    done = scan(project, advisories)

    assert done.status == 1
    assert f"{path}:6: zizmor zizmor/unpinned-uses" in done.out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[[exception]\n", "exceptions.toml: not valid TOML"),
        ('[exception]\ntool = "uv"\n', "write each entry below a line [[exception]]"),
        ('[[exceptions]]\ntool = "uv"\n', "write each entry below a line [[exception]]"),
        ("exception = 3\n", "write each entry below a line [[exception]]"),
        ('[[exception]]\nid = "B1"\n', "entry 1 (B1) needs tool, id and reason"),
        (
            '[[exception]]\ntool = "uv"\nid = "X"\nreason = " "\n',
            "entry 1 (X) needs tool, id and reason",
        ),
        (
            '[[exception]]\ntool = "bandti"\nid = "X"\nreason = "y"\n',
            "entry 1 (X) is of bandti, which does not scan here",
        ),
        (
            '[[exception]]\ntool = "uv"\nid = "X"\nreason = "y"\n',
            "entry 1 (X) needs expires, a date like",
        ),
        (
            '[[exception]]\ntool = "uv"\nid = "X"\nreason = "y"\nexpires = 2999-01-01\n',
            "choose a day within a year",
        ),
        (
            '[[exception]]\ntool = "uv"\nid = "X"\nreason = "y"\nuntil = 2027-01-01\n',
            "entry 1 (X) has until: only tool, id, path, reason, expires",
        ),
        (
            f'[[exception]]\ntool = "uv"\nid = "X"\nreason = "y"\nexpires = {TODAY}\n',
            "exceptions.toml: uv X matches nothing: remove it",
        ),
    ],
)
def test_an_exception_that_is_not_in_order_is_told(project: Project, text: str, told: str) -> None:
    project.write("exceptions.toml", text)
    project.write("reports/uv.sarif", '{"runs": []}')

    done = project.run("python3", "-m", "pipeline.verdict", "reports/uv.sarif")

    assert told in done.out


@pytest.mark.parametrize(
    ("report", "told"),
    [
        (None, "reports/uv.sarif is missing, so uv proved nothing"),
        ("", "reports/uv.sarif is not a report, so uv proved nothing"),
        ("{}", "reports/uv.sarif is not a report, so uv proved nothing"),
        (
            '{"runs": [{"invocations": [{"executionSuccessful": false}]}]}',
            "uv says that it did not finish",
        ),
    ],
)
def test_a_scan_that_did_not_happen_is_not_a_pass(
    project: Project, report: str | None, told: str
) -> None:
    (project.path / "reports/uv.sarif").unlink(missing_ok=True)
    if report is not None:
        project.write("reports/uv.sarif", report)

    done = project.run("python3", "-m", "pipeline.verdict", "reports/uv.sarif")

    assert done.status == 1
    assert told in done.out
