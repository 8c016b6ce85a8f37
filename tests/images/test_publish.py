"""From source to a signed image that anybody can check, and what goes wrong on the way."""

import base64
import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.images.containers import folder_of, left_of
from tests.images.publisher import BOTH, ONE, Key, Publisher
from tests.project import Project, without
from tests.registry import digest, manifest

pytestmark = pytest.mark.e2e


def attested(image: str, kind: str, key: Key) -> dict[str, Any]:
    """Return a signed statement about an image, by cosign's own word for its kind."""
    command = ["cosign", "verify-attestation", f"--type={kind}", f"--key={key.public}"]
    command += ["--insecure-ignore-tlog", image]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    payload = json.loads(told.splitlines()[-1])["payload"]
    return dict(json.loads(base64.b64decode(payload)))


def test_a_release_for_two_processors_is_pushed_tried_listed_signed_and_tagged(
    publisher: Publisher,
) -> None:
    project = publisher.project
    project.replace("pyproject.toml", f"platforms = {ONE}", f"platforms = {BOTH}")
    project.commit("feat: run on every processor")
    commit = project.must("git", "rev-parse", "HEAD").strip()

    done = publisher.publish()
    assert done.status == 0, done.out
    report = json.loads((project.path / "reports/image.json").read_text(encoding="utf-8"))

    assert report["name"] == publisher.image
    assert report["tags"] == [f"main-{commit[:7]}", f"sha-{commit[:7]}", "main"]
    assert publisher.tags() == set(report["tags"])
    assert {digest(publisher.stored, tag) for tag in report["tags"]} == {report["digest"]}
    ask = "import sys, pipeline.publish as it; print(it.version_of(sys.argv[1]))"
    found = project.must(".nox/publish/bin/python", "-c", ask, f"{publisher.image}:main")
    assert found == f"0.0.0+{commit[:7]}\n"
    index = manifest(publisher.stored, report["digest"])
    platforms = {
        f"{m['platform']['os']}/{m['platform']['architecture']}": m for m in index["manifests"]
    }
    assert platforms.keys() == report["platforms"].keys() == {"linux/amd64", "linux/arm64"}
    for platform, told in report["platforms"].items():
        assert platforms[platform]["digest"] == told["digest"]
        assert 5e6 < told["bytes"] < 200e6
        assert f"{platform}: ready after " in done.out
        part = f"{publisher.stored}@{told['digest']}"
        spdx = attested(part, "spdxjson", publisher.key)["predicate"]
        assert "fastapi" in {package["name"] for package in spdx["packages"]}
        cyclonedx = attested(part, "cyclonedx", publisher.key)["predicate"]
        assert "fastapi" in {component["name"] for component in cyclonedx["components"]}
        stem = f"sbom-{platform.replace('/', '-')}"
        assert (project.path / f"reports/{stem}.spdx.json").exists()
        assert (project.path / f"reports/{stem}.cdx.json").exists()

    provenance = attested(
        f"{publisher.stored}@{report['digest']}", "slsaprovenance1", publisher.key
    )
    [origin, *bases] = provenance["predicate"]["buildDefinition"]["resolvedDependencies"]
    assert origin["digest"] == {"gitCommit": commit}
    assert any("python" in base["uri"] for base in bases)
    assert all(base["digest"]["sha256"] for base in bases)

    checked = publisher.verify(":main")
    assert checked.status == 0, checked.out
    assert f"{publisher.image}@{report['digest']}" in checked.out
    assert f"commit {commit}" in checked.out

    begun = len(publisher.pushed())
    again = publisher.must_publish()
    assert again == report, "the same commit gave another image"
    moved = [path for path in publisher.pushed()[begun:] if "/manifests/" in path]
    assert all("sha256-" not in path for path in moved), f"it was signed twice: {moved}"


@pytest.mark.fresh
@pytest.mark.parametrize("publisher", [{"preset": "api-postgres-redis"}], indirect=True)
def test_what_a_service_needs_is_there_when_its_image_is_tried(publisher: Publisher) -> None:
    project = publisher.project
    project.replace("compose.yaml", "[alembic, upgrade, head]", '[alembic, upgrade, "0000"]')
    project.write("tests/image/test_image.py", "def test_nothing() -> None: ...\n")
    project.commit("feat: migrate to nowhere, which no test notices")
    done = publisher.publish()
    assert done.status != 0
    assert "Can't locate revision identified by '0000'" in done.out
    assert 'publish: docker says: service "migrate" didn\'t complete' in done.out, done.out
    assert publisher.tags() == set()

    project.must("git", "reset", "--quiet", "--hard", "HEAD~1")
    done = publisher.publish()
    assert done.status == 0, done.out
    assert "linux/amd64: ready after " in done.out
    assert publisher.tags()
    assert left_of(f"publish-{folder_of(project.path)}") == []


