"""Every file of every answer set is what its name says, whole and clean."""

import ast
import configparser
import json
import re
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import yaml

from tests.answers import Answers, is_asked, parse, questions
from tests.render.conftest import files

PARSERS: dict[str, Callable[[str], object]] = {
    ".cfg": lambda text: configparser.ConfigParser(interpolation=None).read_string(text),
    ".ini": lambda text: configparser.ConfigParser(interpolation=None).read_string(text),
    ".json": json.loads,
    ".py": ast.parse,
    ".svg": ET.fromstring,
    ".toml": tomllib.loads,
    ".yaml": lambda text: list(yaml.safe_load_all(text)),
    ".yml": lambda text: list(yaml.safe_load_all(text)),
}
EMPTY = {"py.typed": "PEP 561: its being there is the message"}
BINARY = {".gz", ".ico", ".jpg", ".png", ".woff2"}
# `${{ }}` is GitHub's own.
JINJA = re.compile(r"(?<!\$)\{\{|\{%|\{#")


def recorded(project: Path) -> dict[str, object]:
    """Return what `copier update` will find."""
    document = yaml.safe_load((project / ".copier-answers.yml").read_text(encoding="utf-8"))
    assert isinstance(document, dict)
    return document


def text_files(project: Path) -> dict[str, str]:
    return {
        name: path.read_bytes().decode("utf-8")
        for name, path in files(project).items()
        if path.suffix not in BINARY
    }


def test_it_parses(rendered: Path) -> None:
    for name, text in text_files(rendered).items():
        if parse_file := PARSERS.get(Path(name).suffix):
            try:
                parse_file(text)
            except Exception as error:
                error.add_note(f"in {name}")
                raise


def test_markdown_begins_with_its_title(rendered: Path) -> None:
    for name, text in text_files(rendered).items():
        if name.endswith(".md") and not name.startswith(".github/"):
            assert text.startswith("# "), name


def test_what_holds_no_answer_is_the_very_file_of_the_template(
    rendered: Path, template: Path
) -> None:
    package = str(recorded(rendered)["package_name"])
    for name, path in files(rendered).items():
        source = name.replace(f"src/{package}/", "src/{{package_name}}/")
        plain = template / "template" / source
        if plain.exists():
            assert path.read_bytes() == plain.read_bytes(), name
        elif name != ".copier-answers.yml":
            assert plain.with_name(f"{plain.name}.jinja").exists(), name


def test_no_jinja_is_left(rendered: Path, template: Path) -> None:
    package = str(recorded(rendered)["package_name"])
    for name, text in text_files(rendered).items():
        assert not JINJA.search(name), name
        assert not name.endswith(".jinja")
        # Elsewhere two braces are the file's own, for Python and Prometheus have them too.
        source = name.replace(f"src/{package}/", "src/{{package_name}}/")
        if not (template / "template" / source).exists():
            assert not JINJA.search(text), name


def test_text_is_clean(rendered: Path) -> None:
    for name, text in text_files(rendered).items():
        if Path(name).name in EMPTY:
            assert text == "", f"{name} is not empty any more"
            continue
        assert text.strip(), f"{name} is empty"
        assert text.endswith("\n"), f"{name} ends without a line break"
        assert not text.endswith("\n\n"), f"{name} ends with an empty line"
        assert not text.startswith("\n"), f"{name} begins with an empty line"
        assert "\r" not in text, name
        spaces = [line for line in text.split("\n") if line != line.rstrip()]
        assert not spaces, f"{name} has lines that end with spaces"


def test_only_a_script_can_be_executed(rendered: Path) -> None:
    for name, path in files(rendered).items():
        assert not path.is_symlink(), name
        executable = bool(path.stat().st_mode & 0o111)
        assert executable == path.read_bytes().startswith(b"#!"), name


def test_every_answer_is_recorded(rendered: Path, answers: Answers) -> None:
    found = recorded(rendered)
    told = {name for name in found if not name.startswith("_")}
    kept = {name for name, question in questions().items() if not question.get("secret")}
    assert told == {name for name in kept if is_asked(name, answers)}
    for name, text in answers.items():
        assert name not in kept or found[name] == parse(questions()[name], text)
    assert {name for name in found if name.startswith("_")} == {"_commit", "_src_path"}
