"""The workflow that publishes, run as it stands, into a real registry."""

from pathlib import Path

import pytest

from tests.images.publisher import Publisher
from tests.parity.act import Act
from tests.registry import digest

pytestmark = pytest.mark.e2e

PUBLISH = ".github/workflows/publish.yml"


def test_a_push_to_main_becomes_a_signed_image(
    publisher: Publisher, act: Act, images: dict[str, str], tmp_path: Path
) -> None:
    publisher.gate.require("robot", "secret-of-the-robot")
    config = tmp_path / "docker"
    config.mkdir()
    run = act.run(
        publisher.project,
        "push",
        PUBLISH,
        *("--var", f"REGISTRY={publisher.gate.address}", "--var", "REGISTRY_USERNAME=robot"),
        *("--secret", "REGISTRY_PASSWORD=secret-of-the-robot"),
        DOCKER_CONFIG=str(config),
        **publisher.signing,
        **images,
    )

    assert run.status == 0, run.out
    assert run.job("publish").passed
    assert "secret-of-the-robot" not in run.out
    assert {"main"} <= publisher.tags()
    checked = publisher.verify(":main", DOCKER_CONFIG=str(config))
    assert checked.status == 0, checked.out
    assert str(digest(publisher.stored, "main")) in checked.out
    kept = act.host / "artifacts" / "reports-publish"
    assert {"image.json", "provenance.json", "sbom-linux-amd64.cdx.json"} <= {
        path.name for path in kept.iterdir()
    }
