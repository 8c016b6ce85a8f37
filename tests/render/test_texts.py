"""Whatever is typed as a name, a description or an author reads the same wherever it ends up."""

import ast
import subprocess
import sys
import tomllib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.answers import choices, questions
from tests.conftest import Render
from tests.project import Project
from tests.render.test_files import recorded, text_files

# Pieces that mean something to Markdown, TOML, YAML, Python, Jinja, a shell or a screen.
PIECES = [
    *"\"'&#$\\|`~*_<>[](){}!=+-:;%@,.^/?0 aZß",
    *("{{ 1 }}", "{% raw %}", "{% endraw %}", "{#", "#}", "${{ x }}", "$(x)", "<!--", "-->", "\\n"),
    *(
        "\\u0041",
        "'''",
        '"""',
        "```",
        "---",
        "- ",
        "+ ",
        "1. ",
        "2) ",
        "> ",
        ": ",
        " #",
        "# ",
        "~~",
    ),
    *("**", "__", "](x)", "![", "<b>", "&amp;", "&#65;", "http://x.y", "null", "yes", "1.0", "\\"),
    *("ä", "Łódź", "注文", "サービス", "💡", "\u05d0\u05d1", "\u0627\u0644", "\u0301", "ﬁ", "İ"),
]


def texts(limit: int, without: str = "") -> st.SearchStrategy[str]:
    """Return every text that a question takes, as a strategy."""
    pieces = st.sampled_from([piece for piece in PIECES if not set(piece) & set(without)])
    character = st.characters(exclude_categories=["C", "Zl", "Zp"], exclude_characters=without)
    return (
        st.lists(pieces | character, min_size=1, max_size=limit // 3)
        .map(lambda parts: "".join(parts)[:limit].strip())
        .filter(lambda text: bool(text) and text.isprintable())
    )


def literals(source: str) -> dict[str, object]:
    """Return the constants of a Python module that are written out."""
    return {
        target.id: node.value.value
        for node in ast.parse(source).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def shown(markdown: str) -> list[tuple[str, str]]:
    """Return the blocks of a Markdown text: their kind, and what a reader sees."""
    tokens = MarkdownIt("commonmark").enable(["table", "strikethrough"]).parse(markdown)
    blocks = []
    for before, token in pairwise(tokens):
        if token.type == "inline":
            parts = token.children or []
            seen = [p.content if p.type == "text" else f"({p.type}){p.content}" for p in parts]
            blocks.append((before.tag, "".join(seen)))
    return blocks


def assert_reads_the_same(
    project: Path, project_name: str, description: str, author_name: str
) -> None:
    answers = recorded(project)
    assert answers["project_name"] == project_name
    assert answers["description"] == description
    assert answers["author_name"] == author_name

    metadata = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert metadata["description"] == description
    assert metadata["authors"][0]["name"] == author_name
    assert metadata["name"] == answers["project_slug"]

    package = project / "src" / str(answers["package_name"]) / "__init__.py"
    assert literals(package.read_text(encoding="utf-8"))["TITLE"] == project_name

    readme = (project / "README.md").read_text(encoding="utf-8")
    assert shown(readme)[:2] == [("h1", project_name), ("p", description)]

    assert answers["license"] != "Apache-2.0"  # its text names nobody
    assert author_name in (project / "LICENSE").read_text(encoding="utf-8")

    for name, text in text_files(project).items():
        assert not any(line.endswith(" ") for line in text.split("\n")), name


# A whole render takes half a second, so forty are made of the files that hold answers alone.
@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],  # to shrink would take minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(project_name=texts(60), description=texts(200), author_name=texts(100, ',<>"@'))
@example('"', "'", "\\")
@example("{{ project_slug }}", "{% raw %}", "{# x #}")
@example("# 1. x #", "1. x", "- x")
@example("注文サービス", "+ x", "&amp; 'x' \\n")
@example("- x", "---", "null")
@example("1", "1)", "yes")
@example("x" * 60, "y " * 99 + "yz", "z" * 100)
def test_a_text_reads_the_same_wherever_it_ends_up(
    quick_render: Callable[..., Path], project_name: str, description: str, author_name: str
) -> None:
    texts_typed = {
        "project_name": project_name,
        "description": description,
        "author_name": author_name,
    }
    project = quick_render(**texts_typed)

    assert_reads_the_same(project, **texts_typed)
    slug = str(recorded(project)["project_slug"])
    assert canonicalize_name(slug, validate=True) == slug
    assert Requirement(slug).name == slug
    assert str(recorded(project)["package_name"]).isidentifier()


@pytest.mark.parametrize(
    "typed",
    [
        ("Größe & \"Maß\" 'n' <more>", "{{ it }}: 50 % # {% of %} $HOME", "O'Brien\\Söhne {#"),
        ("日本語", "- a\\nb: [x](y) *z* | `q` ~~w~~ <!-- x -->", "\u05d0\u05d1 (R&D): #1"),
    ],
)
def test_so_it_does_in_a_whole_project(
    tmp_path: Path, template: Path, typed: tuple[str, str, str]
) -> None:
    named = dict(zip(("project_name", "description", "author_name"), typed, strict=True))
    data = [part for name, text in named.items() for part in ("-d", f"{name}={text}")]
    copier = Path(sys.executable).with_name("copier")
    options = ["--quiet", "--defaults", "--vcs-ref=HEAD", *data]
    Project(tmp_path).must(copier, "copy", *options, template, "made")

    assert_reads_the_same(tmp_path / "made", **named)


def lint(project: Path, *paths: str) -> None:
    """Lint and format as the project would, and change nothing."""
    ruff = Path(sys.executable).with_name("ruff")
    for command in (["check", "--no-cache"], ["format", "--check", "--no-cache"]):
        done = subprocess.run(
            [ruff, *command, *paths], cwd=project, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    "project_name",
    [
        '"' * 60,
        "'" * 60,
        "\\" * 60,
        "注" * 60,
        "It\N{RIGHT SINGLE QUOTATION MARK}s \N{EN DASH} new",
    ],
)
def test_no_name_fails_the_lint_of_the_project(
    quick_render: Callable[..., Path], project_name: str
) -> None:
    lint(quick_render(project_name=project_name), "src")


@pytest.mark.parametrize("package_name", ["x" * 40, "a"], ids=["longest", "shortest"])
@pytest.mark.parametrize("preset", choices(questions()["preset"]))
def test_no_package_fails_the_lint_wherever_it_is_imported(
    render: Render, preset: str, package_name: str
) -> None:
    lint(render(preset=preset, package_name=package_name), ".")