@pytest.mark.fresh
def test_floating_tags_stay_with_the_newest_release(publisher: Publisher) -> None:
    first = publisher.must_publish("--ref", publisher.release("1.0.0"))
    assert publisher.tags() == {"1.0.0", "1.0", "1", "latest", first["tags"][1]}
    publisher.project.must("git", "branch", "1.0.x")
    second = publisher.must_publish("--ref", publisher.release("1.1.0"))
    publisher.project.must("git", "checkout", "--quiet", "1.0.x")
    third = publisher.must_publish("--ref", publisher.release("1.0.1"))
    beta = publisher.release("1.2.0-beta.1")
    fourth = publisher.must_publish("--ref", beta)

    def holder(tag: str) -> str | None:
        return digest(publisher.stored, tag)

    assert holder("1.0.0") == first["digest"]
    assert holder("1.0") == holder("1.0.1") == third["digest"]
    assert holder("1.1") == holder("1") == holder("latest") == second["digest"]
    assert holder("1.2.0-beta.1") == fourth["digest"]
    assert holder("1.2") is None

    # A run that began before a newer release was known finds it in the registry.
    publisher.project.must("git", "checkout", "--quiet", "--detach", "v1.0.1")
    publisher.project.must("git", "tag", "--delete", "v1.1.0")
    late = publisher.must_publish("--ref", "refs/tags/v1.0.1")
    assert late["tags"] == [*third["tags"][:2], "1.0"]
    assert holder("1") == holder("latest") == second["digest"]
    publisher.project.must("git", "checkout", "--quiet", "1.0.x")

    # A version that is out is never another image.
    publisher.project.must("git", "tag", "--delete", "v1.2.0-beta.1")
    publisher.project.write("src/my_service/more.py", '"""More."""\n')
    publisher.project.commit()
    publisher.project.must("git", "tag", "v1.2.0-beta.1")
    refused = publisher.publish("--ref", beta)
    assert refused.status != 0
    assert f"{publisher.image}:1.2.0-beta.1 exists, as {fourth['digest']}" in refused.out
    assert holder("1.2.0-beta.1") == fourth["digest"]


@pytest.mark.fresh
def test_a_release_at_the_tip_of_its_branch_has_the_tags_of_both(publisher: Publisher) -> None:
    ref = publisher.release("1.0.0")
    commit = publisher.project.must("git", "rev-parse", "--short=7", "HEAD").strip()
    report = publisher.must_publish("--ref", f"{ref} refs/heads/main")
    of_the_tag = ["1.0.0", f"sha-{commit}", "1.0", "1", "latest"]
    assert report["tags"] == [*of_the_tag, f"main-{commit}", "main"]
    assert publisher.tags() == set(report["tags"])
    told = publisher.verify(":main")
    assert told.status == 0, told.out
    assert "@refs/tags/v1.0.0, commit" in told.out

    # The branch's own tag is not for a commit that others have gone on from.
    newer = publisher.project.must("git", "commit-tree", "HEAD^{tree}", "-p", "HEAD", "-m", "more")
    publisher.project.must("git", "update-ref", "refs/remotes/origin/main", newer.strip())
    late = publisher.must_publish("--ref", f"{ref} refs/heads/main")
    assert late["tags"] == [*of_the_tag, f"main-{commit}"]


@pytest.mark.fresh
def test_a_push_that_breaks_off_leaves_no_tag_and_a_second_run_completes_it(
    publisher: Publisher,
) -> None:
    for method, pattern in (
        ("POST", "/blobs/uploads/"),
        ("PUT", "/manifests/sha256:"),  # the image itself
        ("PUT", "/manifests/sha256-"),  # its signatures
        ("PUT", "/manifests/(main|sha-)"),
    ):
        publisher.gate.refuse(method, pattern, status=403)
        broken = publisher.publish()
        assert broken.status != 0, pattern
        assert "publish: " in broken.out, broken.out
        assert "Traceback" not in broken.out
        assert not publisher.tags(), pattern
        publisher.gate.recover()

    report = publisher.must_publish()
    assert publisher.tags() == set(report["tags"])
    assert publisher.verify(":main").status == 0


@pytest.mark.fresh
def test_only_what_is_in_the_commit_is_in_the_image(publisher: Publisher) -> None:
    """Of a pull request, too, whose image has its number."""
    report = publisher.must_publish("--ref", "refs/pull/7/merge")
    assert report["tags"][1:] == ["pr-7"]
    assert publisher.tags() == set(report["tags"])

    publisher.project.write(".git/info/exclude", "local_secret.py\n")
    publisher.project.write("src/my_service/local_secret.py", 'TOKEN = "of a person"\n')
    again = publisher.must_publish("--ref", "refs/heads/main")
    assert again["digest"] == report["digest"]
    told = publisher.verify(":main")
    assert "@refs/heads/main, commit" in told.out
    assert "@refs/pull/7/merge, commit" in told.out


