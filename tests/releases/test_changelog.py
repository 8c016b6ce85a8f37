"""What commits ask for, how a changelog tells it, and what of people's own words it keeps."""

from pathlib import Path

import pytest
from commitizen.version_increment import VersionIncrement
from packaging.version import Version
from pipeline.release.changelog import MADE, entry, of, released
from pipeline.release.history import Change

from tests.releases.histories import URL, History

HASH = "0123456789abcdef0123456789abcdef01234567"
LINK = f"([0123456]({URL}/commit/{HASH}))"
LONG = "x" * 5000


def told(history: History) -> list[tuple[str, str, str, str]]:
    """Return increment, scope, text and what breaks, of what all commits ask for."""
    return [(it.increment.name.lower(), it.scope, it.text, it.breaking) for it in history.changes()]


@pytest.fixture
def history(tmp_path: Path) -> History:
    history = History(tmp_path / "small")
    history.begin_at("0.0.0")
    return history


@pytest.mark.parametrize(
    ("message", "wanted"),
    [
        pytest.param("feat: a", ("minor", "", "a", ""), id="feat"),
        pytest.param("fix: a", ("patch", "", "a", ""), id="fix"),
        pytest.param("perf: a", ("patch", "", "a", ""), id="perf"),
        pytest.param("Feat: a", ("minor", "", "a", ""), id="Feat"),
        pytest.param("feat(api): a", ("minor", "api", "a", ""), id="scope"),
        pytest.param("feat(api)!: a", ("major", "api", "a", "a"), id="scope and mark"),
        pytest.param("docs!: a", ("major", "", "a", "a"), id="docs that break"),
        pytest.param("revert!: a", ("major", "", "a", "a"), id="a revert that breaks"),
        pytest.param("fix(*): a", ("patch", "*", "a", ""), id="scope *"),
        pytest.param(
            "fix(a/b, c_d-é.日本#1): x", ("patch", "a/b, c_d-é.日本#1", "x", ""), id="odd"
        ),
        pytest.param("fix: a: b (#12)", ("patch", "", "a: b (#12)", ""), id="colon"),
        pytest.param("fix: 読み込みを直す", ("patch", "", "読み込みを直す", ""), id="Japanese"),
        pytest.param("fix: إصلاح الخطأ", ("patch", "", "إصلاح الخطأ", ""), id="Arabic"),
        pytest.param("feat: 🎉🚀", ("minor", "", "🎉🚀", ""), id="emoji"),
        pytest.param(f"feat: {LONG}", ("minor", "", LONG, ""), id="long"),
        pytest.param("fix: a\r\n\r\nbody\r\n", ("patch", "", "a", ""), id="CR LF"),
        pytest.param(
            "fix: a\r\n\r\nBREAKING CHANGE: b\r\nc\r\n",
            ("major", "", "a", "b c"),
            id="CR LF, break",
        ),
        pytest.param("fix: a\n\nBREAKING CHANGE: b", ("major", "", "a", "b"), id="footer"),
        pytest.param("fix: a\n\nBREAKING-CHANGE: b", ("major", "", "a", "b"), id="footer, hyphen"),
        pytest.param(
            "fix!: a\n\nBREAKING CHANGE: b", ("major", "", "a", "b"), id="mark and footer"
        ),
        pytest.param(
            "fix: a\n\nWhy.\n\nBREAKING CHANGE: b\n  c\nd: no trailer\n\nSigned-off-by: e <e@f>",
            ("major", "", "a", "b c"),
            id="footer before what looks like a trailer",
        ),
        pytest.param(
            "fix: a\n\nBREAKING CHANGE: b\nc\nReviewed-by: d\nRefs: #1",
            ("major", "", "a", "b c"),
            id="footer before trailers",
        ),
        pytest.param(
            "fix: a\n\nBREAKING CHANGE: b\nFixes #12", ("major", "", "a", "b"), id="before an issue"
        ),
        pytest.param(
            "fix: a\n\nBREAKING CHANGE:\n\nb is gone", ("major", "", "a", "b is gone"), id="below"
        ),
        pytest.param(
            "fix: a\n\nfeat: not a change\nfeat!: nor that", ("patch", "", "a", ""), id="body"
        ),
        pytest.param("fix: a\n\n> BREAKING CHANGE: b", ("patch", "", "a", ""), id="quoted"),
        pytest.param("fix: a\n\nnot a breaking change: b", ("patch", "", "a", ""), id="prose"),
        pytest.param(
            "feat: a (#12)\n\n* fix: b\n\n* feat: c\n\n---------\n\nCo-authored-by: d <d@e>",
            ("minor", "", "a (#12)", ""),
            id="squashed",
        ),
        pytest.param(
            "feat: a (#12)\n\n* fix: b\n\nBREAKING CHANGE: c\n\n* feat: d",
            ("major", "", "a (#12)", "c"),
            id="squashed, and one breaks",
        ),
        pytest.param("docs: a", None, id="docs"),
        pytest.param("revert: a", None, id="a revert of who knows what"),
        pytest.param("feat a", None, id="no colon"),
        pytest.param("feat:a", None, id="no space"),
        pytest.param("feature: a", None, id="no kind"),
        pytest.param("Merge branch 'x'\n\nfeat: a", None, id="merge"),
        pytest.param("fixup! feat: a", None, id="fixup"),
        pytest.param("wip\n\nBREAKING CHANGE: b", None, id="no title"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_what_a_message_asks_for(
    history: History, message: str, wanted: tuple[str, str, str, str] | None
) -> None:
    history.commit(message)
    history.commit("docs: one after it")
    assert told(history) == ([wanted] if wanted else [])


def test_every_break_of_a_commit_is_told(history: History) -> None:
    history.commit("feat: a\n\nBREAKING CHANGE: b is gone\n\nBREAKING CHANGE: c is gone")
    [change] = history.changes()
    assert "b is gone" in change.breaking
    assert "c is gone" in change.breaking


def test_a_message_in_another_encoding_is_read(history: History) -> None:
    history.git("config", "i18n.commitEncoding", "ISO-8859-1")
    history.write("message", "")
    (history.path / "message").write_bytes("feat: größer".encode("latin-1"))
    history.git("commit", "--quiet", "--allow-empty", "--file=message")
    history.git("config", "i18n.logOutputEncoding", "ISO-8859-1")
    assert told(history) == [("minor", "", "größer", "")]


def test_a_message_that_no_encoding_fits_is_read_as_far_as_it_goes(history: History) -> None:
    history.commit("feat: a")
    raw = history.path / "raw"  # git writes no such commit by itself, and reads those of others
    raw.write_text(history.git("cat-file", "commit", "HEAD"))
    raw.write_bytes(raw.read_bytes().replace(b": a", b": gr\xf6\xdfer\n\nBREAKING CHANGE: \xff"))
    wrong = history.git("hash-object", "-t", "commit", "-w", "raw")
    history.git("reset", "--quiet", "--hard", wrong)
    assert told(history) == [("major", "", "gr��er", "�")]


def test_what_an_author_is_called_changes_nothing(history: History) -> None:
    history.commit("feat: a", GIT_AUTHOR_NAME="one\rfeat: b", GIT_AUTHOR_EMAIL="a\tb@c")
    history.commit("fix: c", GIT_AUTHOR_EMAIL="")
    assert [each[2] for each in told(history)] == ["c", "a"]


OUT = ["feat: a", "release"]
BACK = 'Revert "feat: a"'
MERGED = ["on x", "feat: a", "fix: b", "on main", "docs: c", "merge x"]


@pytest.mark.parametrize(
    ("steps", "wanted"),
    [
        pytest.param(["feat: a", "undo feat: a"], [], id="revert"),
        pytest.param(["feat: a", "fix: b", "undo feat: a"], ["fix: b"], id="one of two"),
        pytest.param(["feat: a", "undo feat: a", f"undo {BACK}"], ["feat: a"], id="twice"),
        pytest.param(
            ["feat: a", "undo feat: a", f"undo {BACK}", f'undo Revert "{BACK}"'], [], id="thrice"
        ),
        pytest.param(
            ["feat: a", "undo feat: a", f'Reapply "feat: a"\n\nThis reverts commit {{{BACK}}}.'],
            ["feat: a"],
            id="reapplied, as a newer git says",
        ),
        pytest.param([*MERGED, "undo Merge x"], [], id="a merge"),
        pytest.param(
            [*MERGED, "undo Merge x", 'undo Revert "Merge x"'], ["fix: b", "feat: a"], id="and back"
        ),
        pytest.param(
            [
                *MERGED[:3],
                "on y main",
                "fix: d",
                "on main",
                "docs: c",
                "merge x y",
                "undo Merge x y",
            ],
            [],
            id="a merge of several",
        ),
        pytest.param(
            ["feat: a", "fix: b", "revert: both\n\nRefs: {feat: a}, {fix: b}"],
            [],
            id="several, as the specification of commits has it",
        ),
        pytest.param(
            [
                *("feat: a", "fix: b"),
                "revert: both\n\nThis reverts commit {feat: a}.\nThis reverts commit {fix: b}.",
            ],
            [],
            id="several, as git has it",
        ),
        pytest.param(
            ["feat: a (#1)", 'Revert "feat: a (#1)" (#2)\n\nReverts us/small#1'],
            [],
            id="by a button on the code host",
        ),
        pytest.param([*OUT, "undo feat: a"], [BACK], id="released"),
        pytest.param(["docs: a", *OUT, "undo docs: a"], [], id="released docs"),
        pytest.param([*OUT, "undo feat: a", f"undo {BACK}"], [], id="released, and back"),
        pytest.param(
            [*OUT, "undo feat: a", "release", f"undo {BACK}"], [f'Revert "{BACK}"'], id="again"
        ),
        pytest.param(
            ["docs: a", "undo docs: a", *OUT, 'undo Revert "docs: a"'], [], id="released docs again"
        ),
        pytest.param(
            ["feat: a", "fix: b\n\nThis reverts commit {feat: a}."],
            ["fix: b", "feat: a"],
            id="a fix that reverts",
        ),
        pytest.param(
            ["fix: b", f'Revert "feat: lost"\n\nThis reverts commit {"0" * 40}.'],
            ['Revert "feat: lost"', "fix: b"],
            id="what is lost",
        ),
    ],
)
def test_reverts(history: History, steps: list[str], wanted: list[str]) -> None:
    history.follow(steps)
    plan = history.plan()
    assert ([change.title for change in plan.changes] if plan else []) == wanted


def test_a_revert_is_reverted_though_the_clock_of_one_author_is_wrong(history: History) -> None:
    history.follow(["feat: a", "undo feat: a"])
    history.git("commit", "--quiet", "--amend", "--no-edit", GIT_COMMITTER_DATE="4000000000 +0000")
    history.follow(["on x", f"undo {BACK}", "on main", "docs: b", "merge x"])
    assert [change.title for change in history.changes()] == ["feat: a"]


def made(title: str, scope: str = "", breaking: str = "") -> Change:
    """Return a change whose title is a kind and a text."""
    kind, _, text = title.partition(": ")
    increment = VersionIncrement.MAJOR if breaking else VersionIncrement.PATCH
    return Change(HASH, title, kind, scope, text, increment, breaking)


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        pytest.param([], "", id="nothing"),
        pytest.param([made("feat: a")], f"### Features\n\n- a {LINK}", id="a feature"),
        pytest.param([made("fix: a", "api")], f"### Fixes\n\n- **api:** a {LINK}", id="scope"),
        pytest.param(
            [made("perf: newest"), made("fix: b"), made("docs: c", breaking="c"), made("fix: a")],
            f"### Breaking changes\n\n- c {LINK}\n\n### Fixes\n\n- a {LINK}\n- b {LINK}\n\n"
            f"### Performance\n\n- newest {LINK}",
            id="what breaks first, then by kind, the oldest first",
        ),
        pytest.param(
            [made("feat: a", breaking="b is gone")],
            f"### Breaking changes\n\n- a: b is gone {LINK}",
            id="a break that says more",
        ),
        pytest.param(
            [made("fix: <script>alert(1)</script> {{ 7 * 7 }} {% if %}", "<b>")],
            "### Fixes\n\n- **&lt;b>:** &lt;script>alert(1)&lt;/script> {{ 7 * 7 }} {% if %} "
            + LINK,
            id="no HTML, and no template",
        ),
        pytest.param(
            [made("fix: take `list<int>` as it is")],
            f"### Fixes\n\n- take `list<int>` as it is {LINK}",
            id="code is not HTML",
        ),
        pytest.param(
            [made("feat: 読み込み 🎉")], f"### Features\n\n- 読み込み 🎉 {LINK}", id="Japanese"
        ),
        pytest.param([made(f"fix: {LONG}")], f"### Fixes\n\n- {LONG} {LINK}", id="long"),
    ],
)
def test_the_entry_of(changes: list[Change], wanted: str) -> None:
    assert entry(changes, URL) == wanted


FRESH = f"## 1.2.0 (2026-11-21)\n\n{MADE}\n\n- new"
WRITTEN = f"## 1.2.0 (2026-11-21)\n\nBy hand.\n\n{MADE}\n\n- new"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param("", f"# Changelog\n\n{FRESH}\n", id="none"),
        pytest.param(" \n\n", f"# Changelog\n\n{FRESH}\n", id="empty"),
        pytest.param("# Changes\n", f"# Changes\n\n{FRESH}\n", id="a title"),
        pytest.param(
            "# Changes\n\nNewest first.\n\n## Unreleased\n\n## 1.1.0\n\n- old\n",
            f"# Changes\n\nNewest first.\n\n## Unreleased\n\n{FRESH}\n\n## 1.1.0\n\n- old\n",
            id="nothing by hand",
        ),
        pytest.param(
            "# Changes\n\n## Unreleased\n\nBy hand.\n\n## 1.1.0\n\n- old\n",
            f"# Changes\n\n## Unreleased\n\n{WRITTEN}\n\n## 1.1.0\n\n- old\n",
            id="by hand",
        ),
        pytest.param(
            "## [Unreleased]\n\nBy hand.\n\n## [1.1.0] - 2026-01-01\n\n- old\n",
            f"## [Unreleased]\n\n{WRITTEN}\n\n## [1.1.0] - 2026-01-01\n\n- old\n",
            id="as keepachangelog.com has it, without a title",
        ),
        pytest.param(
            "# Changes\n\n## 1.1.0\n\n- old\n",
            f"# Changes\n\n{FRESH}\n\n## 1.1.0\n\n- old\n",
            id="no place",
        ),
        pytest.param(
            "# Changes\n\n## Unreleased\n\n## 1.2.0b2\n\nBy hand.\n\n"
            f"{MADE}\n\n- two\n\n## 1.2.0-beta.1\n\n{MADE}\n\n- one\n\n## 1.1.0\n\n- old\n",
            f"# Changes\n\n## Unreleased\n\n{WRITTEN}\n\n## 1.1.0\n\n- old\n",
            id="its pre-releases",
        ),
        pytest.param(
            "# Changes\n\n## Unreleased\n\n## 1.1.0\n\n- old\n\n## 1.1.0b1\n\n- too\n",
            f"# Changes\n\n## Unreleased\n\n{FRESH}\n\n## 1.1.0\n\n- old\n\n## 1.1.0b1\n\n- too\n",
            id="the pre-releases of others",
        ),
        pytest.param(
            "# Changes\n\n## Unreleased\n\n## 1.2.0\n\nBy hand.\n\n## 1.1.0\n\n- old\n",
            f"# Changes\n\n## Unreleased\n\n{WRITTEN}\n\n## 1.1.0\n\n- old\n",
            id="written in advance",
        ),
        pytest.param(
            "# Changes\n\n## Unreleased\n\n```text\n## no title\n```\n\nBy hand.\n\n"
            "## 1.1.0\n\n- old\n",
            "# Changes\n\n## Unreleased\n\n## 1.2.0 (2026-11-21)\n\n```text\n## no title\n```\n\n"
            f"By hand.\n\n{MADE}\n\n- new\n\n## 1.1.0\n\n- old\n",
            id="code that looks like a title",
        ),
        pytest.param(
            "<!--\n## Unreleased\n-->\n\n## 1.1.0\n\n- old\n",
            f"<!--\n## Unreleased\n-->\n\n{FRESH}\n\n## 1.1.0\n\n- old\n",
            id="a comment that looks like a title",
        ),
        pytest.param(
            "# Changes\n\n## Unreleased\n\nBy hand.\n---\n\nToo.\n",
            "# Changes\n\n## Unreleased\n\n## 1.2.0 (2026-11-21)\n\nBy hand.\n---\n\nToo.\n\n"
            f"{MADE}\n\n- new\n",
            id="a line below a text",
        ),
        pytest.param(
            "# Changes\n\n## Unreleased\n\n## 1.1.0\n\n```text\n## 1.2.0b1\n```\n",
            f"# Changes\n\n## Unreleased\n\n{FRESH}\n\n## 1.1.0\n\n```text\n## 1.2.0b1\n```\n",
            id="code that looks like a pre-release",
        ),
        pytest.param(
            "# Changes\n\n## Unreleased\n\n### Added\n\n- By hand.\n",
            "# Changes\n\n## Unreleased\n\n## 1.2.0 (2026-11-21)\n\n### Added\n\n- By hand.\n\n"
            f"{MADE}\n\n- new\n",
            id="sections by hand",
        ),
    ],
)
def test_a_changelog_takes_an_entry(before: str, after: str) -> None:
    tried = {Version("1.2.0b1"), Version("1.2.0b2")}
    changed = released(before, Version("1.2.0"), "2026-11-21", "- new", tried)
    assert changed == after
    assert of(changed, Version("1.2.0")).endswith("- new")


