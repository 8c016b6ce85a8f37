"""A bad answer makes nothing, and is told in one sentence that fits one line of a screen."""

import re
import sys
from pathlib import Path

import pytest
from copier._cli import CopierApp

from tests.answers import choices, questions
from tests.project import Project

COPIER = Path(sys.executable).with_name("copier")

LINE = "must be one line of plain text"
SLUG = "use a-z, 0-9, -, like note-keeper"
PACKAGE = "use a-z, 0-9, _, like note_keeper"
TAKEN = "is taken: Python or a tool has it"
OWNER = "use 1-39 letters, digits and -"
REGISTRY = "write it like ghcr.io/name"
EMAIL = "write it like name@example.org"
EDGE = "begins or ends with a space"

BAD = [
    ("project_name", "", "is empty: name the service"),
    ("project_name", "   ", "is empty: name the service"),
    ("project_name", "x" * 61, "has 61 characters: 60 at most"),
    ("project_name", "a\nb", LINE),
    ("project_name", "a\r", LINE),
    ("project_name", "a\tb", LINE),
    ("project_name", "a\x1b[31mb", LINE),
    ("project_name", "a\x7f", LINE),
    ("project_name", "a\N{ZERO WIDTH SPACE}b", LINE),
    ("project_name", "a\N{RIGHT-TO-LEFT OVERRIDE}b", LINE),
    ("project_name", " a", EDGE),
    ("project_name", "a ", EDGE),
    ("description", "", "is empty: use one sentence"),
    ("description", "x" * 201, "has 201 characters: 200 at most"),
    ("description", "a\nb", LINE),
    ("description", "a\N{LINE SEPARATOR}b", LINE),
    ("description", "a ", EDGE),
    ("author_name", "", "is empty: name a person or a team"),
    ("author_name", "x" * 101, "has 101 characters: 100 at most"),
    ("author_name", "a\nb", LINE),
    ("author_name", " a", EDGE),
    *(("author_name", f"a{sign}b", 'must not hold , < > " or @') for sign in ',<>"@'),
    ("author_email", "nobody", EMAIL),
    ("author_email", "@example.org", EMAIL),
    ("author_email", "a@example", EMAIL),
    ("author_email", "a@b..org", EMAIL),
    ("author_email", "a@-b.org", EMAIL),
    ("author_email", "a b@example.org", EMAIL),
    ("author_email", 'a"b@example.org', EMAIL),
    ("author_email", "ä@example.org", EMAIL),
    ("author_email", "a@b.org\n", EMAIL),
    ("author_email", "A <a@b.org>", EMAIL),
    ("author_email", " a@b.org", EMAIL),
    ("author_email", "a" * 250 + "@b.org", "has 256 characters: 254 at most"),
    ("cache", "redis", "needs database=postgres"),
    ("repository_owner", "", OWNER),
    ("repository_owner", "x" * 40, OWNER),
    ("repository_owner", "a-" * 20 + "a", OWNER),
    ("repository_owner", "-a", OWNER),
    ("repository_owner", "a-", OWNER),
    ("repository_owner", "a--b", OWNER),
    ("repository_owner", "a_b", OWNER),
    ("repository_owner", "a/b", OWNER),
    ("repository_owner", "a\n", OWNER),
    ("repository_owner", "ä", OWNER),
    ("registry", "x." * 64 + "x", "has 129 characters: 128 at most"),
    *(("registry", name, "begin with a host, like docker.io") for name in ("acme", "acme/team")),
    *(
        ("registry", name, REGISTRY)
        for name in (
            *("", "ghcr.io/", "GHCR.io/acme", "ghcr.io/Acme", "https://ghcr.io/a", "ghcr.io/a b"),
            *("ghcr.io//a", "ghcr.io:/a", "-ghcr.io/a", "ghcr.io/a:1", "ghcr.io/a\n", "ghcr.io/-a"),
            *("ghcr.io/a'", 'ghcr.io/a"', "ghcr.io/$a", "ghcr.io/{{ a }}", "ghcr.io/ä"),
        )
    ),
    ("project_slug", "", SLUG),
    ("project_slug", "x" * 41, "has 41 characters: 40 at most"),
    *(
        ("project_slug", slug, SLUG)
        for slug in ("1st", "-a", "a-", "a--b", "a_b", "a.b", "a b", "a/b", "a'b", 'a"b', "A")
    ),
    ("project_slug", "ä", SLUG),
    ("project_slug", "a\n", SLUG),
    ("project_slug", "{{ project_name }}", SLUG),
    *(("project_slug", slug, TAKEN) for slug in ("class", "test", "python-dotenv", "docker")),
    ("package_name", "", PACKAGE),
    ("package_name", "x" * 41, "has 41 characters: 40 at most"),
    *(
        ("package_name", package, PACKAGE)
        for package in ("1st", "_a", "a_", "a__b", "a-b", "a.b", "a b", "a/b", "../a", "a'b", "A")
    ),
    ("package_name", "注文", PACKAGE),
    ("package_name", "a\n", PACKAGE),
    *(
        ("package_name", package, TAKEN)
        for package in ("class", "match", "json", "test", "tests", "pytest", "fastapi", "ruff")
    ),
]