def test_an_image_that_breaks_a_rule_is_neither_signed_nor_tagged(publisher: Publisher) -> None:
    publisher.project.replace("Dockerfile", "USER 10001:10001\n", "USER root\n")
    publisher.project.commit()
    done = publisher.publish()
    assert done.status != 0
    assert "USER must be a number, not root" in done.out
    assert "publish: " in done.out
    assert publisher.tags() == set()


@pytest.mark.fresh
def test_a_floating_tag_that_could_not_move_is_moved_by_a_second_run(publisher: Publisher) -> None:
    ref = publisher.release("1.0.0")
    publisher.gate.refuse("PUT", "/manifests/latest", status=503)
    assert publisher.publish("--ref", ref).status != 0
    assert "1.0.0" in publisher.tags()
    assert "latest" not in publisher.tags()
    publisher.gate.recover()
    report = publisher.must_publish("--ref", ref)
    assert (
        digest(publisher.stored, "latest") == digest(publisher.stored, "1.0.0") == report["digest"]
    )


@pytest.mark.fresh
def test_expired_credentials_are_told_and_never_printed(
    publisher: Publisher, tmp_path: Path
) -> None:
    publisher.gate.require("robot", "renewed")
    config = docker_config(tmp_path, publisher.gate.address, "robot", "expired-secret")
    refused = publisher.publish(DOCKER_CONFIG=str(config))
    assert refused.status != 0
    assert f"docker login {publisher.gate.address}" in refused.out
    secret = base64.b64encode(b"robot:expired-secret").decode()
    for path in (publisher.project.path / "reports").rglob("*"):
        if path.is_file():
            assert "expired-secret" not in path.read_text(encoding="utf-8", errors="replace")
    assert "expired-secret" not in refused.out
    assert secret not in refused.out
    assert not publisher.tags()

    renewed = docker_config(tmp_path, publisher.gate.address, "robot", "renewed")
    report = publisher.must_publish(DOCKER_CONFIG=str(renewed))
    assert publisher.tags() == set(report["tags"])


def docker_config(folder: Path, host: str, user: str, password: str) -> Path:
    """Return a folder for DOCKER_CONFIG with the credentials of one registry."""
    found = folder / password
    found.mkdir()
    auth = base64.b64encode(f"{user}:{password}".encode()).decode()
    (found / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))
    plugins = Path("~/.docker/cli-plugins").expanduser()
    if plugins.exists():
        (found / "cli-plugins").symlink_to(plugins)
    return found


def test_what_must_not_be_published_is_refused_before_anything_is_pushed(
    publisher: Publisher, make_key: Callable[[], Key], tmp_path: Path
) -> None:
    def refused(sentence: str, *arguments: str, **variables: str) -> None:
        done = publisher.publish(*arguments, **variables)
        assert done.status != 0, sentence
        assert f"publish: {sentence}" in done.out, done.out
        assert "Traceback" not in done.out
        assert publisher.pushed() == []

    refused("nobody can sign here: set COSIGN_KEY", COSIGN_KEY="")
    refused("cosign says: ", COSIGN_KEY=str(tmp_path / "nowhere.key"))
    refused("cosign says: ", COSIGN_PASSWORD="wrong")
    other = make_key()
    refused("COSIGN_KEY is not the key of cosign.pub", COSIGN_KEY=str(other.private))
    refused(
        "cosign.pub says that a key signs", COSIGN_KEY="", ACTIONS_ID_TOKEN_REQUEST_URL="http://x"
    )
    refused("refs/tags/v1.0.0 is to be published, and pyproject", "--ref", "refs/tags/v1.0.0")
    refused("the tag nightly is no version", "--ref", "refs/tags/nightly")
    refused("main is not git's full name of a ref", "--ref", "main")
    refused("refs/tags/v0.0.0 is unknown to git", "--ref", "refs/tags/v0.0.0")
    publisher.project.must("git", "branch", "elsewhere", "HEAD~1")
    refused("refs/heads/elsewhere is ", "--ref", "refs/heads/elsewhere")
    refused("refs/heads/elsewhere is ", "--ref", "refs/heads/main refs/heads/elsewhere")
    publisher.project.write("notes.txt", "not committed\n")
    refused("the working tree has changes")
    (publisher.project.path / "notes.txt").unlink()
    ref = publisher.release("1.0.0")
    shallow = tmp_path / "shallow"
    publisher.project.must(
        *("git", "clone", "--quiet", "--depth=1", "--branch=v1.0.0"),
        *(f"file://{publisher.project.path}", shallow),
    )
    publisher = replace(publisher, project=Project(shallow))
    refused("the history is cut off", "--ref", ref)


