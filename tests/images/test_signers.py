"""Whose signature counts, where a workflow signs as itself: asked without an engine."""

import re
from pathlib import Path

import pytest
from pipeline.publish import signed_by
from pipeline.signature import ISSUER, Signer, Verifier

from tests.conftest import Render

HERE = "https://github.com/your-organization/my-service/.github/workflows/publish.yml"


@pytest.fixture(autouse=True)
def _in_a_project(render: Render, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(render())


@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/heads/1.2.x", "refs/tags/v1.2.3"])
def test_what_publish_built_of_a_branch_or_tag_counts(ref: str) -> None:
    assert re.search(Verifier.find().workflow, f"{HERE}@{ref}")


@pytest.mark.parametrize(
    "identity",
    [
        f"{HERE}@refs/pull/7/merge",
        f"{HERE}@refs/heads/",
        f"{HERE.replace('publish', 'ci')}@refs/heads/main",
        f"{HERE.replace('my-service', 'my-service-fork')}@refs/heads/main",
        f"{HERE.replace('your-organization', 'somebody')}@refs/heads/main",
        f"https://example.org/{HERE}@refs/heads/main",
        f"{HERE.replace('github.com', 'githubXcom')}@refs/heads/main",
    ],
)
def test_nobody_elses_counts(identity: str) -> None:
    assert not re.search(Verifier.find().workflow, identity)


@pytest.mark.parametrize(
    ("begun_for", "published"),
    [
        pytest.param("refs/pull/7/merge", "refs/pull/7/merge", id="for itself"),
        pytest.param("refs/heads/main", "refs/tags/v1.2.3", id="called for a release"),
        pytest.param("", "refs/tags/v1.2.3", id="not on the code host"),
    ],
)
def test_a_run_accepts_what_it_signed_itself_and_nothing_else(
    begun_for: str, published: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_REF", begun_for)
    own = begun_for or published
    with signed_by(Signer(""), published) as verifier:
        assert re.search(verifier.workflow, f"{HERE}@{own}")
        for ref in {"refs/pull/8/merge", "refs/heads/main", "refs/tags/v1.2.3"} - {own}:
            assert not re.search(verifier.workflow, f"{HERE}@{ref}")
        assert f"--certificate-oidc-issuer={ISSUER}" in verifier.options()


def test_a_key_of_the_project_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cosign.pub").write_text("a key", encoding="utf-8")
    assert Verifier.find().options() == ["--key=cosign.pub", "--insecure-ignore-tlog"]
    assert Verifier.find("other.pub").key == "other.pub"
