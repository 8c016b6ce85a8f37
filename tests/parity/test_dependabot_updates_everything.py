"""Updates come for everything that is pinned: in groups, and not on the day of a release."""

import re
from typing import Any

import pytest
import yaml

from tests.parity.houses import House


def updates(house: House) -> dict[str, dict[str, Any]]:
    """Return what dependabot.yml says, by ecosystem."""
    entries = yaml.safe_load(house.text(".github/dependabot.yml"))["updates"]
    found = {entry["package-ecosystem"]: entry for entry in entries}
    assert len(found) == len(entries), "an ecosystem has two entries"
    return found


def test_the_generated_project_updates_packages_actions_and_images(generated: House) -> None:
    assert updates(generated).keys() == {"uv", "github-actions", "docker", "docker-compose"}


def test_this_repository_updates_packages_and_actions(repository: House) -> None:
    assert updates(repository).keys() == {"uv", "github-actions"}


def test_updates_come_in_groups_and_a_week_after_the_release(house: House) -> None:
    for ecosystem, entry in updates(house).items():
        assert entry["groups"], ecosystem
        assert entry["cooldown"]["default-days"] >= 7, ecosystem
        assert entry["schedule"]["interval"] == "weekly", ecosystem
        assert entry["commit-message"]["prefix"], ecosystem


@pytest.mark.parametrize("folder", ["", "template/"])
def test_every_folder_with_actions_is_updated(repository: House, folder: str) -> None:
    watched = updates(repository)["github-actions"]["directories"]
    assert (f"/{folder}".rstrip("/") or "/") in watched
    assert f"/{folder}.github/actions/*" in watched
    assert list(repository.project.path.glob(f"{folder}.github/actions/*/action.yml"))


def test_every_image_is_updated(generated: House) -> None:
    assert updates(generated)["docker"]["directory"] == "/"
    watched = updates(generated)["docker-compose"]["directories"]
    root = generated.project.path
    found = [path.parent.relative_to(root) for path in root.rglob("compose.yaml")]
    assert sorted(f"/{folder}".removesuffix(".") for folder in found) == sorted(watched)


def test_the_bot_can_read_every_image(generated: House) -> None:
    """Dependabot reads no build arguments: https://github.com/dependabot/dependabot-core/issues/2057."""
    dockerfile = generated.text("Dockerfile")
    used = re.findall(r"^FROM (?:--platform=\S+ )?(\S+)", dockerfile, re.MULTILINE)
    stages = re.findall(r" AS (\S+)$", dockerfile, re.MULTILINE)
    for image in used:
        default = re.sub(r"\$\{\w+:-(\S+)\}", r"\1", image)
        assert default in stages or re.fullmatch(r"[a-z][\w./-]+:\d[\w.-]*", image), image
