"""What people read of a release: grouped, what breaks first, with links, and theirs to change."""

import json
import re
from pathlib import Path

import pytest

from tests.conftest import MakeProject
from tests.releases.conftest import released_from
from tests.releases.releaser import OWNER, Releaser

URL = f"https://github.com/{OWNER}/my-service"


def body(releaser: Releaser) -> str:
    """Return the notes of the release that was begun last."""
    return releaser.host.releases[-1].body or ""


def test_everything_that_the_notes_tell(releaser: Releaser) -> None:
    releaser.published("0.1.0")
    releaser.must_publish()
    commits = {}
    for author, message in {
        "Ana": "feat: more\n\nCo-authored-by: Bo Berg <bo@example.org>",
        "Ć_i_ro 漢字": "fix(api): answer `<b>` with *care*",
        "Dee": "feat(api)!: drop v1\n\nBREAKING CHANGE: use v2",
        "Eve": "docs: nothing that is released",
        "dependabot[bot]": "fix(deps): raise one",
    }.items():
        releaser.project.must("git", "config", "user.name", author)
        unset = ("env", "--unset=GIT_AUTHOR_NAME", "git", "commit", "--quiet", "--allow-empty")
        releaser.project.must(*unset, f"--message={message}")
        commits[author] = releaser.git("rev-parse", "HEAD")
    releaser.push()
    releaser.published("0.2.0")
    releaser.must_publish()

    def link(author: str) -> str:
        return f"([{commits[author][:7]}]({URL}/commit/{commits[author]}))"

    digest = f"ghcr.io/{OWNER}/my-service@sha256:{'0' * 64}"
    file = f"{URL}/releases/download/v0.2.0/compose.yaml"
    assert body(releaser).splitlines() == [
        "## Run it",
        "",
        "```sh",
        f"docker pull {digest}",
        "```",
        "",
        "It is the image of linux/amd64, tagged `0.2.0`, `latest`.",
        f"[`compose.yaml`]({file}) below starts this very digest: `docker compose up --wait`.",
        f"Before that, `uv run inv verify {digest}` in a clone tells who signed it.",
        "",
        "## What changed",
        "",
        "### Breaking changes",
        "",
        f"- **api:** drop v1: use v2 {link('Dee')}",
        "",
        "### Features",
        "",
        f"- more {link('Ana')}",
        "",
        "### Fixes",
        "",
        f"- **api:** answer `<b>` with *care* {link('Ć_i_ro 漢字')}",
        f"- **deps:** raise one {link('dependabot[bot]')}",
        "",
        "## Who did it",
        "",
        "Ana, Bo Berg, Dee, Eve, Ć\\_i\\_ro 漢字",
        "",
        f"[Every commit since v0.1.0]({URL}/compare/v0.1.0...v0.2.0)",
    ]


def test_the_template_is_the_projects_own(releaser: Releaser) -> None:
    told = "{{ project }} {{ version }} ({{ tag }}) {% if image %}as {{ image.digest }}{% endif %}"
    releaser.project.write(".github/release-notes.md.j2", told)
    releaser.project.commit("docs: our own notes")
    releaser.push()
    releaser.published("0.1.0")
    releaser.must_publish()
    assert body(releaser) == f"my-service 0.1.0 (v0.1.0) as sha256:{'0' * 64}\n"


def test_a_compose_file_that_starts_no_given_image_is_not_handed_out(releaser: Releaser) -> None:
    releaser.project.replace("compose.yaml", "${IMAGE:-}", "example.org/other:1")
    releaser.project.commit("build: start something else")
    releaser.push()
    releaser.published("0.1.0")
    releaser.must_publish()
    assert "docker pull" in body(releaser)
    assert "compose" not in body(releaser)
    assert "compose.yaml" not in {each.name for each in releaser.host.releases[-1].assets}


def test_what_is_written_below_unreleased_comes_first(releaser: Releaser) -> None:
    own = "Read this before you upgrade.\n\n```md\n## 9.9.9\n```\n"
    releaser.project.replace("CHANGELOG.md", "## Unreleased\n", f"## Unreleased\n\n{own}")
    releaser.project.commit("docs: what people should know")
    releaser.push()
    releaser.must_publish()
    assert body(releaser).startswith(f"## What changed\n\n{own}\n### Features\n\n- start from")
    changelog = releaser.there("show", "v0.1.0:CHANGELOG.md")
    assert changelog.count(own) == 1
    headings = [line for line in changelog.splitlines() if line.startswith("## ")]
    assert [heading.split()[1] for heading in headings] == ["Unreleased", "0.1.0", "9.9.9"]


def test_notes_longer_than_the_code_host_takes_are_cut(releaser: Releaser) -> None:
    for number in range(5):
        releaser.commit(f"feat: {number} {'word ' * 6_000}", push=False)
    releaser.push()
    releaser.must_publish()
    assert (len(body(releaser)), body(releaser)[-2:]) == (125_000, "\n…")


@pytest.mark.parametrize("message", ["feat: {{ url }} ${{ secrets.X }} $(id) `id` </a>"])
def test_a_commit_message_is_text_and_nothing_else(releaser: Releaser, message: str) -> None:
    releaser.commit(message)
    releaser.must_publish()
    assert "{{ url }} ${{ secrets.X }} $(id) `id` &lt;/a>" in body(releaser)


def test_what_people_write_is_no_command_to_the_runner_and_no_markup_of_its_summary(
    releaser: Releaser, tmp_path: Path
) -> None:
    own = "Try it.\n\n```sh\nrun it\n```\n\n\t\u00a0::add-mask::t\n"
    releaser.project.replace("CHANGELOG.md", "## Unreleased\n", f"## Unreleased\n\n{own}")
    releaser.project.commit("feat: more ##[add-mask]refs")
    releaser.push()
    summary = tmp_path / "summary"
    out = releaser.must_publish(GITHUB_STEP_SUMMARY=str(summary))
    assert not re.search(r"##\[|^\s*::", out, re.MULTILINE), out
    assert summary.read_text().startswith("````text\nmy-service 0.1.0, the first\n")


def test_of_an_mcp_server_the_notes_tell_how_a_client_starts_it(
    make_project: MakeProject, tmp_path: Path
) -> None:
    for releaser in released_from(make_project(kind="mcp"), tmp_path):
        releaser.published("0.1.0")
        releaser.must_publish()
        text = body(releaser)
        configuration = json.loads(text.partition("```json\n")[2].partition("```")[0])
        server = configuration["mcpServers"]["my-service"]
        image = f"ghcr.io/{OWNER}/my-service@sha256:{'0' * 64}"
        assert server["command"] == "docker"
        assert server["args"][-3:] == [image, "my-service", "--stdio"]