def sentence(question: str, told: str) -> str:
    """Return what Copier makes of a validator's words."""
    return f"Validation error for question '{question}': {told}"


@pytest.mark.parametrize(("question", "answer", "told"), BAD)
def test_it_is_refused_with_one_sentence(
    quick_template: Path, tmp_path: Path, question: str, answer: str, told: str
) -> None:
    # In this process, since Python takes a second to start; the next test is at the shell.
    project = tmp_path / "project"
    command = ["copier", "copy", "--defaults", "-d", f"{question}={answer}"]
    with pytest.raises(ValueError, match=f"^{re.escape(sentence(question, told))}$"):
        CopierApp.run([*command, str(quick_template), str(project)], exit=False)
    assert not project.exists()
    assert len(sentence(question, told)) <= 80, "a prompt cuts it off"


@pytest.mark.parametrize("question", [name for name, q in questions().items() if choices(q)])
def test_a_choice_that_is_not_offered_is_refused(
    quick_template: Path, tmp_path: Path, question: str
) -> None:
    project = tmp_path / "project"
    command = ["copier", "copy", "--defaults", "-d", f"{question}=nothing", str(quick_template)]
    # A choice of one is told with what is offered, the other kinds in words of YAML.
    with pytest.raises((ValueError, TypeError)):
        CopierApp.run([*command, str(project)], exit=False)
    assert not project.exists()


def test_every_question_for_a_text_refuses_something() -> None:
    asked = {name for name, question in questions().items() if not choices(question)}
    assert {question for question, _, _ in BAD} >= asked


@pytest.mark.parametrize(
    ("question", "answer", "told"),
    [
        ("project_name", "", sentence("project_name", "is empty: name the service")),
        ("description", "two\nlines", sentence("description", LINE)),
        ("package_name", "json", sentence("package_name", TAKEN)),
        (
            "license",
            "GPL",
            f"Invalid choice for 'license': 'GPL' is not in {choices(questions()['license'])}",
        ),
    ],
)
def test_at_the_shell_the_sentence_stands_last_below_a_traceback_of_copier(
    template: Path, tmp_path: Path, question: str, answer: str, told: str
) -> None:
    command = ["copy", "--defaults", "-d", f"{question}={answer}"]

    done = Project(tmp_path).run(COPIER, *command, template, "project")

    assert done.status == 1
    assert "Traceback (most recent call last):" in done.out  # as of Copier 9.19: not ours to spare
    assert done.out.endswith(f"\nValueError: {told}\n")
    assert done.out.count(told) == 1
    assert not any(tmp_path.iterdir())


def test_a_name_that_is_no_question_s_is_passed_over_in_silence(
    template: Path, tmp_path: Path
) -> None:
    command = ["copy", "--quiet", "--defaults", "--vcs-ref=HEAD", "-d", "projectname=Notes"]

    done = Project(tmp_path).run(COPIER, *command, template, "project")

    # As of Copier 9.19: not ours to refuse. `inv new` refuses it.
    assert (done.status, done.out) == (0, "")
    assert "projectname" not in (tmp_path / "project" / ".copier-answers.yml").read_text()
