"""What the documentation names exists, and what it says of it is so."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.answers import choices, completed
from tests.conftest import MakeProject
from tests.docs.conftest import House
from tests.docs.pages import Page, pages
from tests.project import Project

SESSIONS = ("session", "in the pipeline", "what it does")
QUESTIONS = ("name", "question", "default")


def named_sessions(page: Page) -> Iterator[str]:
    """Yield each session that a command of the page runs."""
    for code in page.code:
        if command := re.search(r"\bnox -s ((?:[\w.-]+ ?)+)", code.partition(" -- ")[0]):
            yield from (name for name in command[1].split() if name != "NAME")


def defined_sessions(page: Page) -> set[str]:
    """Return the sessions that a page tells its reader to write."""
    blocks = "".join(fence.text for fence in page.fences if fence.language == "python")
    return set(re.findall(r"^def (\w+)\(session: nox\.Session\)", blocks, re.MULTILINE))


def test_every_session_that_is_named_exists(root: House, chosen: House) -> None:
    named = 0
    for house in (root, chosen):
        for page in pages(house.path):
            local = page.path.relative_to(house.path)
            of_root = house is root and local.parts[0] != "docs"
            known = chosen.full_names | (root.full_names if of_root else set())
            for name in named_sessions(page):
                named += 1
                assert name in known | defined_sessions(page), f"{local}: nox -s {name}"
    assert named > 30


def test_every_task_that_is_named_exists(root: House, chosen: House) -> None:
    listed = Project(root.path).must("uv", "run", "--quiet", "--group=tasks", "inv", "--list")
    listed += Project(chosen.path).must("uv", "run", "--quiet", "inv", "--list")
    named = {
        found[1]
        for house in (root, chosen)
        for page in pages(house.path)
        for code in page.code
        if (found := re.search(r"\binv ([a-z][\w-]*)", code))
    }
    assert named
    assert named <= set(re.findall(r"^  (\S+)", listed, re.MULTILINE))


def test_every_tag_and_group_that_is_named_exists(root: House, generated: House) -> None:
    for house in (root, generated):
        project = (house.path / "pyproject.toml").read_text(encoding="utf-8")
        for page in pages(house.path):
            for code in page.code:
                assert set(re.findall(r"\bnox -t (\w+)", code)) <= {"ci"}
                for group in re.findall(r"--group[ =](\w+)", code):
                    known = re.search(rf"^{group} = \[", project, re.MULTILINE)
                    assert known or group in defined_sessions(page) | {"NAME"}, page.path


def assert_sessions(page: Page, house: House) -> None:
    """Compare a table of sessions with what nox lists."""
    rows = page.table(*SESSIONS)
    assert {name: told for name, _, told in rows} == {
        name: text.replace("`", "") for name, text in house.sessions.items()
    }
    in_pipeline = {name for name, where, _ in rows if where == "yes"}
    assert in_pipeline == {re.sub(r"-3\.\d+$", "", name) for name in house.pipeline}


@pytest.mark.parametrize("page", ["README.md", "docs/reference/sessions.md"])
def test_the_sessions_of_a_project_are_told_as_they_tell_themselves(
    root: House, chosen: House, page: str
) -> None:
    assert_sessions(Page(root.path / page), chosen)


def test_so_they_are_in_the_project_itself(generated: House, chosen: House) -> None:
    for house in (generated, chosen):
        assert_sessions(Page(house.path / "README.md"), house)


def test_so_are_the_sessions_of_this_repository(root: House) -> None:
    assert_sessions(Page(root.path / "CONTRIBUTING.md"), root)


def test_the_picture_shows_the_jobs_that_run(root: House, generated: House) -> None:
    picture = Page(root.path / "docs/explanation/pipeline.md").fences[0]
    assert picture.language == "mermaid"
    workflow = yaml.safe_load((generated.path / ".github/workflows/ci.yml").read_text("utf-8"))
    jobs = generated.pipeline | (workflow["jobs"].keys() - {"session"})
    assert set(re.findall(r"<b>(.+?)</b>", picture.text)) == jobs
    for job in generated.pipeline:
        assert f"<b>{job}</b><br/>uv run nox -s {job}" in picture.text


@pytest.mark.parametrize("page", ["README.md", "docs/reference/questions.md"])
def test_the_questions_are_told_as_they_are_asked(root: House, generated: House, page: str) -> None:
    asked = yaml.safe_load((root.path / "copier.yml").read_text(encoding="utf-8"))
    answered = yaml.safe_load((generated.path / ".copier-answers.yml").read_text(encoding="utf-8"))
    assert Page(root.path / page).table(*QUESTIONS) == [
        [name, question["help"], answered.get(name, completed({})[name]) or "empty"]
        for name, question in asked.items()
        if not name.startswith("_")
    ]


def test_every_choice_is_told(root: House) -> None:
    asked = yaml.safe_load((root.path / "copier.yml").read_text(encoding="utf-8"))
    rows = Page(root.path / "docs/reference/questions.md").table("name", "accepted")
    assert [name for name, _ in rows] == [name for name in asked if not name.startswith("_")]
    for name, told in rows:
        if offered := choices(asked[name]):
            assert told == ", ".join(offered)


@pytest.mark.parametrize("preset", ["api", "api-postgres-redis", "mcp", "mcp-postgres"])
def test_every_setting_is_told(make_project: MakeProject, preset: str) -> None:
    project = make_project(preset=preset)
    settings = project.must(
        *("uv", "run", "--quiet", "python", "-c"),
        "import json; from my_service.settings import PREFIX, Settings;"
        "print(json.dumps([[PREFIX + name.upper(), str(getattr(field.default, '_secret_value',"
        " field.default)), field.description]"
        " for name, field in Settings.model_fields.items()]))",
    )
    told = Page(project.path / "README.md").table("variable", "default", "must be")
    assert told == json.loads(settings)


def test_every_file_of_a_project_is_told(root: House, chosen: House) -> None:
    rows = Page(root.path / "docs/reference/files.md").table("path", "what it is", "whose")
    told = [name for row in rows for name in row[0].split(", ")]
    listed = Project(chosen.path).must(
        "git", "ls-files", "--cached", "--others", "--exclude-standard"
    )
    files = [Path(line) for line in listed.splitlines()]
    assert [name for name in told if not (chosen.path / name).exists()] == []
    assert [file for file in files if not any(file.is_relative_to(name) for name in told)] == []


def test_there_is_one_public_home(root: House, generated: House) -> None:
    for page in [*pages(root.path), *pages(generated.path)]:
        homes = re.findall(r"(?:gh:|github\.com/)([\w-]+/slipway)\b", page.path.read_text("utf-8"))
        assert set(homes) <= {"slipway-template/slipway"}


def test_the_two_commands_of_the_readme_are_where_scripts_look_for_them(root: House) -> None:
    readme = (root.path / "README.md").read_text(encoding="utf-8")
    for name, end in (("copy", "slipway my-service"), ("test", "uv run nox -s test")):
        found = re.findall(rf"^<!-- {name} -->\n```sh\n(.+)\n```$", readme, re.MULTILINE)
        assert len(found) == 1
        assert found[0].endswith(end)


def test_the_uv_that_readme_installs_is_one_that_projects_take(
    root: House, generated: House
) -> None:
    bound = re.findall(r'"uv([^"]+)"', (root.path / "README.md").read_text("utf-8"))
    for house in (root, generated):
        document = tomllib.loads((house.path / "pyproject.toml").read_text("utf-8"))
        assert set(bound) == {document["tool"]["uv"]["required-version"]}
