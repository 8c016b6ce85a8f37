"""Typed at the prompt, a bad answer is told at once and can be put right."""

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.answers import completed, questions
from tests.project import user_environment
from tests.render.conftest import files
from tests.render.test_files import recorded

CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")
CLEAR_LINE = "\x01\x0b"


@dataclass
class Terminal:
    """A terminal of 80 columns, and what was printed there since somebody last typed."""

    question: str
    screen: int
    process: subprocess.Popen[bytes]
    shown: bytes = field(default=b"")

    def see(self, text: str) -> None:
        """Wait until a text is on the screen."""
        end = time.monotonic() + 30
        while text not in CONTROL.sub("", self.shown.decode(errors="replace")):
            assert time.monotonic() < end, f"{text!r} is not in {self.shown.decode()!r}"
            if select.select([self.screen], [], [], 0.1)[0]:
                self.shown += os.read(self.screen, 65536)

    def type(self, text: str) -> None:
        """Replace what stands in the line by a text, and press Enter."""
        self.shown = b""
        os.write(self.screen, f"{CLEAR_LINE}{text}\r".encode())


@pytest.fixture
def prompt(template: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Terminal]:
    """Copier, about to ask one question."""
    others = [
        f"--data={name}={text}"
        for name, text in completed({}).items()
        if name != request.param and "{" not in text
    ]
    follow = {"project_slug": "my-service", "package_name": "my_service"}
    computed = [f"--data={name}={text}" for name, text in follow.items() if name != request.param]
    copier = Path(sys.executable).with_name("copier")
    screen, keyboard = pty.openpty()
    fcntl.ioctl(keyboard, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    with subprocess.Popen(
        [copier, "copy", "--vcs-ref=HEAD", *others, *computed, template, tmp_path / "project"],
        stdin=keyboard,
        stdout=keyboard,
        stderr=keyboard,
        env=user_environment() | {"PROMPT_TOOLKIT_NO_CPR": "1", "TERM": "xterm"},
    ) as process:
        os.close(keyboard)
        yield Terminal(request.param, screen, process)
        process.kill()
    os.close(screen)


@pytest.mark.parametrize(
    ("prompt", "bad", "told", "good"),
    [
        ("project_name", "x" * 61, "has 61 characters: 60 at most", "Notes & Söhne"),
        ("author_email", "nobody", "write it like name@example.org", ""),
        ("repository_owner", "a--b", "use 1-39 letters, digits and -", "a-b"),
        ("registry", "acme", "begin with a host, like docker.io", "docker.io/acme"),
        ("package_name", "json", "is taken: Python or a tool has it", "notes"),
    ],
    indirect=["prompt"],
)
def test_the_sentence_is_seen_and_the_answer_corrected(
    prompt: Terminal, tmp_path: Path, bad: str, told: str, good: str
) -> None:
    question = prompt.question
    prompt.see(str(questions()[question]["help"]))

    prompt.type(bad)
    prompt.see(f"Validation error for question '{question}': {told}")
    assert not (tmp_path / "project").exists()

    prompt.type(good)
    prompt.see("README.md tells the rest.")
    assert prompt.process.wait(timeout=30) == 0
    assert recorded(tmp_path / "project")[question] == good
    assert "pyproject.toml" in files(tmp_path / "project")


@pytest.mark.parametrize("prompt", ["project_name"], indirect=True)
def test_who_gives_up_leaves_nothing(prompt: Terminal, tmp_path: Path) -> None:
    prompt.see("My Service")

    os.write(prompt.screen, b"\x03")

    prompt.see("Execution stopped by user")
    assert prompt.process.wait(timeout=30) == 1
    assert not (tmp_path / "project").exists()
