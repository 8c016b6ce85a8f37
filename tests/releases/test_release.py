"""A release as it is meant to go: three files, one commit, one tag, and what people get of it."""

import json
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from tests.releases.releaser import OWNER, Releaser

URL = f"https://github.com/{OWNER}/my-service"
DIGEST = f"sha256:{'0' * 64}"


def notes(releaser: Releaser, tag: str) -> str:
    """Return what the code host shows of a release."""
    [release] = [each for each in releaser.host.releases if each.tag == tag]
    return release.body or ""


def test_all_of_it(releaser: Releaser, tmp_path: Path) -> None:
    before = releaser.git("rev-parse", "HEAD")
    output, summary = tmp_path / "output", tmp_path / "summary"
    told = {"GITHUB_OUTPUT": str(output), "GITHUB_STEP_SUMMARY": str(summary)}

    out = releaser.must_publish(**told)

    assert "pushed v0.1.0" in out
    assert "a draft on the code host until its image is published here" in out
    assert output.read_text() == "tag=v0.1.0\nrefs=refs/tags/v0.1.0 refs/heads/main\n"
    assert "my-service 0.1.0, the first" in summary.read_text()

    # One commit on top, which changes three files and nothing else, and one annotated tag of it.
    commit = releaser.there("rev-parse", "main")
    assert releaser.there("rev-list", "--count", f"{before}..main") == "1"
    assert releaser.there("log", "-1", "--format=%s", "main") == "chore(release): 0.1.0"
    changed = releaser.there("diff", "--name-status", before, "main").splitlines()
    assert changed == ["M\tCHANGELOG.md", "M\tpyproject.toml", "M\tuv.lock"]
    assert releaser.there("cat-file", "-t", "refs/tags/v0.1.0") == "tag"
    assert releaser.there("rev-parse", "v0.1.0^{commit}") == commit
    told_by_tag = releaser.there("for-each-ref", "--format=%(contents)", "refs/tags/v0.1.0")
    assert told_by_tag.startswith("my-service 0.1.0\n\n### Features\n\n- start from Slipway ([")
    assert releaser.tags() == ["v0.1.0"]
    assert releaser.there("branch", "--format=%(refname:short)").split() == ["main"]

    # The clone is where `git pull` would have brought it, and what it holds is sound.
    assert releaser.git("rev-parse", "HEAD") == commit
    assert releaser.git("status", "--porcelain", "--untracked-files=no") == ""
    manifest = tomllib.loads((releaser.project.path / "pyproject.toml").read_text())
    assert manifest["project"]["version"] == "0.1.0"
    releaser.project.must("uv", "lock", "--check")
    assert releaser.project.must("uv", "version", "--short", "--frozen").strip() == "0.1.0"

    # The code host has a draft, for a tag that was there before.
    [draft] = releaser.host.releases
    assert (draft.tag, draft.name, draft.draft) == ("v0.1.0", "my-service 0.1.0", True)
    assert draft.assets == []
    assert releaser.host.tags_made_up == []
    assert "docker pull" not in notes(releaser, "v0.1.0")

    releaser.published("0.1.0")
    out = releaser.must_publish(**told)

    assert "released v0.1.0: http" in out
    assert (draft.draft, draft.prerelease, releaser.host.latest) == (False, False, draft)
    assert f"docker pull ghcr.io/{OWNER}/my-service@{DIGEST}" in notes(releaser, "v0.1.0")
    assert "`0.1.0`, `latest`" in notes(releaser, "v0.1.0")
    assets = {asset.name: asset.content.decode() for asset in draft.assets}
    assert list(assets) == [
        "requirements.txt",
        "compose.yaml",
        "sbom-linux-amd64.cdx.json",
        "sbom-linux-amd64.spdx.json",
    ]
    assert "fastapi==" in assets["requirements.txt"]
    assert "--hash=sha256:" in assets["requirements.txt"]
    assert "my-service==" not in assets["requirements.txt"]
    image = yaml.safe_load(assets["compose.yaml"])["services"]["app"]["image"]
    assert image == f"${{IMAGE:-ghcr.io/{OWNER}/my-service@{DIGEST}}}"


