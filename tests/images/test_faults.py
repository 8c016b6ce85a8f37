"""`nox -s docker` catches what it exists for, and names the place."""

import random
import re
import string
import xml.etree.ElementTree as ET
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.conftest import MakeDatabase
from tests.project import Done, Project
from tests.trivy import Vulnerability

pytestmark = pytest.mark.e2e

TODAY = datetime.now(UTC).date()
OPENSSL = Vulnerability("CVE-2026-1001", "openssl", "debian 13", fixed="99.0")
STARLETTE = Vulnerability("CVE-2026-1002", "starlette", "pip", fixed="99.0")
UNFIXED = Vulnerability("CVE-2026-1003", "openssl", "debian 13", fixed=None)
RUNTIME = "FROM ${PYTHON_IMAGE:-python} AS runtime\n"
SERVICE = """\
  {name}:
    image: redis:{tag}
    read_only: {read_only}
    cap_drop: [ALL]
    security_opt: ["no-new-privileges:true"]
"""


def made_up_token() -> str:
    """Return what looks like a token of the code host, new each time: it is nobody's."""
    return "gh" + "p_" + "".join(random.choices(string.ascii_letters + string.digits, k=36))


def accept(project: Project, reason: str, **entry: str) -> None:
    lines = [f'{key} = "{value}"' for key, value in entry.items() if key != "expires"]
    lines += [f'reason = "{reason}"', f"expires = {entry['expires']}"]
    project.write("exceptions.toml", "\n".join(["[[exception]]", 'tool = "trivy"', *lines, ""]))


def line_of(project: Project, path: str, text: str) -> str:
    """Return where a text stands, as compilers say it."""
    lines = (project.path / path).read_text(encoding="utf-8").splitlines()
    [number] = [number for number, line in enumerate(lines, 1) if text in line]
    return f"{path}:{number}"


def trivy(project: Project, **variables: str) -> Done:
    """Run the part of the session that looks for weaknesses, as far as it gets without an image."""
    (project.path / "reports").mkdir()
    return project.run("python3", "-m", "pipeline.trivy", "no-image.tar", **variables)


POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: free
spec:
  containers:
    - name: app
      image: registry.example/free:1
      securityContext:
        privileged: true
