"""What a person reads when the engine, the database, a tool or the disk is not there."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.conftest import MakeDatabase
from tests.engine import Cut
from tests.images.containers import docker
from tests.needed import need_program
from tests.project import Project, without
from tests.trivy import push_database, write_database

pytestmark = pytest.mark.e2e

SUPPLY = (
    "set TRIVY_DB_REPOSITORY to a mirror of ghcr.io/aquasecurity/trivy-db:2, or TRIVY_CACHE_DIR to "
    "a folder that has it, with TRIVY_SKIP_DB_UPDATE=true"
)
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


@pytest.fixture
def no_trivy(project: Project, tmp_path: Path) -> str:
    """Return a PATH without Trivy."""
    return without("trivy", project.environment["PATH"], tmp_path / "bin")


@pytest.fixture
def contained(name: str, no_trivy: str, tmp_path: Path) -> Iterator[dict[str, str]]:
    """Return variables for Trivy in a container: the image has the program of the public one."""
    os.link(Path(need_program("trivy")).resolve(), tmp_path / "trivy")
    lines = ["FROM scratch", "COPY trivy /usr/local/bin/", 'ENTRYPOINT ["/usr/local/bin/trivy"]']
    if CERTIFICATES.exists():
        (tmp_path / CERTIFICATES.name).write_bytes(CERTIFICATES.read_bytes())
        lines.insert(1, f"COPY {CERTIFICATES.name} /etc/ssl/certs/")
    (tmp_path / "Dockerfile").write_text("\n".join([*lines, ""]))
    image = f"{name}-trivy:0"
    docker("build", "--quiet", "--provenance=false", f"--tag={image}", tmp_path)
    yield {"TRIVY_IMAGE": image, "PATH": no_trivy}
    docker("image", "rm", "--force", image)


@pytest.fixture
def fetched(registry: str, name: str, make_database: MakeDatabase) -> dict[str, str]:
    """Return variables for a database that has to be fetched from a registry."""
    repository = f"{registry}/{name}/trivy-db:2"
    push_database(repository, make_database())
    return {"TRIVY_DB_REPOSITORY": repository, "TRIVY_SKIP_DB_UPDATE": "false"}


def test_without_an_engine_one_sentence_says_so(project: Project, tmp_path: Path) -> None:
    nowhere = "unix:///nonexistent/docker.sock"
    sentence = f"Cannot connect to the Docker daemon at {nowhere}. Is the docker daemon running?"
    for session in ("docker", "integration"):
        done = project.nox("-s", session, DOCKER_HOST=nowhere)
        assert done.status == 1
        assert done.out.count(sentence) == 1, done.out
        assert "Traceback" not in done.out

    path = without("docker", project.environment["PATH"], tmp_path / "bin")
    for session in ("docker", "integration"):
        done = project.nox("-s", session, PATH=path)
        assert done.status == 1
        assert "Program docker not found." in done.out


@pytest.mark.fresh
def test_an_engine_that_stops_while_it_builds_is_a_failure_and_the_next_run_completes(
    project: Project,
) -> None:
    with Cut() as cut:
        cut.cut_when(b"uv sync --locked --no-editable")
        done = project.nox("-s", "docker", DOCKER_HOST=cut.host)
        assert cut.happened.is_set()
    assert done.status == 1, done.out
    assert "image: docker buildx build … left with status" in done.out
    assert "Traceback" not in done.out
    assert not (project.path / "reports/sbom.spdx.json").exists()

    again = project.nox("-s", "docker")
    assert again.status == 0, again.out


def test_a_vulnerability_database_that_is_no_ground_for_a_verdict_is_not_a_pass(
    project: Project, make_database: MakeDatabase, tmp_path: Path, registry: str
) -> None:
    (project.path / "reports").mkdir()
    nothing = str(tmp_path / "nothing")
    old = tmp_path / "old"
    updated = datetime.now(UTC) - timedelta(days=8)
    write_database(old, updated=updated)
    broken = make_database()
    (broken / "db/trivy.db").write_bytes(b"\0" * 100)
    fetch = {"TRIVY_CACHE_DIR": nothing, "TRIVY_SKIP_DB_UPDATE": "false"}
    none = "trivy: there is no database, so nothing is known about packages: "
    for told, variables in (
        (none, fetch | {"TRIVY_DB_REPOSITORY": "127.0.0.1:9/trivy-db:2"}),
        (none, fetch | {"TRIVY_DB_REPOSITORY": f"{registry}/nobody/trivy-db:2"}),
        (none, {"TRIVY_CACHE_DIR": nothing}),
        (none, {"TRIVY_CACHE_DIR": str(broken)}),
        (
            "trivy: its database knows nothing about jinja2 and openssl, so it is empty: ",
            {"TRIVY_CACHE_DIR": str(make_database(known=()))},
        ),
        (
            f"trivy: its database is of {updated:%Y-%m-%d}, more than 7 days old: ",
            {"TRIVY_CACHE_DIR": str(old)},
        ),
    ):
        project.write("reports/trivy.sarif", '{"runs": []}')  # of an earlier run

        done = project.run("python3", "-m", "pipeline.trivy", "image.tar", **variables)

        assert done.status == 1
        assert told + SUPPLY in done.out
        assert len(done.out.splitlines()) == 1
        assert not (project.path / "reports/trivy.sarif").exists()


@pytest.mark.fresh
def test_trivy_may_be_a_container_and_its_database_in_a_registry(
    project: Project, contained: dict[str, str], fetched: dict[str, str], tmp_path: Path
) -> None:
    cache = tmp_path / "in a container"

    done = project.nox("-s", "docker", **contained, **fetched, TRIVY_CACHE_DIR=str(cache))

    assert done.status == 0, done.out
    assert "trivy: 0 found" in done.out
    assert (cache / "db/trivy.db").exists()  # for the next run

    scan = ("python3", "-m", "pipeline.trivy", ".nox/docker/tmp/image.tar")
    project.must(*scan, **fetched, TRIVY_CACHE_DIR=str(tmp_path / "here"))
    project.must(*scan, **contained)
    ancestor = f"ancestor={contained['TRIVY_IMAGE']}"
    assert docker("ps", "--all", "--quiet", "--filter", ancestor) == ""


def test_without_trivy_and_its_image_one_sentence_says_so(project: Project, no_trivy: str) -> None:
    (project.path / "reports").mkdir()
    image = "127.0.0.1:9/nobody/trivy:0"

    done = project.run(
        *("python3", "-m", "pipeline.trivy", "image.tar"), TRIVY_IMAGE=image, PATH=no_trivy
    )

    assert done.status == 1
    assert done.out.startswith("trivy: docker says: ")
    assert "connection refused" in done.out
    assert len(done.out.splitlines()) == 1


def test_a_report_that_cannot_be_written_is_a_failure(project: Project) -> None:
    (project.path / "reports").mkdir()
    (project.path / "reports/sbom.spdx.json").symlink_to("/dev/full")  # as a disk may be

    done = project.nox("-s", "docker")

    assert done.status == 1
    assert "reports/sbom.spdx.json: no space left on device" in done.out, done.out
    assert "Session docker failed" in done.out