def test_where_nothing_is_left_to_do_nothing_is_done(releaser: Releaser, tmp_path: Path) -> None:
    for _ in ("tagged", "shown"):
        releaser.published("0.1.0")
        releaser.must_publish()
    commit, asked = releaser.there("rev-parse", "main"), len(releaser.host.requests)
    output = tmp_path / "output"
    out = releaser.must_publish(GITHUB_OUTPUT=str(output))
    assert "v0.1.0 is released: http" in out
    assert {request.method for request in releaser.host.requests[asked:]} == {"GET"}
    assert output.read_text() == "tag=\nrefs=refs/heads/main\n"
    assert (releaser.tags(), releaser.there("rev-parse", "main")) == (["v0.1.0"], commit)


def test_as_people_and_the_pipeline_call_it(releaser: Releaser) -> None:
    done = releaser.project.nox("-s", "release", "--", "--publish", **releaser.online)
    assert done.status == 0, done.out
    assert releaser.tags() == ["v0.1.0"]
    assert [each.draft for each in releaser.host.releases] == [True]
    assert releaser.git("status", "--porcelain") == ""
    # What it committed passes what guards every commit.
    done = releaser.project.nox("-s", "lint", "commits")
    assert done.status == 0, done.out


def test_what_the_session_sends(releaser: Releaser) -> None:
    releaser.published("0.1.0")
    releaser.must_publish()
    base = f"/repos/{OWNER}/my-service/releases"
    sent = [each for each in releaser.host.requests if each.method != "GET"]
    draft, *files, shown = sent
    number = releaser.host.releases[0].id
    assert (draft.method, draft.path) == ("POST", base)
    body = draft.sent.pop("body")
    assert body.startswith("## Run it\n")
    told = {name: draft.sent[name] for name in ("tag_name", "name", "draft", "prerelease")}
    assert told == {
        "tag_name": "v0.1.0",
        "name": "my-service 0.1.0",
        "draft": True,
        "prerelease": False,
    }
    assert {each.path.partition("?")[0] for each in files} == {f"{base}/{number}/assets"}
    assert (shown.method, shown.path) == ("PATCH", f"{base}/{number}")
    assert (shown.sent["draft"], shown.sent["make_latest"]) == (False, "true")
    assert shown.sent["body"] == body


def test_a_tag_that_a_person_pushed_is_completed_from_its_checkout(
    releaser: Releaser, tmp_path: Path
) -> None:
    releaser.project.must("git", "tag", "v0.1.0")  # lightweight
    releaser.project.replace("pyproject.toml", 'version = "0.0.0"', 'version = "0.1.0"')
    releaser.project.must("uv", "lock", "--quiet")
    releaser.project.commit("chore: 0.1.0")
    releaser.project.must("git", "tag", "--force", "v0.1.0")
    releaser.project.must("git", "push", "--quiet", "origin", "main", "v0.1.0")
    checkout = releaser.clone(tmp_path / "checkout")
    checkout.project.must("git", "checkout", "--quiet", "--detach", "v0.1.0")
    checkout.published("0.1.0")
    assert "released v0.1.0" in checkout.must_publish()
    [release] = releaser.host.releases
    assert (release.tag, release.draft) == ("v0.1.0", False)
    assert "start from Slipway" in (release.body or "")


def test_an_annotated_tag_that_a_checkout_made_a_plain_one_is_completed(
    releaser: Releaser, tmp_path: Path
) -> None:
    releaser.must_publish()
    checkout = releaser.clone(tmp_path / "checkout")
    checkout.project.must("git", "tag", "--force", "v0.1.0", "v0.1.0^{commit}")
    checkout.project.must("git", "checkout", "--quiet", "--detach", "v0.1.0")
    checkout.published("0.1.0")
    assert "released v0.1.0" in checkout.must_publish()


