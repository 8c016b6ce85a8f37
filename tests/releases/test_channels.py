"""Lines of releases side by side: betas before main, and a fix for what is older."""

from tests.releases.releaser import Releaser


def switch(releaser: Releaser, branch: str, *start: str) -> None:
    """Change to a branch, which is made where it should begin."""
    releaser.project.must(
        "git", "switch", "--quiet", *(["--create"] if start else []), branch, *start
    )


def merge(releaser: Releaser, other: str, keep: str = "") -> None:
    """Merge a branch, and push."""
    options = [f"--strategy-option={keep}"] if keep else []
    message = f"--message=Merge branch '{other}'"
    releaser.project.must("git", "merge", "--quiet", "--no-ff", *options, message, other)
    releaser.push()


def shown(releaser: Releaser) -> dict[str, bool]:
    """Return what the code host shows, and whether as a pre-release."""
    return {each.tag: each.prerelease for each in releaser.host.releases if not each.draft}


def release(releaser: Releaser, version: str) -> str:
    """Make a release whose image is published by then."""
    releaser.published(version)
    return releaser.must_publish()


def test_betas_become_the_release_they_were_made_for(releaser: Releaser) -> None:
    release(releaser, "0.1.0")
    switch(releaser, "develop", "main")
    for number, message in enumerate(("feat: one", "fix: two"), 1):
        releaser.commit(message)
        assert f"my-service 0.2.0b{number}," in release(releaser, f"0.2.0b{number}")
    switch(releaser, "main")
    merge(releaser, "develop")
    out = release(releaser, "0.2.0")
    assert "my-service 0.2.0, after v0.1.0" in out
    assert shown(releaser) == {
        "v0.1.0": False,
        "v0.2.0b1": True,
        "v0.2.0b2": True,
        "v0.2.0": False,
    }
    assert releaser.host.latest is releaser.host.releases[-1]
    changelog = releaser.there("show", "main:CHANGELOG.md")
    headings = [line.split()[1] for line in changelog.splitlines() if line.startswith("## ")]
    assert headings == ["Unreleased", "0.2.0", "0.1.0"]
    assert changelog.count("- one (") == changelog.count("- two (") == 1
    assert releaser.there("rev-list", "--count", "main", "--not", "v0.2.0") == "0"


def test_a_fix_of_an_older_line_is_not_the_latest(releaser: Releaser) -> None:
    release(releaser, "0.1.0")
    releaser.commit("feat: second")
    release(releaser, "0.2.0")
    latest = releaser.host.latest
    switch(releaser, "0.1.x", "v0.1.0")
    releaser.commit("fix: an old fault")
    assert "my-service 0.1.1, after v0.1.0" in release(releaser, "0.1.1")
    assert releaser.host.latest is latest
    assert shown(releaser) == {"v0.1.0": False, "v0.2.0": False, "v0.1.1": False}

    # A feature there would be a version that is taken.
    releaser.commit("feat: too much for it")
    done = releaser.publish()
    assert (done.status, done.out.count("\n")) == (1, 1), done.out
    assert releaser.tags() == ["v0.1.0", "v0.1.1", "v0.2.0"]

    # Main takes the line in, and goes on from its own newest release.
    releaser.project.must("git", "reset", "--quiet", "--hard", "HEAD~1")
    switch(releaser, "main")
    releaser.project.must("git", "pull", "--quiet")
    merge(releaser, "0.1.x", keep="ours")
    assert "my-service 0.2.1, after v0.2.0" in release(releaser, "0.2.1")
    assert "an old fault" in releaser.there("show", "main:CHANGELOG.md").partition("## 0.2.0")[0]
