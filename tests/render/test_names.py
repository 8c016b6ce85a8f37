"""The names of distribution, command, image and package are always usable ones."""

import functools
import json
import keyword
import re
import sys
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from copier._main import Worker
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment, Template
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.answers import questions, single_sets
from tests.conftest import MakeProject, Render
from tests.render.test_texts import texts


@pytest.fixture(scope="module")
def jinja(quick_template: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Environment]:
    """Copier's own Jinja environment: an example takes a millisecond in it, a render a hundred."""
    with Worker(str(quick_template), tmp_path_factory.mktemp("unused")) as worker:
        yield worker.jinja_env


@functools.cache
def compiled(jinja: Environment, question: str, part: str) -> Template:
    return jinja.from_string(questions()[question][part])


def names(jinja: Environment, project_name: str) -> dict[str, str]:
    """Return the names that are computed, having asked their own validators."""
    answers = {"project_name": project_name}
    for name in ("project_slug", "package_name"):
        answers[name] = compiled(jinja, name, "default").render(answers)
        wrong = compiled(jinja, name, "validator").render(answers).strip()
        assert not wrong, f"{name} {answers[name]!r} {wrong}"
    return answers


def reserved(jinja: Environment) -> list[str]:
    """Return the names that nobody may take, as they are written down."""
    module: Any = jinja.get_template("includes/names.jinja").module
    return list(module.reserved)


def assert_usable(slug: str, package: str) -> None:
    assert canonicalize_name(slug, validate=True) == slug
    assert Requirement(slug).name == slug
    assert package.isidentifier()
    assert not keyword.iskeyword(package)
    assert not keyword.issoftkeyword(package)
    assert package not in sys.stdlib_module_names
    assert re.fullmatch(r"[a-z0-9](-?[a-z0-9])*", slug)  # an image's, a DNS label's
    assert len(slug) <= 40


@settings(max_examples=500, deadline=None, derandomize=True, database=None)
@given(project_name=texts(60))
def test_any_name_becomes_usable_ones(jinja: Environment, project_name: str) -> None:
    answers = names(jinja, project_name)
    assert_usable(answers["project_slug"], answers["package_name"])


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(data=st.data())
def test_so_do_the_names_of_everything_else(jinja: Environment, data: st.DataObject) -> None:
    taken = data.draw(st.sampled_from(reserved(jinja)))
    separator = data.draw(st.sampled_from("-_ ."))
    around = data.draw(st.sampled_from(["{}", "1{}", " {}!", "{}" + "-" * 30 + "x", "É{}", "-{}-"]))
    project_name = around.format(taken.replace("_", separator)).strip()
    answers = names(jinja, project_name)
    assert_usable(answers["project_slug"], answers["package_name"])
    assert answers["package_name"] not in reserved(jinja)


@pytest.mark.parametrize(
    ("project_name", "slug"),
    [
        ("Note Keeper", "note-keeper"),
        ("Łódź Café, Größe & Ærø", "lodz-cafe-grose-aero"),
        ("注文サービス", "my-service"),
        ("注文 API 2", "api-2"),
        ("1st", "app-1st"),
        ("JSON", "json-service"),
        ("class", "class-service"),
        ("__init__", "init"),
        ("a" * 60, "a" * 40),
        ("a" * 39 + " b", "a" * 39),
        ("1" * 60, "app-" + "1" * 36),
    ],
)
def test_the_names_that_people_expect(jinja: Environment, project_name: str, slug: str) -> None:
    assert names(jinja, project_name)["project_slug"] == slug


def test_python_s_own_names_are_reserved(jinja: Environment) -> None:
    own = {*sys.stdlib_module_names, *keyword.kwlist, *keyword.softkwlist}
    # A package's name has small letters alone, and begins with one.
    assert sorted({n for n in own if n.islower() and n[0] != "_"} - {*reserved(jinja)}) == []


def test_what_a_project_installs_is_reserved(
    jinja: Environment, make_project: MakeProject, render: Render
) -> None:
    ask = (
        "import importlib.metadata as m, json; print(json.dumps(list(m.packages_distributions())))"
    )
    locked, imported = set[str](), set[str]()
    for preset in ("api-postgres-redis", "mcp"):  # together they have everything
        project = make_project(preset, preset=preset)
        lock = tomllib.loads((project.path / "uv.lock").read_text(encoding="utf-8"))
        locked |= {package["name"] for package in lock["package"]} - {"my-service"}
        project.must("uv", "sync", "--quiet", "--all-groups", "--no-install-project")
        imported |= set(json.loads(project.must(".venv/bin/python", "-c", ask)))
    for answers in single_sets().values():
        metadata = tomllib.loads((render(**answers) / "pyproject.toml").read_text(encoding="utf-8"))
        groups = metadata.get("dependency-groups", {}).values()
        stated = [metadata["project"]["dependencies"], *groups]
        stated += metadata["project"].get("optional-dependencies", {}).values()
        locked |= {Requirement(r).name for group in stated for r in group if isinstance(r, str)}

    found = {canonicalize_name(name).replace("-", "_") for name in locked}
    found |= {name for name in imported if name.isidentifier() and not name.startswith("_")}
    assert sorted({name.lower() for name in found} - {*reserved(jinja)}) == []


def test_folders_and_modules_of_a_project_are_reserved(jinja: Environment, render: Render) -> None:
    for answers in ({}, *single_sets().values()):
        project = render(**answers)
        own = {path.name.removesuffix(".py") for path in project.iterdir()} - {"LICENSE"}
        taken = {name for name in own if name.isidentifier() and name.islower()}
        assert sorted(taken - {*reserved(jinja)}) == []


def test_the_list_is_sorted_and_says_nothing_twice(jinja: Environment) -> None:
    assert reserved(jinja) == sorted({*reserved(jinja)})
