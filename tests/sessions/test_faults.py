"""Each session catches the fault that it exists for, and names the place."""

import json
from dataclasses import dataclass

import pytest

from tests.project import Project

PACKAGE = "src/my_service"


@dataclass(frozen=True)
class Fault:
    """A file that should not pass, and what is to be read about it."""

    path: str
    text: str
    told: str


# Put together here, so that this file does not hold what it plants.
CONFLICT = "<" * 7 + " ours\na\n" + "=" * 7 + "\nb\n" + ">" * 7 + " theirs\n"
OF_COPIER = CONFLICT.replace("ours", "before updating").replace("theirs", "after updating")
KEY = "-----BEGIN " + "RSA PRIVATE KEY-----\n"

LINT = {
    "unused import": Fault(
        f"{PACKAGE}/unused.py", '"""New."""\n\nimport os\n', f"b/{PACKAGE}/unused.py"
    ),
    "import order": Fault(
        f"{PACKAGE}/order.py",
        '"""New."""\n\nimport sys\nimport os\n\nprint_ = (os, sys)\n',
        f"b/{PACKAGE}/order.py",
    ),
    "formatting": Fault(f"{PACKAGE}/form.py", '"""New."""\n\nx = ( 1 )\n', f"b/{PACKAGE}/form.py"),
    "print": Fault(f"{PACKAGE}/prints.py", '"""New."""\n\nprint(1)\n', "prints.py:3:1"),
    "trailing space": Fault("space.md", "a \nb\n", "Fixing space.md"),
    "no final line break": Fault("end.md", "a", "Fixing end.md"),
    "line breaks of Windows": Fault("windows.md", "a\r\nb\n", "windows.md: fixed mixed"),
    "conflict markers": Fault("notes.md", CONFLICT, "notes.md:1"),
    "conflict of an update": Fault("NOTICE", OF_COPIER, "NOTICE:1"),  # any kind of text
    "conflict of an update in Python": Fault(f"{PACKAGE}/both.py", OF_COPIER, "both.py:1"),
    "file from before a patch": Fault("README.md.orig", "a\n", "README.md.orig"),
    "rejected patch": Fault("noxfile.py.rej", "a\n", "noxfile.py.rej"),
    "TOML": Fault("new.toml", "a = \n", "new.toml: "),
    "YAML": Fault("new.yaml", "a: [\n", 'in "new.yaml", line '),
    "JSON": Fault("new.json", "{\n", "new.json: "),
    "workflow": Fault(
        ".github/workflows/new.yml",
        "on: push\njobs:\n  a:\n    runs_on: x\n",
        ".github/workflows/new.yml::$.jobs",
    ),
    "dependabot.yml": Fault(
        ".github/dependabot.yml", "version: 3\nupdates: []\n", ".github/dependabot.yml::$.version"
    ),
    "large file": Fault("big.txt", "a\n" * 600_000, "big.txt (1172 KB)"),
    "names that differ by case": Fault("readme.md", "a\n", "conflict found: readme.md"),
    "private key": Fault("key.md", KEY, "Private key found: key.md"),
}
FAULTS = {
    "lint": LINT,
    "typecheck": {
        "type in the service": Fault(
            f"{PACKAGE}/new.py",
            '"""New."""\n\nNUMBER: int = "one"\n',
            f"{PACKAGE}/new.py:3: error",
        ),
        "type in a test": Fault(
            "tests/unit/test_new.py", 'a: int = "one"\n', "test_new.py:1: error"
        ),
        "no type": Fault(
            "pipeline/new.py", "def f(a):\n    return a\n", "pipeline/new.py:1: error"
        ),
    },
    "test-3.13": {
        "failing test": Fault(
            "tests/unit/test_new.py",
            "def test_new() -> None:\n    assert 1 + 1 == 3\n",
            "FAILED tests/unit/test_new.py::test_new",
        ),
        "warning in a test": Fault(
            "tests/unit/test_old.py",
            "import warnings\n\n\n"
            'def test_old() -> None:\n    warnings.warn("old", stacklevel=1)\n',
            "FAILED tests/unit/test_old.py::test_old",
        ),
        "code without tests": Fault(
            f"{PACKAGE}/new.py",
            "def f(a: int) -> int:\n" + "    a += 1\n" * 400 + "    return a\n",
            "FAIL Required test coverage of 80.0% not reached",
        ),
    },
}


@pytest.mark.parametrize("session", FAULTS)
def test_a_session_catches_its_faults_and_names_their_places(
    project: Project, session: str
) -> None:
    """All of them at once: none is hidden by another."""
    for fault in FAULTS[session].values():
        project.write(fault.path, fault.text)

    done = project.nox("-s", session)

    assert done.status == 1, done.out
    assert [n for n, fault in FAULTS[session].items() if fault.told not in done.out] == [], done.out
    assert f"Session {session} failed" in done.out
    if session == "lint":  # every hook has its fault but one: `uv run` itself keeps the lock
        ended = [line for line in done.out.splitlines() if line.endswith(("Passed", "Failed"))]
        passed = [line.partition("..")[0] for line in ended if line.endswith("Passed")]
        assert passed == ["uv.lock fits pyproject.toml"], done.out


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
