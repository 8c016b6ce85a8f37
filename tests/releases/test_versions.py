"""Which version comes next: the functions that decide it, and the histories they decide on."""

import re
from pathlib import Path

import pytest
from commitizen.version_increment import VersionIncrement
from packaging.version import Version
from pipeline.release.history import Releases
from pipeline.release.version import Channel, admitted, given, next_version
from pipeline.shell import FailedError

from tests.releases.histories import History

CHANNELS = {"main": "stable", "develop": "beta", "alpha": "alpha", "next": "rc"}
MAJOR, MINOR, PATCH = VersionIncrement.MAJOR, VersionIncrement.MINOR, VersionIncrement.PATCH


def seen(behind: str, elsewhere: str = "") -> Releases:
    """Return what a commit sees: releases behind it, and those of other branches."""
    merged = frozenset(map(Version, behind.split()))
    names = {version: f"v{version}" for version in [*merged, *map(Version, elsewhere.split())]}
    return Releases(names, merged, frozenset())


@pytest.mark.parametrize(
    ("branch", "increment", "behind", "elsewhere", "wanted"),
    [
        pytest.param("main", PATCH, "", "", "0.0.1", id="first, a fix"),
        pytest.param("main", MINOR, "", "", "0.1.0", id="first, a feature"),
        pytest.param("main", MAJOR, "", "", "0.1.0", id="first, a break"),
        pytest.param("main", MAJOR, "0.9.3", "", "0.10.0", id="a break below 1.0.0"),
        pytest.param("main", PATCH, "1.2.9", "", "1.2.10", id="fix"),
        pytest.param("main", MINOR, "1.9.3", "", "1.10.0", id="feature"),
        pytest.param("main", MAJOR, "1.9.3", "", "2.0.0", id="break"),
        pytest.param("main", PATCH, "1.9.0 1.10.0", "", "1.10.1", id="compared as numbers"),
        pytest.param("main", PATCH, "1.0.0", "2.0.0", "1.0.1", id="what others release"),
        pytest.param("main", PATCH, "1.0.0 1.1.0b2", "", "1.1.0", id="tried as a beta"),
        pytest.param("main", PATCH, "1.0.0 2.0.0a1 1.1.0b1", "", "2.0.0", id="the farthest tried"),
        pytest.param("main", MAJOR, "1.0.0 1.1.0b2", "", "2.0.0", id="more than was tried"),
        pytest.param("main", PATCH, "1.0.0 1.1.0b1 1.1.0", "", "1.1.1", id="tried and released"),
        pytest.param("main", MINOR, "1.0.0", "1.1.0b1", "1.1.0", id="a beta that is not merged"),
        pytest.param("develop", MINOR, "1.0.0", "", "1.1.0b1", id="first beta"),
        pytest.param("develop", MINOR, "1.0.0 1.1.0b1", "", "1.1.0b2", id="next beta"),
        pytest.param("develop", PATCH, "1.0.0 1.1.0b1", "", "1.1.0b2", id="a fix of a beta"),
        pytest.param("develop", MAJOR, "1.0.0 1.1.0b1", "", "2.0.0b1", id="a break in a beta"),
        pytest.param("develop", MINOR, "1.0.0 1.1.0b1 1.1.0b7", "", "1.1.0b8", id="a gap"),
        pytest.param("develop", MINOR, "1.0.0", "1.1.0b4", "1.1.0b5", id="numbers taken elsewhere"),
        pytest.param("develop", MINOR, "1.0.0 1.1.0a3", "", "1.1.0b1", id="beta after alpha"),
        pytest.param("alpha", MINOR, "1.0.0", "1.1.0b4", "1.1.0a1", id="alpha beside beta"),
        pytest.param("alpha", MINOR, "1.0.0 1.1.0a9", "", "1.1.0a10", id="ten alphas"),
        pytest.param("next", MINOR, "1.0.0 1.1.0b9", "", "1.1.0rc1", id="candidate"),
        pytest.param("develop", PATCH, "", "", "0.0.1b1", id="the first of all is a beta"),
        pytest.param("1.2.x", PATCH, "1.2.3", "2.0.0", "1.2.4", id="back-port"),
        pytest.param("1.2.x", PATCH, "1.2.3", "1.3.0b1", "1.2.4", id="back-port below a beta"),
        pytest.param("1.x", MINOR, "1.2.3", "2.0.0", "1.3.0", id="feature of an older major"),
        pytest.param("1.x", PATCH, "1.2.3", "2.0.0", "1.2.4", id="fix of an older major"),
        pytest.param("0.9.x", PATCH, "0.9.0", "1.0.0", "0.9.1", id="back-port below 1.0.0"),
    ],
)
def test_next(
    branch: str, increment: VersionIncrement, behind: str, elsewhere: str, wanted: str
) -> None:
    channel, releases = Channel.of(branch, CHANNELS), seen(behind, elsewhere)
    version = next_version(channel, increment, releases, Version("0.0.0"), zero=True)
    assert str(version) == wanted


