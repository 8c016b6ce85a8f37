"""README's own commands, pasted into a shell by somebody who has never been here."""

import re
from pathlib import Path

import pytest

from tests.newcomer.conftest import Machine

pytestmark = pytest.mark.e2e

README = Path(__file__).parents[2] / "README.md"


def block(mark: str) -> str:
    """Return the shell lines below a mark in README."""
    found = re.search(rf"<!-- {mark} -->\n+```sh\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert found, f"README.md has no block marked {mark}"
    return found[1]


def test_the_first_command_makes_a_project_that_passes(machine: Machine) -> None:
    assert machine.must("id -u").strip() != "0"
    machine.must("! command -v uv")

    # Enter all the way, for who has no terminal.
    copy = block("copy").strip().replace("copier copy", "copier copy --defaults")
    out = machine.must(f"{copy}\ncd my-service\nuv run nox\n")

    assert "lint: success" in out
    assert "typecheck: success" in out
    assert "test-3.13: success" in out


def test_inv_new_makes_one_with_a_first_commit(machine: Machine) -> None:
    out = machine.must(
        "git config --global user.name Somebody\n"
        "git config --global user.email somebody@example.org\n"
        'python3 -m pip install --quiet --target "$HOME/.uv" uv\n'
        'export PATH="$HOME/.uv/bin:$PATH"\n'
        "git clone --quiet https://github.com/slipway-template/slipway.git\n"
        "cd slipway\n"
        "uv run --quiet --group tasks inv new '../my other service' --defaults\n"
        "cd '../my other service'\n"
        "git status --short\n"
        "git log --oneline\n"
    )

    assert "feat: start from Slipway" in out.splitlines()[-1]
