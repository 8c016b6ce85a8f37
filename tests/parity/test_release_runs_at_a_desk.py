"""The workflow that releases, run as it stands: a push becomes a tag, an image and a release."""

from pathlib import Path

import httpx
import pytest

from tests.github import CodeHost
from tests.parity.act import Act
from tests.parity.houses import House
from tests.parity.shipping import Shipping, hosted
from tests.project import Project, user_environment
from tests.registry import digest

pytestmark = pytest.mark.e2e

RELEASE = ".github/workflows/release.yml"
ONE_LEG = "--matrix=session:lint"  # the others have a story of their own


def test_a_push_to_main_becomes_a_release_with_its_image(
    shipping: Shipping, tmp_path: Path
) -> None:
    publisher, releaser = shipping.publisher, shipping.releaser
    publisher.release("1.0.0")
    releaser.commit("fix: answer politely")
    releaser.project.must("git", "push", "--quiet", "--tags", "origin")

    run = shipping.run("push", RELEASE, ONE_LEG)

    assert run.status == 0, run.out
    assert {"lint", "ci", "release", "publish", "announce"} <= run.jobs.keys()
    assert all(job.passed for job in run.jobs.values()), run.out
    assert releaser.tags() == ["v1.0.0", "v1.0.1"]
    released = releaser.there("rev-parse", "v1.0.1^{commit}")
    assert released == releaser.there("rev-parse", "main")
    assert {"1.0.1", "1.0", "1", "latest", "main", f"main-{released[:7]}"} <= publisher.tags()
    found = str(digest(publisher.stored, "1.0.1"))
    assert found == digest(publisher.stored, "main")
    checked = publisher.verify(":1.0", DOCKER_CONFIG=shipping.environment["DOCKER_CONFIG"])
    assert checked.status == 0, checked.out
    assert f"@refs/tags/v1.0.1, commit {released}" in checked.out
    [release] = releaser.host.releases
    assert (release.tag, release.draft) == ("v1.0.1", False)
    assert found in str(release.body)
    files = {asset.name: asset.content for asset in release.assets}
    assert "sbom-linux-amd64.spdx.json" in files

    # What people download starts it, in a folder where nothing else is.
    person = Project(tmp_path / "downloads", user_environment() | shipping.environment)
    person.write("compose.yaml", files["compose.yaml"].decode())
    up = ("docker", "compose", "up", "--wait", "--pull=always")
    try:
        person.must(*up, PUBLISH="127.0.0.1:0")
        address = person.must("docker", "compose", "port", "app", "8000").strip()
        assert httpx.get(f"http://{address}/openapi.json").json()["info"]["version"] == "1.0.1"
    finally:
        person.must("docker", "compose", "down", "--volumes", "--rmi=all")


@pytest.mark.fresh
def test_a_push_with_nothing_to_release_becomes_the_image_of_its_branch(
    shipping: Shipping,
) -> None:
    publisher, releaser = shipping.publisher, shipping.releaser
    publisher.release("1.0.0")
    releaser.commit("docs: explain more")
    releaser.project.must("git", "push", "--quiet", "--tags", "origin")

    run = shipping.run("push", RELEASE, ONE_LEG)

    assert run.status == 0, run.out
    assert run.job("publish").passed
    assert "announce" not in run.jobs
    assert releaser.tags() == ["v1.0.0"]
    assert releaser.host.releases == []
    assert "main" in publisher.tags()
    assert "latest" not in publisher.tags()


def test_what_is_not_proved_is_not_released(shipping: Shipping) -> None:
    publisher, releaser = shipping.publisher, shipping.releaser
    releaser.project.write("src/my_service/mistake.py", '"""A mistake."""\n\nimport os\n')
    releaser.project.commit("feat: make a mistake")
    releaser.push()

    run = shipping.run("push", RELEASE, ONE_LEG)

    assert run.status != 0
    assert run.job("lint").steps["Run the session"] == "failure", run.out
    assert not {"release", "publish"} & run.jobs.keys()
    assert releaser.tags() == []
    assert publisher.tags() == set()


@pytest.mark.fresh
def test_a_person_may_choose_the_version(shipping: Shipping) -> None:
    alone = ("--job=release", ONE_LEG)  # its image is another story's

    run = shipping.run("workflow_dispatch", RELEASE, "--input=version=2.0.0", *alone)

    assert run.status == 0, run.out
    assert shipping.releaser.tags() == ["v2.0.0"]
    [release] = shipping.releaser.host.releases
    assert (release.tag, release.draft) == ("v2.0.0", True)


def test_this_repository_releases_itself(repository: House, act: Act, tmp_path: Path) -> None:
    remote, project = tmp_path / "remote.git", Project(tmp_path / "slipway")
    repository.project.must("git", "clone", "--quiet", "--bare", ".", remote)
    repository.project.must("git", "clone", "--quiet", remote, project.path)

    with CodeHost("slipway-template/slipway", remote=remote) as host:
        run = act.run(project, "push", RELEASE, ONE_LEG, *hosted(host))

    assert run.status == 0, run.out
    assert {"lint", "ci", "release"} <= run.jobs.keys()
    [release] = host.releases
    assert not release.draft
    assert host.tags_made_up == []