def test_what_was_prepared_and_never_released_goes() -> None:
    before = (
        f"# Changes\n\n## 1.1.1 (2026-11-01)\n\nBy hand.\n\n{MADE}\n\n- fix\n\n## 1.1.0\n\n- old\n"
    )
    after = released(before, Version("1.2.0"), "2026-11-21", "- new", {Version("1.1.1")})
    assert after == f"# Changes\n\n{WRITTEN}\n\n## 1.1.0\n\n- old\n"


def test_where_nothing_is_new_the_entry_says_so() -> None:
    after = released("", Version("1.2.0"), "2026-11-21", "", set())
    assert of(after, Version("1.2.0")) == "Nothing that a user would notice."


@pytest.mark.parametrize(
    ("version", "wanted"),
    [
        ("1.2.0", "By hand.\n\n- new"),
        ("1.2.0b1", "- tried"),
        ("1.1.0", "- old\n\n```text\n## 0.9.0\n```"),
        ("1.0.0", "- older"),
        ("0.9.0", ""),
        ("2.0.0", ""),
    ],
)
def test_the_notes_of_a_release_are_its_entry(version: str, wanted: str) -> None:
    changelog = (
        f"# Changes\n\n## Unreleased\n\nSoon.\n\n{WRITTEN}\n\n## v1.2.0-beta.1\n\n- tried\n\n"
        "## [1.1.0] - 2026-01-01\n\n- old\n\n```text\n## 0.9.0\n```\n\n"
        "## [1.0.0](https://example.org)\n\n- older\n"
    )
    assert of(changelog, Version(version)) == wanted


