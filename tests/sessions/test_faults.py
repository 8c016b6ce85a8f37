"""Each session catches the fault that it exists for, and names the place."""

import json
from dataclasses import dataclass

import pytest

from tests.project import Project

PACKAGE = "src/my_service"


@dataclass(frozen=True)
class Fault:
    """A file that should not pass, and what is to be read about it."""

    session: str
    path: str
    text: str
    told: str


# Put together here, so that this file does not hold what it plants.
CONFLICT = "<" * 7 + " ours\na\n" + "=" * 7 + "\nb\n" + ">" * 7 + " theirs\n"
OF_COPIER = CONFLICT.replace("ours", "before updating").replace("theirs", "after updating")
KEY = "-----BEGIN " + "RSA PRIVATE KEY-----\n"

FAULTS = {
    "unused import": Fault(
        "lint", f"{PACKAGE}/new.py", '"""New."""\n\nimport os\n', f"b/{PACKAGE}/new.py"
    ),
    "import order": Fault(
        "lint",
        f"{PACKAGE}/new.py",
        '"""New."""\n\nimport sys\nimport os\n\nprint_ = (os, sys)\n',
        f"{PACKAGE}/new.py",
    ),
    "formatting": Fault(
        "lint", f"{PACKAGE}/new.py", '"""New."""\n\nx = ( 1 )\n', f"b/{PACKAGE}/new.py"
    ),
    "print": Fault("lint", f"{PACKAGE}/new.py", '"""New."""\n\nprint(1)\n', "new.py:3:1"),
    "trailing space": Fault("lint", "notes.md", "a \nb\n", "Fixing notes.md"),
    "no final line break": Fault("lint", "notes.md", "a", "Fixing notes.md"),
    "line breaks of Windows": Fault("lint", "notes.md", "a\r\nb\n", "notes.md: fixed mixed"),
    "conflict markers": Fault("lint", "notes.md", CONFLICT, "notes.md:1"),
    "conflict of an update": Fault("lint", "NOTICE", OF_COPIER, "NOTICE:1"),  # any kind of text
    "conflict of an update in Python": Fault("lint", f"{PACKAGE}/new.py", OF_COPIER, "new.py:1"),
    "file from before a patch": Fault("lint", "README.md.orig", "a\n", "README.md.orig"),
    "rejected patch": Fault("lint", "noxfile.py.rej", "a\n", "noxfile.py.rej"),
    "TOML": Fault("lint", "new.toml", "a = \n", "new.toml: "),
    "YAML": Fault("lint", "new.yaml", "a: [\n", 'in "new.yaml", line '),
    "JSON": Fault("lint", "new.json", "{\n", "new.json: "),
    "workflow": Fault(
        "lint",
        ".github/workflows/new.yml",
        "on: push\njobs:\n  a:\n    runs_on: x\n",
        ".github/workflows/new.yml::$.jobs",
    ),
    "large file": Fault("lint", "big.txt", "a\n" * 600_000, "big.txt (1172 KB)"),
    "names that differ by case": Fault("lint", "readme.md", "a\n", "conflict"),
    "private key": Fault("lint", "notes.md", KEY, "Private key found: notes.md"),
    "type in the service": Fault(
        "typecheck",
        f"{PACKAGE}/new.py",
        '"""New."""\n\nNUMBER: int = "one"\n',
        f"{PACKAGE}/new.py:3: error",
    ),
    "type in a test": Fault(
        "typecheck", "tests/unit/test_new.py", 'a: int = "one"\n', "test_new.py:1: error"
    ),
    "no type": Fault(
        "typecheck", "pipeline/new.py", "def f(a):\n    return a\n", "pipeline/new.py:1: error"
    ),
    "failing test": Fault(
        "test-3.13",
        "tests/unit/test_new.py",
        "def test_new() -> None:\n    assert 1 + 1 == 3\n",
        "FAILED tests/unit/test_new.py::test_new",
    ),
    "warning in a test": Fault(
        "test-3.13",
        "tests/unit/test_new.py",
        'import warnings\n\n\ndef test_new() -> None:\n    warnings.warn("old", stacklevel=1)\n',
        "FAILED tests/unit/test_new.py::test_new",
    ),
    "code without tests": Fault(
        "test-3.13",
        f"{PACKAGE}/new.py",
        "def f(a: int) -> int:\n" + "    a += 1\n" * 400 + "    return a\n",
        "FAIL Required test coverage of 80.0% not reached",
    ),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_session_catches_its_fault_and_names_the_place(project: Project, fault: Fault) -> None:
    project.write(fault.path, fault.text)

    done = project.nox("-s", fault.session)

    assert done.status == 1, done.out
    assert fault.told in done.out
    assert f"Session {fault.session} failed" in done.out


def test_without_a_fault_every_session_passes_and_leaves_no_trace(project: Project) -> None:
    assert project.nox().status == 0
    assert project.must("git", "status", "--porcelain") == ""

    report = json.loads((project.path / "reports/coverage-test-3.13.json").read_text())
    assert report["totals"]["percent_covered"] >= 95


def test_lint_repairs_what_it_can_and_says_so(project: Project) -> None:
    project.write(f"{PACKAGE}/new.py", '"""New."""\n\nimport os\n\nX = ( 1 )\n')

    assert project.nox("-s", "lint").status == 1
    assert project.nox("-s", "lint").status == 0
    assert (project.path / PACKAGE / "new.py").read_text() == '"""New."""\n\nX = 1\n'


def test_arguments_reach_the_tool(project: Project) -> None:
    done = project.nox("-s", "test-3.13", "--", "-k", "no_such_test")

    assert "deselected" in done.out
    assert done.status == 1  # pytest's own: no test ran


def test_every_supported_python_is_tested(project: Project) -> None:
    done = project.nox("-s", "test")

    assert done.status == 0, done.out
    assert "test-3.12: success" in done.out
    assert "test-3.13: success" in done.out