@pytest.mark.parametrize(
    ("begin", "increment", "wanted"),
    [
        ("3.4.0", PATCH, "3.4.1"),
        ("3.4.0", MAJOR, "4.0.0"),
        ("3.4", MINOR, "3.5.0"),
        ("0.0.0", MAJOR, "1.0.0"),
    ],
)
def test_the_first_release_goes_up_from_what_the_tree_says(
    begin: str, increment: VersionIncrement, wanted: str
) -> None:
    channel = Channel.of("main", CHANNELS)
    version = next_version(channel, increment, seen(""), Version(begin), zero=False)
    assert str(version) == wanted


@pytest.mark.parametrize(
    ("branch", "version", "behind", "elsewhere"),
    [
        pytest.param("main", "2.0.0", "1.2.3", "", id="farther than needed"),
        pytest.param("main", "1.0.0", "0.9.0", "", id="an end to 0.x"),
        pytest.param("main", "1.2.0", "1.1.0 1.2.0b3", "", id="what was tried"),
        pytest.param("develop", "2.0.0b1", "1.2.3 1.3.0b1", "", id="a beta of more"),
        pytest.param("1.2.x", "1.2.9", "1.2.3", "1.3.0 2.0.0", id="a gap in a line"),
    ],
)
def test_a_version_by_hand(branch: str, version: str, behind: str, elsewhere: str) -> None:
    channel, releases = Channel.of(branch, CHANNELS), seen(behind, elsewhere)
    assert admitted(Version(version), channel, releases, Version("0.0.0")) == Version(version)


@pytest.mark.parametrize(
    ("branch", "version", "behind", "elsewhere", "told"),
    [
        pytest.param("main", "1.2.3", "1.2.3", "", "is released already", id="again"),
        pytest.param("main", "1.3.0", "1.2.3", "1.3.0", "is released already", id="elsewhere"),
        pytest.param("main", "1.2.0b1", "1.2.0b1", "", "is released already", id="a beta again"),
        pytest.param("main", "1.2.2", "1.2.3", "", "main is at 1.2.3", id="back"),
        pytest.param("main", "1.2.3rc1", "1.2.3", "", "1.2.3rc1 goes back", id="back to a try"),
        pytest.param("main", "1.3.0rc1", "1.2.3", "", "a branch of its own", id="a try from main"),
        pytest.param("develop", "1.3.0", "1.2.3", "", "like 1.2.0b1", id="stable from develop"),
        pytest.param("develop", "1.3.0a1", "1.2.3", "", "like 1.2.0b1", id="alpha from develop"),
        pytest.param("develop", "1.3.0b1", "1.2.3 1.3.0b2", "", "goes back", id="an older beta"),
        pytest.param("develop", "1.3.0b3", "1.2.3", "1.3.0", "merge it into develop", id="late"),
        pytest.param("1.2.x", "1.3.0", "1.2.3", "", "belongs on main", id="out of the line"),
        pytest.param("1.2.x", "2.0.0", "1.2.3", "", "belongs on main", id="far out of the line"),
        pytest.param("1.x", "2.0.0", "1.2.3", "", "belongs on main", id="out of a major"),
        pytest.param("1.2.x", "1.2.5", "1.2.3", "1.2.4", "1.2.4 is released", id="a jump"),
        pytest.param("1.x", "1.4.0", "1.2.3", "1.3.0 2.0.0", "1.3.0 is released", id="over others"),
        pytest.param("1.2.x", "1.2.4", "1.1.0 1.3.0", "", "goes back", id="a line that went on"),
    ],
)
def test_refused(branch: str, version: str, behind: str, elsewhere: str, told: str) -> None:
    channel, releases = Channel.of(branch, CHANNELS), seen(behind, elsewhere)
    with pytest.raises(FailedError, match=re.escape(told)) as refused:
        admitted(Version(version), channel, releases, Version("0.0.0"))
    assert version in str(refused.value) or Version(version).base_version in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("branch", "channels", "told"),
    [
        ("", CHANNELS, "a bare commit: releases come from main, develop, alpha, next, 1.2.x"),
        ("feature/x", CHANNELS, "the branch feature/x"),
        ("release/main", CHANNELS, "the branch release/main"),
        ("1.2.3.x", CHANNELS, "the branch 1.2.3.x"),
        ("v1.2.x", CHANNELS, "the branch v1.2.x"),
        ("1.2", CHANNELS, "the branch 1.2"),
        ("main", {"main": "gamma"}, "tool.release.channels.main must be one of stable, rc, beta"),
    ],
)
def test_branches_that_release_nothing(branch: str, channels: dict[str, str], told: str) -> None:
    with pytest.raises(FailedError, match=re.escape(told)):
        Channel.of(branch, channels)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2.0.0", "2.0.0"),
        ("v2.0.0", "2.0.0"),
        (" 2.0.0\n", "2.0.0"),
        ("2.0.0-beta.1", "2.0.0b1"),
        ("2.0.0b1", "2.0.0b1"),
        ("2.0.0-RC1", "2.0.0rc1"),
    ],
)
def test_what_a_person_may_type(text: str, wanted: str) -> None:
    assert str(given(text)) == wanted