"""


def test_every_weakness_is_told_with_its_place_and_no_comment_or_file_silences_it(
    project: Project, make_database: MakeDatabase
) -> None:
    token = made_up_token()
    project.replace(
        "Dockerfile",
        RUNTIME,
        "# hadolint ignore=DL3007\n"
        "FROM python:latest AS extra\n"
        "# hadolint ignore=DL3002\n"
        "# trivy:ignore:DS-0002\n"
        "USER root\n"
        "#trivy:ignore:github-pat\n"
        f"ENV API_TOKEN={token}\n{RUNTIME}",
    )
    project.write(".hadolint.yaml", "ignored: [DL3007, DL3002, DL3064]\n")
    project.write(".trivyignore", "COMPOSE-0001\nCVE-2026-1001\n")
    project.write("trivy-secret.yaml", "disable-rules: [github-pat, silenced]\n")
    services = (
        SERVICE.format(name="free", tag=8, read_only="true") + "    privileged: true\n",
        SERVICE.format(name="boss", tag=8, read_only="true")
        + "    volumes: [/var/run/docker.sock:/var/run/docker.sock]\n",
        SERVICE.format(name="open", tag="latest", read_only="false"),
    )
    project.replace("compose.yaml", "services:\n", "services:\n" + "".join(services))
    compose = (project.path / "compose.yaml").read_text(encoding="utf-8")
    project.write("compose.yaml", "#trivy:ignore:COMPOSE-0001\n" + compose)

    project.write("deploy/kubernetes/base/pod.yaml", POD)

    cache = make_database(OPENSSL, STARLETTE, UNFIXED)
    done = project.nox("-s", "docker", TRIVY_CACHE_DIR=str(cache))

    assert done.status == 1
    for place, told in (
        (line_of(project, "Dockerfile", "FROM python:latest"), "hadolint DL3007: Using latest"),
        (line_of(project, "Dockerfile", "USER root"), "hadolint DL3002: Last USER should not be"),
        (line_of(project, "Dockerfile", "ENV API_TOKEN"), "hadolint DL3064: Potentially"),
        (line_of(project, "Dockerfile", "ENV API_TOKEN"), "trivy github-pat"),
        (line_of(project, "Dockerfile", "trivy:ignore:DS-0002"), "trivy silenced"),
        (line_of(project, "compose.yaml", "#trivy:ignore"), "trivy silenced"),
    ):
        assert f"{place}: {told}" in done.out, done.out
    for told in (
        "service free is privileged",
        "service boss reaches the engine's socket",
        "service open can write to its root: read_only is not true",
        "service open moves with :latest",
    ):
        assert f"Severity: HIGH Message: {told}" in done.out
    assert "compose.yaml:1: trivy COMPOSE-0001" in done.out
    assert re.search(r"deploy/kubernetes/base/pod.yaml:\d+: trivy KSV-0017: .+privileged", done.out)
    assert "uv.lock: trivy CVE-2026-1002: Package: starlette Installed Version" in done.out
    assert "/starlette-" in done.out  # in the image, too
    assert "trivy CVE-2026-1001: Package: openssl Installed Version" in done.out
    assert "CVE-2026-1003" not in done.out  # nobody can mend it
    assert "open: mend each, or accept it for a time in exceptions.toml" in done.out
    assert token not in done.out


def test_an_image_that_breaks_its_rules_fails_rule_by_rule(project: Project) -> None:
    project.must("uv", "add", "--quiet", "pytest")
    dockerfile = (project.path / "Dockerfile").read_text(encoding="utf-8")
    health = dockerfile[dockerfile.index("HEALTHCHECK") : dockerfile.index("# What compose.over")]
    project.replace("Dockerfile", health, 'HEALTHCHECK --interval=1s --retries=1 CMD ["false"]\n')
    project.replace("Dockerfile", "USER 10001:10001\n", "")
    project.replace(
        "Dockerfile",
        'FROM runtime\nCOPY --from=build /app/.venv /app/.venv\nCMD ["python", "-m", "my_service"]',
        "FROM runtime\nCOPY --from=build /app/.venv /app/.venv\n"
        f"ENV API_TOKEN={made_up_token()}\n"
        "RUN head --bytes=100000000 /dev/urandom > /opt/forgotten.bin\n"
        'CMD ["sh", "-c", "trap \'\' TERM; python -m my_service; true"]',
    )

    done = project.nox("-s", "docker")

    assert done.status == 1
    for told in (
        "AssertionError: USER must be a number, not root",
        "AssertionError: a tool of developers is in the image",
        "AssertionError: who has the image has what ENV and ARG were given",
        "AssertionError: SIGTERM does not end it",
        "MB unpacked, 180 MB allowed by [tool.image] in pyproject.toml",
        "100.0 MB  RUN",
    ):
        assert told in done.out, done.out
    after = done.out.partition("The three largest layers:")[2].splitlines()
    assert [" MB  " in line for line in after[1:4]] == [True] * 3
    assert "/opt/forgotten.bin" in "".join(after[1:4])
    assert "ghp_" not in done.out.partition("nox > pytest tests/image")[2]
    failed = ET.parse(project.path / "reports/junit-docker.xml").getroot()[0].iter("failure")
    assert {"unhealthy" in str(each.attrib) for each in failed} == {True, False}
    assert "Session docker failed" in done.out


def test_a_weakness_of_the_base_image_is_accepted_until_its_day(
    project: Project, make_database: MakeDatabase
) -> None:
    cache = str(make_database(OPENSSL))
    reason = "No TLS ends in this container."
    month = TODAY + timedelta(days=30)
    accept(project, reason, id=OPENSSL.id, expires=str(month))

    accepted = project.nox("-s", "docker", TRIVY_CACHE_DIR=cache)

    assert accepted.status == 0, accepted.out
    assert "trivy CVE-2026-1001: Package: openssl" in accepted.out
    assert f"(accepted until {month}: {reason})" in accepted.out

    yesterday = TODAY - timedelta(days=1)
    accept(project, reason, id=OPENSSL.id, expires=str(yesterday))
    reports = ("reports/hadolint.sarif", "reports/trivy.sarif")
    expired = project.run("python3", "-m", "pipeline.verdict", *reports)

    assert expired.status == 1
    assert f"exceptions.toml: entry 1 ({OPENSSL.id}) expired on {yesterday}" in expired.out


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("services:\n  app: [\n", "line 2"),
        ("services:\n  app:\n    imagee: a\n", "imagee"),
        ("services:\n  app:\n    image: a\n    depends_on: [b]\n", '"b"'),
    ],
    ids=["no YAML", "unknown key", "unknown service"],
)
def test_a_compose_file_that_is_none_is_told(project: Project, text: str, told: str) -> None:
    project.write("compose.yaml", text)

    done = project.nox("-s", "docker")

    assert done.status == 1
    assert told in done.out, done.out
    assert "docker compose" in done.out
    assert "hadolint" not in done.out  # nothing was built for nothing


CHECK = """\
# METADATA
# title: New
# custom:
#   id: COMPOSE-0002
#   severity: HIGH
#   input:
#     selector:
#       - type: yaml
package user.new

import rego.v1

deny contains res if {
	some name, service in input.services
	res := result.new(%s, service)
}
"""


@pytest.mark.parametrize(
    ("check", "told"),
    [
        (CHECK % "word(", "rego_parse_error"),
        (CHECK % "word(name)", "rego_type_error: undefined function word"),
        (
            CHECK % "word(name)" + 'word(x) := "a" if contains(x, "a")\n'
            'word(x) := "p" if contains(x, "p")\n',
            "eval_conflict_error",
        ),
    ],
    ids=["syntax", "name", "evaluation"],
)
def test_a_check_that_is_broken_is_not_a_pass(project: Project, check: str, told: str) -> None:
    project.write("pipeline/checks/new.rego", check)

    done = trivy(project)

    assert done.status == 1
    assert done.out.splitlines()[-1].startswith("trivy: trivy says: ")
    assert told in done.out
    assert "pipeline/checks/new.rego:" in done.out


def test_a_scan_of_an_image_that_is_not_there_is_not_a_pass(project: Project) -> None:
    done = trivy(project)

    assert done.status == 1
    assert "no-image.tar" in done.out
    assert not Path(project.path / "reports/trivy.sarif").exists()
