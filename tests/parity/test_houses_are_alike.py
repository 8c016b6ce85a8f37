"""Who knows one house knows the other: what both have is the same."""

import ast
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import pytest

from tests.parity.houses import House


@pytest.mark.parametrize(
    "path",
    [
        ".github/actions/setup/action.yml",
        ".github/release-notes.md.j2",
        ".github/workflows/ci.yml",
        ".github/zizmor.yml",
        ".gitignore",
        ".pre-commit-config.yaml",
    ],
)
def test_shared_files_are_equal(generated: House, repository: House, path: str) -> None:
    assert generated.text(path) == repository.text(path)


def test_the_night_differs_by_the_image_that_only_a_service_has(
    generated: House, repository: House
) -> None:
    path = ".github/workflows/scan.yml"
    theirs = generated.text(path)
    assert "Run the sessions\n        run: uv run nox -s scan docker\n" in theirs
    ours = theirs.replace("sessions\n        run: uv run nox -s scan docker", SCAN_ALONE)
    assert ours == repository.text(path)


def test_releasing_differs_by_the_image_that_only_a_service_has(
    generated: House, repository: House
) -> None:
    path = ".github/workflows/release.yml"
    theirs, _, publishing = generated.text(path).partition("\n  # Called, ")
    assert "    uses: ./.github/workflows/publish.yml\n" in publishing
    assert theirs == repository.text(path)


SCAN_ALONE = "session\n        run: uv run nox -s scan"


@pytest.mark.parametrize("name", ["sync", "lint", "report_of"])
def test_shared_sessions_are_equal(generated: House, repository: House, name: str) -> None:
    assert function(generated, name) == function(repository, name)


def function(house: House, name: str) -> str:
    """Return a function of the noxfile, as code without comments."""
    [found] = [
        node
        for node in ast.parse(house.text("noxfile.py")).body
        if isinstance(node, ast.FunctionDef) and node.name == name
    ]
    return ast.unparse(found)


def test_nox_is_set_up_equally(generated: House, repository: House) -> None:
    assert options(generated) == options(repository)
    assert "nox.options.error_on_external_run = True" in options(generated)
    assert "nox.options.error_on_missing_interpreters = True" in options(generated)


def options(house: House) -> list[str]:
    """Return what the noxfile tells nox before its first session, but the default sessions."""
    found = []
    for node in ast.parse(house.text("noxfile.py")).body:
        if isinstance(node, ast.FunctionDef):
            break
        found.append(ast.unparse(node))
    own = ("nox.options.sessions",)
    return [line for line in found if "nox." in line and not line.startswith(own)]


ONE_HOUSE_ONLY = {"TID252"}  # relative imports keep the package's name out of the generated code


def test_settings_of_the_shared_tools_are_equal(generated: House, repository: House) -> None:
    def settings(house: House) -> dict[str, Any]:
        tools = manifest(house)["tool"]
        lint = tools["ruff"]["lint"]
        return {
            "line length": tools["ruff"]["line-length"],
            "rules": lint["select"],
            "ignored rules": [rule for rule in lint["ignore"] if rule not in ONE_HOUSE_ONLY],
            "docstrings": lint["pydocstyle"],
            "strict types": tools["mypy"]["strict"],
            "uv": tools["uv"]["required-version"],
            "age of a release": tools["uv"]["exclude-newer"],
            "commits": tools["commitizen"],
        }

    assert settings(generated) == settings(repository)


def test_bounds_of_the_shared_tools_are_equal(generated: House, repository: House) -> None:
    ours, theirs = bounds(repository), bounds(generated)
    assert {"nox", "ruff", "mypy", "pytest", "uv"} <= ours.keys() & theirs.keys()
    everywhere = {tool: ours[tool] | theirs[tool] for tool in ours.keys() & theirs.keys()}
    assert {tool: found for tool, found in everywhere.items() if len(found) > 1} == {}


def bounds(house: House) -> dict[str, set[str]]:
    """Return each requirement of each group, by package."""
    found = defaultdict(set)
    for requirement in requirements(manifest(house)["dependency-groups"].values()):
        found[re.split(r"[^\w.-]", requirement)[0]].add(requirement)
    return found


def requirements(groups: Iterable[list[str | dict[str, str]]]) -> list[str]:
    """Return the requirements of groups, without the groups that they include."""
    return [each for group in groups for each in group if isinstance(each, str)]


def manifest(house: House) -> dict[str, Any]:
    """Return a house's pyproject.toml."""
    return tomllib.loads(house.text("pyproject.toml"))