@pytest.mark.parametrize(
    "text",
    [
        *("2.0", "2", "2.0.0.0", "1!2.0.0", "2.0.0.dev1", "2.0.0b1.dev2", "2.0.0+local"),
        *(
            "2.0.0.post1",
            "2.0.0-1",
            "latest",
            "major",
            "2.0.x",
            "vv2.0.0",
            "\uff12.0.0",
            "-",
            "--all",
        ),
    ],
)
def test_what_a_person_may_not_type(text: str) -> None:
    with pytest.raises(FailedError, match=re.escape(f"--version {text}: write it like 1.2.3")):
        given(text)


FIRST = ["on develop", "feat: a", "release", "fix: b"]
TRIED = ["tag v1.0.0", "on develop", "feat: a", "release"]  # 1.1.0b1
OUT = [*TRIED, "on main", "merge develop", "release"]  # 1.1.0


@pytest.mark.parametrize(
    ("begin", "steps", "wanted"),
    [
        pytest.param("0.0.0", ["fix: a"], "0.0.1", id="only fixes"),
        pytest.param("0.0.0", ["fix: a", "feat: b", "fix: c"], "0.1.0", id="the largest counts"),
        pytest.param("0.0.0", ["docs: a", "chore: b"], "", id="nothing to release"),
        pytest.param("0.0.0", ["Merge it", "wip", "Feature: a"], "", id="not conventional"),
        pytest.param("0.0.0", ["perf: a"], "0.0.1", id="perf"),
        pytest.param("1.0.0", ["tag v1.0.0", "docs!: a"], "2.0.0", id="docs that break"),
        pytest.param("3.4.0", ["feat: a"], "3.5.0", id="adopted, no tag"),
        pytest.param("3.4.0", ["tag v3.4.0", "fix: a"], "3.4.1", id="tagged by hand"),
        pytest.param("3.4.0", ["tag -m x 3.4.0", "fix: a"], "3.4.1", id="annotated, without a v"),
        pytest.param("3.4.0", ["tag 3.4.0", "tag v3.4.0", "fix: a"], "3.4.1", id="tagged twice"),
        pytest.param("3.4.0", ["tag v3.4", "tag nightly", "fix: a"], "3.4.1", id="no versions"),
        pytest.param(
            "1.0.0", ["tag v1.0.0", "fix: a", "tag v9.9.9 HEAD^{tree}"], "1.0.1", id="a folder"
        ),
        pytest.param(
            "1.0.0", ["tag v1.0.0", "tag v1.1.0-beta.2", "feat: a"], "1.1.0", id="a beta by hand"
        ),
        pytest.param(
            "1.0.0",
            ["tag v1.0.0", "on other", "feat!: a", "tag v2.0.0", "on main", "fix: b"],
            "1.0.1",
            id="released on a branch that is not merged",
        ),
        pytest.param(
            "1.0.0",
            ["tag v1.0.0", "on other", "feat: a", "fix: b", "on main", "docs: c", "merge other"],
            "1.1.0",
            id="a merge",
        ),
        pytest.param(
            "1.0.0",
            ["tag v1.0.0", "on a", "fix: a", "on b main", "feat: b", "on main", "merge a b"],
            "1.1.0",
            id="a merge of several",
        ),
        pytest.param("0.0.0", FIRST, "0.1.0b2", id="the first of all is a beta, and another"),
        pytest.param("0.0.0", [*FIRST, "on main", "merge develop"], "0.1.0", id="and it is stable"),
        pytest.param("1.0.0", TRIED, "", id="nothing since a beta"),
        pytest.param("1.0.0", [*TRIED, "fix: b"], "1.1.0b2", id="a fix of a beta"),
        pytest.param("1.0.0", [*TRIED, "feat!: b"], "2.0.0b1", id="a beta becomes more"),
        pytest.param(
            "1.0.0", [*TRIED, "on main", "merge develop"], "1.1.0", id="develop is merged"
        ),
        pytest.param(
            "1.0.0",
            [*TRIED, "on main", "$ merge --quiet --ff-only develop"],
            "1.1.0",
            id="main moves up to a beta",
        ),
        pytest.param("1.0.0", [*OUT, "on 1.0.x v1.0.0", "fix: b"], "1.0.1", id="back-port"),
        pytest.param(
            "1.0.0",
            [*OUT, "on 1.0.x v1.0.0", "fix: b", "release", "on main", "fix: c"],
            "1.1.1",
            id="main beside a back-port",
        ),
        pytest.param(
            "1.0.0",
            [*OUT, "on develop", "$ merge --quiet --ff-only main", "feat: b"],
            "1.2.0b1",
            id="develop goes on above what main is at",
        ),
    ],
)
def test_next_after(tmp_path: Path, begin: str, steps: list[str], wanted: str) -> None:
    history = History(tmp_path / "small")
    history.begin_at(begin)
    history.follow(steps)
    assert history.next() == wanted


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        pytest.param(
            [*OUT, "on 1.0.x v1.0.0", "feat: b"],
            "1.1.0 is released already|1.0.x cannot release 1.1.0",
            id="a back-port that asks for too much",
        ),
        pytest.param(
            [*OUT, "on develop", "fix: b"],
            "1.1.0 is released already: merge it into develop first",
            id="develop goes on below what main is at",
        ),
        pytest.param(
            [*TRIED, "on alpha", "fix: b"],
            "1.1.0a1 goes back: alpha is at 1.1.0b1 already",
            id="alpha goes on above a beta",
        ),
        pytest.param(["$ checkout --quiet --detach"], "from a bare commit", id="a bare commit"),
    ],
)
def test_refused_after(tmp_path: Path, steps: list[str], told: str) -> None:
    history = History(tmp_path / "small")
    history.begin_at("1.0.0")
    history.follow(steps)
    with pytest.raises(FailedError, match=told):
        history.plan()


