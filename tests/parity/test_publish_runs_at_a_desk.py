"""The workflow that publishes, run as it stands, into a real registry."""

import pytest

from tests.parity.shipping import Shipping
from tests.registry import digest

pytestmark = pytest.mark.e2e

PUBLISH = ".github/workflows/publish.yml"


@pytest.mark.fresh
def test_a_tag_that_a_person_pushes_becomes_a_signed_image_and_a_release(
    shipping: Shipping,
) -> None:
    publisher, releaser = shipping.publisher, shipping.releaser
    ref = publisher.release("1.0.0")
    releaser.project.must("git", "push", "--quiet", "--tags", "origin", "main")

    run = shipping.run("push", PUBLISH)

    assert run.status == 0, run.out
    assert run.job("publish").passed
    assert run.job("announce").passed
    assert "secret-of-the-robot" not in run.out
    assert {"1.0.0", "1.0", "1", "latest"} <= publisher.tags()
    found = str(digest(publisher.stored, "1.0.0"))
    checked = publisher.verify(":1.0.0", DOCKER_CONFIG=shipping.environment["DOCKER_CONFIG"])
    assert checked.status == 0, checked.out
    assert found in checked.out
    assert f"@{ref}, commit " in checked.out
    kept = shipping.act.host / "artifacts" / "published"
    assert {"image.json", "provenance.json", "sbom-linux-amd64.cdx.json"} <= {
        path.name for path in kept.iterdir()
    }
    [release] = releaser.host.releases
    assert (release.tag, release.draft) == ("v1.0.0", False)
    assert found in str(release.body)


@pytest.mark.fresh
def test_a_branch_that_a_person_chooses_becomes_an_image_and_no_release(
    shipping: Shipping,
) -> None:
    run = shipping.run("workflow_dispatch", PUBLISH)

    assert run.status == 0, run.out
    assert run.jobs.keys() == {"publish"}
    assert "main" in shipping.publisher.tags()
    assert shipping.releaser.host.requests == []