def test_a_report_of_another_version_is_not_taken_for_its_image(releaser: Releaser) -> None:
    releaser.published("0.0.9")
    out = releaser.must_publish()
    assert "a draft on the code host until its image is published here" in out
    assert [each.draft for each in releaser.host.releases] == [True]


def test_without_an_image_a_release_is_shown_at_once(releaser: Releaser) -> None:
    path = releaser.project.path / "pyproject.toml"
    head, _, tail = path.read_text().partition("[tool.image]\n")
    path.write_text(head + tail.partition("\n\n")[2])
    releaser.project.commit("feat: only a library")
    releaser.push()
    assert "released v0.1.0" in releaser.must_publish()
    [release] = releaser.host.releases
    assert (release.draft, [asset.name for asset in release.assets]) == (
        False,
        ["requirements.txt"],
    )


CLONES = {
    "shallow": ["--depth=1"],
    "shallow, of all branches": ["--depth=1", "--no-single-branch"],
    "of one branch and no tags": ["--single-branch", "--no-tags"],
    "without old files": ["--filter=blob:none"],
}


@pytest.mark.parametrize("how", CLONES.values(), ids=CLONES.keys())
def test_a_clone_that_lacks_something_is_filled_up(
    releaser: Releaser, tmp_path: Path, how: list[str]
) -> None:
    releaser.published("0.1.0")
    releaser.must_publish()
    for message in ("feat: second", "docs: third"):
        releaser.commit(message)
    clone = tmp_path / "clone"
    releaser.project.must("git", "clone", "--quiet", *how, releaser.remote.as_uri(), str(clone))
    path = releaser.project.path.rename(tmp_path / "away")
    clone.rename(releaser.project.path)
    out = releaser.must_publish()
    assert "my-service 0.2.0, after v0.1.0" in out
    assert "- second (" in out
    assert "start from Slipway" not in out
    assert releaser.tags() == ["v0.1.0", "v0.2.0"]
    assert path.exists()


def test_the_clone_keeps_its_objects_hooks_and_settings(releaser: Releaser, tmp_path: Path) -> None:
    git, told = releaser.project.path / ".git", tmp_path / "told"
    for name in ("post-merge", "pre-push", "pre-commit", "reference-transaction"):
        (git / "hooks").mkdir(exist_ok=True)
        (git / "hooks" / name).write_text(f"#!/bin/sh\necho {name} >> '{told}'\nexit 1\n")
        (git / "hooks" / name).chmod(0o755)
    own = tmp_path / "own"
    own.write_text(
        "[user]\n  name = At Work\n  email = work@example.org\n[push]\n  followTags = true\n"
    )
    for name, value in {
        f"includeIf.gitdir:{git}.path": str(own),
        "gc.auto": "1",  # clears away what no ref leads to, after each commit
        "gc.pruneExpire": "now",
        "gc.autoDetach": "false",
    }.items():
        releaser.project.must("git", "config", name, value)
    told.unlink(missing_ok=True)
    unset = ("env", *(f"--unset=GIT_{role}_{of}" for role in ROLES for of in ("NAME", "EMAIL")))
    done = releaser.project.run(*unset, *releaser.command("--publish"), **releaser.online)
    assert done.status == 0, done.out
    assert not told.exists(), told.read_text()
    releaser.project.must("git", "fsck", "--no-dangling", "--strict")
    assert releaser.git("log", "-1", "--format=%an <%ae>") == "At Work <work@example.org>"


ROLES = ("AUTHOR", "COMMITTER")


def test_windows_files_stay_windows_files(releaser: Releaser) -> None:
    names = ("CHANGELOG.md", "pyproject.toml")
    for name in names:
        path = releaser.project.path / name
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    releaser.project.commit("chore: write it on Windows")
    releaser.push()
    releaser.must_publish()
    for name in names:
        content = (releaser.project.path / name).read_bytes()
        assert content.count(b"\n") == content.count(b"\r\n") > 0, name