@pytest.mark.parametrize("heading", ["## 3.4.0", "## [3.4.0] - 2026-01-01", "## v3.4.0 (2026)"])
def test_an_adopted_project_goes_up_whatever_its_changelog_holds(
    tmp_path: Path, heading: str
) -> None:
    history = History(tmp_path / "small")
    history.begin_at("3.4.0", f"# Changelog\n\n{heading}\n\n- Old.\n\n## 3.3.0\n\n- Older.\n")
    history.follow(["feat: a"])

    plan = history.plan()

    assert plan
    assert str(plan.version) == "3.5.0"
    assert heading in plan.changelog


def test_an_adopted_project_does_not_go_back_by_hand(tmp_path: Path) -> None:
    history = History(tmp_path / "small")
    history.begin_at("3.4.0")
    history.follow(["feat: a"])

    with pytest.raises(FailedError, match=r"2\.0\.0 goes back"):
        history.plan("2.0.0")


def test_of_a_given_version_the_entry_tells_what_no_release_has_told(tmp_path: Path) -> None:
    history = History(tmp_path / "small")
    history.begin_at("0.9.0")
    history.follow(["tag v0.9.0", "feat: a", "release"])

    plan = history.plan("1.0.0")

    assert plan
    assert plan.changes == []
    assert plan.entry == "Nothing that a user would notice."
    assert history.next("0.10.0") == ""


def test_of_two_given_versions_on_develop_the_second_goes_up(tmp_path: Path) -> None:
    history = History(tmp_path / "small")
    history.begin_at("1.0.0")
    history.follow([*TRIED, "feat: b", "release 2.0.0b1", "fix: c", "release"])
    history.follow(["on main", "merge develop"])

    assert history.git("tag", "--list").split() == ["v1.0.0", "v1.1.0b1", "v2.0.0b1", "v2.0.0b2"]
    assert history.next() == "2.0.0"
