"""Those who know workflows better than this test suite have nothing to say about them."""

import shutil

import pytest

from tests.parity.houses import House, tool
from tests.project import Done, Project

ZIZMOR = (tool("zizmor"), "--offline", "--pedantic", "--no-progress", "--format=plain", ".")


def schema(house: House, name: str, pattern: str) -> Done:
    """Check files against a schema that came with the tool."""
    files = [str(path) for path in sorted(house.project.path.glob(pattern))]
    assert files, f"{house.name} has no {pattern}"
    return house.project.run(tool("check-jsonschema"), f"--builtin-schema=vendor.{name}", *files)


def test_zizmor_finds_nothing(house: House) -> None:
    done = house.project.run(*ZIZMOR)
    assert done.status == 0, done.out
    assert "No findings to report" in done.out


def test_zizmor_would_find_something(project: Project) -> None:
    project.replace(".github/workflows/scan.yml", "permissions: {}\n", "")
    done = project.run(*ZIZMOR)
    assert done.status != 0
    assert "excessive-permissions" in done.out


def test_workflows_fit_their_schema(house: House) -> None:
    done = schema(house, "github-workflows", ".github/workflows/*.yml")
    assert done.status == 0, done.out


def test_dependabot_fits_its_schema(house: House) -> None:
    done = schema(house, "dependabot", ".github/dependabot.yml")
    assert done.status == 0, done.out


def test_actionlint_finds_nothing(house: House) -> None:
    if shutil.which("actionlint") is None:
        pytest.skip("actionlint is not on the path, and PyPI has no wheel of it")
    done = house.project.run("actionlint")
    assert done.status == 0, done.out