def test_a_stable_release_takes_in_all_that_was_tried_for_it(history: History) -> None:
    history.follow(["feat: zero", "release 1.0.0", "on develop", "fix: one", "release"])  # 1.0.1b1
    text = (history.path / "CHANGELOG.md").read_text()
    history.write("CHANGELOG.md", text.replace(MADE, f"Try it, please.\n\n{MADE}", 1))
    history.follow(["feat: two", "release", "fix: three", "release"])  # 1.1.0b1, 1.1.0b2
    history.follow(["on main", "merge develop"])

    changelog = history.release().changelog

    titles = [line for line in changelog.splitlines() if line.startswith("## ")]
    assert [title.split()[1] for title in titles] == ["Unreleased", "1.1.0", "1.0.0"]
    assert [changelog.count(f"- {text} ") for text in ("one", "two", "three")] == [1, 1, 1]
    assert "Try it, please." in of(changelog, Version("1.1.0"))


def test_main_and_develop_that_both_released_tell_each_change_once(history: History) -> None:
    history.follow(["feat: zero", "release 1.0.0", "on develop", "fix: one", "release"])  # 1.0.1b1
    history.follow(["on main", "feat: two", "release", "on develop"])  # 1.1.0
    assert "CONFLICT (content)" in history.run("git", "merge", "--no-commit", "main").out
    texts = [history.git("show", f"{branch}:CHANGELOG.md") for branch in ("main", "develop")]
    main, develop = (text.partition("## 1.")[2].partition("## 1.0.0")[0] for text in texts)
    top, end = texts[0].partition("## 1.")[0], "## 1.0.0" + texts[0].partition("## 1.0.0")[2]
    for path in ("pyproject.toml", "uv.lock"):
        history.must("git", "checkout", "--quiet", "main", "--", path)
    history.write("CHANGELOG.md", f"{top}## 1.{main}## 1.{develop}{end}\n")  # keep all
    history.git("add", "--all")
    history.git("commit", "--quiet", "--no-edit")
    history.follow(["fix: three", "on main", "merge develop"])

    changelog = history.release().changelog

    titles = [line.split()[1] for line in changelog.splitlines() if line.startswith("## ")]
    assert titles == ["Unreleased", "1.1.1", "1.1.0", "1.0.0"]
    told = [changelog.count(f"- {text} ") for text in ("zero", "one", "two", "three")]
    assert told == [1, 1, 1, 1]


def test_windows_line_ends_stay(history: History) -> None:
    (history.path / "CHANGELOG.md").write_bytes(b"# Changes\r\n\r\n## 0.0.9\r\n\r\n- Old.\r\n")
    history.follow(["feat: a", "release"])
    assert b"## 0.0.9\r\n\r\n- Old.\r\n" in (history.path / "CHANGELOG.md").read_bytes()
