"""Somebody follows the tutorial, word by word."""

import os
import re
import signal
import socket
import subprocess
import urllib.request
from pathlib import Path

from tests.docs.pages import Fence, Page
from tests.osv import Advisories
from tests.project import Done, Project, user_environment

HOME = "https://github.com/slipway-template/slipway.git"


def assert_told(promised: str, out: str, where: str) -> None:
    """Find each promised line in what was printed, in order; `...` stands for what is left out."""
    rest = re.sub(r"\x1b\[[0-9;]*m", "", out)
    for line in filter(None, map(str.strip, promised.splitlines())):
        if line != "...":
            assert line in rest, f"{where} promises {line!r}, but there was:\n{out}"
            rest = rest.partition(line)[2]


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


class Reader:
    """Somebody in front of a terminal, a browser and an editor."""

    def __init__(self, folder: Path, **variables: str) -> None:
        self.environment = user_environment() | variables
        self.folder = folder
        self.last = Done(0, "")
        self.added: dict[Path, str] = {}

    def run(self, script: str) -> Done:
        """Paste commands, and stay where they end."""
        here = self.folder / ".here"
        self.last = Project(self.folder, self.environment).run(
            "bash", "-euc", f"trap \"pwd >'{here}'\" EXIT\n{script}"
        )
        self.folder = Path(here.read_text(encoding="utf-8").strip())
        here.unlink()
        return self.last

    def serve(self, command: str, links: list[str]) -> None:
        """Start a service, open links to it, and press Ctrl-C."""
        port = str(free_port())
        with subprocess.Popen(
            command.split(),
            cwd=self.folder,
            env={**self.environment, "APP_PORT": port},
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as process:
            assert process.stdout
            assert '"listening"' in process.stdout.readline()
            for link in links:
                with urllib.request.urlopen(link.replace(":8000", f":{port}")) as response:
                    assert response.status == 200
            os.killpg(process.pid, signal.SIGINT)  # a terminal sends it to the whole group
            assert process.wait(timeout=30) in {0, 130, -signal.SIGINT}

    def write(self, name: str, text: str, *, instead: bool) -> None:
        """Add to the end of a file, or replace what was added."""
        path = self.folder / name
        before = path.read_text(encoding="utf-8")
        if instead:
            assert before.endswith(self.added[path])
            path.write_text(before.removesuffix(self.added[path]) + text, encoding="utf-8")
        else:
            path.write_text(f"{before}\n\n{text}", encoding="utf-8")
        self.added[path] = text

    def follow(self, fence: Fence, links: list[str], where: str) -> None:
        """Do what one block says."""
        match fence.language, fence.arguments:
            case "sh", ():
                done = self.run(fence.text)
                assert done.status == 0, f"{where}\n{fence.text}\n{done.out}"
            case "sh", ("fails",):
                done = self.run(fence.text)
                assert done.status != 0, f"{where} should fail:\n{done.out}"
            case "sh", ("serves",):
                self.serve(fence.text, links)
            case "text", ():
                assert_told(fence.text, self.last.out, where)
            case "python", (how,):
                verb, _, name = how.partition("=")
                assert verb in {"append", "instead"}, where
                self.write(name, fence.text, instead=verb == "instead")
            case _:
                message = f"{where}: nobody knows what to do with this block"
                raise AssertionError(message)


def test_the_tutorial_ends_where_it_says(template: Path, tmp_path: Path) -> None:
    page = Page(template / "docs" / "tutorial.md")
    links = [link for link in page.links if link.startswith("http://127.0.0.1")]
    assert len(links) == 2

    with Advisories() as advisories:
        reader = Reader(
            tmp_path,
            OSV_URL=advisories.url,
            GIT_CONFIG_COUNT="1",
            GIT_CONFIG_KEY_0=f"url.{template}.insteadOf",
            GIT_CONFIG_VALUE_0=HOME,
        )
        for fence in page.fences:
            reader.follow(fence, links, f"tutorial.md:{fence.line}")

    assert reader.folder == tmp_path / "my-service"
    pushed = Project(tmp_path / "my-service.git").must("git", "log", "--format=%s", "main")
    assert pushed.splitlines() == ["feat: count the words of a note", "feat: begin"]


def test_the_tutorial_says_which_file_each_block_goes_into(template: Path) -> None:
    page = Page(template / "docs" / "tutorial.md")
    lines = page.path.read_text(encoding="utf-8").splitlines()
    for fence in page.fences:
        if fence.language == "python":
            name = fence.arguments[0].partition("=")[2]
            assert f"`{name}`" in "".join(lines[fence.line - 4 : fence.line - 1])