def test_a_project_with_another_past_is_released(releaser: Releaser) -> None:
    manifest = (releaser.project.path / "pyproject.toml").read_text()
    for number, old in enumerate(("[tool.poetry]\nname = 'x'\n", "[project\n")):
        releaser.project.write("pyproject.toml", old)
        releaser.project.commit("chore: an older time")
        releaser.project.must("git", "tag", f"v0.{number}.9")
    releaser.project.write("pyproject.toml", manifest.replace("0.0.0", "0.1.9"))
    releaser.project.must("uv", "lock", "--quiet")
    releaser.project.commit("feat: from now on")
    releaser.push()
    releaser.project.must("git", "push", "--quiet", "origin", "--tags")
    assert "my-service 0.2.0, after v0.1.9" in releaser.must_publish()
    assert releaser.tags() == ["v0.0.9", "v0.1.9", "v0.2.0"]


def test_a_report_that_is_none_is_one_sentence(releaser: Releaser) -> None:
    releaser.must_publish()
    releaser.project.write("reports/image.json", "{")
    done = releaser.publish()
    assert done.status == 1
    assert done.out.endswith(
        "release: reports/image.json is no report of an image: uv run nox -s publish writes one\n"
    )


def test_commits_and_tags_are_signed_where_a_person_signs(
    releaser: Releaser, tmp_path: Path
) -> None:
    key = tmp_path / "key"
    releaser.project.must("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    allowed = tmp_path / "allowed"
    allowed.write_text(f"somebody@example.org {key.with_suffix('.pub').read_text()}")
    settings = {
        "gpg.format": "ssh",
        "user.signingkey": str(key),
        "gpg.ssh.allowedSignersFile": str(allowed),
        "tag.gpgsign": "true",
        "log.showSignature": "true",
    }
    for name, value in settings.items():
        releaser.project.must("git", "config", name, value)
    with (releaser.project.path / ".git" / "config").open("a") as config:
        config.write("[commit]\n\tgpgSign\n")  # which means true
    releaser.must_publish()
    releaser.project.must("git", "verify-commit", "main")
    releaser.project.must("git", "verify-tag", "v0.1.0")


def test_the_token_reaches_its_own_host_and_nothing_that_is_printed_or_kept(
    releaser: Releaser, tmp_path: Path
) -> None:
    told = tmp_path / "told"
    token = releaser.host.token = "ghs_" + "Zq7" * 12
    out = releaser.must_publish(GITHUB_STEP_SUMMARY=str(told), GITHUB_OUTPUT=str(told))
    kept = [path for path in releaser.project.path.rglob("*") if path.is_file()]
    kept += [path for path in releaser.remote.rglob("*") if path.is_file()]
    assert token not in out + told.read_text()
    assert [str(path) for path in kept if token.encode() in path.read_bytes()] == []

    kept_by_git = tmp_path / "kept by git"
    releaser.project.must("git", "config", "credential.helper", f"store --file='{kept_by_git}'")
    answers = json.loads(releaser.project.must(*CREDENTIALS, GITHUB_TOKEN=token))
    assert answers == {"https://github.com": token, "https://github.com.example.org": None}
    assert not kept_by_git.exists()


CREDENTIALS = [
    sys.executable,
    "-c",
    """
import json, os, subprocess
from pipeline.release.landing import login

def password(url):
    asked = subprocess.run(
        ["git", "credential", "fill"], input=f"url={url}/a/b\\n\\n", text=True, capture_output=True,
        env={**os.environ, **login("https://github.com/your-organization/my-service")},
    ).stdout
    return dict(line.split("=", 1) for line in asked.splitlines()).get("password")

hosts = ("https://github.com", "https://github.com.example.org")
print(json.dumps({url: password(url) for url in hosts}))
""",
]