def test_an_image_that_is_not_ours_is_refused(
    publisher: Publisher, make_key: Callable[[], Key], tmp_path: Path
) -> None:
    report = publisher.must_publish()
    good = publisher.verify(f"@{report['digest']}")
    assert good.status == 0, good.out

    other = make_key()
    stranger = publisher.verify(":main", "--key", str(other.public))
    assert stranger.status == 1
    assert f"is not signed by the key {other.public}: do not use it" in stranger.out

    # A tag is moved to something else: one more label, and the signature is of another digest.
    dockerfile = tmp_path / "Dockerfile"
    dockerfile.write_text(f"FROM {publisher.image}@{report['digest']}\nENV APP_LOG_LEVEL=debug\n")
    build = ("docker", "buildx", "build", "--quiet", "--provenance=false", "--push")
    publisher.project.must(*build, f"--tag={publisher.image}:main", tmp_path)
    tampered = publisher.verify(":main")
    assert tampered.status == 1
    assert "is not signed by the key cosign.pub: do not use it" in tampered.out

    # It is attested by us, which cosign alone takes for a signature.
    exact = f"{publisher.image}@{digest(publisher.stored, 'main')}"
    statement = tmp_path / "provenance.json"
    statement.write_text((publisher.project.path / "reports/provenance.json").read_text())
    publisher.project.must(
        *("cosign", "attest", "--yes", "--type=slsaprovenance1", f"--predicate={statement}"),
        *(f"--key={publisher.key.private}", exact),
        *("--signing-config=pipeline/cosign/signing-config.json",),
        *("--trusted-root=pipeline/cosign/root.json",),
        COSIGN_PASSWORD=publisher.key.password,
    )
    attested_only = publisher.verify(":main")
    assert attested_only.status == 1
    assert "no signature: do not use it" in attested_only.out

    # It is ours, and of another repository.
    publisher.project.replace("pyproject.toml", "/your-organization/my-service", "/elsewhere/fork")
    fork = publisher.verify(f"@{report['digest']}")
    assert fork.status == 1
    assert "not from git+https://github.com/elsewhere/fork: do not use it" in fork.out

    missing = publisher.verify(":nothing")
    assert missing.status == 1
    assert f"{publisher.image}:nothing: not found" in missing.out


def test_without_a_key_the_workflow_signs_as_itself_or_nothing_is_tagged(
    publisher: Publisher,
) -> None:
    """Sigstore is out of reach of tests: what is shown is that it is asked, and not got round."""
    publisher.project.must("git", "rm", "--quiet", "cosign.pub")
    publisher.project.commit("feat: sign as the workflow")
    done = publisher.publish(
        COSIGN_KEY="",
        ACTIONS_ID_TOKEN_REQUEST_URL="http://127.0.0.1:9/token?api-version=2.0",
        ACTIONS_ID_TOKEN_REQUEST_TOKEN="token-of-the-run",
    )
    assert done.status != 0
    [asked] = [line for line in done.out.splitlines() if line.startswith("$ cosign attest")]
    assert "--key" not in asked
    assert "--signing-config" not in asked
    assert "publish: cosign attest" in done.out
    assert "token-of-the-run" not in done.out
    assert publisher.tags() == set()


@pytest.mark.fresh
def test_cosign_may_be_a_container(publisher: Publisher, tmp_path: Path) -> None:
    found = shutil.which("cosign")
    assert found
    folder = tmp_path / "cosign"
    folder.mkdir()
    shutil.copy2(found, folder / "cosign")
    lines = ("FROM python:3.13-slim", "COPY cosign /usr/local/bin/", 'ENTRYPOINT ["cosign"]')
    (folder / "Dockerfile").write_text("\n".join(lines), encoding="utf-8")
    image = f"slipway-test-cosign:{uuid4().hex}"
    publisher.project.must("docker", "build", "--quiet", f"--tag={image}", folder)
    # In the container the project is all there is, so the key has to be in it.
    shutil.copy2(publisher.key.private, publisher.project.path / "cosign.key")
    path = without("cosign", publisher.project.environment["PATH"], tmp_path / "path")
    contained = {"PATH": path, "COSIGN_IMAGE": image, "COSIGN_KEY": "cosign.key"}
    try:
        report = publisher.must_publish(**contained)
        checked = publisher.verify(":main", PATH=path, COSIGN_IMAGE=image)
    finally:
        publisher.project.must("docker", "image", "rm", "--force", image)

    assert checked.status == 0, checked.out
    assert report["digest"] in checked.out
    assert publisher.verify(":main").status == 0, "cosign on PATH sees it otherwise"
