"""Which tags an image gets: the function that decides it, asked without an engine."""

import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.version import Version
from pipeline.tags import Ref, tags

COMMIT = "abcdef0123456789abcdef0123456789abcdef01"
PINNED = "sha-abcdef0"


@pytest.mark.parametrize(
    ("ref", "released", "wanted"),
    [
        pytest.param("refs/heads/main", [], ["main-abcdef0", PINNED, "main"], id="branch"),
        pytest.param(
            "refs/heads/Feature/é-1_x.y",
            [],
            ["Feature--1_x.y-abcdef0", PINNED, "Feature--1_x.y"],
            id="branch with what a tag cannot hold",
        ),
        pytest.param("refs/heads/..", [], ["branch-abcdef0", PINNED, "branch"], id="only dots"),
        pytest.param("refs/heads/1.2.x", [], ["1.2.x-abcdef0", PINNED, "1.2.x"], id="maintenance"),
        pytest.param("refs/heads/1.2", [], ["1.2-abcdef0", PINNED], id="branch like a release"),
        pytest.param("refs/heads/latest", [], ["latest-abcdef0", PINNED], id="branch latest"),
        pytest.param("refs/heads/pr-7", [], ["pr-7-abcdef0", PINNED], id="branch like a request"),
        pytest.param("refs/pull/7/merge", ["v1.0.0"], [PINNED, "pr-7"], id="pull request"),
        pytest.param("", ["v1.0.0"], [PINNED], id="bare commit"),
        pytest.param(
            "refs/tags/v1.2.3", ["v1.2.3"], ["1.2.3", PINNED, "1.2", "1", "latest"], id="first"
        ),
        pytest.param(
            "refs/tags/v1.2.3",
            ["v0.9.0", "v1.2.2", "v1.2.3", "v1.1.9", "v2.0.0-rc.1", "other"],
            ["1.2.3", PINNED, "1.2", "1", "latest"],
            id="newest, with a pre-release ahead",
        ),
        pytest.param(
            "refs/tags/v1.2.4",
            ["v1.2.3", "v1.2.4", "v1.3.0", "v2.0.0"],
            ["1.2.4", PINNED, "1.2"],
            id="back-port to an older minor",
        ),
        pytest.param(
            "refs/tags/v1.3.1",
            ["v1.2.9", "v1.3.0", "v1.3.1", "v2.0.0"],
            ["1.3.1", PINNED, "1.3", "1"],
            id="back-port to an older major",
        ),
        pytest.param(
            "refs/tags/v1.2.3",
            ["v1.2.3", "v1.2.10"],
            ["1.2.3", PINNED],
            id="published again after a later one, compared as numbers",
        ),
        pytest.param(
            "refs/tags/v2.0.0-beta.1", ["v1.0.0"], ["2.0.0-beta.1", PINNED], id="pre-release"
        ),
        pytest.param("refs/tags/v2.0.0b1", [], ["2.0.0b1", PINNED], id="pre-release as Python's"),
        pytest.param(
            "refs/tags/v0.3.0", ["v0.2.0"], ["0.3.0", PINNED, "0.3", "latest"], id="below 1.0.0"
        ),
        pytest.param(
            "refs/tags/1.0.0", [], ["1.0.0", PINNED, "1.0", "1", "latest"], id="without a v"
        ),
    ],
)
def test_the_tags_of(ref: str, released: list[str], wanted: list[str]) -> None:
    assert tags(Ref.parse(ref, COMMIT), released) == wanted


@pytest.mark.parametrize(
    "tag",
    ["nightly", "v1", "v1.2", "v1.2.34.5", "v1.2.30.post1", "v1.2.3+local", "1!1.2.3", "vv1.2.3"],
)
def test_a_tag_that_is_no_release_is_refused_by_name(tag: str) -> None:
    with pytest.raises(ValueError, match=re.escape(tag.removeprefix("v"))):
        Ref.parse(f"refs/tags/{tag}", COMMIT)


NUMBERS = st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3))
SUFFIXES = st.sampled_from(["", "", "", "-rc.1", "-beta.2"])
VERSIONS = st.builds(lambda n, s: ".".join(map(str, n)) + s, NUMBERS, SUFFIXES)


@given(st.lists(VERSIONS, unique=True, min_size=1, max_size=8))
def test_in_whatever_order_releases_come_floating_tags_only_move_forward(
    versions: list[str],
) -> None:
    holders: dict[str, Version] = {}
    for number, version in enumerate(versions, 1):
        for tag in tags(Ref.parse(f"refs/tags/v{version}", COMMIT), versions[:number])[2:]:
            assert tag not in holders or holders[tag] <= Version(version)
            holders[tag] = Version(version)
    stable = [Version(version) for version in versions if not Version(version).is_prerelease]
    assert holders.get("latest") == max(stable, default=None)


@given(st.text(min_size=1, max_size=200))
def test_every_branch_has_tags_that_registries_take_and_releases_do_not(branch: str) -> None:
    released = set(tags(Ref.parse("refs/tags/v1.2.3", COMMIT), [])) - {PINNED}
    given = tags(Ref.parse(f"refs/heads/{branch}", COMMIT), [])
    assert all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", tag) for tag in given), given
    assert not released & set(given)
    assert all(first != second for first, second in itertools.combinations(given, 2))
